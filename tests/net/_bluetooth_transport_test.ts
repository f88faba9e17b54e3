import { assertEquals, assertRejects } from "@std/assert";
import type { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { SOCK_SEQPACKET, SystemError } from "../../net/_bluetooth_sys.ts";
import { FfiTransport, type FfiTransportOptions } from "../../net/_bluetooth_transport.ts";
import { NetError } from "../../net/errors.ts";
import { TransportReader } from "../../net/reader.ts";
import type { Transport } from "../../net/transport.ts";
import { TransportWriter } from "../../net/writer.ts";
import { codeOf } from "../_support/code_of.ts";
import { HAS_FFI, socketPair } from "../_support/ffi_sockets.ts";
import { testTransportContract } from "../_support/transport_contract.ts";
import fc from "fast-check";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `system transport ${name}`, ignore: !HAS_FFI, fn });
}

const ADDR: FfiTransportOptions = {
  localAddr: { transport: "bluetooth", address: "here", port: 1 },
  remoteAddr: { transport: "bluetooth", address: "there", port: 2 },
};

const PACKETS: FfiTransportOptions = { ...ADDR, packets: { outgoing: 10, incoming: 10 } };

async function transportPair(
  options: FfiTransportOptions = ADDR,
): Promise<[FfiTransport, FfiTransport]> {
  const [a, b] = await socketPair(options.packets && SOCK_SEQPACKET);
  return [new FfiTransport(a, options), new FfiTransport(b, options)];
}

testTransportContract("system transport", () => transportPair(), { ignore: !HAS_FFI });

/** A socket whose reads and writes give these results in turn: a count, or an errno. */
function scripted(results: number[], hungUp = true): FfiSocket {
  const next = () => {
    const result = results.shift() ?? 0;
    return result < 0 ? Promise.reject(new SystemError("read", -result)) : Promise.resolve(result);
  };
  let closed = false;
  return {
    get closed() {
      return closed;
    },
    hungUp,
    read: next,
    write: next,
    shutdown() {},
    close: () => closed = true,
    settled: () => Promise.resolve(),
  } as unknown as FfiSocket;
}

test("is one for the reader and the writer", async () => {
  const [a, b] = await transportPair();
  const writer = new TransportWriter(a);
  const sent = new Uint8Array(300_000).map((_, i) => i * 13);
  const received = new Uint8Array(sent.length + 1);
  let total = 0;
  const end = Promise.withResolvers<void>();
  const reader = new TransportReader(b, {
    data(chunk) {
      received.set(chunk, total);
      total += chunk.length;
    },
    end: end.resolve,
    error: end.reject,
  });
  reader.start();
  writer.write(sent);
  await writer.end();
  await end.promise;
  assertEquals(received.subarray(0, total), sent);
  assertEquals([a.localAddr, a.remoteAddr], [ADDR.localAddr, ADDR.remoteAddr]);
  await a[Symbol.asyncDispose]();
  await b[Symbol.asyncDispose]();
});

test("ends its writing half alone where the socket can", async () => {
  const [a, b] = await transportPair();
  const buffer = new Uint8Array(8);
  await a.closeWrite();
  await a.closeWrite();
  assertEquals(await b.read(buffer), null);
  assertEquals(await b.read(buffer), null);
  await b.write(Uint8Array.of(5));
  assertEquals(await a.read(buffer), 1);
  assertEquals(await codeOf(a.write(Uint8Array.of(1))), "EPIPE");
  a.close();
  b.close();
});

test("reads and writes nothing at once", async () => {
  const [a, b] = await transportPair();
  assertEquals(await a.read(new Uint8Array(0)), 0);
  assertEquals(await a.write(new Uint8Array(0)), 0);
  using _a = a;
  using _b = b;
});

test("rejects what waits when it is closed, and everything afterwards", async () => {
  const [a, b] = await transportPair();
  const reading = a.read(new Uint8Array(8));
  a.close();
  a.close();
  assertEquals(await codeOf(reading), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(a.read(new Uint8Array(8))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(a.read(new Uint8Array(0))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(a.write(new Uint8Array(8))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(a.closeWrite()), "ERR_SOCKET_CLOSED");
  assertEquals(await b.read(new Uint8Array(8)), null);
  const error = await assertRejects(() => b.write(new Uint8Array(8)), NetError);
  assertEquals(error.message, 'Cannot write to "there": EPIPE, broken pipe');
  assertEquals([error.code, error.address, error.port], ["EPIPE", "there", 2]);
  b.close();
});

test("joins packets that are read in pieces, and cuts those that are too long", async () => {
  const [a, b] = await transportPair(PACKETS);
  assertEquals(a.mtu, 10);
  assertEquals(await a.write(new Uint8Array(25)), 10);
  await a.write(Uint8Array.of(1, 2, 3));
  const buffer = new Uint8Array(20);
  assertEquals(await b.read(buffer.subarray(0, 4)), 4);
  assertEquals(await b.read(buffer), 6); // the rest of the first packet, and no more
  assertEquals(await b.read(buffer), 3);
  assertEquals(buffer.subarray(0, 3), Uint8Array.of(1, 2, 3));
  a.close();
  assertEquals(await b.read(buffer), null);
  b.close();
});

test("gives the same bytes for any sizes of packets and reads", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(sizes, sizes, async (writes, reads) => {
      const [a, b] = await transportPair(PACKETS);
      const sent = new Uint8Array(writes.reduce((sum, size) => sum + size)).map((_, i) => i);
      let at = 0;
      for (const size of writes) {
        for (const end = at + size; at < end;) at += await a.write(sent.subarray(at, end));
      }
      a.close();
      const received: number[] = [];
      for (let i = 0;; i++) {
        const buffer = new Uint8Array(reads[i % reads.length]);
        const count = await b.read(buffer);
        if (count === null) break;
        received.push(...buffer.subarray(0, count));
      }
      assertEquals(Uint8Array.from(received), sent);
      await b[Symbol.asyncDispose]();
    }),
    { numRuns: 50 },
  );
});

test("skips empty packets", async () => {
  const [a, b] = await socketPair(SOCK_SEQPACKET);
  const reader = new FfiTransport(b, PACKETS);
  for (const packet of [[], [1], [], [], [2, 3]]) await a.write(Uint8Array.from(packet));
  const buffer = new Uint8Array(16);
  assertEquals(await reader.read(buffer), 1);
  assertEquals(await reader.read(buffer), 2);
  const reading = reader.read(buffer);
  await a.write(new Uint8Array(0));
  a.close();
  assertEquals(await reading, null);
  reader.close();
});

test("reads the packets that Linux gives after the peer's close", async () => {
  // L2CAP: the close first, then what had come before it.
  const transport = new FfiTransport(scripted([0, 7, 8, 0]), PACKETS);
  const buffer = new Uint8Array(16);
  assertEquals(await transport.read(buffer), 7);
  assertEquals(await transport.read(buffer), 8);
  assertEquals(await transport.read(buffer), null);
});

test("takes a reset for the end where it means that", async () => {
  const reads = async (results: number[], options: FfiTransportOptions) => {
    const transport: Transport = new FfiTransport(scripted(results), options);
    const buffer = new Uint8Array(16);
    assertEquals(await transport.read(buffer), results.length > 0 ? 3 : null);
    return await transport.read(buffer);
  };
  assertEquals(await reads([3, -104], { ...ADDR, resetIsEnd: true }), null);
  assertEquals(await codeOf(reads([3, -104], ADDR)), "ECONNRESET");
  assertEquals(await codeOf(reads([3, -110], { ...ADDR, resetIsEnd: true })), "ETIMEDOUT");
});

test("takes 'not connected' for the end once it has ended itself", async () => {
  const transport = new FfiTransport(scripted([-107]), ADDR);
  await transport.closeWrite();
  assertEquals(await transport.read(new Uint8Array(4)), null);
  assertEquals(
    await codeOf(new FfiTransport(scripted([-107]), ADDR).read(new Uint8Array(4))),
    "ENOTCONN",
  );
});
