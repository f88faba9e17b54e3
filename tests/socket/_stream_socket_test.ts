import { assert, assertEquals, assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import type { ConfigurableTransport } from "../../net/transport_settings.ts";
import { SocketFailure } from "../../socket/_failure.ts";
import type { ReadRequest } from "../../socket/_named_socket.ts";
import { StreamSocket } from "../../socket/_stream_socket.ts";
import { transmission } from "../../socket/_transmission.ts";
import { TransmissionMode } from "../../socket/constants.ts";

const { END_MARKER, NO_MARKER, SIZE_HEADER } = TransmissionMode;
const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
const WRITE = { address: undefined, port: undefined };

function request(part: Partial<ReadRequest> = {}): ReadRequest {
  return {
    timeout: undefined,
    signal: undefined,
    maxBytes: 4096,
    receiveDelay: 0,
    encoding: undefined,
    ...part,
  };
}

function stream(transport: Transport, mode: TransmissionMode = SIZE_HEADER): StreamSocket {
  return new StreamSocket(transport, {
    transmission: transmission(mode),
    maxMessageBytes: 1000,
    maxInboxBytes: 64,
    maxSendQueueBytes: 1000,
  });
}

function rig(mode: TransmissionMode = SIZE_HEADER, options: PairOptions = {}) {
  const [here, peer] = pair(options);
  const socket = stream(here, mode);
  return {
    socket,
    peer,
    async [Symbol.asyncDispose](): Promise<void> {
      peer.close();
      await socket.close({ timeout: 100 });
    },
  };
}

Deno.test("stream socket reads nothing before somebody reads", async () => {
  await using r = rig(SIZE_HEADER, { capacity: 3 });
  assertEquals(await r.peer.write(utf8("3\r\nab")), 3);
  let taken = false;
  const writing = r.peer.write(utf8("abc")).then((n) => {
    taken = true;
    return n;
  });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(taken, false);
  assertEquals(text(await r.socket.read(request())), "abc");
  assertEquals(await writing, 3);
});

Deno.test("stream socket reads ahead up to its limit and no further", async () => {
  await using r = rig(SIZE_HEADER, { capacity: 1_000_000 });
  const big = "x".repeat(50);
  await r.peer.write(utf8(`1\r\na${`50\r\n${big}`.repeat(100)}`));
  assertEquals(text(await r.socket.read(request())), "a");
  // What was read ahead is one slab at most, far from all.
  for (let i = 0; i < 100; i++) assertEquals(text(await r.socket.read(request())), big);
});

Deno.test("stream socket: a read that gave up takes nothing from the next", async () => {
  await using r = rig();
  const controller = new AbortController();
  const aborted = r.socket.read(request({ signal: controller.signal }));
  const late = r.socket.read(request({ timeout: 5 }));
  const next = r.socket.read(request());
  controller.abort();
  const error = await assertRejects(() => aborted, NetError);
  assertEquals(error.code, "ABORT_ERR");
  assertEquals(await late, undefined);
  await r.peer.write(utf8("1\r\nx"));
  assertEquals(text(await next), "x");
  await assertRejects(() => r.socket.read(request({ signal: controller.signal })), NetError);
});

Deno.test("stream socket: what a read that gave up could not use goes to the next", async () => {
  await using r = rig(NO_MARKER);
  const controller = new AbortController();
  const aborted = r.socket.read(request({ encoding: "utf8", signal: controller.signal }));
  const next = r.socket.read(request());
  await r.peer.write(Uint8Array.of(0xc3)); // half a character
  controller.abort();
  assertEquals((await assertRejects(() => aborted, NetError)).code, "ABORT_ERR");
  assertEquals(await next, Uint8Array.of(0xc3));
});

Deno.test("stream socket: a reset is told as what it is, and not as an unfinished message", async () => {
  await using r = rig();
  await r.peer.write(utf8("5\r\nab"));
  const reading = r.socket.read(request());
  await r.socket.read(request({ timeout: 1 }));
  r.peer.reset();
  const error = await assertRejects(() => reading, NetError);
  assertEquals(error.code, "ECONNRESET");
  const again = await assertRejects(() => r.socket.read(request()), NetError);
  assertEquals(again.code, "ECONNRESET");
});

Deno.test("stream socket: after the end, what came is still to be read in any mode", async () => {
  await using r = rig(NO_MARKER);
  await r.peer.write(utf8("one;two"));
  await r.peer.closeWrite();
  assertEquals(text(await r.socket.read(request({ maxBytes: 4 }))), "one;");
  assertEquals(r.socket.finished, false);
  r.socket.transmission = transmission(END_MARKER, "w");
  assertEquals(r.socket.transmission.mode, END_MARKER);
  assertEquals(text(await r.socket.read(request())), "t");
  await assertRejects(() => r.socket.read(request()), Error, "end marker missing");
  assertEquals(r.socket.finished, true);
  const end = await assertRejects(() => r.socket.read(request()), SocketFailure);
  assertEquals(end.kind, "CLOSED_BY_PEER");
});

Deno.test("stream socket: writes of one turn leave in their order", async () => {
  await using r = rig();
  const writes = ["a", "bc", ""].map((message) => r.socket.write(utf8(message), WRITE));
  await Promise.all(writes);
  const buffer = new Uint8Array(100);
  const n = await r.peer.read(buffer);
  assertEquals(text(buffer.subarray(0, n!)), "1\r\na2\r\nbc0\r\n");
});

Deno.test("stream socket: a write that can't be done fails with why", async () => {
  await using r = rig();
  const misplaced = await assertRejects(
    () => r.socket.write(utf8("x"), { address: "127.0.0.1", port: 1 }),
    SocketFailure,
  );
  assertEquals(misplaced.kind, "WRONG_KIND");
  r.peer.reset();
  await assertRejects(async () => {
    for (let i = 0; i < 3; i++) await r.socket.write(utf8("x"), WRITE);
  }, NetError);
  await r.socket.close({});
  const closed = await assertRejects(() => r.socket.write(utf8("x"), WRITE), SocketFailure);
  assertEquals(closed.kind, "CONNECTION_LOST");
});

Deno.test("stream socket: a write to a peer whose end was read is told as that end", async () => {
  await using r = rig();
  r.peer.close();
  await assertRejects(() => r.socket.read(request()), SocketFailure);
  const error = await assertRejects(async () => {
    for (let i = 0; i < 3; i++) await r.socket.write(utf8("x"), WRITE);
  }, SocketFailure);
  assertEquals(error.kind, "CLOSED_BY_PEER");
});

Deno.test("stream socket: a write to a peer whose end was read is told so in the words of Windows, too", async () => {
  const [here, peer] = pair();
  here.write = () => Promise.reject(new Deno.errors.ConnectionAborted("aborted (os error 10053)"));
  const socket = stream(here);
  peer.close();
  await assertRejects(() => socket.read(request()), SocketFailure);
  const error = await assertRejects(() => socket.write(utf8("x"), WRITE), SocketFailure);
  assertEquals(error.kind, "CLOSED_BY_PEER");
  await socket.close({ timeout: 100 });
});

Deno.test("stream socket: close ends reads and writes, and happens once", async () => {
  await using r = rig(NO_MARKER, { capacity: 10 });
  const reading = r.socket.read(request());
  const writing = r.socket.write(new Uint8Array(100), WRITE);
  const closing = r.socket.close({ timeout: 10 });
  assert(closing === r.socket.close({}));
  for (const promise of [reading, writing]) {
    const error = await assertRejects(() => promise, SocketFailure);
    assertEquals(error.kind, "CONNECTION_LOST");
  }
  await closing;
  await assertRejects(() => r.socket.read(request()), SocketFailure);
});

Deno.test("stream socket: a timeout that is none is refused", async () => {
  await using r = rig();
  await assertRejects(() => r.socket.read(request({ timeout: -1 })), RangeError);
});

Deno.test("stream socket: what its connection refuses while it writes is set after the write", async () => {
  await using plain = rig();
  assertEquals(plain.socket.configure({ noDelay: true }), false); // it has no settings

  const [here, peer] = pair({ capacity: 8 });
  let writing = 0;
  const set: unknown[] = [];
  const told = (...what: unknown[]) => {
    if (writing > 0) throw new Error("Unable to get resources");
    set.push(what);
  };
  const write = here.write.bind(here);
  const transport: typeof here & ConfigurableTransport = Object.assign(here, {
    setNoDelay: (on: boolean) => told("noDelay", on),
    setKeepAlive: (on: boolean) => told("keepAlive", on),
    write: async (p: Uint8Array) => {
      writing++;
      try {
        return await write(p);
      } finally {
        writing--;
      }
    },
  });
  const socket = new StreamSocket(transport, {
    transmission: transmission(SIZE_HEADER),
    maxMessageBytes: 1000,
    maxInboxBytes: 64,
    maxSendQueueBytes: 1000,
  });
  const written = socket.write(new Uint8Array(100), WRITE);
  await peer.read(new Uint8Array(4));
  assertEquals(writing, 1);
  assertEquals(socket.configure({ noDelay: true }), true);
  assertEquals(socket.configure({ keepAlive: true }), true);
  assertEquals(set, []);
  for (let left = 100; left > 0;) left -= (await peer.read(new Uint8Array(left)))!;
  await written;
  assertEquals(set, [["noDelay", true], ["keepAlive", true]]);
  peer.close();
  await socket.close({ timeout: 1000 });
});
