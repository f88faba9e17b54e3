/**
 * The two sample services of lua-websockets, under their names and on their port: clients made for them, in Lua or in
 * anything else, find the same here.
 *
 *     deno run --allow-net=127.0.0.1 examples/lua_websockets.ts [--port 12345]
 *
 * - `lws-mirror-protocol`: every text goes to all clients of this subprotocol, the sender included.
 * - `dumb-increment-protocol`: counts ten times a second; a message that has `reset` in it sets the counter to zero.
 *
 * Shows: handlers by subprotocol, a broadcast to one subprotocol, and a timer that ends with its connection.
 */
import {
  serveWebSocket,
  type WebSocketConnection,
  type WebSocketServer,
} from "@sluice/sockets/websocket";
import { portNumber, readArguments } from "./_arguments.ts";
import { untilInterrupted } from "./_until_interrupted.ts";

/** Everybody gets what anybody says. */
function mirror(ws: WebSocketConnection): void {
  ws.on("message", (data, opcode) => {
    if (opcode === 1) ws.broadcast(data);
  });
}

/** Each client has a counter of its own. */
function count(ws: WebSocketConnection): void {
  let number = 0;
  const timer = setInterval(() => {
    // Who does not read misses some numbers; there is nothing to make up for.
    ws.trySend(String(number++));
  }, 100);
  ws.on("message", (data) => {
    if (String(data).includes("reset")) number = 0;
  });
  ws.on("close", () => clearInterval(timer));
}

/** Serves both. */
export function sampleServer(port: number): Promise<WebSocketServer> {
  return serveWebSocket({
    hostname: "127.0.0.1",
    port,
    // The pages that came with lua-websockets are opened as files.
    origin: "any",
    slowReader: "drop",
    protocols: { "lws-mirror-protocol": mirror, "dumb-increment-protocol": count },
  });
}

const USAGE = `The two sample services of lua-websockets: a mirror for all, and a counter.

Usage: lua_websockets.ts [--port PORT]

  --port PORT  the port (12345; 0 for any free one)`;

if (import.meta.main) {
  const options = { port: { type: "string", default: "12345" } } as const;
  const port = readArguments(USAGE, { options }, ({ values }) => portNumber("--port", values.port));
  try {
    const server = await sampleServer(port);
    console.log(`Mirror and counter on ws://127.0.0.1:${server.port}/. Ctrl-C ends them.`);
    await untilInterrupted(() => server.close());
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
}
