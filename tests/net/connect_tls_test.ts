import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect } from "../../net/connect.ts";
import { connectTls, type SecureSocketOptions } from "../../net/connect_tls.ts";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { createSecureServer, type SecureServer } from "../../net/secure_server.ts";
import type { Socket } from "../../net/socket.ts";
import { startServerTls } from "../../net/start_tls.ts";
import { TlsError } from "../../net/tls_error.ts";
import { CA, identity } from "../_support/certs.ts";

const SERVER = identity("server");
const LOCAL = { host: "127.0.0.1", servername: "localhost", ca: CA };

async function echoServer(): Promise<SecureServer> {
  return await createSecureServer(SERVER, (socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
}

async function text(socket: Socket): Promise<string> {
  let all = "";
  for await (const chunk of socket.setEncoding("utf8")) all += chunk;
  return all;
}

Deno.test("connectTls connects, and emits Node's events in Node's order", async () => {
  const server = await echoServer();
  const seen: string[] = [];
  const socket = connectTls({ ...LOCAL, port: server.port }, () => seen.push("listener"));
  for (const event of ["connect", "ready", "secureConnect", "secure"] as const) {
    socket.on(event, () => seen.push(event));
  }
  assertEquals([socket.encrypted, socket.authorized, socket.alpnProtocol], [false, false, false]);
  socket.end("early bytes"); // wait for the handshake
  assertEquals(await text(socket), "early bytes");
  assertEquals(seen, ["connect", "ready", "listener", "secureConnect", "secure"]);
  await server.close();
});

Deno.test("connectTls refuses authorities that are no certificates at once, and not as a failed connection", () => {
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  for (const ca of ["ca.pem", [CA, "ca.pem"], broken]) {
    assertThrows(
      () => connectTls({ ...LOCAL, ca, port: 1 }),
      TypeError,
      "Cannot use the certificate",
    );
  }
});

Deno.test("connectTls refuses misspelt options of TLS, which would ask for nothing", () => {
  for (const name of ["minVersion", "checkServerIdentity", "ALPNProtocols", "servername", "ca"]) {
    for (const wrong of [name.toUpperCase(), name[0].toUpperCase() + name.slice(1)]) {
      if (wrong === name) continue;
      assertThrows(
        () => connectTls({ ...LOCAL, port: 1, [wrong]: "TLSv1.3" }),
        TypeError,
        `Cannot use TLS options: there is no option \`${wrong}\`, but \`${name}\``,
      );
    }
  }
});

Deno.test("connectTls refuses an own certificate that is no good at once, before the server hears of it", async () => {
  const { cert, key } = identity("client");
  const rows: [SecureSocketOptions, string][] = [
    [{ cert }, "without a key"],
    [{ key }, "without a certificate"],
    [{ cert: "client.pem", key }, "there is none in PEM form"],
    [{ cert, key: SERVER.key }, "it does not belong to the certificate"],
  ];
  for (const [own, why] of rows) {
    assertThrows(() => connectTls({ ...LOCAL, ...own, port: 1 }), TypeError, why);
    assertThrows(() => connect({ port: 1, host: LOCAL.host, tls: { ...own } }), TypeError, why);
    // Nobody listens on port 1: ECONNREFUSED, had it been dialled.
    const target = { hostname: LOCAL.host, port: 1 };
    await assertRejects(() => dial(target, { tls: { ...own } }), TypeError, why);
  }
});

Deno.test("connectTls takes its arguments in all of Node's forms", async () => {
  const server = await echoServer();
  const { port } = server;
  const sockets = [
    connectTls(port, "127.0.0.1", { servername: "localhost", ca: CA }, () => {}),
    connectTls(port, { ...LOCAL }),
    connectTls(`${port}`, { ...LOCAL }, () => {}),
    connectTls(port, "127.0.0.1", () => {}),
    connectTls(port, () => {}),
  ];
  for (const socket of sockets.slice(0, 3)) {
    socket.end("hello");
    assertEquals(await text(socket), "hello");
  }
  // Nobody vouches for the certificate.
  for (const socket of sockets.slice(3)) await assertRejects(() => socket.opened, TlsError);
  await server.close();
});

Deno.test("connectTls tells of the connection by Node's names", async () => {
  const server = await createSecureServer({ ...SERVER, ALPNProtocols: ["x"] }, (socket) => {
    assertEquals([socket.encrypted, socket.servername], [true, "localhost"]);
    socket.end();
  }).listen(0, "127.0.0.1");
  const socket = connectTls({ ...LOCAL, port: server.port, ALPNProtocols: ["x"] });
  await once(socket, "secureConnect");
  assertEquals([socket.encrypted, socket.authorized, socket.authorizationError], [
    true,
    true,
    null,
  ]);
  assertEquals([socket.alpnProtocol, socket.getProtocol(), socket.version()], [
    "x",
    "TLSv1.3",
    "TLSv1.3",
  ]);
  assertEquals(socket.getCipher()?.version, "TLSv1.3");
  assertEquals(socket.getPeerCertificate()?.subject.CN, "localhost");
  assertEquals(socket.tls?.implementation, "node");
  await socket.resume().closed;
  await server.close();
});

Deno.test("connectTls takes port, host and options as Node does", async () => {
  const server = await echoServer();
  const secure = Promise.withResolvers<void>();
  const { ca, servername } = LOCAL;
  const socket = connectTls(server.port, "127.0.0.1", { ca, servername }, secure.resolve);
  await secure.promise;
  socket.end();
  await socket.resume().closed;
  await server.close();
});

Deno.test("connectTls works with Deno's TLS, too", async () => {
  const server = await echoServer();
  const socket = connectTls({
    host: "127.0.0.1",
    port: server.port,
    servername: "localhost",
    caCerts: [CA],
    implementation: "deno",
  });
  socket.end("by deno");
  assertEquals(await text(socket), "by deno");
  assertEquals(socket.tls?.implementation, "deno");
  assertThrows(() => socket.getPeerCertificate(), NetError, "Deno's TLS");
  await server.close();
});

Deno.test("connectTls destroys the socket when the certificate is not valid", async () => {
  const server = await echoServer();
  const refused = once(server, "tlsClientError");
  for (
    const [options, reason] of [
      [{ servername: "other.example" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
      [{ ca: undefined }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ] as [SecureSocketOptions, string][]
  ) {
    const socket = connectTls({ ...LOCAL, ...options, port: server.port });
    const [error] = await once(socket, "error") as [TlsError];
    assertEquals([error.code, error.reason], ["ERR_TLS_CERT", reason]);
    await assertRejects(() => socket.closed, NetError);
    await assertRejects(() => socket.opened, NetError);
  }
  await refused;
  await server.close();
});

for (const implementation of ["node", "deno"] as const) {
  const trusting = implementation === "node" ? { ca: CA } : { caCerts: [CA], ca: undefined };

  Deno.test(`connectTls by ${implementation} tells of a certificate that is missed after the handshake`, async () => {
    // With TLS 1.3 the client is done before the server has looked for its certificate.
    const server = createSecureServer({ ...SERVER, ca: CA, requestCert: true });
    await server.listen(0, "127.0.0.1");
    const socket = connectTls({ ...LOCAL, ...trusting, port: server.port, implementation });
    const [error] = await once(socket, "error");
    assertEquals([error.name, error.code, error.reason], [
      "TlsError",
      "ERR_TLS",
      "PEER_REFUSED_CERT",
    ]);
    await server.close();
  });

  Deno.test(`connectTls by ${implementation} tells of a record that was changed on the way`, async () => {
    const server = await echoServer();
    let changing = false;
    const between = createServer((client) => {
      const far = connect(server.port, "127.0.0.1");
      client.on("close", () => far.destroy()).on("error", () => {}).pipe(far);
      far.on("error", () => {}).on("data", (chunk) => {
        const bytes = (chunk as Uint8Array).slice();
        if (changing) bytes[bytes.length - 1] ^= 1;
        client.write(bytes);
      });
    });
    await between.listen(0, "127.0.0.1");
    const socket = connectTls({ ...LOCAL, ...trusting, port: between.port, implementation });
    socket.write("one");
    await once(socket, "data");
    changing = true;
    socket.write("two");
    const [error] = await once(socket, "error");
    assertEquals([error.name, error.code, error.reason], ["TlsError", "ERR_TLS", "BAD_RECORD"]);
    await Promise.all([between.close(), server.close()]);
  });
}

Deno.test("connectTls without rejectUnauthorized tells what is wrong", async () => {
  const server = await echoServer();
  const socket = connectTls({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  assertEquals([socket.authorized, socket.authorizationError], [
    false,
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ]);
  socket.end();
  await socket.resume().closed;
  await server.close();
});

Deno.test("connectTls ends at connectTimeout with a silent server", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const socket = connectTls({ ...LOCAL, port: listener.addr.port, connectTimeout: 30 });
  const error = await assertRejects(() => socket.closed, NetError);
  assertEquals(error.code, "ETIMEDOUT");
  const conn = await accepted;
  const p = new Uint8Array(4096);
  while (await conn.read(p) !== null); // the client has closed
  conn.close();
});

Deno.test("connectTls that is destroyed at once says nothing but close", async () => {
  const server = await echoServer();
  const seen: string[] = [];
  const socket = connectTls({ ...LOCAL, port: server.port });
  for (const event of ["connect", "secureConnect", "error", "end"] as const) {
    socket.on(event, () => seen.push(event));
  }
  const closed = once(socket, "close");
  socket.destroy();
  assertEquals(await closed, [false]);
  await server.close();
  assertEquals(seen, []);
});

Deno.test("connectTls serves many sockets side by side, with timeouts of their own", async () => {
  const server = await createSecureServer(SERVER, (socket) => {
    socket.setTimeout(30, () => socket.end("too slow"));
  }).listen(0, "127.0.0.1");
  const answers = await Promise.all(Array.from({ length: 10 }, () => {
    return text(connectTls({ ...LOCAL, port: server.port }));
  }));
  assertEquals(new Set(answers), new Set(["too slow"]));
  await server.close();
});

Deno.test("connectTls refuses options that it can't honour", () => {
  const odd: object[] = [
    { ciphers: "AES" },
    { pfx: "x" },
    { session: "x" },
    { socket: {} },
    { secureContext: {} },
    { minVersion: "TLSv1" },
    { caCerts: ["x"] },
  ];
  for (const options of odd) {
    assertThrows(() => connectTls({ port: 1, ...options } as SecureSocketOptions), TypeError);
  }
  assertThrows(() => connectTls({ port: 70_000 }), RangeError);
  assertThrows(() => connectTls({ port: 1, ca: CA, implementation: "deno" }), NetError, "ca");
});

Deno.test("connect with the option tls is the same", async () => {
  const server = await echoServer();
  const socket = connect({
    host: "127.0.0.1",
    port: server.port,
    tls: { ca: CA, servername: "localhost" },
  });
  socket.end("nested");
  assertEquals(await text(socket), "nested");
  assertEquals(socket.encrypted, true);
  await server.close();
});

Deno.test("connect resolves names through its own lookup and judges them by its policy", async () => {
  const server = await createServer((socket) => socket.end("in")).listen(0, "127.0.0.1");
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  const socket = connect({ host: "inner.example", port: server.port, lookup });
  const looked = once(socket, "lookup");
  assertEquals(await text(socket), "in");
  assertEquals(await looked, [null, "127.0.0.1", 4, "inner.example"]);
  const refused = connect({ host: "inner.example", port: server.port, lookup, policy: "public" });
  const error = await assertRejects(() => refused.closed, NetError);
  assertEquals(error.code, "ERR_DIAL_POLICY");
  const unknown = connect({ host: "none.example", port: 9, lookup: () => Promise.resolve([]) });
  const failed = once(unknown, "lookup");
  assertEquals((await assertRejects(() => unknown.closed, NetError)).code, "ENOTFOUND");
  assertEquals(((await failed)[0] as NetError).code, "ENOTFOUND");
  await server.close();
});

// ---- STARTTLS

/** A server that answers lines, and starts TLS when it is told to. */
async function lineServer(onsecure: (socket: Socket) => void = () => {}) {
  return await createServer((socket) => {
    let line = "";
    socket.on("data", (chunk) => {
      line += String(chunk);
      for (let at; (at = line.indexOf("\n")) >= 0; line = line.slice(at + 1)) {
        const word = line.slice(0, at);
        if (word === "STARTTLS") {
          socket.write("GO\n");
          line = "";
          socket.startServerTls(SERVER).then(onsecure, () => {});
          return;
        }
        socket.write(`${socket.encrypted ? "secret" : "plain"} ${word}\n`);
      }
    });
  }).listen(0, "127.0.0.1");
}

/** Waits for the next line of a socket that is read by events. */
function lines(socket: Socket): () => Promise<string> {
  let rest = "";
  const waiting: ((line: string) => void)[] = [];
  const came: string[] = [];
  socket.on("data", (chunk) => {
    rest += String(chunk);
    for (let at; (at = rest.indexOf("\n")) >= 0; rest = rest.slice(at + 1)) {
      const line = rest.slice(0, at);
      const waiter = waiting.shift();
      if (waiter === undefined) came.push(line);
      else waiter(line);
    }
  });
  return () => {
    const line = came.shift();
    return line === undefined
      ? new Promise((resolve) => waiting.push(resolve))
      : Promise.resolve(line);
  };
}

Deno.test("what comes together with the end of STARTTLS waits for who awaits it, and listens then", async () => {
  for (const again of [true, false]) {
    const log: string[] = [];
    const server = await createServer((socket) => {
      const ondata = async (chunk: unknown): Promise<void> => {
        if (String(chunk) !== "STARTTLS") {
          log.push(String(chunk));
          socket.end("bye");
          return;
        }
        if (again) socket.off("data", ondata);
        socket.write("GO");
        await socket.startServerTls(SERVER);
        log.push("secure");
        if (again) socket.on("data", ondata);
      };
      socket.on("data", ondata);
    }).listen(0, "127.0.0.1");
    const socket = connect(server.port, "127.0.0.1");
    socket.write("STARTTLS");
    await once(socket, "data");
    await socket.startTls({ servername: "localhost", ca: CA, timeout: 5000 });
    socket.write("hello"); // leaves with the last bytes of the handshake
    socket.setTimeout(5000, () => socket.destroy());
    const answers: string[] = [];
    socket.on("data", (chunk) => answers.push(String(chunk)));
    await socket.closed;
    assertEquals([log, answers], [["secure", "hello"], ["bye"]]);
    await server.close({ drain: 1000 });
  }
});

Deno.test("socket starts TLS in place, on both sides, with its listeners", async () => {
  const server = await lineServer();
  const socket = connect(server.port, "127.0.0.1");
  const next = lines(socket);
  socket.write("one\n");
  assertEquals(await next(), "plain one");
  socket.write("STARTTLS\n");
  assertEquals(await next(), "GO");
  const seen: string[] = [];
  socket.on("secureConnect", () => seen.push("secureConnect"));
  const secured = socket.startTls({ ca: CA, servername: "localhost" });
  socket.write("two\n"); // waits for the end of the handshake
  assertEquals(await secured, socket);
  assertEquals([seen, socket.encrypted, socket.authorized], [["secureConnect"], true, true]);
  assertEquals(await next(), "secret two");
  assertEquals(socket.remotePort, server.port);
  socket.setNoDelay(false).setKeepAlive(true).unref().ref();
  socket.end();
  await socket.closed;
  await server.close();
});

Deno.test("socket whose TLS nobody waits for tells of its failure as error, and ends no program", async () => {
  const failed = Promise.withResolvers<NetError>();
  const server = await createServer((peer) => {
    peer.on("error", (error) => failed.resolve(error as NetError));
    peer.once("data", () => {
      peer.write("go");
      peer.startServerTls(SERVER);
      peer.startServerTls(SERVER); // a client that asks twice
    });
  }).listen(0, "127.0.0.1");
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(new TextEncoder().encode("STARTTLS\r\nSTARTTLS\r\n"));
  await conn.read(new Uint8Array(2));
  await conn.write(new TextEncoder().encode("this is no handshake\r\n"));
  assertEquals((await failed.promise).code, "ERR_TLS");
  await server.close();
});

Deno.test("socket whose peer has ended fails with its TLS, so that nothing leaves in the clear behind it", async () => {
  const server = await createServer((peer) => peer.end("220 go\r\n")).listen(0, "127.0.0.1");
  const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  const told = once(socket, "error");
  await once(socket.resume(), "end");
  socket.startTls({ ca: CA });
  const [error] = await told;
  assertEquals([error.code, socket.destroyed, socket.write("secret")], ["ENOTCONN", true, false]);
  await server.close();
});

Deno.test("socket starts TLS whatever the style it is read in", async () => {
  const server = await lineServer();
  const decode = (chunk: Uint8Array | undefined) => new TextDecoder().decode(chunk);
  for (const style of ["stream", "iterator"]) {
    const socket = connect(server.port, "127.0.0.1");
    await socket.opened;
    const reader = style === "stream" ? socket.readable.getReader() : undefined;
    const iterator = style === "iterator" ? socket[Symbol.asyncIterator]() : undefined;
    const read = async (): Promise<string> =>
      decode(((await (reader?.read() ?? iterator!.next())).value) as Uint8Array | undefined);
    socket.write("STARTTLS\n");
    assertEquals(await read(), "GO\n");
    const pending = read(); // begun before, and answered by what comes through TLS
    await socket.startTls({ ca: CA, servername: "localhost" });
    socket.write("hello\n");
    assertEquals(await pending, "secret hello\n");
    socket.destroy();
  }
  await server.close();
});

Deno.test("socket takes the host that it connected to for the certificate's name", async () => {
  const server = await lineServer();
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  for (const [host, ok] of [["localhost", true], ["other.example", false]] as const) {
    const socket = connect({ host, port: server.port, lookup });
    const next = lines(socket);
    socket.write("STARTTLS\n");
    await next();
    const promise = socket.startTls({ ca: CA });
    if (ok) await promise;
    else {
      const error = await assertRejects(() => promise, NetError) as TlsError;
      assertEquals(error.reason, "ERR_TLS_CERT_ALTNAME_INVALID");
    }
    socket.destroy();
    await socket.closed.catch(() => {});
  }
  await server.close();
});

Deno.test("socket does not take plain text behind STARTTLS for what came through TLS", async () => {
  // CVE-2011-0411: a man in the middle adds a command to the packet with STARTTLS.
  const server = await lineServer();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(new TextEncoder().encode("STARTTLS\nINJECTED\n"));
  const p = new Uint8Array(1000);
  assertEquals(new TextDecoder().decode(p.subarray(0, (await conn.read(p))!)), "GO\n");
  const { startTls } = await import("../../net/start_tls.ts");
  const transport = await startTls(conn, { ca: CA, hostname: "localhost" });
  await transport.write(new TextEncoder().encode("honest\n"));
  const n = (await transport.read(p))!;
  assertEquals(new TextDecoder().decode(p.subarray(0, n)), "secret honest\n");
  transport.close();
  await server.close();
});

Deno.test("socket sends nothing in plain text once TLS is being started", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = connect(listener.addr.port, "127.0.0.1");
  const conn = await listener.accept();
  await socket.opened;
  socket.write("before ");
  const promise = socket.startTls({ ca: CA, servername: "localhost", timeout: 5000 });
  socket.write("secret");
  const p = new Uint8Array(4096);
  let plain = "";
  while (!plain.includes("\x16\x03")) {
    plain += new TextDecoder("latin1").decode(p.subarray(0, (await conn.read(p))!));
  }
  assert(plain.startsWith("before \x16\x03"), plain.slice(0, 20));
  assert(!plain.includes("secret"));
  socket.destroy();
  await assertRejects(() => promise, NetError);
  while (await conn.read(p).catch(() => null) !== null);
  conn.close();
});

Deno.test("socket that is destroyed ends the handshake", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = connect(listener.addr.port, "127.0.0.1");
  const conn = await listener.accept();
  await socket.opened;
  const promise = socket.startTls({ ca: CA });
  await assertRejects(() => socket.startTls(), NetError, "being started already");
  socket.destroy();
  await assertRejects(() => promise, NetError);
  const p = new Uint8Array(4096);
  while (await conn.read(p).catch(() => null) !== null);
  conn.close();
});

Deno.test("socket can't start TLS when it is not connected, or has ended", async () => {
  const server = await lineServer();
  const socket = connect(server.port, "127.0.0.1");
  assertEquals((await assertRejects(() => socket.startTls(), NetError)).code, "ENOTCONN");
  await socket.opened;
  socket.end();
  assertEquals((await assertRejects(() => socket.startTls(), NetError)).code, "ENOTCONN");
  socket.destroy();
  assertEquals((await assertRejects(() => socket.startTls(), NetError)).code, "ENOTCONN");
  await server.close();
});

Deno.test("socket is destroyed when TLS fails, on either side", async () => {
  const secure = Promise.withResolvers<Socket>();
  const server = await createServer((socket) => {
    socket.startServerTls({ ...SERVER, handshakeTimeout: 5000 }).catch(() =>
      secure.resolve(socket)
    );
  }).listen(0, "127.0.0.1");
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  const socket = await secure.promise;
  assertEquals(socket.destroyed, true);
  const p = new Uint8Array(100);
  while (await conn.read(p).catch(() => null) !== null);
  conn.close();
  await server.close();
});

Deno.test("socket counts its bytes over the change to TLS, and calls back what was written", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = connect(listener.addr.port, "127.0.0.1");
  const conn = await listener.accept();
  await socket.opened;
  const done: string[] = [];
  socket.write("12345", () => done.push("before"));
  const p = new Uint8Array(5);
  await conn.read(p);
  const promise = socket.startTls({ ca: CA, servername: "localhost" });
  socket.write("678", () => done.push("behind"));
  assertEquals([socket.bytesWritten, socket.writableLength, done], [8, 3, ["before"]]);
  const [transport] = await Promise.all([startServerTls(conn, SERVER), promise]);
  const q = new Uint8Array(10);
  assertEquals(await transport.read(q), 3);
  assertEquals([socket.bytesWritten, done], [8, ["before", "behind"]]);
  await transport.write(new Uint8Array(7));
  await once(socket, "data");
  assertEquals(socket.bytesRead >= 7, true);
  socket.destroy();
  transport.close();
});
