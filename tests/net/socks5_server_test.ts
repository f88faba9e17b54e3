import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { grantedLibc, resetConnection } from "../../net/_tcp_descriptors.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { connectThroughProxies } from "../../net/proxy_chain.ts";
import { socks5Connect } from "../../net/socks5.ts";
import { createSocks5Server, type Socks5Server } from "../../net/socks5_server.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { blackhole } from "../_support/blackhole.ts";
import { hex, text, utf8 } from "../_support/framing.ts";

// A port that takes no more connections and says nothing can be made there alone.
const LINUX = { ignore: Deno.build.os !== "linux" };

/** A TCP server that echoes, until it is disposed of. */
function echoServer(): AsyncDisposable & { addr: Deno.NetAddr } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const running: Promise<void>[] = [];
  const conns: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      running.push((async () => {
        const buffer = new Uint8Array(65536);
        try {
          for (let n; (n = await conn.read(buffer)) !== null;) {
            for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
          }
          await conn.closeWrite();
        } catch {
          // cut off
        }
      })());
    }
  })();
  return {
    addr: listener.addr,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of conns) conn.close();
      await Promise.all(running);
    },
  };
}

async function echo(transport: Transport, message: Uint8Array): Promise<Uint8Array> {
  const answer = new Uint8Array(message.length);
  const writing = (async () => {
    await writeAll(transport, message);
  })();
  for (let at = 0; at < message.length;) at += (await transport.read(answer.subarray(at)))!;
  await writing;
  return answer;
}

async function connections(server: Socks5Server, count: number): Promise<void> {
  for (let i = 0; server.connections !== count && i < 500; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assertEquals(server.connections, count);
}

Deno.test("SOCKS5 server connects clients, by address and by name, and relays a megabyte", async () => {
  await using target = echoServer();
  await using server = createSocks5Server({ lookup: () => Promise.resolve(["127.0.0.1"]) });
  const proxy = server.listen();
  assertEquals(server.addr, proxy);
  const message = crypto.getRandomValues(new Uint8Array(65536));
  const large = new Uint8Array(1 << 20).map((_, i) => message[i % 65536] ^ (i >> 16));
  for (const hostname of ["127.0.0.1", "example.org"]) {
    const transport = await socks5Connect(await Deno.connect(proxy), {
      hostname,
      port: target.addr.port,
    });
    assertEquals(await echo(transport, large), large);
    await transport.closeWrite();
    assertEquals(await transport.read(new Uint8Array(1)), null);
    transport.close();
  }
  await connections(server, 0);
});

Deno.test("SOCKS5 servers make a chain", async () => {
  await using target = echoServer();
  await using first = createSocks5Server({ authenticate: ({ password }) => password === "1" });
  await using second = createSocks5Server({ authenticate: ({ password }) => password === "2" });
  const proxies = [first.listen(), second.listen()]
    .map(({ port }, i) => `socks5://u:${i + 1}@127.0.0.1:${port}`);
  const transport = await connectThroughProxies(
    await Deno.connect(first.addr),
    proxies,
    target.addr,
  );
  assertEquals(await echo(transport, utf8("through both")), utf8("through both"));
  transport.close();
});

Deno.test("SOCKS5 server tells why it could not connect", async () => {
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr;
  closed.close();
  await using server = createSocks5Server({
    policy: { preset: "none", allow: ["127.0.0.1"] },
    lookup: (name) =>
      name === "nowhere.example"
        ? Promise.reject(new NetError("x", { code: "ENOTFOUND" }))
        : Promise.resolve(["127.0.0.1", "127.0.0.2"]),
  });
  const proxy = server.listen();
  const cases: [string, string][] = [
    ["127.0.0.1", "ECONNREFUSED"],
    ["127.0.0.2", "EACCES"],
    ["half.example", "EACCES"],
    ["nowhere.example", "EHOSTUNREACH"],
  ];
  for (const [hostname, code] of cases) {
    const conn = await Deno.connect(proxy);
    const error = await assertRejects(() => socks5Connect(conn, { hostname, port }), ProxyError);
    assertEquals(error.code, code, hostname);
  }
});

Deno.test("SOCKS5 server listens again where it listened", async () => {
  await using server = createSocks5Server();
  const addr = server.listen();
  await server.close();
  assertEquals(server.listen(addr), addr);
});

Deno.test("SOCKS5 server takes the next address of a name when one refuses", async () => {
  await using target = echoServer();
  const lookup = () => Promise.resolve(["::1", "127.0.0.3", "127.0.0.1"]);
  await using server = createSocks5Server({ lookup });
  const { port } = target.addr;
  const conn = await Deno.connect(server.listen());
  const transport = await socks5Connect(conn, { hostname: "several.example", port });
  assertEquals(text(await echo(transport, utf8("third"))), "third");
  transport.close();
});

Deno.test("SOCKS5 server does not wait for an address that does not answer", LINUX, async () => {
  await using hole = await blackhole("::1");
  const { port } = hole;
  using target = Deno.listen({ hostname: "127.0.0.1", port });
  const lookup = () => Promise.resolve(["::1", "127.0.0.1"]);
  await using server = createSocks5Server({ lookup });
  const conn = await Deno.connect(server.listen());
  // It alone would take the system minutes, and the server all of its `connectTimeout`.
  const transport = await socks5Connect(conn, { hostname: "slow.example", port }, { timeout: 0 });
  using accepted = await target.accept();
  assertEquals(accepted.localAddr.hostname, "127.0.0.1");
  transport.close();
});

Deno.test(
  "SOCKS5 server gives up an address that does not answer at its deadline",
  LINUX,
  async () => {
    await using hole = await blackhole();
    const errors: unknown[] = [];
    await using server = createSocks5Server({
      connectTimeout: 50,
      onerror: (error) => errors.push((error as NetError).code),
    });
    const conn = await Deno.connect(server.listen());
    const error = await assertRejects(
      () => socks5Connect(conn, { hostname: "127.0.0.1", port: hole.port }),
      ProxyError,
    );
    await connections(server, 0);
    assertEquals([error.code, errors], ["EHOSTUNREACH", ["ETIMEDOUT"]]);
  },
);

Deno.test(
  "SOCKS5 server gives up an address that does not answer when its client leaves",
  LINUX,
  async () => {
    await using hole = await blackhole();
    const errors: unknown[] = [];
    await using server = createSocks5Server({
      maxConnections: 1,
      connectTimeout: 0,
      onerror: (error) => errors.push((error as NetError).code),
    });
    const proxy = server.listen();
    const signal = AbortSignal.timeout(50);
    const conn = await Deno.connect(proxy);
    const target = { hostname: "127.0.0.1", port: hole.port };
    await assertRejects(() => socks5Connect(conn, target, { signal }), NetError);
    await connections(server, 0);
    assertEquals(errors, ["ECONNRESET"]);
  },
);

Deno.test("SOCKS5 server does nothing for a client that left while it was judged", async () => {
  const asked = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<boolean>();
  const errors: unknown[] = [];
  let dialled = 0;
  await using server = createSocks5Server({
    authorize: () => (asked.resolve(), allowed.promise),
    dial: () => (dialled++, Promise.resolve(pair()[0])),
    onerror: (error) => errors.push((error as NetError).code),
  });
  const client = await Deno.connect(server.listen());
  await client.write(hex("050100 05010001 7f000001 0001"));
  await asked.promise;
  client.close();
  await connections(server, 0);
  allowed.resolve(true);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([dialled, errors], [0, ["ECONNRESET"]]);
});

Deno.test("SOCKS5 server answers who asks for port 0 that nobody is there", async () => {
  const errors: unknown[] = [];
  await using server = createSocks5Server({
    onerror: (error) => errors.push((error as NetError).code),
  });
  const client = await Deno.connect(server.listen());
  await client.write(hex("050100 05010001 7f000001 0000"));
  const answer = new Uint8Array(2 + 10);
  for (let at = 0; at < answer.length;) at += (await client.read(answer.subarray(at)))!;
  assertEquals(answer, hex("0500 05050001 00000000 0000"));
  client.close();
  await connections(server, 0);
  assertEquals(errors, ["ECONNREFUSED"]);
});

Deno.test("SOCKS5 server reports failures, and lives on after a listener that throws or rejects", async () => {
  const { error: original } = console;
  const reported: unknown[] = [];
  console.error = (_text: string, error: unknown) => reported.push(error);
  try {
    for (const how of ["throws", "rejects"]) {
      const errors: [string, string][] = [];
      await using target = echoServer();
      await using server = createSocks5Server({
        onerror: (error, { address }) => {
          errors.push([(error as NetError).code, address.transport]);
          if (how === "throws") throw new Error(how);
          return Promise.reject(new Error(how)) as unknown as void;
        },
      });
      const conn = await Deno.connect(server.listen());
      await conn.write(utf8("GET / HTTP/1.1\r\n\r\n"));
      await conn.read(new Uint8Array(1)).catch(() => {});
      conn.close();
      await connections(server, 0);
      const transport = await socks5Connect(await Deno.connect(server.addr), target.addr);
      assertEquals(text(await echo(transport, utf8("alive"))), "alive");
      transport.close();
      assertEquals(errors, [["ERR_PROXY_PROTOCOL", "tcp"]]);
      assertEquals((reported.pop() as Error).message, how);
    }
  } finally {
    console.error = original;
  }
});

Deno.test("SOCKS5 server takes no more clients than it is to", async () => {
  await using server = createSocks5Server({ maxConnections: 1 });
  const proxy = server.listen();
  const first = await Deno.connect(proxy);
  await first.write(hex("050100"));
  const buffer = new Uint8Array(2);
  await first.read(buffer);
  const second = await Deno.connect(proxy);
  await second.write(hex("050100")).catch(() => {});
  assertEquals(await second.read(buffer).catch(() => null), null);
  second.close();
  first.close();
  await connections(server, 0);
  const third = await Deno.connect(proxy);
  await third.write(hex("050100"));
  assertEquals([await third.read(buffer), buffer], [2, hex("0500")]);
  third.close();
});

Deno.test("SOCKS5 server takes so many clients of one address, and tells of those that it drops", async () => {
  await using target = echoServer();
  const dropped: string[] = [];
  await using server = createSocks5Server({
    maxConnectionsPerAddress: 1,
    onDrop: ({ reason, remoteAddress }) => dropped.push(`${reason} ${remoteAddress}`),
  });
  const proxy = server.listen();
  for (let i = 0; i < 2; i++) {
    const transport = await socks5Connect(await Deno.connect(proxy), target.addr);
    assertEquals(text(await echo(transport, utf8("hello"))), "hello");
    const second = await Deno.connect(proxy);
    assertEquals(await second.read(new Uint8Array(1)).catch(() => null), null);
    second.close();
    transport.close();
    await connections(server, 0);
  }
  assertEquals(dropped, Array(2).fill("maxConnectionsPerAddress 127.0.0.1"));
});

Deno.test("SOCKS5 server that is full takes nothing of its rate for those that it drops", async () => {
  const reasons: string[] = [];
  await using server = createSocks5Server({
    maxConnections: 1,
    acceptRate: { perSecond: 0.001, burst: 2 },
    onDrop: ({ reason }) => reasons.push(reason),
  });
  const proxy = server.listen();
  const first = await Deno.connect(proxy);
  await connections(server, 1);
  for (let i = 0; i < 2; i++) {
    using late = await Deno.connect(proxy);
    assertEquals(await late.read(new Uint8Array(1)).catch(() => null), null);
  }
  first.close();
  await connections(server, 0);
  using _next = await Deno.connect(proxy);
  await connections(server, 1);
  assertEquals([server.connections, reasons], [1, ["maxConnections", "maxConnections"]]);
});

Deno.test("SOCKS5 server drops by lists, and goes on when one throws", async () => {
  const reasons: string[] = [];
  const errors: string[] = [];
  let answer: boolean | undefined;
  await using server = createSocks5Server({
    maxConnections: 1,
    blockList: {
      check() {
        if (answer === undefined) throw new Error("out of order");
        return answer;
      },
    },
    onDrop: ({ reason }) => reasons.push(reason),
    onerror: (error) => errors.push((error as Error).message),
  });
  const proxy = server.listen();
  const knock = async (): Promise<string> => {
    using conn = await Deno.connect(proxy);
    await conn.write(hex("050100")).catch(() => {});
    const buffer = new Uint8Array(2);
    const n = await conn.read(buffer).catch(() => null);
    if (n === 2 && reasons.length === 1) {
      // While this one is served, the next one is too many.
      assertEquals(await knock(), "dropped");
    }
    return n === 2 ? "served" : "dropped";
  };
  assertEquals(await knock(), "dropped");
  answer = true;
  assertEquals(await knock(), "dropped");
  answer = false;
  assertEquals(await knock(), "served");
  assertEquals([errors, reasons], [["out of order"], ["blocked", "maxConnections"]]);
  assertThrows(() => createSocks5Server({ acceptRate: { perSecond: 0 } }), RangeError);
});

Deno.test("SOCKS5 server closes idle connections", async () => {
  await using target = echoServer();
  await using server = createSocks5Server({ idleTimeout: 30 });
  const transport = await socks5Connect(await Deno.connect(server.listen()), target.addr);
  assertEquals(await transport.read(new Uint8Array(1)).catch(() => null), null);
  transport.close();
  await connections(server, 0);
});

Deno.test("SOCKS5 server drains: connections may end by themselves for a while", async () => {
  await using target = echoServer();
  const server = createSocks5Server();
  const proxy = server.listen();
  const ending = await socks5Connect(await Deno.connect(proxy), target.addr);
  const staying = await socks5Connect(await Deno.connect(proxy), target.addr);
  const closing = server.close({ drain: 1500 });
  assertEquals(text(await echo(ending, utf8("still"))), "still");
  await assertRejects(() => Deno.connect(proxy), Deno.errors.ConnectionRefused);
  ending.close();
  await connections(server, 1);
  await closing;
  assertEquals(server.connections, 0);
  assertEquals(await staying.read(new Uint8Array(1)).catch(() => null), null);
  staying.close();
});

Deno.test("SOCKS5 server goes on when it is closed with a drain that is none", async () => {
  await using target = echoServer();
  await using server = createSocks5Server();
  const proxy = server.listen();
  for (const drain of [-1, NaN, 3e9]) {
    await assertRejects(() => server.close({ drain }), RangeError);
  }
  const transport = await socks5Connect(await Deno.connect(proxy), target.addr);
  assertEquals(text(await echo(transport, utf8("still"))), "still");
  transport.close();
});

Deno.test("SOCKS5 server that can't listen says where", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  await using server = createSocks5Server();
  assertThrows(() => server.listen({ port }), NetError, `Cannot listen on "127.0.0.1:${port}"`);
  assertThrows(() => server.listen({ port: 99_999 }), RangeError);
});

Deno.test("SOCKS5 server refuses to listen and to close by options that there are not", async () => {
  await using server = createSocks5Server();
  assertThrows(() => server.listen({ host: "::1" } as never), TypeError, "`hostname` here");
  server.listen();
  const timeout = { timeout: 1000 } as never;
  await assertRejects(() => server.close(timeout), TypeError, "`timeout` is `drain` here");
  assertEquals(server.addr.hostname, "127.0.0.1");
});

Deno.test("SOCKS5 server listens once at a time, and again after close", async () => {
  await using server = createSocks5Server();
  assertThrows(() => server.addr, NetError);
  const { port } = server.listen();
  const again = assertThrows(() => server.listen(), NetError);
  assertEquals(again.code, "ERR_SERVER_ALREADY_LISTEN");
  await using other = createSocks5Server();
  const taken = assertThrows(() => other.listen({ port }), NetError);
  assertEquals(taken.code, "EADDRINUSE");
  await server.close();
  await server.close();
  assertEquals(server.listen({ port }).port, port);
});

Deno.test("SOCKS5 server serves a transport from elsewhere", async () => {
  await using target = echoServer();
  await using server = createSocks5Server();
  const [client, accepted] = pair();
  const served = server.serve(accepted);
  const transport = await socks5Connect(client, target.addr);
  assertEquals(text(await echo(transport, utf8("memory"))), "memory");
  assertEquals(server.connections, 1);
  transport.close();
  await served;
});

Deno.test("SOCKS5 server has its clients' connections send small pieces at once", async () => {
  const server = createSocks5Server();
  const set: boolean[] = [];
  const [client, accepted] = pair();
  const served = server.serve(Object.assign(accepted, {
    setNoDelay: (on: boolean) => void set.push(on),
  }));
  assertEquals(set, [true]);
  client.close();
  await served;
});

Deno.test({
  name: "SOCKS5 server passes a reset on as one, so that half a body is not taken for all of it",
  ignore: grantedLibc() === undefined,
  fn: async () => {
    using target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using server = createSocks5Server();
    const proxy = await Deno.connect(server.listen());
    const [transport, conn] = await Promise.all([
      socks5Connect(proxy, { hostname: "127.0.0.1", port: target.addr.port }),
      target.accept(),
    ]);
    await conn.write(utf8("half"));
    assertEquals(await transport.read(new Uint8Array(9)), 4);
    assertEquals(resetConnection(grantedLibc()!, conn), true);
    conn.close();
    await assertRejects(() => transport.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    transport.close();
  },
});

Deno.test("SOCKS5 server takes the port that a client tells only with an address that is the client's", async () => {
  await using server = createSocks5Server({ udp: true });
  await using target = await createDatagramSocket().bind(0, "127.0.0.1");
  await using client = await createDatagramSocket().bind(0, "127.0.0.1");
  const to = target.address().port.toString(16).padStart(4, "0");
  // Behind a NAT, as a name, and where it will send to, as old clients have it; then two of its own.
  const foreign = ["01 c0a80102 3039", "03 03 6e6174 3039", `01 cb007107 ${to}`];
  const own = ["01 7f000001 3039", "01 00000000 3039"];
  server.listen();
  for (const told of [...foreign, ...own]) {
    using control = await Deno.connect(server.addr);
    await writeAll(control, hex(`050100 050300 ${told}`));
    const answer = new Uint8Array(12);
    for (let n = 0; n < 12;) n += (await control.read(answer.subarray(n)))!;
    assertEquals(answer[3], 0, told);
    const port = answer[10] << 8 | answer[11];
    await client.send(hex(`000000 01 7f000001 ${to} 6869`), { port, address: "127.0.0.1" });
    const received = target.receive({ timeout: own.includes(told) ? 100 : 5000 });
    if (own.includes(told)) await assertRejects(() => received, NetError);
    else assertEquals(text((await received).data), "hi", told);
  }
});

Deno.test("SOCKS5 server on both families gives IPv4 clients an IPv4 address to send datagrams to", async () => {
  await using server = createSocks5Server({ udp: true });
  await using target = await createDatagramSocket().bind(0, "127.0.0.1");
  await using client = await createDatagramSocket().bind(0, "127.0.0.1");
  const [from, to] = [client, target].map((socket) =>
    socket.address().port.toString(16).padStart(4, "0")
  );
  server.listen({ hostname: "::" });
  using control = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
  await writeAll(control, hex(`050100 050300 01 7f000001 ${from}`));
  const answer = new Uint8Array(12);
  for (let n = 0; n < 12;) n += (await control.read(answer.subarray(n)))!;
  assertEquals(answer.subarray(2, 10), hex("050000 01 7f000001"));
  const port = answer[10] << 8 | answer[11];
  await client.send(hex(`000000 01 7f000001 ${to} 6869`), { port, address: "127.0.0.1" });
  const question = await target.receive({ timeout: 5000 });
  assertEquals(text(question.data), "hi");
  await target.send(utf8("yes"), question);
  assertEquals(text((await client.receive({ timeout: 5000 })).data.subarray(10)), "yes");
});
