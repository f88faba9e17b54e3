import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects } from "@std/assert";
import { Duplex } from "node:stream";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import type { TransportExtras } from "../../net/_transport_extras.ts";
import { NetError } from "../../net/errors.ts";
import { NodeTransport, TransportDuplex } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";
import { ResettableTransport } from "../../net/resettable_transport.ts";
import type { Transport } from "../../net/transport.ts";
import { tcpPair } from "../_support/tcp_pair.ts";
import { testTransportContract } from "../_support/transport_contract.ts";

const possible = grantedLibc() !== undefined;

testTransportContract("resettable transport", () => {
  const [here, there] = pair();
  return [new ResettableTransport(here), there];
});

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test({
    name: `a connection over ${hostname} is reset, and what was written before still arrives`,
    ignore: !possible,
    async fn() {
      const [a, b] = await tcpPair(hostname);
      await a.write(Uint8Array.of(1, 2, 3));
      const reading = assertRejects(() => a.read(new Uint8Array(1)));
      const transport = new ResettableTransport(a);
      assert(transport.resets);
      transport.reset();
      await reading;
      const p = new Uint8Array(8);
      assertEquals(await b.read(p), 3);
      const error = await b.read(p).then(() => undefined, (reason) => reason);
      assertInstanceOf(error, Deno.errors.ConnectionReset);
      b.close();
    },
  });
}

Deno.test("a resettable transport is the connection, and closes once", async () => {
  const [a, b] = await tcpPair("127.0.0.1");
  const transport = new ResettableTransport(a);
  assertEquals(transport.resets, possible);
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
  ignore: !possible,
}, async () => {
  const [a, b] = await tcpPair("127.0.0.1");
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
  const [a, b] = await tcpPair("127.0.0.1");
  const transport = new ResettableTransport(a);
  const writing = (async () => {
    for (;;) await transport.write(new Uint8Array(1 << 20));
  })().catch(() => {});
  await b.read(new Uint8Array(1));
  const arrived = transport.arrived();
  await new Promise((resolve) => setTimeout(resolve, 20));
  let told = false;
  arrived.then(() => told = true);
  transport.close();
  // At once, and not when it would have asked again.
  for (let turns = 0; turns < 10; turns++) await undefined;
  assert(told);
  await writing;
  await transport.arrived();
  b.close();
});

Deno.test("a resettable transport uses the reset of what it stands before", async () => {
  const [a, b] = pair();
  const transport = new ResettableTransport(a);
  assert(transport.resets);
  await transport.arrived();
  transport.reset();
  const error = await assertRejects(() => b.read(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ECONNRESET");
  b.close();
});

Deno.test("a resettable transport closes instead where nothing can reset", {
  permissions: { net: true, ffi: false },
}, async () => {
  const [a, b] = await tcpPair("127.0.0.1");
  const transport = new ResettableTransport(a);
  assertFalse(transport.resets);
  await transport.arrived();
  transport.reset();
  assertEquals(await b.read(new Uint8Array(1)), null);
  b.close();
});

Deno.test("a resettable transport can be set to what the one below can", async () => {
  const [a, b] = await tcpPair("127.0.0.1");
  const over: Transport & TransportExtras = new ResettableTransport(a);
  over.setNoDelay!(true);
  over.unref!();
  over.ref!();
  const [c, d] = pair();
  assertEquals((new ResettableTransport(c) as TransportExtras).setNoDelay, undefined);
  for (const it of [over, b, c, d]) it.close();
});

Deno.test("a transport duplex sees the bytes of a large write pass through a resettable transport", async () => {
  const stream = new Duplex({
    read() {},
    // It takes all at once, and is slow: 64 KiB in 10 ms.
    write(chunk: Uint8Array, _encoding, callback) {
      setTimeout(callback, chunk.length / 65_536 * 10);
    },
  });
  const transport = new ResettableTransport(new NodeTransport(stream));
  const duplex = new TransportDuplex(transport, { writeTimeout: 200 });
  await new Promise<void>((resolve, reject) => {
    duplex.write(new Uint8Array(65_536 * 30), (error) => error ? reject(error) : resolve());
  });
  duplex.destroy();
});
