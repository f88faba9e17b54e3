/**
 * A WebSocket echo, as a server and as a client.
 *
 *     deno run --allow-net=127.0.0.1 examples/websocket_echo.ts                # the server, on port 8008
 *     deno run --allow-net=127.0.0.1 examples/websocket_echo.ts hello there    # sends the words, prints the answer
 *     date | deno run --allow-net=127.0.0.1 examples/websocket_echo.ts -       # each line of stdin is a message
 *
 * `--url URL` talks to another server (`--allow-net` for its host), `--port PORT` changes the port. Shows: a
 * subprotocol, compression, a client that sends and receives at the same time, and a clean end in both directions.
 */
import {
  connectWebSocket,
  serveWebSocket,
  type WebSocketConnection,
  type WebSocketServer,
} from "@sluice/sockets/websocket";
import { portNumber, readArguments } from "./_arguments.ts";
import { untilInterrupted } from "./_until_interrupted.ts";

/** Sends every message back, no faster than the other end takes them. */
async function echo(ws: WebSocketConnection): Promise<void> {
  for await (const message of ws) await ws.send(message);
}

/** Serves the echo, to clients that ask for the subprotocol `echo` and to those that ask for none. */
export function echoServer(port: number): Promise<WebSocketServer> {
  return serveWebSocket({
    hostname: "127.0.0.1",
    port,
    protocols: { echo },
    default: echo,
    perMessageDeflate: true,
  });
}

/** Sends texts to an echo server, shows what comes back for each, and closes. */
export async function sendAll(
  url: string,
  texts: Iterable<string> | AsyncIterable<string>,
  show: (text: string) => void,
): Promise<void> {
  const ws = await connectWebSocket(url, { protocols: "echo", perMessageDeflate: true });
  let waiting = 0;
  let complete = false;
  const sending = (async () => {
    for await (const text of texts) {
      waiting++;
      await ws.send(text);
    }
    complete = true;
    if (waiting === 0) ws.close();
  })();
  // Without what it was to send the connection is of no use.
  sending.catch(() => ws.terminate());
  for await (const message of ws) {
    show(String(message));
    if (--waiting === 0 && complete) ws.close();
  }
  const { code, error } = await ws.closed;
  if (complete && waiting > 0) {
    throw error ?? new Error(`the server closed the connection: ${code}`);
  }
  await sending;
}

/** The lines of stdin. */
async function* linesOfStdin(): AsyncGenerator<string> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

const USAGE = `An echo over WebSocket, as a server and as a client.

Usage: websocket_echo.ts [--port PORT]                         the server
       websocket_echo.ts [--port PORT | --url URL] WORD ...    sends the words, prints the answer
       websocket_echo.ts [--port PORT | --url URL] -           each line of stdin is a message

  --port PORT  the port (8008; the server takes any free one for 0)
  --url URL    another server to talk to`;

async function main(): Promise<void> {
  const { port, positionals, ...values } = readArguments(USAGE, {
    allowPositionals: true,
    options: { port: { type: "string", default: "8008" }, url: { type: "string" } },
  }, ({ values: { port, url }, positionals }) => ({
    port: portNumber("--port", port),
    url,
    positionals,
  }));
  if (positionals.length > 0) {
    const words = positionals.join(" ");
    const url = values.url ?? `ws://127.0.0.1:${port}/`;
    const texts = words === "-" ? linesOfStdin() : [words];
    return await sendAll(url, texts, (text) => console.log(text));
  }
  const server = await echoServer(port);
  console.log(`WebSocket echo on ws://127.0.0.1:${server.port}/. Ctrl-C ends it.`);
  await untilInterrupted(() => server.close());
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
}
