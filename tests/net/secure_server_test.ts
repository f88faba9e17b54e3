import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import { connectTls, type SecureSocketOptions } from "../../net/connect_tls.ts";
import { NetError } from "../../net/errors.ts";
import { SecureContext } from "../../net/secure_context.ts";
import {
  createSecureServer,
  type SecureServer,
  type SecureServerOptions,
} from "../../net/secure_server.ts";
import type { Socket } from "../../net/socket.ts";
import type { TlsError } from "../../net/tls_error.ts";
import { CA, type CertName, identity, OTHER_CA } from "../_support/certs.ts";

const SERVER = identity("server");
const LOCAL = { host: "127.0.0.1", servername: "localhost", ca: [CA, OTHER_CA] };

function hello(socket: Socket): void {
  socket.on("error", () => {});
  socket.end(`hello ${socket.servername} ${socket.authorized}`);
}

async function listen(
  options: Partial<SecureServerOptions> = {},
  listener = hello,
): Promise<SecureServer> {
  return await createSecureServer({ ...SERVER, ...options }, listener).listen(0, "127.0.0.1");
}

async function ask(
  server: SecureServer,
  options: SecureSocketOptions = {},
): Promise<[answer: string, certificate: string]> {
  const socket = connectTls({ ...LOCAL, port: server.port, ...options });
  await once(socket, "secureConnect");
  const { subject, serialNumber } = socket.getPeerCertificate()!;
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return [text, `${subject.CN} ${serialNumber}`];
}

Deno.test("secure server answers after the handshake, and closes", async () => {
  const server = await listen();
  assertEquals((await ask(server))[0], "hello localhost false");
  await server.close();
  assertEquals([server.metrics().accepted, server.metrics().open], [1, 0]);
});

Deno.test("secure server tells of connections before their handshake, and holds back what is written", async () => {
  const server = await listen({}, () => {});
  server.on("connection", (socket) => {
    assertEquals(socket.encrypted, false);
    socket.end("written at once");
  });
  const secured = once(server, "secureConnection");
  assertEquals((await ask(server))[0], "written at once");
  assertEquals(((await secured)[0] as Socket).encrypted, true);
  await server.close();
});

Deno.test("secure server tells of handshakes that fail, and goes on", async () => {
  const server = await listen({ handshakeTimeout: 5000 });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const failed = once(server, "tlsClientError");
  await conn.write(new TextEncoder().encode("SSH-2.0-x\r\n"));
  const [error, socket] = await failed as [NetError, Socket];
  assert(
    error instanceof NetError && ["ERR_TLS", "ECONNRESET"].includes(error.code),
    String(error),
  );
  assertEquals(socket.destroyed, true);
  const p = new Uint8Array(100);
  while (await conn.read(p).catch(() => null) !== null);
  conn.close();
  // with nobody listening for the error
  server.removeAllListeners("tlsClientError");
  const other = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await other.write(new Uint8Array(50));
  while (await other.read(p).catch(() => null) !== null);
  other.close();
  assertEquals((await ask(server))[0], "hello localhost false");
  await server.close();
});

Deno.test("secure server rids itself of clients that stall in the handshake, and serves others", async () => {
  const server = await listen({ handshakeTimeout: 100 });
  const p = new Uint8Array(100);
  const stalled = Array.from({ length: 50 }, async (_, i) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    if (i % 2 === 0) await conn.write(Uint8Array.of(22, 3, 1)); // the beginning of a hello
    while (await conn.read(p.subarray(0)).catch(() => null) !== null);
    conn.close();
  });
  assertEquals((await ask(server))[0], "hello localhost false");
  await Promise.all(stalled);
  while (server.metrics().open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await server.close();
});

Deno.test("secure server changes its certificate while it runs", async () => {
  const server = await listen();
  const [, first] = await ask(server);
  server.setSecureContext(identity("renewed"));
  const [, second] = await ask(server);
  assert(first !== second && second.startsWith("localhost "));
  assertThrows(
    () => server.setSecureContext({ ...SERVER, key: identity("client").key }),
    TypeError,
  );
  assertEquals((await ask(server))[1], second);
  await server.close();
});

Deno.test("secure server chooses certificates by name, also those that are added", async () => {
  const server = await listen({ sni: { "a.example.com": identity("a_example") } });
  const subject = async (servername: string): Promise<string> =>
    (await ask(server, { servername }))[1].split(" ")[0];
  assertEquals(await subject("a.example.com"), "a.example.com");
  server.addContext("*.b.test", identity("b_test"));
  assertEquals(await subject("www.b.test"), "b.test");
  server.sni({ "b.test": identity("b_test") });
  assertEquals(await subject("b.test"), "b.test");
  assertEquals(await subject("localhost"), "localhost");
  await server.close();
});

Deno.test("secure servers share a secure context", async () => {
  const secureContext = new SecureContext({ ...SERVER, handshakeTimeout: 5000 });
  const servers = await Promise.all(
    [0, 1].map(() => createSecureServer({ secureContext }, hello).listen(0, "127.0.0.1")),
  );
  const before = await Promise.all(servers.map((server) => ask(server)));
  secureContext.setIdentity(identity("renewed"));
  const after = await Promise.all(servers.map((server) => ask(server)));
  assertEquals(before[0], before[1]);
  assertEquals(after[0], after[1]);
  assert(before[0][1] !== after[0][1]);
  for (const server of servers) await server.close();
  assertThrows(() => createSecureServer({ secureContext, ...SERVER }), TypeError, "cert");
});

Deno.test("secure server asks for client certificates and judges them", async () => {
  const server = await listen({ ca: CA, requestCert: true }, (socket) => {
    socket.end(`${socket.authorized} ${socket.getPeerCertificate()?.subject.CN}`);
  });
  assertEquals((await ask(server, identity("client")))[0], "true Alice Client");
  for (
    const [client, reason] of [
      [{}, "CERT_REQUIRED"],
      [identity("stranger"), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ] as const
  ) {
    const failed = once(server, "tlsClientError");
    const socket = connectTls({ ...LOCAL, port: server.port, ...client });
    // TLS 1.3: the client is done before the server judges, and is then cut
    assert(await socket.closed.then(() => false, () => true));
    assertEquals(((await failed)[0] as TlsError).reason, reason);
  }
  await server.close();
});

Deno.test("secure server judges client certificates by its own authorities under every name", async () => {
  const name = "a.example.com";
  const ways: Record<string, Partial<SecureServerOptions>> = {
    sni: { sni: { [name]: identity("a_example") } },
    SNICallback: { SNICallback: () => identity("a_example") },
    addContext: {},
  };
  for (const [way, options] of Object.entries(ways)) {
    const server = await listen({
      ca: CA,
      requestCert: true,
      rejectUnauthorized: false,
      ...options,
    });
    if (way === "addContext") server.addContext(name, identity("a_example"));
    const outcomes = async () => {
      const named = { servername: name };
      const answers = [];
      for (const client of ["client", "stranger"] as const) {
        answers.push((await ask(server, { ...named, ...identity(client) }))[0]);
      }
      return answers;
    };
    assertEquals(await outcomes(), [`hello ${name} true`, `hello ${name} false`], way);
    server.setSecureContext({ ...SERVER, ca: OTHER_CA });
    assertEquals(await outcomes(), [`hello ${name} false`, `hello ${name} true`], way);
    await server.close();
  }
});

Deno.test("secure server without rejectUnauthorized leaves it to its listener", async () => {
  const options = { ca: CA, requestCert: true, rejectUnauthorized: false };
  const server = await listen(options, (socket) => socket.end(`${socket.authorized}`));
  for (
    const [name, outcome] of [["client", "true"], ["stranger", "false"]] as [CertName, string][]
  ) {
    assertEquals((await ask(server, identity(name)))[0], outcome);
  }
  assertEquals((await ask(server))[0], "false");
  await server.close();
});

Deno.test("secure server ends only the connection whose listener throws", async () => {
  let count = 0;
  const faults = [
    () => {
      throw new Error("listener's fault");
    },
    () => Promise.reject(new Error("listener's fault")),
  ];
  const server = await listen({}, (socket) => {
    socket.on("error", () => {});
    const fault = faults[count++];
    return fault === undefined ? hello(socket) : fault();
  });
  for (let i = 0; i < 2; i++) {
    const socket = connectTls({ ...LOCAL, port: server.port });
    assert(await socket.resume().closed.then(() => false, () => true));
  }
  assertEquals((await ask(server))[0], "hello localhost false");
  await server.close();
});

Deno.test("secure server keeps its caps", async () => {
  const server = await listen({ maxConnections: 1 }, () => {});
  const first = connectTls({ ...LOCAL, port: server.port });
  await once(first, "secureConnect");
  const dropped = once(server, "drop");
  const second = connectTls({ ...LOCAL, port: server.port });
  await assertRejects(() => second.closed, NetError);
  assertEquals((await dropped)[0].reason, "maxConnections");
  first.destroy();
  await server.close();
});

Deno.test("secure server with Deno's TLS answers, and says what it can't", async () => {
  const server = await listen({ implementation: "deno", ALPNProtocols: ["x"] }, (socket) => {
    socket.end(`${socket.tls?.implementation} ${socket.alpnProtocol}`);
  });
  assertEquals((await ask(server, { ALPNProtocols: ["x"] }))[0], "deno x");
  assertThrows(() => server.setSecureContext(identity("renewed")), NetError, "deno");
  assertThrows(() => server.addContext("a.example", SERVER), NetError, "deno");
  const failed = once(server, "tlsClientError");
  const socket = connectTls({ ...LOCAL, ca: undefined, port: server.port });
  await assertRejects(() => socket.closed, NetError);
  assertEquals(((await failed)[0] as TlsError).reason, "PEER_REFUSED_CERT");
  await server.close();
  const unsupported: Partial<SecureServerOptions>[] = [
    { requestCert: true },
    { sni: {} },
    { SNICallback: () => undefined },
    { ca: CA },
    { keepAlive: true },
    { proxyProtocol: { trusted: ["127.0.0.1"] } },
  ];
  for (const options of unsupported) {
    const error = assertThrows(
      () => createSecureServer({ ...SERVER, implementation: "deno", ...options }),
      NetError,
    );
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
});

Deno.test({
  name: "secure server with Deno's TLS sends small messages at once, or says that it can't",
  permissions: { net: true, read: true, env: true, ffi: false },
  fn: async () => {
    const server = await listen({ implementation: "deno" }); // where it can't be had it's left out
    assertEquals((await ask(server, { implementation: "node" }))[0], "hello false false");
    await server.close();
    const asked = createSecureServer({ ...SERVER, implementation: "deno", noDelay: true });
    const error = await assertRejects(() => asked.listen(0, "127.0.0.1"), NetError, "noDelay");
    assertEquals(error.code, "ERR_UNSUPPORTED");
    const off = await listen({ implementation: "deno", noDelay: false });
    await off.close();
  },
});

Deno.test("secure server that may choose takes node:tls, and all its options", async () => {
  const server = await listen({ implementation: "auto", noDelay: true, sni: {} }, (socket) => {
    socket.end(`${socket.tls?.implementation}`);
  });
  server.setSecureContext(SERVER);
  assertEquals((await ask(server))[0], "node");
  await server.close();
});

Deno.test("secure server with Deno's TLS gives up a handshake at its deadline", async () => {
  const server = await listen({ implementation: "deno", handshakeTimeout: 50 });
  const failed = once(server, "tlsClientError");
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  assertEquals(((await failed)[0] as NetError).code, "ETIMEDOUT");
  if (grantedLibc() !== undefined) assertEquals(await conn.read(new Uint8Array(1)), null);
  conn.close(); // without the C library the connection stays open inside Deno until now: see TlsImplementation
  while (server.metrics().open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await server.close();
});

for (const implementation of ["node", "deno"] as const) {
  Deno.test(`secure server by ${implementation} tells of a client that is gone right behind its handshake`, async () => {
    const server = await listen({ implementation }, () => {});
    const told: string[] = [];
    const tell = (error: Error) => told.push((error as TlsError).reason);
    server.on("secureConnection", (socket) => socket.on("error", tell));
    server.on("tlsClientError", tell);
    const came = once(server, "connection");
    const socket = connectTls({ ...LOCAL, port: server.port });
    const [peer] = await came;
    await socket.opened;
    socket.destroy();
    await assertRejects(() => (peer as Socket).closed, NetError);
    await server.close();
    assertEquals(told, ["TRUNCATED"]);
  });
}

Deno.test("secure server does not tell what the program itself ends a connection with right behind the handshake", async () => {
  const server = await listen();
  const told: unknown[] = [];
  server.on("tlsClientError", (error) => told.push(error));
  server.on("secureConnection", (socket) => told.push(socket));
  const own = [
    new Error("the program's own"),
    new NetError("the program's own", { code: "EACCES" }),
    undefined,
  ];
  for (const error of own) {
    const came = once(server, "connection");
    const socket = connectTls({ ...LOCAL, port: server.port });
    const [peer] = await came as [Socket];
    peer.on("secure", () => peer.destroy(error));
    await Promise.allSettled([peer.closed, socket.closed]);
    assertEquals(peer.destroyed, true);
  }
  await server.close();
  assertEquals(told, []);
});

Deno.test("secure server refuses options that are no good at once", () => {
  assertThrows(() => createSecureServer({}), TypeError, "certificate");
  assertThrows(() => createSecureServer({ cert: SERVER.cert }), TypeError, "key");
  assertThrows(
    () => createSecureServer({ ...SERVER, key: identity("client").key }),
    TypeError,
    "belong",
  );
  assertThrows(
    () => createSecureServer({ ...SERVER, ciphers: "x" } as SecureServerOptions),
    TypeError,
    "ciphers",
  );
  assertThrows(() => createSecureServer({ ...SERVER, maxConnections: -1 }), RangeError);
  assertThrows(() => createSecureServer({ cert: SERVER.cert, implementation: "deno" }), TypeError);
});
