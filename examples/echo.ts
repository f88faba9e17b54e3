/**
 * An echo, as a server and as a client.
 *
 *     deno run --allow-net=127.0.0.1 examples/echo.ts                  # the server, on port 8007
 *     deno run --allow-net=127.0.0.1 examples/echo.ts hello there      # sends the words, prints the answer
 *     date | deno run --allow-net=127.0.0.1 examples/echo.ts -         # sends what comes on stdin
 *
 * `--port PORT` changes the port. Shows: backpressure in the events' way (the server) and with web streams (the
 * client), and a connection that is open in one direction only: the client ends its own, and still gets the answer.
 */
import { connect, createServer, type Server } from "@sluice/sockets/net";
import { portNumber, readArguments } from "./_arguments.ts";
import { untilInterrupted } from "./_until_interrupted.ts";

/** A server that sends everything back, no faster than the other end takes it. Not listening yet. */
export function echoServer(): Server {
  return createServer((socket) => {
    socket.on("data", (chunk: Uint8Array) => {
      if (!socket.write(chunk)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
  });
}

/** Sends `input` to an echo server, and passes on what comes back, until all has come back. */
export async function echo(
  port: number,
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
): Promise<void> {
  await using socket = connect({ port, host: "127.0.0.1", connectTimeout: 5000 });
  const { readable, writable } = await socket.opened;
  await Promise.all([
    input.pipeTo(writable),
    readable.pipeTo(output, { preventClose: true }),
  ]);
}

const USAGE = `An echo over TCP, as a server and as a client.

Usage: echo.ts [--port PORT]            the server
       echo.ts [--port PORT] WORD ...   sends the words, prints the answer
       echo.ts [--port PORT] -          sends what comes on stdin

  --port PORT  the port (8007; the server takes any free one for 0)`;

async function main(): Promise<void> {
  const { port, positionals } = readArguments(USAGE, {
    allowPositionals: true,
    options: { port: { type: "string", default: "8007" } },
  }, ({ values, positionals }) => ({ port: portNumber("--port", values.port), positionals }));
  if (positionals.length > 0) {
    const words = positionals.join(" ");
    const input = words === "-" ? Deno.stdin.readable : new Blob([`${words}\n`]).stream();
    return await echo(port, input, Deno.stdout.writable);
  }
  const server = await echoServer().listen(port, "127.0.0.1");
  console.log(`Echo on 127.0.0.1:${server.port}. Ctrl-C ends it.`);
  await untilInterrupted(() => server.close({ drain: 1000 }));
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
}
