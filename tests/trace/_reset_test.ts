import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects } from "@std/assert";
import { pair } from "../../net/pair.ts";
import { canReset, resetConnection, ResettableTransport } from "../../trace/_reset.ts";

const linux = Deno.build.os === "linux";

async function connected(hostname: string): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const listener = Deno.listen({ hostname, port: 0 });
  const [a, b] = await Promise.all([
    Deno.connect({ hostname, port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  return [a, b];
}

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test({
    name: `a connection over ${hostname} is reset, and what was written before still arrives`,
    ignore: !linux,
    async fn() {
      const [a, b] = await connected(hostname);
      await a.write(Uint8Array.of(1, 2, 3));
      const reading = assertRejects(() => a.read(new Uint8Array(1)));
      assert(canReset(a));
      assert(resetConnection(a));
      a.close();
      await reading;
      const p = new Uint8Array(8);
      assertEquals(await b.read(p), 3);
      const error = await b.read(p).then(() => undefined, (reason) => reason);
      assertInstanceOf(error, Deno.errors.ConnectionReset);
      b.close();
    },
  });
}

Deno.test({
  name: "only the connection that was meant is reset",
  ignore: !linux,
  async fn() {
    const [a, b] = await connected("127.0.0.1");
    const [c, d] = await connected("127.0.0.1");
    assert(resetConnection(c));
    await a.write(Uint8Array.of(9));
    assertEquals(await b.read(new Uint8Array(8)), 1);
    assertFalse(
      resetConnection({ ...pair()[0], localAddr: a.localAddr, remoteAddr: c.localAddr } as never),
    );
    for (const conn of [a, b, c, d]) conn.close();
  },
});

Deno.test("what is not TCP can't be reset", () => {
  const [a, b] = pair();
  assertFalse(canReset(a));
  assertFalse(resetConnection(a));
  a.close();
  b.close();
});

Deno.test("a resettable transport is the connection, and closes once", async () => {
  const [a, b] = await connected("127.0.0.1");
  const transport = new ResettableTransport(a);
  assertEquals(transport.resets, linux);
  assertEquals(transport.localAddr, a.localAddr);
  assertEquals(transport.remoteAddr, a.remoteAddr);
  assertEquals(await transport.write(Uint8Array.of(1)), 1);
  assertEquals(await b.read(new Uint8Array(1)), 1);
  await b.write(Uint8Array.of(1, 2));
  assertEquals(await transport.read(new Uint8Array(9)), 2);
  await transport.closeWrite();
  assertEquals(await b.read(new Uint8Array(1)), null);
  transport.reset();
  transport.reset();
  transport.close();
  b.close();
});

Deno.test("what was written has arrived when the other end's system has it", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const [a, b] = await connected("127.0.0.1");
  const transport = new ResettableTransport(a);
  await transport.arrived();
  // More than the other end's system takes as long as nobody reads.
  let sent = 0;
  const writing = (async () => {
    while (sent < 1 << 23) sent += await transport.write(new Uint8Array(1 << 16));
  })();
  let got = (await b.read(new Uint8Array(1)))!;
  let there = false;
  const arrived = transport.arrived().then(() => there = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertFalse(there);
  const reading = (async () => {
    const p = new Uint8Array(1 << 16);
    for (let n; (n = await b.read(p).catch(() => null)) !== null;) got += n;
  })();
  await Promise.all([writing, arrived]);
  await transport.arrived();
  transport.reset();
  await reading;
  assertEquals(got, sent);
  b.close();
});

Deno.test("nobody waits for what is to arrive once the connection is closed", async () => {
  const [a, b] = await connected("127.0.0.1");
  const transport = new ResettableTransport(a);
  const writing = (async () => {
    for (;;) await transport.write(new Uint8Array(1 << 20));
  })().catch(() => {});
  await b.read(new Uint8Array(1));
  const arrived = transport.arrived();
  await new Promise((resolve) => setTimeout(resolve, 20));
  transport.close();
  await Promise.all([arrived, writing]);
  await transport.arrived();
  b.close();
});

Deno.test("a resettable transport over something else closes instead", async () => {
  const [a, b] = pair();
  const transport = new ResettableTransport(a);
  assertFalse(transport.resets);
  await transport.arrived();
  transport.reset();
  assertEquals(await b.read(new Uint8Array(1)), null);
  b.close();
});
