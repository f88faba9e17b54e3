import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import type { ClientTransport, ClientTransportHost } from "../../socketio/_client_transport.ts";
import { MAX_UNREAD_ANSWERS } from "../../socketio/_unread_answers.ts";
import { WebSocketClient } from "../../socketio/_websocket_client.ts";
import type { EnginePacket } from "../../socketio/engine_packet.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { WebSocketProtocolError } from "../../websocket/errors.ts";

/** A WebSocket whose events are the test's. */
class StubSocket {
  readonly args: unknown[];
  readonly sent: unknown[] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  closeCalls = 0;
  onopen!: () => void;
  onmessage!: (event: { data: string | ArrayBuffer }) => void;
  onerror!: (event: { error?: unknown; message?: string }) => void;
  onclose!: (event: { code: number; reason: string }) => void;

  constructor(...args: unknown[]) {
    this.args = args;
  }
  send(data: unknown): void {
    this.sent.push(data);
  }
  close(): void {
    this.closeCalls++;
    this.readyState = 2;
  }
  opened(): void {
    this.readyState = 1;
    this.onopen();
  }
  gone(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose({ code, reason });
  }
}

class Host implements ClientTransportHost {
  opens = 0;
  readonly packets: EnginePacket[] = [];
  readonly closes: (Error | undefined)[] = [];
  onTransportOpen(): void {
    this.opens++;
  }
  onTransportPacket(_transport: ClientTransport, packet: EnginePacket): void {
    this.packets.push(packet);
  }
  onTransportDrain(): void {}
  onTransportClose(_transport: ClientTransport, error: Error | undefined): void {
    this.closes.push(error);
  }
}

interface Rig {
  client: WebSocketClient;
  host: Host;
  sockets: StubSocket[];
}

function rig(
  options: { url?: string; sid?: string; headers?: Record<string, string>; fails?: Error } = {},
): Rig {
  const sockets: StubSocket[] = [];
  class Recorded extends StubSocket {
    constructor(...args: unknown[]) {
      super(...args);
      if (options.fails !== undefined) throw options.fails;
      sockets.push(this);
    }
  }
  const host = new Host();
  const client = new WebSocketClient(
    {
      url: new URL(options.url ?? "http://localhost/engine/?x=1"),
      headers: options.headers,
      withCredentials: false,
      fetch: () => Promise.reject(new Error("not for this transport")),
      WebSocket: Recorded as unknown as typeof WebSocket,
      maxHttpBufferSize: 8,
    },
    host,
    options.sid,
  );
  return { client, host, sockets };
}

/** A client whose socket is open. */
function opened(): Rig & { socket: StubSocket } {
  const made = rig();
  made.client.open();
  made.sockets[0].opened();
  return { ...made, socket: made.sockets[0] };
}

Deno.test("websocket client connects to the engine's URL, with its session", () => {
  const { client, sockets } = rig({ sid: "abc" });
  client.open();
  assertEquals(sockets[0].args, [
    "ws://localhost/engine/?x=1&EIO=4&transport=websocket&sid=abc",
  ]);
  assertEquals(sockets[0].binaryType, "arraybuffer");
});

Deno.test("websocket client of an encrypted engine gives headers to a class that takes them", () => {
  const { client, sockets } = rig({ url: "https://localhost/", headers: { "x-a": "b" } });
  client.open();
  assertEquals(sockets[0].args, [
    "wss://localhost/?EIO=4&transport=websocket",
    { headers: { "x-a": "b" } },
  ]);
});

Deno.test("websocket client carries packets both ways", () => {
  const { client, host, socket } = opened();
  assertEquals(host.opens, 1);
  const bytes = new Uint8Array([1, 2]);
  client.send([{ type: "message", data: "hi" }, { type: "message", data: bytes }]);
  client.send([{ type: "pong" }]);
  assertEquals(socket.sent, ["4hi", bytes, "3"]);
  socket.onmessage({ data: "2" });
  socket.onmessage({ data: "4hello" });
  socket.onmessage({ data: new Uint8Array([3, 4]).buffer });
  assertEquals(host.packets, [
    { type: "ping" },
    { type: "message", data: "hello" },
    { type: "message", data: new Uint8Array([3, 4]) },
  ]);
});

Deno.test("websocket client is writable while it is open and little waits", () => {
  const { client, sockets } = rig();
  assertEquals([client.writable, client.buffered], [false, 0]);
  client.open();
  assert(!client.writable);
  sockets[0].opened();
  assert(client.writable);
  sockets[0].bufferedAmount = 1_048_576;
  assertEquals([client.writable, client.buffered], [false, 1_048_576]);
  sockets[0].bufferedAmount--;
  assert(client.writable);
});

Deno.test("websocket client has nothing to wait for when it is paused", () => {
  const { client, host } = opened();
  let paused = 0;
  client.pause(() => paused++);
  assertEquals([paused, host.closes.length], [1, 0]);
});

Deno.test("websocket client tells later that its class did not take the URL", async () => {
  const fails = new SyntaxError("no such scheme");
  const { client, host } = rig({ fails });
  client.open();
  assertEquals(host.closes, [], "not from within open");
  await Promise.resolve();
  const [error] = host.closes;
  assertInstanceOf(error, SocketIoError);
  assertEquals([error.code, error.cause], ["ERR_CONNECT", fails]);
  await client.close();
  assertEquals(host.closes.length, 1);
});

const NOTHING = {};
const EMPTY = { message: "" };
const TOO_BIG = new WebSocketProtocolError("too big", { code: "MESSAGE_TOO_BIG" });
const ends: Record<
  string,
  [code: number, failure: { error?: unknown; message?: string } | undefined, cause: unknown]
> = {
  "in order": [1000, undefined, undefined],
  "without a code": [1005, undefined, undefined],
  "with another code": [1011, undefined, "1011 why"],
  "after an error": [1006, { error: "broken" }, "broken"],
  "after an error that is a text": [1006, { message: "refused" }, "refused"],
  "after an error that says nothing": [1006, NOTHING, NOTHING],
  "after an error with an empty text": [1006, EMPTY, EMPTY],
  "after a message that was too large": [1006, { error: TOO_BIG }, TOO_BIG],
};
for (const [how, [code, failure, cause]] of Object.entries(ends)) {
  Deno.test(`websocket client tells once that the socket closed ${how}`, () => {
    const { host, socket } = opened();
    socket.onmessage({ data: "2" });
    if (failure !== undefined) socket.onerror(failure);
    assertEquals(host.closes, []);
    socket.gone(code, "why");
    socket.gone(code, "why");
    assertEquals(host.closes.length, 1);
    const [error] = host.closes;
    assertEquals(error?.cause, cause);
    assertEquals(
      error instanceof SocketIoError && error.code,
      cause !== undefined && (cause === TOO_BIG ? "ERR_LIMIT" : "ERR_TRANSPORT"),
    );
  });
}

Deno.test("websocket client that is closed before the session has begun could not connect", () => {
  for (const [sid, expected] of [[undefined, "ERR_CONNECT"], ["abc", "ERR_TRANSPORT"]] as const) {
    const { client, host, sockets } = rig({ sid });
    client.open();
    sockets[0].opened();
    sockets[0].gone(1008, "no\nroom ");
    const [error] = host.closes;
    assertInstanceOf(error, SocketIoError);
    assertEquals(error.code, expected);
    assertMatch(error.message, /WebSocket: 1008 no room$/);
  }
});

for (
  const [what, data, code] of [
    ["a text that is too large", "4" + "x".repeat(8), "ERR_LIMIT"],
    ["a text with few characters and too many bytes", "4" + "€".repeat(3), "ERR_LIMIT"],
    ["bytes that are too many", new ArrayBuffer(9), "ERR_LIMIT"],
    ["a packet of no known type", "9", "ERR_PARSE"],
    ["an empty text", "", "ERR_PARSE"],
  ] as const
) {
  Deno.test(`websocket client closes for ${what}`, () => {
    const { host, socket } = opened();
    socket.onmessage({ data });
    assertEquals(socket.closeCalls, 1);
    assertEquals((host.closes[0] as SocketIoError).code, code);
    socket.onmessage({ data: "4late" });
    socket.gone(1000);
    assertEquals([host.packets, host.closes.length], [[], 1]);
  });
}

Deno.test("websocket client takes a message of exactly the limit", () => {
  const { host, socket } = opened();
  socket.onmessage({ data: "4" + "x".repeat(7) });
  socket.onmessage({ data: "4é€é" });
  socket.onmessage({ data: new ArrayBuffer(8) });
  assertEquals([host.packets.length, host.closes], [3, []]);
});

Deno.test("websocket client ends where the server leaves too many answers unread, and counts those that left no more", () => {
  const half = MAX_UNREAD_ANSWERS / 2;
  const { client, host, socket } = opened();
  socket.send = function (data: unknown): void {
    this.bufferedAmount += (data as string).length;
  };
  const pong: EnginePacket[] = [{ type: "pong" }];
  for (let i = 0; i < 10; i++) {
    client.send(pong, half);
    client.send([{ type: "message", data: "x" }], 0);
    client.send(pong, half);
    assertEquals([socket.bufferedAmount, host.closes], [4, []]);
    socket.bufferedAmount = 0;
  }
  client.send(pong, 3 * half); // a single one may be of any size
  socket.bufferedAmount = 0;
  client.send(pong, 2 * half);
  assertEquals([socket.closeCalls, host.closes], [0, []]);
  client.send(pong, 1);
  assertEquals([socket.closeCalls, (host.closes[0] as SocketIoError).code], [1, "ERR_LIMIT"]);
});

Deno.test("websocket client closes once, and waits until the socket is gone", async () => {
  const { client, host, socket } = opened();
  let done = 0;
  const closing = [client.close(), client.close()].map((closed) => closed.then(() => done++));
  socket.onmessage({ data: "4late" });
  await Promise.resolve();
  assertEquals([socket.closeCalls, done], [1, 0]);
  socket.gone(1006);
  await Promise.all(closing);
  await client.close();
  assertEquals([host.packets, host.closes, socket.closeCalls], [[], [], 1]);
});

Deno.test("websocket client that closes while it connects says nothing more", async () => {
  const { client, host, sockets } = rig();
  client.open();
  const closed = client.close();
  sockets[0].onopen();
  sockets[0].onerror({ message: "given up" });
  sockets[0].gone(1006);
  await closed;
  assertEquals([host.opens, host.closes], [0, []]);
});

Deno.test("websocket client that was never opened closes at once", async () => {
  const { client, host } = rig();
  await client.close();
  assertEquals(host.closes, []);
});
