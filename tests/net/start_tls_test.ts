import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { startServerTls, startTls, tlsInfo } from "../../net/start_tls.ts";
import type { StartTlsOptions } from "../../net/start_tls_options.ts";
import { TlsError } from "../../net/tls_error.ts";
import type { TlsImplementation, TlsServerOptions } from "../../net/tls_options.ts";
import type { Transport } from "../../net/transport.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { CA, type CertName, identity, LOCKED_KEY, OTHER_CA } from "../_support/certs.ts";
import { tcpPair } from "../_support/tcp_pair.ts";
import { readText } from "../_support/transport_io.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const SERVER = identity("server");
const IMPLEMENTATIONS: TlsImplementation[] = ["deno", "node"];

/** Both handshakes at once; what fails is told for each side. */
async function handshake(
  client: StartTlsOptions,
  server: TlsServerOptions,
  ends?: [Transport, Transport],
): Promise<[Transport | NetError, Transport | NetError]> {
  const [a, b] = ends ?? await tcpPair();
  const tell = (error: unknown): NetError => {
    if (error instanceof NetError) return error;
    throw error;
  };
  return await Promise.all([
    startTls(a, { hostname: "localhost", timeout: 10_000, ...client }).catch(tell),
    startServerTls(b, server, { timeout: 10_000 }).catch(tell),
  ]);
}

async function secured(
  client: StartTlsOptions,
  server: TlsServerOptions = SERVER,
  ends?: [Transport, Transport],
): Promise<[Transport, Transport]> {
  const [a, b] = await handshake(client, server, ends);
  if (a instanceof Error) throw a;
  if (b instanceof Error) throw b;
  return [a, b];
}

/** The error of the client; the server's side is closed. */
async function refused(
  client: StartTlsOptions,
  server: TlsServerOptions = SERVER,
): Promise<NetError> {
  const [a, b] = await handshake(client, server);
  if (!(b instanceof Error)) b.close();
  assert(a instanceof NetError, "the client was let in");
  return a;
}

async function exchange(a: Transport, b: Transport): Promise<void> {
  const big = "x".repeat(300_000);
  await Promise.all([
    (async () => {
      for (let p = utf8(`hello ${big}`); p.length > 0;) p = p.subarray(await a.write(p));
      await a.closeWrite();
    })(),
    readText(b).then((text) => assertEquals(text.length, 300_006)),
  ]);
  await Promise.all([
    b.write(utf8("late answer")).then(() => b.closeWrite()),
    readText(a).then((text) => assertEquals(text, "late answer")),
  ]);
  a.close();
  b.close();
}

for (const implementation of IMPLEMENTATIONS) {
  const trusting = { implementation, caCerts: [CA] };

  Deno.test(`TLS by ${implementation} passes bytes both ways, half closed too`, async () => {
    const [a, b] = await secured(trusting);
    assertEquals(tlsInfo(a)?.implementation, implementation);
    assertEquals(tlsInfo(a)?.authorized, true);
    await exchange(a, b);
  });

  Deno.test(`TLS by ${implementation} agrees on a protocol by ALPN`, async () => {
    const [a, b] = await secured(
      { ...trusting, ALPNProtocols: ["none", "http/1.1"] },
      { ...SERVER, ALPNProtocols: ["h2", "http/1.1"] },
    );
    assertEquals(tlsInfo(a)?.alpnProtocol, "http/1.1");
    assertEquals(tlsInfo(b)?.alpnProtocol, "http/1.1");
    a.close();
    b.close();
    const error = await refused(
      { ...trusting, ALPNProtocols: ["x"] },
      { ...SERVER, ALPNProtocols: ["y"] },
    );
    assertEquals((error as TlsError).reason, "NO_APPLICATION_PROTOCOL");
  });

  Deno.test(`TLS by ${implementation} refuses a certificate for another name`, async () => {
    for (const hostname of ["wrong.example", "localhost.wrong.example", "192.0.2.1", "::2"]) {
      const error = await refused({ ...trusting, hostname });
      assert(error instanceof TlsError);
      assertEquals([error.code, error.reason], ["ERR_TLS_CERT", "ERR_TLS_CERT_ALTNAME_INVALID"]);
    }
    const error = await refused({ ...trusting, hostname: "127.0.0.1" }, identity("a_example"));
    assertEquals((error as TlsError).reason, "ERR_TLS_CERT_ALTNAME_INVALID");
  });

  Deno.test(`TLS by ${implementation} takes names in any case, and addresses`, async () => {
    for (const hostname of ["LOCALHOST", "localhost.", "127.0.0.1", "0x7f.1", "[::1]"]) {
      const [a, b] = await secured({ ...trusting, hostname });
      assertEquals(tlsInfo(b)?.servername, /^l/i.test(hostname) ? "localhost" : null);
      a.close();
      b.close();
    }
  });

  Deno.test(`TLS by ${implementation} asks for servername instead of the host`, async () => {
    const [a, b] = await secured(
      { ...trusting, hostname: "127.0.0.1", servername: "x.b.test" },
      identity("b_test"),
    );
    assertEquals(tlsInfo(b)?.servername, "x.b.test");
    a.close();
    b.close();
  });

  Deno.test(`TLS by ${implementation} refuses to start without a name`, async () => {
    const [client, server] = await tcpPair();
    const failed = assertRejects(() => startTls(client, { ...trusting, timeout: 5000 }));
    const other = startServerTls(server, SERVER, { timeout: 5000 }).catch(() => undefined);
    const error = await failed;
    assert(error instanceof TypeError || (error as NetError).code === "ERR_TLS", `${error}`);
    (await other)?.close();
  });

  Deno.test(`TLS by ${implementation} refuses an unknown authority`, async () => {
    for (const options of [{ implementation }, { implementation, caCerts: [OTHER_CA] }]) {
      const error = await refused(options);
      assert(error instanceof TlsError);
      assertEquals([error.code, error.reason], ["ERR_TLS_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);
      assert(error.message.startsWith('Cannot start TLS with "localhost:'), error.message);
    }
  });

  Deno.test(`TLS by ${implementation} refuses certificates out of date or for another purpose`, async () => {
    const rows: [CertName, string][] = [
      ["expired", "CERT_HAS_EXPIRED"],
      ["future", "CERT_NOT_YET_VALID"],
      ["client", "INVALID_PURPOSE"],
    ];
    for (const [name, reason] of rows) {
      const error = await refused(trusting, identity(name));
      assertEquals(error.code, "ERR_TLS_CERT");
      // node:tls does not tell these apart
      const expected = implementation === "node" ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : reason;
      assertEquals((error as TlsError).reason, expected, name);
    }
  });

  Deno.test(`TLS by ${implementation} takes a stream that is cut for an error, after what came before`, async () => {
    const [client, server] = await tcpPair();
    const [a, b] = await secured(trusting, SERVER, [client, server]);
    await b.write(utf8("partial"));
    const p = new Uint8Array(100);
    assertEquals(await a.read(p), 7);
    server.close(); // no end mark
    const error = await assertRejects(async () => await a.read(p));
    const truncated = error instanceof Deno.errors.UnexpectedEof ||
      (error instanceof TlsError && error.reason === "TRUNCATED");
    assert(truncated, String(error));
    a.close();
    b.close();
  });

  Deno.test(`TLS by ${implementation} ends at its deadline with a silent peer`, async () => {
    for (const option of ["timeout", "handshakeTimeout"]) {
      const [client, server] = await tcpPair();
      const error = await assertRejects(
        () => startTls(client, { hostname: "localhost", ...trusting, [option]: 20 }),
        NetError,
      );
      assertEquals(error.code, "ETIMEDOUT");
      const p = new Uint8Array(2000);
      // The hello, then the end: the client has closed. Deno's TLS does not, see TlsImplementation.
      if (implementation === "node") { while (await server.read(p) !== null); }
      server.close();
    }
  });

  Deno.test(`TLS by ${implementation} ends when its signal fires, before and during the handshake`, async () => {
    for (const late of [false, true]) {
      const [client, server] = await tcpPair();
      const controller = new AbortController();
      if (!late) controller.abort();
      const promise = startTls(client, {
        hostname: "localhost",
        ...trusting,
        signal: controller.signal,
      });
      const rejected = assertRejects(() => promise, NetError);
      if (late) {
        await server.read(new Uint8Array(2000));
        controller.abort();
      }
      assertEquals((await rejected).code, "ABORT_ERR");
      server.close();
    }
  });

  Deno.test(`TLS by ${implementation} tells when the peer speaks something else, or hangs up`, async () => {
    for (const answer of ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", ""]) {
      const [client, server] = await tcpPair();
      const promise = startTls(client, { hostname: "localhost", ...trusting, timeout: 5000 });
      const rejected = assertRejects(() => promise, NetError);
      await server.read(new Uint8Array(2000));
      if (answer !== "") await server.write(utf8(answer));
      server.close();
      const error = await rejected;
      assert(["ERR_TLS", "ERR_TLS_TRUNCATED", "ECONNRESET"].includes(error.code), error.code);
    }
  });
}

Deno.test("TLS client that may choose takes Deno's TLS where it can do what was asked", async () => {
  const rows: [expected: string, options: StartTlsOptions, ends?: [Transport, Transport]][] = [
    ["deno", { caCerts: [CA] }],
    ["node", { ca: CA }],
    ["node", { caCerts: [CA], minVersion: "TLSv1.3" }],
    ["node", { caCerts: [CA] }, pair()], // no TCP connection of Deno's own
  ];
  for (const [expected, options, ends] of rows) {
    const client: StartTlsOptions = { hostname: "localhost", implementation: "auto", ...options };
    const [a, b] = await handshake(client, SERVER, ends ?? await tcpPair());
    assert(!(a instanceof Error) && !(b instanceof Error), `${a} ${b}`);
    assertEquals(tlsInfo(a)?.implementation, expected);
    a.close();
    b.close();
  }
  const wrong = { implementation: "rust" as "auto" };
  const [a, b] = pair();
  await assertRejects(() => startTls(a, wrong), TypeError, "rust");
  b.close();
});

Deno.test("TLS refuses options that the chosen implementation can't honour", async () => {
  const [a, b] = pair();
  const wrong: StartTlsOptions[] = [
    { ca: CA },
    identity("client"),
    { minVersion: "TLSv1.3" },
    { rejectUnauthorized: false },
    {}, // no TCP connection of Deno's own
  ];
  for (const options of wrong) {
    const error = await assertRejects(
      () => startTls(a, { hostname: "localhost", implementation: "deno", ...options }),
      NetError,
    );
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
  const server = await assertRejects(
    () => startServerTls(b, { ...SERVER, implementation: "deno" }),
    NetError,
  );
  assertEquals(server.code, "ERR_UNSUPPORTED");
  for (const option of [{ ciphers: "AES" }, { pfx: "x" }, { secureProtocol: "TLSv1_method" }]) {
    await assertRejects(() => startTls(a, option as StartTlsOptions), TypeError, "not supported");
    await assertRejects(
      () => startServerTls(b, { ...SERVER, ...option as object }),
      TypeError,
      "not supported",
    );
  }
  const odd: StartTlsOptions[] = [
    { minVersion: "TLSv1.1" as "TLSv1.2" },
    { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" },
    { ALPNProtocols: [""] },
    { caCerts: ["garbage"] },
    { ca: "garbage" },
    { servername: "a\0b" },
    { hostname: "a".repeat(256) },
    { cert: "garbage", key: "garbage" },
    { cert: SERVER.cert },
    { cert: SERVER.cert, key: identity("renewed").key },
    { cert: SERVER.cert, key: LOCKED_KEY },
  ];
  for (const option of odd) {
    await assertRejects(() => startTls(a, { hostname: "localhost", ...option }), TypeError);
  }
});

Deno.test("TLS runs over any transport, in both roles, at any chunking", async () => {
  const [a, b] = pair();
  const [c, s] = await secured({ ca: CA }, SERVER, [a, b]);
  await exchange(c, s);
});

Deno.test("TLS runs inside TLS", async () => {
  const outer = await secured({ caCerts: [CA] });
  const inner = await secured(
    { ca: CA, servername: "a.example.com" },
    identity("a_example"),
    outer,
  );
  assertEquals(tlsInfo(inner[0])?.getPeerCertificate()?.subject.CN, "a.example.com");
  await exchange(...inner);
});

Deno.test("TLS begins with the bytes that were read already", async () => {
  for (const side of ["client", "server"]) {
    const [a, b] = pair();
    const read = side === "server" ? b : a;
    const other = side === "server"
      ? startTls(a, { hostname: "localhost", ca: CA })
      : startServerTls(b, SERVER);
    let head: Uint8Array | undefined;
    let own: Promise<Transport>;
    if (side === "server") {
      const p = new Uint8Array(100);
      head = p.subarray(0, (await read.read(p))!);
      own = startServerTls(read, SERVER, { head });
    } else {
      own = startTls(read, { hostname: "localhost", ca: CA, head: new Uint8Array(0) });
    }
    await exchange(...await Promise.all([other, own]) as [Transport, Transport]);
  }
});

Deno.test("TLS tells the peer's certificate, version and cipher by node", async () => {
  const [a, b] = await secured({ ca: CA });
  const info = tlsInfo(a)!;
  const certificate = info.getPeerCertificate()!;
  assertEquals(certificate.subject.CN, "localhost");
  assertEquals(certificate.subjectaltname?.startsWith("DNS:localhost"), true);
  assertEquals(certificate.fingerprint256.length, 95);
  assertEquals([info.protocol, info.cipher?.version], ["TLSv1.3", "TLSv1.3"]);
  assertEquals(tlsInfo(b)?.getPeerCertificate(), null);
  assertEquals(tlsInfo(b)?.authorized, false);
  a.close();
  b.close();
  const [c, d] = await secured({ caCerts: [CA], implementation: "deno" });
  assertEquals(tlsInfo(c)!.protocol, null);
  await assertRejects(() => Promise.try(() => tlsInfo(c)!.getPeerCertificate()), NetError, "node");
  c.close();
  d.close();
});

Deno.test("TLS ca replaces the authorities, caCerts adds to them", async () => {
  const error = await refused({ ca: OTHER_CA });
  assertEquals((error as TlsError).reason, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  for (
    const options of [{ ca: [OTHER_CA, CA] }, { ca: utf8(OTHER_CA + CA) }, {
      ca: OTHER_CA,
      caCerts: [CA],
    }]
  ) {
    const [a, b] = await secured(options);
    a.close();
    b.close();
  }
});

Deno.test("TLS speaks only the versions that were asked for", async () => {
  const [a, b] = await secured({ ca: CA, maxVersion: "TLSv1.2" });
  assertEquals(tlsInfo(a)?.protocol, "TLSv1.2");
  a.close();
  b.close();
  const error = await refused({ ca: CA, maxVersion: "TLSv1.2" }, {
    ...SERVER,
    minVersion: "TLSv1.3",
  });
  assertEquals((error as TlsError).reason, "PROTOCOL_VERSION");
});

Deno.test("TLS without rejectUnauthorized says what is wrong", async () => {
  const [a, b] = await secured({ rejectUnauthorized: false });
  assertEquals(
    [tlsInfo(a)?.authorized, tlsInfo(a)?.authorizationError],
    [false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  );
  a.close();
  b.close();
});

Deno.test("TLS checkServerIdentity decides instead of the name", async () => {
  const [a, b] = await secured({
    ca: CA,
    hostname: "other.example",
    checkServerIdentity(name, certificate) {
      assertEquals([name, certificate.subject.CN], ["other.example", "localhost"]);
      return undefined;
    },
  });
  a.close();
  b.close();
  const error = await refused({ ca: CA, checkServerIdentity: () => new Error("another pin") });
  assertEquals([error.code, (error as TlsError).reason], ["ERR_TLS_CERT", "CERT_REJECTED"]);
  const thrown = await refused({
    ca: CA,
    checkServerIdentity() {
      throw new RangeError("callback's fault");
    },
  });
  assertEquals([thrown.code, (thrown as TlsError).reason], ["ERR_TLS_CERT", "CERT_REJECTED"]);
  assert(/callback's fault/.test(thrown.message), thrown.message);
  const textless = await refused({
    ca: CA,
    checkServerIdentity() {
      throw Object.create(null);
    },
  });
  assertEquals([textless.code, (textless as TlsError).reason], ["ERR_TLS_CERT", "CERT_REJECTED"]);
});

Deno.test("TLS without rejectUnauthorized tells what checkServerIdentity has against the certificate", async () => {
  const coded = Object.assign(new Error("another pin"), { code: "ERR_PIN" });
  const rows: [() => Error, string][] = [
    [() => new Error("another pin"), "another pin"],
    [() => coded, "ERR_PIN"],
    [() => Object.assign(new Error(""), { code: "ERR_PIN" }), "ERR_PIN"],
    [() => Object.assign(new Error("another pin"), { code: null }), "another pin"],
    [() => new Error(""), "ERR_TLS_CERT"],
    [() => Object.assign(new Error("another pin"), { code: 42 }), "ERR_TLS_CERT"],
    [() => Object.assign(new Error("another pin"), { code: "" }), "ERR_TLS_CERT"],
    [() => new DOMException("another pin"), "ERR_TLS_CERT"],
    [
      () => Promise.resolve(undefined) as unknown as Error,
      "checkServerIdentity returned a promise",
    ],
  ];
  for (const [checkServerIdentity, told] of rows) {
    const [a, b] = await secured({ ca: CA, rejectUnauthorized: false, checkServerIdentity });
    assertEquals([tlsInfo(a)?.authorized, tlsInfo(a)?.authorizationError], [false, told]);
    a.close();
    b.close();
  }
});

Deno.test("TLS checkServerIdentity that returns a promise trusts nobody, and leaves no rejection unhandled", async () => {
  const late = () => Promise.reject(new Error("too late"));
  const foreign = () => foreignRejection(new Error("too late"));
  for (const answer of [() => Promise.resolve(undefined), late, foreign]) {
    const checkServerIdentity = answer as unknown as () => undefined;
    const error = await refused({ ca: CA, checkServerIdentity });
    assertEquals(error.code, "ERR_TLS_CERT");
    assert(/returned a promise/.test(error.message), error.message);
  }
});

Deno.test("TLS cannot be turned off by the environment", async () => {
  Deno.env.set("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  try {
    for (const implementation of IMPLEMENTATIONS) {
      assertEquals((await refused({ implementation })).code, "ERR_TLS_CERT");
    }
  } finally {
    Deno.env.delete("NODE_TLS_REJECT_UNAUTHORIZED");
  }
});

Deno.test("TLS server asks for client certificates", async () => {
  const server = { ...SERVER, ca: CA, requestCert: true };
  const [a, b] = await secured({ ca: CA, ...identity("client") }, server);
  const info = tlsInfo(b)!;
  assertEquals([info.authorized, info.authorizationError], [true, null]);
  assertEquals(info.getPeerCertificate()?.subject.CN, "Alice Client");
  await exchange(a, b);
});

Deno.test("TLS server refuses clients without a certificate, or with a strange one", async () => {
  const server = { ...SERVER, ca: CA, requestCert: true };
  for (
    const [client, reason] of [
      [{}, "CERT_REQUIRED"],
      [identity("stranger"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ] as const
  ) {
    const [a, b] = await handshake({ ca: CA, ...client }, server);
    assert(b instanceof TlsError, String(b));
    assertEquals([b.code, b.reason], ["ERR_TLS_CERT", reason]);
    // TLS 1.3: the client has finished before the server judges
    if (!(a instanceof Error)) {
      await assertRejects(async () => await a.read(new Uint8Array(1)));
      a.close();
    }
  }
});

Deno.test("TLS server without rejectUnauthorized lets such clients in, and says so", async () => {
  const server = { ...SERVER, ca: CA, requestCert: true, rejectUnauthorized: false };
  const rows: [object, string][] = [
    [{}, "UNABLE_TO_GET_ISSUER_CERT"],
    [identity("stranger"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ];
  for (const [client, told] of rows) {
    const [a, b] = await secured({ ca: CA, ...client }, server);
    const info = tlsInfo(b);
    assertEquals([info?.authorized, info?.authorizationError], [false, told]);
    await exchange(a, b);
  }
});

Deno.test("TLS server chooses the certificate by name", async () => {
  const asked: string[] = [];
  const server: TlsServerOptions = {
    ...SERVER,
    sni: { "A.example.com": identity("a_example"), "*.b.test": identity("b_test") },
    SNICallback(name) {
      asked.push(name);
      if (name === "b.test") return Promise.resolve(identity("b_test"));
      return name === "localhost" ? undefined : null;
    },
  };
  const rows = [
    ["a.example.com", "a.example.com"],
    ["www.b.test", "b.test"],
    ["b.test", "b.test"],
    ["localhost", "localhost"],
    ["other.test", "localhost"],
  ];
  for (const [hostname, subject] of rows) {
    const checkServerIdentity = hostname === "other.test" ? () => undefined : undefined;
    const [a, b] = await secured({ ca: CA, hostname, checkServerIdentity }, server);
    assertEquals(tlsInfo(a)?.getPeerCertificate()?.subject.CN, subject);
    a.close();
    b.close();
  }
  assertEquals(asked, ["b.test", "localhost", "other.test"]);
  const [a, b] = await secured({ ca: CA, hostname: "127.0.0.1" }, server); // no name at all
  a.close();
  b.close();
  assertEquals(asked, ["b.test", "localhost", "other.test"]);
});

Deno.test("TLS server survives an SNICallback that throws, rejects, or never answers", async () => {
  const never = new Promise<undefined>(() => {});
  const callbacks: TlsServerOptions["SNICallback"][] = [
    () => {
      throw new Error("callback's fault");
    },
    () => Promise.reject(new Error("callback's fault")),
    () => ({ cert: "garbage", key: "garbage" }),
    () => Promise.reject(Object.create(null)),
    () => never,
  ];
  for (const SNICallback of callbacks) {
    const [a, b] = await handshake({ ca: CA }, { ...SERVER, SNICallback, handshakeTimeout: 100 });
    assert(a instanceof NetError && b instanceof NetError);
  }
});

Deno.test("TLS server ends at its deadline with a silent client", async () => {
  const [client, server] = await tcpPair();
  const error = await assertRejects(
    () => startServerTls(server, { ...SERVER, handshakeTimeout: 20 }),
    NetError,
  );
  assertEquals(error.message, "Cannot finish the TLS handshake: timed out after 20 ms");
  assertEquals(await client.read(new Uint8Array(1)), null);
  client.close();
});

Deno.test("TLS server survives anything that is not TLS", async () => {
  const junk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 600 }),
    fc.uint8Array({ maxLength: 300 }).map((rest) => Uint8Array.of(22, 3, 1, 1, 0x2c, 1, ...rest)),
    fc.constantFrom("GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n", "\x05\x01\x00").map(utf8),
  );
  await fc.assert(
    fc.asyncProperty(junk, async (bytes) => {
      const [a, b] = pair();
      const failed = assertRejects(() => startServerTls(b, SERVER, { timeout: 5000 }), NetError);
      await a.write(bytes).catch(() => {});
      await a.closeWrite().catch(() => {});
      await failed;
      a.close();
    }),
    { numRuns: 60 },
  );
});

Deno.test("TLS client survives anything that is not TLS", async () => {
  const junk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 600 }),
    fc.uint8Array({ maxLength: 300 }).map((rest) => Uint8Array.of(22, 3, 3, 1, 0x2c, 2, ...rest)),
  );
  await fc.assert(
    fc.asyncProperty(junk, async (bytes) => {
      const [a, b] = pair();
      const failed = assertRejects(
        () => startTls(a, { hostname: "localhost", timeout: 5000 }),
        NetError,
      );
      await b.write(bytes).catch(() => {});
      await b.closeWrite().catch(() => {});
      await failed;
      b.close();
    }),
    { numRuns: 60 },
  );
});

Deno.test("TLS over a cut connection is reset, not an end", async () => {
  const [client, server] = await tcpPair();
  const [a, b] = await secured({ ca: CA }, SERVER, [client, server]);
  const reading = assertRejects(async () => await a.read(new Uint8Array(1)), NetError);
  server.close();
  assert(["ERR_TLS_TRUNCATED", "ECONNRESET"].includes((await reading).code));
  b.close();
  await assertRejects(async () => {
    for (let i = 0; i < 100; i++) await a.write(new Uint8Array(65536));
  }, NetError);
  a.close();
  await assertRejects(async () => await a.read(new Uint8Array(1)), NetError, "closed");
  await assertRejects(async () => await a.write(new Uint8Array(1)), NetError, "closed");
});

Deno.test("TLS that was half closed refuses to write, is closed again, and goes on reading", async () => {
  const [here, there] = pair();
  const [client, server] = await Promise.all([
    startTls(here, { hostname: "localhost", ca: CA }),
    startServerTls(there, SERVER),
  ]);
  await Promise.all([client.closeWrite(), client.closeWrite()]);
  await client.closeWrite();
  const error = await assertRejects(() => client.write(new Uint8Array(1)), NetError);
  assertEquals(error.code, "EPIPE");
  await server.write(new Uint8Array(3));
  assertEquals(await client.read(new Uint8Array(8)), 3);
  client.close();
  server.close();
});

Deno.test("TLS that can't start for its timeout closes the transport, in both roles", async () => {
  for (const timeout of [-1, NaN, 3e9]) {
    const [here, there] = pair();
    await assertRejects(() => startTls(here, { hostname: "localhost", timeout }), RangeError);
    assertEquals(await there.read(new Uint8Array(1)), null);
    await assertRejects(() => startServerTls(there, SERVER, { timeout }), RangeError);
    await assertRejects(() => there.read(new Uint8Array(1)), NetError);
  }
});

Deno.test("TLS agrees on one of as many ALPN protocols as may be named, by either implementation of the client", async () => {
  const ALPNProtocols = Array.from({ length: 128 }, (_, i) => `${i}`.padStart(255, "x"));
  for (const implementation of IMPLEMENTATIONS) {
    const client = {
      ...(implementation === "deno" ? { caCerts: [CA] } : { ca: CA }),
      implementation,
    };
    const pairs = [[ALPNProtocols, ALPNProtocols.slice(-1)], [
      ALPNProtocols.slice(-1),
      ALPNProtocols,
    ]];
    for (const [asked, offered] of pairs) {
      const [a, b] = await secured(
        { ...client, ALPNProtocols: asked },
        { ...SERVER, ALPNProtocols: offered },
      );
      assertEquals(tlsInfo(a)?.alpnProtocol, ALPNProtocols[127]);
      a.close();
      b.close();
    }
  }
});
