import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { nodeClientHandshake, ServerContext, underDeadlines } from "../../net/_node_tls.ts";
import { checkKeepAliveDelay } from "../../net/_socket_settings.ts";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import type { TransportExtras } from "../../net/_transport_extras.ts";
import { NetError } from "../../net/errors.ts";
import { TransportDuplex } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";
import type { TlsClientOptions } from "../../net/tls_options.ts";
import type { Transport } from "../../net/transport.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { CA, identity, OTHER_CA } from "../_support/certs.ts";
import { tcpPair } from "../_support/tcp_pair.ts";
import { readText } from "../_support/transport_io.ts";

const SERVER = identity("server");
const CONTEXT = { what: "Cannot start TLS", syscall: "startTls" };

async function secured(
  context: ServerContext,
  ends: [Transport, Transport],
  options: TlsClientOptions = {},
  hostname = "localhost",
): Promise<[Transport, Transport, string]> {
  const [client, server] = await Promise.all([
    nodeClientHandshake(ends[0], hostname, { ca: CA, ...options }, [], CONTEXT),
    context.handshake(ends[1], [], CONTEXT),
  ]);
  const { subject, serialNumber } = client.info.getPeerCertificate()!;
  return [client.transport, server.transport, `${subject.CN} ${serialNumber}`];
}

/** The certificate that a client gets to see. */
async function shown(context: ServerContext, hostname = "localhost"): Promise<string> {
  const [a, b, certificate] = await secured(context, pair(), {}, hostname);
  a.close();
  b.close();
  return certificate;
}

/** Writes until nothing more is taken for a while, or `limit` bytes. */
async function fill(transport: Transport, limit: number): Promise<number> {
  let total = 0;
  const p = new Uint8Array(65536);
  const stalled = Symbol();
  while (total < limit) {
    const write = transport.write(p);
    write.catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<symbol>((resolve) => {
      timer = setTimeout(() => resolve(stalled), 200);
    });
    const n = await Promise.race([write, timeout]);
    clearTimeout(timer);
    if (typeof n === "symbol") break;
    total += n;
  }
  return total;
}

Deno.test("node TLS stops a writer whose peer does not read, and can be closed nevertheless", async () => {
  const [client, server] = await tcpPair();
  const [a, b] = await secured(new ServerContext(SERVER), [client, server]);
  const limit = 64 << 20;
  for (const [writer, name] of [[a, "client"], [b, "server"]] as const) {
    const sent = await fill(writer, limit);
    // what the system's buffers hold, and 64 KiB at either end
    assert(sent < 16 << 20, `the ${name} could write ${sent} bytes`);
  }
  a.close();
  const p = new Uint8Array(65536);
  await assertRejects(async () => {
    while (await b.read(p) !== null);
  }, NetError);
  b.close();
});

for (const ender of ["client", "server"]) {
  Deno.test(`node TLS goes on in one direction after the ${ender} has ended the other`, async () => {
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    const [client, server] = await secured(new ServerContext(SERVER), await tcpPair());
    const [a, b] = ender === "client" ? [client, server] : [server, client];
    const question = readText(b);
    await a.write(encode("question"));
    await a.closeWrite();
    assertEquals(await question, "question");
    // Whatever node:tls does on its own in answer to the end, it has done now.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const answer = readText(a);
    for (const part of ["long ", "thought ", "over"]) await b.write(encode(part));
    await b.closeWrite();
    assertEquals(await answer, "long thought over");
    a.close();
    b.close();
  });
}

Deno.test("node TLS tells a stream that was cut, also after the other direction had ended", async () => {
  const [c, d] = await tcpPair();
  const [a, b] = await secured(new ServerContext(SERVER), [c, d]);
  await b.closeWrite();
  assertEquals(await readText(a), "");
  const reading = assertRejects(() => b.read(new Uint8Array(9)), NetError);
  await c.closeWrite();
  assertEquals((await reading).code, "ERR_TLS_TRUNCATED");
  a.close();
  b.close();
});

Deno.test("node TLS sends its last records before the connection is closed", async () => {
  const context = new ServerContext(SERVER);
  for (let round = 0; round < 20; round++) {
    const [a, b] = await secured(context, await tcpPair());
    await a.closeWrite();
    const p = new Uint8Array(100);
    assertEquals(await b.read(p), null);
    await b.write(new Uint8Array(10));
    await b.closeWrite();
    b.close(); // everything has left by now, the end mark too
    assertEquals(await a.read(p), 10);
    assertEquals(await a.read(p), null);
    a.close();
  }
});

Deno.test("node TLS sends its last records also while the transport is busy with those before", async () => {
  const [near, far] = pair();
  const slow: Transport = {
    read: (p) => far.read(p),
    async write(p) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return await far.write(p);
    },
    closeWrite: () => far.closeWrite(),
    close: () => far.close(),
    localAddr: far.localAddr,
    remoteAddr: far.remoteAddr,
  };
  const [client, server] = await secured(new ServerContext(SERVER), [near, slow]);
  // The server's session tickets are under way when both directions have ended.
  await client.closeWrite();
  assertEquals(await server.read(new Uint8Array(9)), null);
  const closing = server.closeWrite();
  assertEquals(await readText(client), "");
  await closing;
  client.close();
  server.close();
});

Deno.test("node TLS has the addresses of its transport, and its reset", async () => {
  const [a, b] = pair();
  const [client, server] = await secured(new ServerContext(SERVER), [a, b]);
  assertEquals([client.localAddr, client.remoteAddr], [a.localAddr, a.remoteAddr]);
  (client as Transport & { reset(): void }).reset();
  const error = await assertRejects(async () => await server.read(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ECONNRESET");
  server.close();
});

Deno.test("node TLS hands a keep-alive delay on, and says that there is none, as its transport does", async () => {
  const [a, b] = pair();
  const told: unknown[][] = [];
  const takes = (on: boolean, initialDelay?: number) => void told.push([on, initialDelay]);
  const takesNone = (on: boolean) => void told.push([on]);
  const ends: [Transport, Transport] = [
    Object.assign(a, { setKeepAlive: takes }),
    Object.assign(b, { setKeepAlive: takesNone }),
  ];
  const handshakes = async (
    ends: [Transport, Transport],
  ): Promise<(Transport & TransportExtras)[]> => {
    const [client, server] = await secured(new ServerContext(SERVER), ends);
    return [client, server];
  };
  const [client, server] = await handshakes(ends);
  new TransportDuplex(client).setKeepAlive(true, 5000).destroy();
  checkKeepAliveDelay(client);
  assertThrows(() => checkKeepAliveDelay(server), NetError, "Deno can't");
  server.setKeepAlive!(true);
  assertEquals(told, [[true, 5000], [true]]);
  server.close();

  const [bare] = await handshakes(pair());
  const duplex = new TransportDuplex(bare).setKeepAlive(true, 5000);
  assertThrows(() => checkKeepAliveDelay(bare), NetError, "Deno can't");
  duplex.destroy();
});

Deno.test("node TLS over a connection of Deno's is reset where the C library can be called", {
  ignore: grantedLibc() === undefined,
}, async () => {
  const [a, b] = await secured(new ServerContext(SERVER), await tcpPair());
  (a as Transport & { reset(): void }).reset();
  const error = await assertRejects(async () => await b.read(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ECONNRESET");
  b.close();
});

Deno.test("node TLS over a connection of Deno's says that there is no reset without a permission", {
  permissions: { net: true, read: true, ffi: false },
}, async () => {
  const [a, b] = await secured(new ServerContext(SERVER), await tcpPair());
  assertThrows(() => (a as Transport & { reset(): void }).reset(), NetError, "no reset");
  a.close();
  b.close();
});

Deno.test("server context shows a new certificate to new connections only", async () => {
  const context = new ServerContext(SERVER);
  const first = await shown(context);
  const [a, b] = await secured(context, pair());
  context.replace(identity("renewed"));
  const second = await shown(context);
  assert(first !== second && second.startsWith("localhost "));
  await a.write(Uint8Array.of(1));
  assertEquals(await b.read(new Uint8Array(10)), 1);
  a.close();
  b.close();
  // what is no good changes nothing
  assertThrows(
    () => context.replace({ cert: SERVER.cert, key: identity("renewed").key }),
    TypeError,
  );
  assertEquals(await shown(context), second);
});

Deno.test("server context changes which authorities it trusts", async () => {
  const context = new ServerContext({ ...SERVER, requestCert: true, ca: CA });
  const meet = (): Promise<PromiseSettledResult<{ transport: Transport }>[]> => {
    const [a, b] = pair();
    return Promise.allSettled([
      nodeClientHandshake(a, "localhost", { ca: CA, ...identity("stranger") }, [], CONTEXT),
      context.handshake(b, [], CONTEXT),
    ]);
  };
  const close = (results: PromiseSettledResult<{ transport: Transport }>[]): void => {
    for (const result of results) if (result.status === "fulfilled") result.value.transport.close();
  };
  const before = await meet();
  context.replace({ ...SERVER, ca: OTHER_CA });
  const after = await meet();
  close([...before, ...after]);
  assertEquals([before[1].status, after[1].status], ["rejected", "fulfilled"]);
});

Deno.test("server context adds certificates by name, in any case", async () => {
  const context = new ServerContext(SERVER);
  assert((await shown(context)).startsWith("localhost "));
  context.add("A.Example.COM", identity("a_example"));
  context.add("*.b.test", identity("b_test"));
  assert((await shown(context, "a.example.com")).startsWith("a.example.com "));
  assert((await shown(context, "X.B.test")).startsWith("b.test "));
  for (const name of ["", "*", "*.", "a*.b", "a b", "*.*.c"]) {
    assertThrows(() => context.add(name, SERVER), TypeError, "SNI name");
  }
});

Deno.test("node TLS is closed with its transport when the deadline fires", async () => {
  const [a, b] = pair();
  const deadline = deadlineSignal("wait", { timeout: 10 });
  const error = await assertRejects(
    () => new ServerContext(SERVER).handshake(b, [deadline], CONTEXT),
    NetError,
  );
  assertEquals(error.code, "ETIMEDOUT");
  assertEquals(await a.read(new Uint8Array(1)), null);
  a.close();
});

Deno.test("underDeadlines takes what comes first", async () => {
  const never = deadlineSignal("wait", {});
  assertEquals(await underDeadlines<number>([never], (resolve) => resolve(5), () => {}), 5);
  const fired = deadlineSignal("wait", { signal: AbortSignal.abort() });
  let aborted = 0;
  let started = 0;
  await assertRejects(
    () => underDeadlines([never, fired], () => started++, () => aborted++),
    NetError,
    "aborted",
  );
  assertEquals([started, aborted], [0, 1]);
  const soon = deadlineSignal("wait", { timeout: 1 });
  await assertRejects(() => underDeadlines([soon], () => {}, () => aborted++), NetError, "1 ms");
  assertEquals(aborted, 2);
});

Deno.test("node TLS writes nothing, and goes on", async () => {
  const context = new ServerContext(identity("server"));
  const [client, server] = await secured(context, await tcpPair());
  assertEquals(await server.write(new Uint8Array(0)), 0);
  assertEquals(await client.write(new Uint8Array(0)), 0);
  await server.write(new TextEncoder().encode("behind"));
  const buffer = new Uint8Array(16);
  assertEquals(await client.read(buffer), 6);
  client.close();
  server.close();
});
