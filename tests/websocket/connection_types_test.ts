import { assert, assertEquals } from "@std/assert";
import { WebSocketConnection } from "../../websocket/connection.ts";
import type {
  ReceivedClose,
  ReceivedMessage,
  ReceivedStream,
  WebSocketConnectionInit,
  WebSocketEvents,
  WebSocketOpenInfo,
  WebSocketSendable,
} from "../../websocket/connection_types.ts";
import { pair } from "../../net/pair.ts";

Deno.test("what a connection gives is told apart by its fields alone", async () => {
  const [a, b] = pair();
  const init: WebSocketConnectionInit = { role: "client", protocol: "p" };
  const client = new WebSocketConnection(a, init);
  const server = new WebSocketConnection(b, { ...init, role: "server" });
  const tell = (got: ReceivedMessage | ReceivedStream | ReceivedClose): string => {
    if (got.code !== undefined) return `close ${got.code} ${got.wasClean}`;
    return "readable" in got ? `stream ${got.opcode}` : `message ${got.opcode} ${got.data}`;
  };
  const sendable: WebSocketSendable[] = ["text", new Uint8Array([1]).buffer, new Blob(["b"]), [
    "in",
    "parts",
  ]];
  for (const one of sendable) client.send(one);
  const got = [tell(await server.receive()), tell(await server.receive())];
  got.push(tell(await server.receive()), tell(await server.receiveStream()));
  const ended = server.receive();
  await Promise.all([client.close(), server.close()]);
  got.push(tell(await ended));
  assertEquals(got, [
    "message 1 text",
    "message 2 1",
    "message 2 98",
    "stream 1",
    "close 1000 true",
  ]);
});

Deno.test("streams of a connection have the shape of WebSocketStream, and its events the listeners'", async () => {
  const [a, b] = pair();
  const client = new WebSocketConnection(a, { role: "client" });
  const server = new WebSocketConnection(b, { role: "server" });
  const log: unknown[] = [];
  const listeners: Partial<WebSocketEvents> = {
    close: ({ code }) => log.push(code),
    ping: (payload) => log.push(payload.length),
  };
  for (const [event, listener] of Object.entries(listeners)) {
    server.on(event as keyof WebSocketEvents, listener);
  }
  const opened: WebSocketOpenInfo = await client.opened;
  assert(opened.readable instanceof ReadableStream && opened.writable instanceof WritableStream);
  await client.ping();
  await opened.writable.close();
  await server.closed;
  assertEquals(log, [4, 1000]);
});
