import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { SHUT_WR, SOCK_SEQPACKET, SOCK_STREAM, SystemError } from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import { deadlineSignal } from "../../net/wait.ts";
import {
  abstractAddr,
  AF_INET,
  AF_UNIX,
  HAS_FFI,
  listenUnix,
  loopbackAddr,
  loopbackPort,
  socketPair,
} from "../_support/ffi_sockets.ts";

const options = { ignore: !HAS_FFI };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `system socket ${name}`, ...options, fn });
}

/** The descriptors of this process that are sockets, epolls and counters. */
function descriptors(): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (/socket|eventpoll|eventfd/.test(Deno.readLinkSync(`/proc/self/fd/${name}`))) count++;
    } catch {
      // the descriptor that lists the folder
    }
  }
  return count;
}

test("carries bytes both ways, in order, more than the system's buffers hold", async () => {
  const [a, b] = await socketPair();
  const sent = new Uint8Array(3_000_000).map((_, i) => i * 7 + (i >> 8));
  const send = async () => {
    for (let at = 0; at < sent.length;) at += await a.write(sent.subarray(at));
    a.shutdown(SHUT_WR);
  };
  const received = new Uint8Array(sent.length + 1);
  let total = 0;
  const receive = async () => {
    for (let n; (n = await b.read(received.subarray(total))) > 0;) total += n;
  };
  await Promise.all([send(), receive()]);
  assertEquals(total, sent.length);
  assertEquals(received.subarray(0, total), sent);
  // The other direction is still open.
  await b.write(Uint8Array.of(1, 2, 3));
  assertEquals(await a.read(received), 3);
  a.close();
  b.close();
});

test("connects over TCP, and tells both addresses", async () => {
  const libc = loadLibc("test");
  const listener = FfiSocket.create(libc, AF_INET, SOCK_STREAM, 0);
  listener.bind(loopbackAddr(0));
  listener.listen(4);
  const port = loopbackPort(listener.localAddress(16));
  const client = FfiSocket.create(libc, AF_INET, SOCK_STREAM, 0);
  const [{ socket: server, address }] = await Promise.all([
    listener.accept(16),
    client.connect(loopbackAddr(port)),
  ]);
  assertEquals(client.remoteAddress(16), loopbackAddr(port));
  assertEquals(address, client.localAddress(16));
  for (const socket of [listener, client, server]) socket.close();
});

test("reports a refused connection with its errno", async () => {
  const libc = loadLibc("test");
  const probe = FfiSocket.create(libc, AF_INET, SOCK_STREAM, 0);
  probe.bind(loopbackAddr(0));
  const port = loopbackPort(probe.localAddress(16)); // bound, but nobody listens
  const client = FfiSocket.create(libc, AF_INET, SOCK_STREAM, 0);
  const error = await assertRejects(() => client.connect(loopbackAddr(port)), SystemError);
  assertEquals([error.syscall, error.errno], ["connect", 111]);
  client.close();
  const other = FfiSocket.create(libc, AF_UNIX, SOCK_STREAM, 0);
  const refused = await assertRejects(() => other.connect(abstractAddr()), SystemError);
  assertEquals(refused.errno, 111);
  other.close();
  probe.close();
});

test("that is closed while it waits rejects, and leaves no descriptor", async () => {
  const before = descriptors();
  const [a, b] = await socketPair();
  const { socket: listener } = listenUnix();
  const waits = [a.read(new Uint8Array(8)), b.read(new Uint8Array(8)), listener.accept(110)];
  for (const socket of [a, b, listener]) socket.close();
  for (const wait of waits) {
    const error = await assertRejects(() => wait as Promise<unknown>, NetError);
    assertEquals(error.code, "ERR_SOCKET_CLOSED");
  }
  await a.settled();
  assertEquals(descriptors(), before);
});

test("that is closed refuses everything, and closes twice without harm", async () => {
  const [a, b] = await socketPair();
  a.close();
  const fresh = FfiSocket.create(loadLibc("test"), AF_UNIX, SOCK_STREAM, 0); // takes a's old descriptor
  a.close();
  assertEquals(a.closed, true);
  assertEquals(fresh.closed, false);
  fresh.bind(abstractAddr());
  assertEquals(
    (await assertRejects(() => a.read(new Uint8Array(1)), NetError)).code,
    "ERR_SOCKET_CLOSED",
  );
  assertEquals(
    (await assertRejects(() => a.write(new Uint8Array(1)), NetError)).code,
    "ERR_SOCKET_CLOSED",
  );
  assertThrows(() => a.shutdown(SHUT_WR), NetError);
  fresh.close();
  b.close();
});

test("gives up a read when the deadline passes, and can read again", async () => {
  const [a, b] = await socketPair();
  const deadline = deadlineSignal("read", { timeout: 5 });
  const error = await assertRejects(() => a.read(new Uint8Array(8), deadline), NetError);
  assertEquals(error.message, "Cannot read: timed out after 5 ms");
  const reading = a.read(new Uint8Array(8));
  await b.write(Uint8Array.of(7));
  assertEquals(await reading, 1);
  a.close();
  b.close();
});

test("gives up an accept when its signal fires, at once if it has fired before", async () => {
  const { socket: listener } = listenUnix();
  const controller = new AbortController();
  const accepting = listener.accept(110, deadlineSignal("accept", { signal: controller.signal }));
  controller.abort("enough");
  const error = await assertRejects(() => accepting, NetError);
  assertEquals([error.code, error.cause], ["ABORT_ERR", "enough"]);
  const late = deadlineSignal("accept", { signal: controller.signal });
  assertEquals((await assertRejects(() => listener.accept(110, late), NetError)).code, "ABORT_ERR");
  listener.close();
});

test("accepts several connections for several callers", async () => {
  const { socket: listener, address } = listenUnix();
  const accepting = [1, 2, 3].map(() => listener.accept(110));
  const clients = [1, 2, 3].map(() => FfiSocket.create(loadLibc("test"), AF_UNIX, SOCK_STREAM, 0));
  for (const client of clients) await client.connect(address);
  const servers = (await Promise.all(accepting)).map(({ socket }) => socket);
  assertEquals(new Set(servers.map((socket) => socket.fd)).size, 3);
  for (const socket of [listener, ...clients, ...servers]) socket.close();
});

test("waits to write while the other end does not read", async () => {
  const [a, b] = await socketPair();
  const block = new Uint8Array(65_536);
  const total = 64 * block.length;
  let written = 0;
  const writing = (async () => {
    while (written < total) written += await a.write(block.subarray(0, total - written));
  })();
  // Until it has stood still for two turns of the event loop, in which nothing else happens.
  for (let before = -1; before !== written;) {
    before = written;
    for (let i = 0; i < 2; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(written < total, "nothing held the writer back");
  for (let read = 0; read < total;) read += await b.read(block);
  await writing;
  assertEquals(written, total);
  a.close();
  b.close();
});

test("reports a write to an end that is gone, and raises no signal", async () => {
  const [a, b] = await socketPair();
  b.close();
  const error = await assertRejects(() => a.write(Uint8Array.of(1)), SystemError);
  assertEquals(error.errno, 32);
  assertEquals(await a.read(new Uint8Array(1)), 0);
  assert(a.hungUp);
  a.close();
});

test("keeps packets apart and lets timers have their turn under a flood", async () => {
  const [a, b] = await socketPair(SOCK_SEQPACKET);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  const buffer = new Uint8Array(64);
  for (let packets = 0; ticks < 3; packets++) {
    assert(packets < 20_000, "timers had no turn while 20000 packets went through");
    await a.write(Uint8Array.of(1, 2, 3));
    assertEquals(await b.read(buffer), 3);
  }
  clearInterval(timer);
  a.close();
  b.close();
});

test("throws the system's error for a family that it lacks", async () => {
  const error = assertThrows(() => loadLibc("test").socket(23, SOCK_STREAM, 0), SystemError);
  assertEquals([error.syscall, error.errno], ["socket", 97]);
  assertEquals(error.message, "socket: EAFNOSUPPORT, address family not supported");
  await Promise.resolve();
});
