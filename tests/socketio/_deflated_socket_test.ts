import { assert, assertEquals, assertInstanceOf, assertLess } from "@std/assert";
import { pair, type PairEnd } from "../../net/pair.ts";
import { Departures } from "../../socketio/_departures.ts";
import { DeflatedSocket } from "../../socketio/_deflated_socket.ts";
import type { EngineWebSocketHost } from "../../socketio/_exchange.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { encodeFrame } from "../../websocket/frame.ts";

const DEFLATE = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

class Host implements EngineWebSocketHost {
  readonly closed = Promise.withResolvers<Error | undefined>();
  readonly messages: (string | Uint8Array)[] = [];
  closes = 0;
  #waiting: (() => void) | undefined;

  onSocketMessage(data: string | Uint8Array): void {
    this.messages.push(data);
    this.#waiting?.();
  }

  onSocketDrain(): void {}

  onSocketClose(error: Error | undefined): void {
    this.closes++;
    this.closed.resolve(error);
  }

  /** Waits for so many messages. */
  async receive(count: number): Promise<(string | Uint8Array)[]> {
    while (this.messages.length < count) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    return this.messages;
  }
}

interface Rig {
  socket: DeflatedSocket;
  host: Host;
  departures: Departures;
  /** The client's end of the wire. */
  wire: PairEnd;
}

function open(options: { rest?: Uint8Array; departTime?: number } = {}): Rig {
  const [wire, transport] = pair();
  const departures = new Departures(options.departTime ?? 60_000);
  const socket = new DeflatedSocket(transport, {
    maxMessageSize: 10_000,
    departures,
    deflate: DEFLATE,
    perMessageDeflate: { threshold: 100 },
    rest: options.rest ?? new Uint8Array(0),
  });
  return { socket, host: new Host(), departures, wire };
}

function connect(wire: PairEnd): WebSocketConnection {
  return new WebSocketConnection(wire, {
    role: "client",
    deflate: DEFLATE,
    perMessageDeflate: { threshold: 100 },
  });
}

/** The first bytes of what the server writes. */
async function readFrame(wire: PairEnd): Promise<Uint8Array> {
  const bytes = new Uint8Array(65_536);
  return bytes.subarray(0, await wire.read(bytes) ?? 0);
}

Deno.test("deflated socket carries messages both ways, and closes once", async () => {
  const { socket, host, wire, departures } = open();
  const client = connect(wire);
  socket.start(host);
  const long = "long ".repeat(1000);
  client.send("a");
  client.send(long);
  client.send(Uint8Array.of(1));
  assertEquals(await host.receive(3), ["a", long, Uint8Array.of(1)]);
  socket.send(long, true);
  socket.sendText("42", long, true);
  socket.sendText("42", "short", false);
  socket.sendShared({ payload: "4shared", frame: new Uint8Array(0) }, true);
  assertEquals((await client.receive()).data, long);
  assertEquals((await client.receive()).data, `42${long}`);
  assertEquals((await client.receive()).data, "42short");
  assertEquals((await client.receive()).data, "4shared");
  socket.close(1000, "bye");
  socket.close(1000);
  const { code, reason, wasClean } = await client.closed;
  assertEquals([code, reason, wasClean], [1000, "bye", true]);
  assertEquals(await host.closed.promise, undefined);
  await departures.wait();
  assertEquals([host.closes, socket.queued], [1, 0]);
});

Deno.test("deflated socket compresses from the threshold on, and only where it may", async () => {
  const { socket, host, wire } = open();
  socket.start(host);
  const RSV1 = 0x40;
  const long = "x".repeat(1000);
  for (
    const [text, compress, compressed] of [
      [long, true, true],
      [long, false, false],
      ["short", true, false],
    ] as const
  ) {
    socket.send(text, compress);
    const frame = await readFrame(wire);
    assertEquals((frame[0] & RSV1) !== 0, compressed);
    if (compressed) assertLess(frame.length, 100);
    else assertEquals(frame.length, text.length + (text.length < 126 ? 2 : 4));
  }
  socket.terminate();
  await host.closed.promise;
});

Deno.test("deflated socket begins with what came behind the handshake, once it is started", async () => {
  const rest = encodeFrame(new TextEncoder().encode("4early"), { opcode: 1, maskKey: 1 });
  const { socket, host, departures } = open({ rest });
  assertEquals(host.messages, []);
  socket.start(host);
  assertEquals(await host.receive(1), ["4early"]);
  socket.terminate();
  socket.terminate();
  assertEquals(await host.closed.promise, undefined);
  await departures.wait();
  assertEquals(host.closes, 1);
});

Deno.test("deflated socket ends a client whose message grows beyond the limit", async () => {
  const { socket, host, wire, departures } = open();
  const client = connect(wire);
  socket.start(host);
  client.send("x".repeat(10_001)); // few bytes on the wire
  assertInstanceOf(await host.closed.promise, Error);
  assertEquals((await client.closed).code, 1009);
  assertEquals(host.messages, []);
  await departures.wait();
});

Deno.test("deflated socket counts what waits, and says when it is full", async () => {
  const { socket, host } = open();
  socket.start(host);
  assertEquals([socket.queued, socket.full], [0, false]);
  for (let i = 0; i < 3; i++) socket.send(new Uint8Array(100_000), false);
  assert(socket.queued >= 65_536);
  assert(socket.full);
  socket.terminate();
  await host.closed.promise;
});

Deno.test("deflated socket is ended by force when the client does not answer its close", async () => {
  const { socket, host, departures } = open({ departTime: 10 });
  socket.start(host);
  socket.close(1000);
  await host.closed.promise;
  await departures.wait();
  assertEquals(host.closes, 1);
});

Deno.test("deflated socket tells of a connection that was lost", async () => {
  const { socket, host, wire } = open();
  socket.start(host);
  wire.reset();
  assertInstanceOf(await host.closed.promise, Error);
  socket.send("late", true);
  socket.terminate();
  assertEquals(host.closes, 1);
});
