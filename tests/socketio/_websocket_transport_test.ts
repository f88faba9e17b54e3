import { assertEquals } from "@std/assert";
import type { EngineWebSocket, EngineWebSocketHost } from "../../socketio/_exchange.ts";
import {
  type SocketTransportHost,
  WebSocketTransport,
} from "../../socketio/_websocket_transport.ts";
import { shareMessage } from "../../socketio/_shared_message.ts";

class FakeSocket implements EngineWebSocket {
  queued = 0;
  full = false;
  host: EngineWebSocketHost | undefined;
  readonly log: unknown[] = [];
  start(host: EngineWebSocketHost): void {
    this.host = host;
  }
  send(data: string | Uint8Array, compress: boolean): void {
    this.log.push([data, compress]);
  }
  sendText(head: string, body: string, compress: boolean): void {
    this.log.push(["text", head, body, compress]);
  }
  sendShared(message: { payload: string | Uint8Array }, compress: boolean): void {
    this.log.push(["shared", message.payload, compress]);
  }
  close(code?: number, reason?: string): void {
    this.log.push(["close", code, reason]);
  }
  terminate(): void {
    this.log.push("terminate");
  }
}

function open(): { socket: FakeSocket; transport: WebSocketTransport; log: unknown[] } {
  const log: unknown[] = [];
  const host: SocketTransportHost = {
    onTransportMessage: (_transport, data) => log.push(["message", data]),
    onTransportPacket: (_transport, packet) => log.push(["packet", packet]),
    onTransportFault: (_transport, error) => log.push(["fault", error.message]),
    onTransportDrain: () => log.push("drain"),
    onTransportClose: (_transport, error) => log.push(["close", error?.message]),
  };
  const socket = new FakeSocket();
  const transport = new WebSocketTransport(socket, host, () => log.push("closed"));
  transport.start();
  return { socket, transport, log };
}

Deno.test("packets that come are told apart", () => {
  const { socket, log } = open();
  const bytes = new Uint8Array([1]);
  for (const data of ["4hello", "4", bytes, "bAQ==", "2probe", "3", "x", ""]) {
    socket.host!.onSocketMessage(data);
  }
  socket.host!.onSocketDrain();
  socket.host!.onSocketClose(new Error("broken"));
  assertEquals(log, [
    ["message", "hello"],
    ["message", ""],
    ["message", bytes],
    ["message", bytes],
    ["packet", { type: "ping", data: "probe" }],
    ["packet", { type: "pong" }],
    ["fault", "Cannot decode a packet: an unknown Engine.IO packet type"],
    ["fault", "Cannot decode a packet: an empty Engine.IO packet"],
    "drain",
    ["close", "broken"],
    "closed",
  ]);
});

Deno.test("packets that go have their type in front, but for bytes", () => {
  const { socket, transport } = open();
  const bytes = new Uint8Array([1]);
  transport.sendMessage("hello", true);
  transport.sendMessage(bytes, false);
  transport.sendText("2", '["a"]', true);
  transport.sendShared(shareMessage("x", {}), true);
  transport.send({ type: "pong", data: "probe" });
  transport.close(1000, "bye");
  transport.terminate();
  assertEquals(socket.log, [
    ["4hello", true],
    [bytes, false],
    ["text", "42", '["a"]', true],
    ["shared", "4x", true],
    ["3probe", false],
    ["close", 1000, "bye"],
    "terminate",
  ]);
});

Deno.test("transport tells whether its socket takes more, and changes hands", () => {
  const { socket, transport, log } = open();
  assertEquals([transport.name, transport.writable, transport.queued], ["websocket", true, 0]);
  Object.assign(socket, { full: true, queued: 99 });
  assertEquals([transport.writable, transport.queued], [false, 99]);
  const other: unknown[] = [];
  transport.handOver({
    onTransportMessage: (_transport, data) => other.push(data),
    onTransportPacket() {},
    onTransportFault() {},
    onTransportDrain() {},
    onTransportClose() {},
  });
  socket.host!.onSocketMessage("4a");
  assertEquals([log, other], [[], ["a"]]);
});
