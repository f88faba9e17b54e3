import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { Limits } from "../../net/limits.ts";
import { pair, type PairEnd, type PairOptions } from "../../net/pair.ts";
import { type DecodedFrame, decodeFrame, encodeFrame } from "../../websocket/frame.ts";
import { Departures } from "../../socketio/_departures.ts";
import type { EngineWebSocketHost } from "../../socketio/_exchange.ts";
import { RawSocket, type RawSocketOptions } from "../../socketio/_raw_socket.ts";
import { shareMessage } from "../../socketio/_shared_message.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { joined, toBytes } from "../_support/websocket_rig.ts";

/** Keeps what a socket tells. */
class Host implements EngineWebSocketHost {
  readonly messages: (string | Uint8Array)[] = [];
  readonly closes: (Error | undefined)[] = [];
  drains = 0;
  readonly closed = Promise.withResolvers<Error | undefined>();
  readonly drained = Promise.withResolvers<void>();
  onMessage: ((data: string | Uint8Array) => void) | undefined;

  onSocketMessage(data: string | Uint8Array): void {
    this.messages.push(data);
    this.onMessage?.(data);
  }
  onSocketDrain(): void {
    this.drains++;
    this.drained.resolve();
  }
  onSocketClose(error: Error | undefined): void {
    this.closes.push(error);
    this.closed.resolve(error);
  }
}

interface Rig {
  socket: RawSocket;
  host: Host;
  peer: PairEnd;
  departures: Departures;
  /** The sizes of all writes of the socket. */
  writes: number[];
  /** Sends a frame as a client does. */
  send(opcode: number, data?: string | Uint8Array): Promise<unknown>;
  /** The next frame of the socket; `undefined` at the end. */
  read(): Promise<DecodedFrame | undefined>;
}

function masked(opcode: number, data: string | Uint8Array = ""): Uint8Array {
  return encodeFrame(toBytes(data), { opcode, maskKey: 0x5ca1ab1e });
}

function rig(
  options: {
    wire?: PairOptions;
    rest?: Uint8Array;
    max?: number;
    onRead?: (into: Uint8Array) => void;
    more?: Partial<RawSocketOptions>;
  } = {},
): Rig {
  const [transport, peer] = pair(options.wire);
  const read = transport.read.bind(transport);
  transport.read = (into) => {
    options.onRead?.(into);
    return read(into);
  };
  const writes: number[] = [];
  const write = transport.write.bind(transport);
  transport.write = (bytes) => {
    writes.push(bytes.length);
    return write(bytes);
  };
  const departures = new Departures(60_000);
  const socket = new RawSocket(transport, options.rest ?? new Uint8Array(0), {
    maxMessageSize: options.max ?? 1_000,
    departures,
    deflate: undefined,
    ...options.more,
  });
  let buffer: Uint8Array = new Uint8Array(0);
  return {
    socket,
    host: new Host(),
    peer,
    departures,
    writes,
    send: (opcode, data) => peer.write(masked(opcode, data)),
    async read() {
      const into = new Uint8Array(65_536);
      for (;;) {
        const frame = decodeFrame(buffer);
        if ("payload" in frame) {
          buffer = buffer.subarray(frame.size);
          return frame;
        }
        const n = await peer.read(into);
        if (n === null) return undefined;
        buffer = joined(buffer, into.slice(0, n));
      }
    },
  };
}

/** A close frame's code. */
function codeOf(frame: DecodedFrame | undefined): number {
  assertEquals(frame?.opcode, 8);
  return frame!.payload[0] << 8 | frame!.payload[1];
}

const textOf = (frame: DecodedFrame | undefined): string =>
  new TextDecoder().decode(frame?.payload);

Deno.test("raw socket carries text and bytes both ways, and closes in order", async () => {
  const { socket, host, send, read, departures } = rig();
  socket.start(host);
  await send(1, "héllo");
  await send(2, new Uint8Array([1, 2, 3]));
  socket.send("wörld");
  socket.send(new Uint8Array([4, 5]));
  const first = await read();
  assertEquals([first?.opcode, textOf(first)], [1, "wörld"]);
  const second = await read();
  assertEquals([second?.opcode, second?.payload], [2, new Uint8Array([4, 5])]);
  await send(8, new Uint8Array([0x03, 0xe8]));
  assertEquals(codeOf(await read()), 1000);
  assertEquals(await read(), undefined);
  assertEquals(await host.closed.promise, undefined);
  assertEquals(host.messages, ["héllo", new Uint8Array([1, 2, 3])]);
  departures.terminate();
  await departures.wait();
});

Deno.test("raw socket reads to where text was, and never over bytes that it handed on", async () => {
  for (const size of [1, 7, 50, 130, 1_000]) {
    const { socket, host, peer } = rig();
    socket.start(host);
    const sent: (string | Uint8Array)[] = [];
    for (let i = 0; i < 60; i++) {
      const text = `text ${i} é`.repeat(1 + i % 9);
      sent.push(i % 7 === 3 ? new TextEncoder().encode(text) : text);
    }
    const frames = sent.map((data) => masked(typeof data === "string" ? 1 : 2, data));
    const bytes = joined(...frames, masked(9, "ping"));
    for (let at = 0; at < bytes.length; at += size) await peer.write(bytes.slice(at, at + size));
    peer.close();
    await host.closed.promise;
    assertEquals(host.messages, sent, `in pieces of ${size} bytes`);
  }
});

Deno.test("raw socket that gets small texts needs one small buffer", async () => {
  const buffers = new Set<ArrayBufferLike>();
  const { socket, host, send, peer } = rig({ onRead: (into) => buffers.add(into.buffer) });
  socket.start(host);
  for (let i = 0; i < 100; i++) {
    const came = new Promise<void>((resolve) => host.onMessage = () => resolve());
    await send(1, `text ${i}`);
    await came;
  }
  assertEquals([host.messages.length, buffers.size], [100, 1]);
  peer.close();
  await host.closed.promise;
});

Deno.test("raw socket writes its greeting in front, and takes what came behind the handshake", async () => {
  const { socket, host, read, peer } = rig({ rest: joined(masked(1, "early"), masked(9, "p")) });
  socket.greet("HTTP/1.1 101 \xe9\r\n\r\n");
  assertEquals(host.messages, [], "nothing is handed on before start");
  socket.start(host);
  assertEquals(host.messages, ["early"]);
  const greeting = new Uint8Array(18);
  for (let at = 0; at < greeting.length;) at += (await peer.read(greeting.subarray(at)))!;
  assertEquals(String.fromCharCode(...greeting), "HTTP/1.1 101 \xe9\r\n\r\n");
  const pong = await read();
  assertEquals([pong?.opcode, textOf(pong)], [10, "p"]);
  socket.terminate();
});

Deno.test("raw socket answers what came in one read with one write", async () => {
  const { socket, host, peer, read, writes } = rig();
  host.onMessage = (data) => socket.send(`echo ${data}`);
  socket.start(host);
  await peer.write(joined(masked(1, "a"), masked(1, "b"), masked(1, "c")));
  assertEquals([textOf(await read()), textOf(await read())], ["echo a", "echo b"]);
  assertEquals(textOf(await read()), "echo c");
  assertEquals(writes.length, 1);
  socket.terminate();
});

Deno.test("raw socket joins the shared frames of a turn, and keeps their order among others", async () => {
  const { socket, host, read, writes } = rig();
  socket.start(host);
  const [one, two, three] = ["1", "2", "3"].map((data) => shareMessage(data, {}));
  socket.sendShared(one);
  socket.sendShared(two);
  assertEquals(writes, [], "the turn is not over");
  assertEquals(socket.queued, one.frame.length + two.frame.length, "but they are counted");
  assertEquals([textOf(await read()), textOf(await read())], ["41", "42"]);
  assertEquals(writes, [one.frame.length + two.frame.length]);
  socket.sendShared(three);
  socket.send("after");
  assertEquals([textOf(await read()), textOf(await read())], ["43", "after"]);
  socket.sendShared(one);
  socket.close();
  assertEquals(textOf(await read()), "41", "what waits leaves before the close frame");
  assertEquals((await read())?.opcode, 8);
  socket.terminate();
});

Deno.test("raw sockets of a large room get what nothing follows, and what is sent to others meanwhile", async () => {
  const rigs = Array.from({ length: 300 }, () => rig());
  const [room, others] = [rigs.slice(0, 290), rigs.slice(290)];
  for (const { socket, host } of rigs) socket.start(host);
  const tell = (to: Rig[], text: string) => {
    const message = shareMessage(text, {});
    for (const { socket } of to) socket.sendShared(message);
  };
  tell(room, "news");
  // The first of them are served by now.
  for (let hops = 0; hops < 3; hops++) await Promise.resolve();
  tell(others, "others");
  const got = await Promise.all(rigs.map(async ({ read }) => textOf(await read())));
  assertEquals(got, [...room.map(() => "4news"), ...others.map(() => "4others")]);
  for (const { socket } of rigs) socket.terminate();
});

Deno.test("raw socket that was closed in order has no error, though the other side ends at once", async () => {
  for (const first of ["socket", "peer"]) {
    const { socket, host, send, peer, read } = rig();
    socket.start(host);
    if (first === "socket") {
      socket.close(1000);
      assertEquals((await read())?.opcode, 8);
    }
    await Promise.all([send(8, new Uint8Array([0x03, 0xe8])), peer.closeWrite()]);
    assertEquals([await host.closed.promise, host.closes.length], [undefined, 1], first);
  }
});

Deno.test("raw socket answers the last of the pings that came while the other side did not read", async () => {
  const { socket, host, send, read } = rig({ wire: { capacity: 1_000 } });
  socket.start(host);
  socket.send(new Uint8Array(70_000));
  for (const ping of ["a", "b", "c"]) await send(9, ping);
  await settle();
  assertEquals((await read())?.payload.length, 70_000);
  const { opcode, payload } = (await read())!;
  assertEquals([opcode, new TextDecoder().decode(payload)], [10, "c"]);
  socket.terminate();
});

Deno.test("raw sockets of a large room get all in order, over several turns, though some are slow", async () => {
  const rigs = Array.from(
    { length: 300 },
    (_, i) => rig({ wire: { capacity: i % 3 === 0 ? 16 : 65_536 } }),
  );
  const expected: string[][] = rigs.map(() => []);
  for (const { socket, host } of rigs) socket.start(host);
  const all = (text: string) => {
    const message = shareMessage(text, {});
    rigs.forEach(({ socket }, i) => {
      expected[i].push(`4${text}`);
      socket.sendShared(message);
    });
  };
  const one = (i: number, text: string) => {
    expected[i].push(text);
    rigs[i].socket.send(text);
  };
  const reading = rigs.map(async ({ read }) => {
    const got: string[] = [];
    for (let frame; (frame = await read())?.opcode === 1;) got.push(textOf(frame));
    return got;
  });
  for (let round = 0; round < 20; round++) {
    all(`news ${round}`);
    // In the middle of what goes out: before, behind and at those that were served.
    if (round % 2 === 0) { for (let hops = round; hops > 0; hops--) await Promise.resolve(); }
    for (const i of [0, 7, 8, 150, 299]) one(i, `only you ${round}`);
    if (round % 3 === 0) all(`more ${round}`);
    if (round % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  for (const { socket } of rigs) socket.close();
  assertEquals(await Promise.all(reading), expected);
  for (const { socket } of rigs) socket.terminate();
});

Deno.test("raw socket writes a text in two parts as it writes the whole, of whatever length and kind", async () => {
  const { socket, host, read } = rig();
  socket.start(host);
  for (const filler of ["x", "é", "€", "😀"]) {
    for (const units of [0, 1, 40, 41, 60, 62, 123, 124, 126, 400, 8_189, 8_190, 8_191, 22_000]) {
      const body = filler.repeat(units).slice(0, units);
      socket.sendText(`42/${filler},`, body);
      socket.send(`42/${filler},${body}`);
      const [parts, whole] = [await read(), await read()];
      assertEquals(parts, whole, `${units} of ${filler}`);
      assertEquals(parts?.opcode, 1);
    }
  }
  socket.sendShared(shareMessage("first", {}));
  socket.sendText("4", "second");
  assertEquals([textOf(await read()), textOf(await read())], ["4first", "4second"]);
  socket.terminate();
  socket.sendText("4", "late");
  assertEquals(socket.queued, 0);
});

Deno.test("raw socket that was terminated drops the shared frames that waited", async () => {
  const { socket, host, read, writes } = rig();
  socket.start(host);
  socket.sendShared(shareMessage("late", {}));
  socket.terminate();
  assertEquals(await read(), undefined);
  assertEquals(writes, []);
  socket.send("later");
  socket.sendShared(shareMessage("last", {}));
  await Promise.resolve();
  assertEquals([writes, socket.queued], [[], 0]);
});

Deno.test("raw socket closes with code and reason, and sends nothing afterwards", async () => {
  const { socket, host, send, read, departures } = rig();
  socket.start(host);
  socket.close(1001, "bye");
  socket.close(1008, "again");
  socket.send("too late");
  socket.sendShared(shareMessage("too late", {}));
  const frame = await read();
  assertEquals(codeOf(frame), 1001);
  assertEquals(new TextDecoder().decode(frame!.payload.subarray(2)), "bye");
  await send(8, frame!.payload);
  assertEquals(await read(), undefined);
  assertEquals(await host.closed.promise, undefined);
  socket.close();
  socket.terminate();
  assertEquals(host.closes.length, 1);
  departures.terminate();
  await departures.wait();
});

Deno.test("raw socket that waits for the other side's close frame can be ended by force", async () => {
  const { socket, host, read, departures } = rig();
  socket.start(host);
  socket.close(1000);
  assertEquals(codeOf(await read()), 1000);
  assertEquals(host.closes, []);
  departures.terminate();
  await departures.wait();
  assertEquals(host.closes.length, 1);
  assertEquals(await read(), undefined);
});

const faults: Record<string, [frame: Uint8Array, code: number]> = {
  "a frame without a mask": [encodeFrame(toBytes("x"), { opcode: 1 }), 1002],
  "text that is not UTF-8": [masked(1, new Uint8Array([0xc3, 0x28])), 1007],
  "a message above the limit": [masked(2, new Uint8Array(1_001)), 1009],
};
for (const [what, [frame, code]] of Object.entries(faults)) {
  Deno.test(`raw socket refuses ${what} with a close frame, and waits for the end`, async () => {
    const { socket, host, peer, read, departures } = rig();
    socket.start(host);
    await peer.write(frame);
    assertEquals(codeOf(await read()), code);
    assertInstanceOf(await host.closed.promise, Error);
    assertEquals(await read(), undefined);
    await peer.write(masked(1, "ignored"));
    await peer.closeWrite();
    await departures.wait();
    assertEquals([host.closes.length, host.messages], [1, []]);
  });
}

Deno.test("raw socket that failed can be ended by force where the other side stays", async () => {
  const { socket, host, peer, read, departures } = rig();
  socket.start(host);
  await peer.write(encodeFrame(toBytes("x"), { opcode: 1 }));
  assertEquals([codeOf(await read()), await read()], [1002, undefined]);
  await peer.write(masked(1, "ignored"));
  departures.terminate();
  await assertRejects(() => peer.write(masked(1, "nobody is there")));
  assertEquals([host.closes.length, host.messages], [1, []]);
});

Deno.test("raw socket that failed ends once its close frame has gone, though the other side ended before", async () => {
  const { socket, host, peer, read, departures } = rig({ wire: { capacity: 1_000 } });
  socket.start(host);
  socket.send(new Uint8Array(5_000));
  const refused = peer.write(encodeFrame(toBytes("x"), { opcode: 1 }));
  await Promise.all([refused, peer.closeWrite(), host.closed.promise]);
  assert(socket.queued > 0, "the close frame waits for the other side to read");
  assertEquals((await read())?.payload.length, 5_000);
  assertEquals(codeOf(await read()), 1002);
  assertEquals(await read(), undefined);
  await departures.wait();
  assertEquals(host.closes.length, 1);
});

Deno.test("raw socket takes a message of exactly the limit", async () => {
  const { socket, host, send, peer } = rig();
  socket.start(host);
  await send(2, new Uint8Array(1_000));
  peer.close();
  await host.closed.promise;
  assertEquals(host.messages, [new Uint8Array(1_000)]);
});

Deno.test("raw socket reports an end without a close frame, and a reset with its cause", async () => {
  for (const how of ["close", "reset"] as const) {
    const { socket, host, peer } = rig();
    socket.start(host);
    peer[how]();
    const error = await host.closed.promise;
    assertInstanceOf(error, SocketIoError);
    assertEquals(error.code, "ERR_TRANSPORT");
    assertMatch(error.message, how === "close" ? /left without closing/ : /connection failed/);
    assertEquals(
      (error.cause as { code?: string } | undefined)?.code,
      {
        close: undefined,
        reset: "ECONNRESET",
      }[how],
    );
    assertEquals(host.closes.length, 1);
  }
});

Deno.test("raw socket of a host that throws ends, and the host is told", async () => {
  const { socket, host, send, read } = rig();
  const thrown = new Error("the host's own");
  host.onMessage = () => {
    throw thrown;
  };
  socket.start(host);
  await send(1, "x");
  assertEquals((await host.closed.promise)?.cause, thrown);
  assertEquals(await read(), undefined);
});

Deno.test("raw socket that closed before it was started says so at the start", () => {
  const { socket, host } = rig({ rest: masked(1, "x") });
  socket.terminate();
  socket.terminate();
  socket.start(host);
  assertEquals([host.closes, host.messages], [[undefined], []]);
});

Deno.test("raw socket is full above its mark, and tells when there is room again", async () => {
  const { socket, host, read } = rig({ wire: { capacity: 1_000 } });
  socket.start(host);
  assert(!socket.full);
  const message = new Uint8Array(70_000).fill(7);
  socket.send(message);
  assert(socket.full);
  assert(socket.queued >= 70_000);
  assertEquals(host.drains, 0);
  assertEquals((await read())?.payload, message);
  await host.drained.promise;
  assertEquals([host.drains, socket.full], [1, false]);
  socket.terminate();
});

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The start of a message that is to go on. */
function begun(text: string): Uint8Array {
  return encodeFrame(toBytes(text), { opcode: 1, fin: false, maskKey: 7 });
}

/** A queue of deadlines that a test runs out. */
class Deadlines {
  readonly running = new Set<RawSocket>();
  start(socket: RawSocket): void {
    this.running.add(socket);
  }
  stop(socket: RawSocket): void {
    this.running.delete(socket);
  }
}

Deno.test("raw socket gives a message its time, and every message anew", async () => {
  const messageDelay = new Deadlines();
  const { socket, host, peer, read } = rig({ more: { messageDelay } });
  socket.start(host);
  await peer.write(begun("half"));
  await settle();
  assertEquals(messageDelay.running.size, 1);
  await peer.write(encodeFrame(toBytes(" done"), { opcode: 0, maskKey: 7 }));
  await settle();
  assertEquals([messageDelay.running.size, host.messages], [0, ["half done"]]);
  await peer.write(begun("never"));
  await settle();
  for (const late of messageDelay.running) late.overdue();
  assertEquals(codeOf(await read()), 1008);
  assert(await host.closed.promise instanceof Error);
  socket.terminate();
  assertEquals(messageDelay.running.size, 0);
});

for (const blame of ["limits", "peer"] as const) {
  Deno.test(`raw socket gives a message that the limits hold back its time twice, no more, and blames the ${blame}`, async () => {
    const limits = new Limits({ receivedBytes: 100 });
    const other = { onRoom() {} };
    const messageDelay = new Deadlines();
    const messageTimeout = blame === "limits" ? 1 : 60_000;
    const { socket, host, peer, read } = rig({ more: { limits, messageDelay, messageTimeout } });
    const overdue = () => [...messageDelay.running].forEach((late) => late.overdue());
    socket.start(host);
    for (const end of [" whole", undefined]) {
      limits.receivedBytes.add(500);
      limits.receivedBytes.ask(other);
      await peer.write(begun("half"));
      await settle();
      assertEquals(limits.receivedBytes.waiting, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (blame === "peer" || end !== undefined) {
        limits.receivedBytes.leave(other);
        limits.receivedBytes.remove(500);
        await settle();
        assertEquals(limits.receivedBytes.waiting, 0);
      }
      overdue();
      await settle();
      assertEquals([messageDelay.running.size, host.closes.length], [1, 0]);
      if (end !== undefined) {
        await peer.write(encodeFrame(toBytes(end), { opcode: 0, maskKey: 7 }));
        await settle();
        assertEquals([messageDelay.running.size, host.messages], [0, ["half whole"]]);
      }
    }
    overdue();
    assertEquals(codeOf(await read()), blame === "limits" ? 1013 : 1008);
    assert(await host.closed.promise instanceof Error);
    socket.terminate();
    assertEquals([messageDelay.running.size, limits.receivedBytes.waiting], [0, 0]);
  });
}

Deno.test("raw socket tells whether a message is coming, and more of it than before", async () => {
  const limits = new Limits({ receivedBytes: 100 });
  const { socket, host, peer, send } = rig({ more: { limits } });
  socket.start(host);
  assertEquals(socket.advanced(), false);
  await send(1, "whole");
  await settle();
  assertEquals([host.messages, socket.advanced()], [["whole"], false]);
  await peer.write(begun("half"));
  await settle();
  assertEquals([socket.advanced(), socket.advanced(), socket.receiving], [true, false, true]);
  // Byte by byte, in the middle of a frame.
  const rest = encodeFrame(toBytes(" whole"), { opcode: 0, maskKey: 7 });
  for (const byte of rest.subarray(0, -1)) {
    await peer.write(Uint8Array.of(byte));
    await settle();
    assertEquals([socket.advanced(), socket.advanced()], [true, false]);
  }
  await peer.write(rest.subarray(-1));
  await settle();
  assertEquals([host.messages.at(-1), socket.advanced()], ["half whole", false]);
  assertEquals(socket.receiving, false);
  // What the limits hold back would come.
  limits.receivedBytes.add(500);
  const other = { onRoom() {} };
  limits.receivedBytes.ask(other);
  await peer.write(begun("half"));
  await settle();
  assertEquals([socket.advanced(), socket.advanced()], [true, true]);
  limits.receivedBytes.leave(other);
  limits.receivedBytes.remove(500);
  socket.terminate();
  assertEquals(socket.advanced(), false);
});

Deno.test("raw socket tells whether its client takes more of what is queued for it", async () => {
  const { socket, host, peer } = rig({ wire: { capacity: 100_000 } });
  socket.start(host);
  socket.send("x".repeat(95_990));
  await settle();
  // The system took it at once: nobody knows whether the client did.
  assertEquals([socket.queued, socket.advanced()], [0, false]);
  socket.send("y".repeat(999_990));
  await settle();
  socket.advanced();
  const bytes = new Uint8Array(100_000);
  for (let left = 1_000_000; left > 0; left -= bytes.length) {
    assertEquals([socket.advanced(), socket.advanced()], [false, false]);
    assertEquals(await peer.read(bytes), bytes.length);
    await settle();
    assertEquals(socket.advanced(), true, `${left}`);
  }
  assertEquals([socket.queued, socket.advanced()], [0, false]);
  // Nor does what is only on its way to the system, as it is at any time where thousands are sent something all the time.
  for (const text of ["a", "b", "c"]) {
    socket.send(text);
    assertEquals([socket.idle, socket.advanced()], [false, false]);
    await settle();
    assertEquals([socket.idle, socket.advanced()], [true, false]);
  }
  socket.terminate();
});

Deno.test("raw socket gives a message no more time than others for what held the last one back", async () => {
  const limits = new Limits({ receivedBytes: 100 });
  const messageDelay = new Deadlines();
  const { socket, host, peer, read } = rig({
    more: { limits, messageDelay, messageTimeout: 60_000 },
  });
  socket.start(host);
  const other = { onRoom() {} };
  limits.receivedBytes.add(500);
  limits.receivedBytes.ask(other);
  await peer.write(begun("half"));
  await settle();
  await new Promise((resolve) => setTimeout(resolve, 2));
  limits.receivedBytes.leave(other);
  limits.receivedBytes.remove(500);
  await peer.write(encodeFrame(toBytes(" whole"), { opcode: 0, maskKey: 7 }));
  await peer.write(begun("never"));
  await settle();
  assertEquals(host.messages, ["half whole"]);
  for (const late of messageDelay.running) late.overdue();
  assertEquals(codeOf(await read()), 1008);
  socket.terminate();
});

Deno.test("raw socket gives all that the limits count back, with each policy", async () => {
  for (const policy of ["close", "drop", "wait"] as const) {
    const limits = new Limits({ receivedBytes: 100, policies: { receivedBytes: policy } });
    const [first, second] = [0, 1].map(() => rig({ more: { limits } }));
    for (const { socket, host, peer } of [first, second]) {
      socket.start(host);
      await peer.write(begun("x".repeat(80)));
      await settle();
    }
    if (policy === "close") assertEquals(codeOf(await first.read()), 1013);
    if (policy === "drop") {
      await second.peer.write(encodeFrame(toBytes("end"), { opcode: 0, maskKey: 7 }));
      await second.send(1, "next");
      await settle();
      assertEquals(second.host.messages, ["next"]);
    }
    if (policy === "wait") {
      // One at a time may go on, the other waits: of it, no more is read than what is under way already.
      for (const more of ["a", "b", "c"]) {
        first.peer.write(encodeFrame(toBytes(more), { opcode: 0, fin: false, maskKey: 7 }));
        await settle();
      }
      first.peer.write(encodeFrame(toBytes("end"), { opcode: 0, maskKey: 7 }));
      await settle();
      assertEquals(first.host.messages, []);
      await second.peer.write(encodeFrame(toBytes("end"), { opcode: 0, maskKey: 7 }));
      await settle();
      await settle();
      assertEquals([first.host.messages.length, second.host.messages.length], [1, 1]);
    }
    for (const { socket } of [first, second]) socket.terminate();
    assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
  }
});

Deno.test("raw socket that does not read is lost when another one needs room", async () => {
  const limits = new Limits({ queuedBytes: 200_000 });
  const slow = rig({ more: { limits }, wire: { capacity: 100 } });
  const other = rig({ more: { limits }, wire: { capacity: 100 } });
  for (const { socket, host } of [slow, other]) socket.start(host);
  slow.socket.send(new Uint8Array(150_000));
  other.socket.send(new Uint8Array(100_000));
  slow.socket.send("lost");
  slow.socket.sendShared(shareMessage("lost", {}));
  const error = await slow.host.closed.promise;
  assert(error instanceof SocketIoError && error.code === "ERR_LIMIT");
  other.socket.terminate();
  assertEquals(limits.pressure.queuedBytes.used, 0);
});
