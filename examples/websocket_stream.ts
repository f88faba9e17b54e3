/**
 * Offers a file over WebSocket, and fetches it with progress on the terminal; its SHA-256 is checked at the end.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read=FILE examples/websocket_stream.ts serve FILE [--port 8009]
 *     deno run --allow-net=127.0.0.1 --allow-read=. --allow-write=. examples/websocket_stream.ts get [URL] [--folder .]
 *
 * The file travels as one WebSocket message, whatever its size, and neither end ever holds more of it than a few
 * hundred kilobytes: it is sent from a stream as it is read from the disk, and received as a stream that is written to
 * the disk. A client that stops reading stops the server's reading.
 *
 * The messages: the client asks with the text `get`; the server sends a text `{"name", "size"}`, then the file, then a
 * text `{"sha256"}`.
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import {
  connectWebSocket,
  type ReceivedClose,
  type ReceivedStream,
  serveWebSocket,
  type WebSocketConnection,
  type WebSocketServer,
} from "@sluice/sockets/websocket";
import { portNumber, readArguments } from "./_arguments.ts";
import { drawer, inUnits, type Progress, type Transferred } from "./file_transfer.ts";
import { onInterrupt, untilInterrupted } from "./_until_interrupted.ts";

/** The subprotocol. */
const PROTOCOL = "file.sluice.example";
/** How long the other end may take for an answer, in ms. */
const SILENCE = 30_000;
/** The longest text that is taken, in characters. */
const MAX_TEXT = 4096;
/** How many bytes are read from the file at a time. */
const CHUNK = 65_536;

/** Sends the file at `path`. Ends early, and without a hash, if the client hangs up. */
export async function sendFile(
  ws: WebSocketConnection,
  path: string,
  progress: Progress = () => {},
): Promise<Transferred> {
  const { data } = await ws.receive({ timeout: SILENCE });
  if (data !== "get") throw new Error("the client talks something else");
  const name = basename(path);
  using file = await Deno.open(path);
  const { size } = await file.stat();
  await ws.send(JSON.stringify({ name, size }));
  const hash = createHash("sha256");
  let done = 0;
  await ws.send((async function* () {
    while (done < size) {
      const chunk = new Uint8Array(Math.min(CHUNK, size - done));
      const n = await file.read(chunk);
      if (n === null) throw new Error(`"${name}" shrank meanwhile`);
      const bytes = chunk.subarray(0, n);
      hash.update(bytes);
      done += n;
      yield bytes;
      // The next part is asked for when there is room for it.
      progress(name, done, size);
    }
  })());
  const sha256 = hash.digest("hex");
  await ws.send(JSON.stringify({ sha256 }));
  await ws.close();
  return { name, size, sha256 };
}

/** Serves the file at `path` to whoever connects. */
export async function fileServer(
  path: string,
  options: { port: number; log?: (text: string) => void; progress?: Progress },
): Promise<WebSocketServer> {
  const { log = () => {} } = options;
  if (!(await Deno.stat(path)).isFile) throw new Error(`"${path}" is not a file`);
  return await serveWebSocket({
    hostname: "127.0.0.1",
    port: options.port,
    maxConnections: 100,
    protocols: {
      [PROTOCOL]: async (ws) => {
        try {
          const { name, size } = await sendFile(ws, path, options.progress);
          log(`Sent ${name}: ${inUnits(size)}`);
        } catch (error) {
          log(`Not sent: ${(error as Error).message}`);
          ws.terminate();
        }
      },
    },
  });
}

/** Reads a message that has to be a short text of JSON. */
async function readJson(message: ReceivedStream | ReceivedClose): Promise<Record<string, unknown>> {
  const readable = streamOf(message, 1);
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of readable) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_TEXT) throw new Error("the server talks something else");
  }
  return JSON.parse(text);
}

function streamOf(
  message: ReceivedStream | ReceivedClose,
  opcode: 1 | 2,
): ReadableStream<Uint8Array> {
  if (!("readable" in message)) throw message.error ?? new Error("the server hung up");
  if (message.opcode !== opcode) throw new Error("the server talks something else");
  return message.readable;
}

/**
 * Fetches the file of a server into a folder.
 *
 * @throws Error that says what went wrong; nothing is left behind then
 */
export async function fetchFile(
  url: string,
  folder: string,
  progress: Progress = () => {},
  signal?: AbortSignal,
): Promise<Transferred> {
  const ws = await connectWebSocket(url, { protocols: PROTOCOL, signal });
  const stop = (): void => ws.terminate();
  signal?.addEventListener("abort", stop);
  let temporary: string | undefined;
  try {
    // Somebody has to wait for a stream before the messages come, or they would be taken as a whole.
    const offer = ws.receiveStream({ timeout: SILENCE });
    await ws.send("get");
    const { name, size } = await readJson(await offer);
    // The name comes from outside: no path, and nothing hidden.
    if (typeof name !== "string" || !/^[^\p{C}\\/:*?"<>|.][^\p{C}\\/:*?"<>|]{0,99}$/u.test(name)) {
      throw new Error("the server's file has no plain name");
    }
    if (typeof size !== "number") throw new Error("the server does not tell the size");
    temporary = await Deno.makeTempFile({ dir: folder, prefix: ".", suffix: ".part" });
    const content = streamOf(await ws.receiveStream({ timeout: SILENCE }), 2);
    const hash = createHash("sha256");
    let done = 0;
    const meter = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller): void {
        hash.update(chunk);
        done += chunk.length;
        if (done > size) throw new Error("more came than the server had told");
        controller.enqueue(chunk);
        progress(name, done, size);
      },
    });
    const file = await Deno.open(temporary, { write: true });
    await content.pipeThrough(meter).pipeTo(file.writable);
    if (done < size) throw new Error("less came than the server had told");

    const sha256 = hash.digest("hex");
    const proof = await readJson(await ws.receiveStream({ timeout: SILENCE }));
    if (proof.sha256 !== sha256) {
      throw new Error("the SHA-256 differs: it was changed on the way");
    }
    await Deno.link(temporary, join(folder, name));
    await ws.close();
    return { name, size, sha256 };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    ws.terminate();
    if (temporary !== undefined) await Deno.remove(temporary);
  }
}

const USAGE = `Offers a file of any size as one WebSocket message, or fetches it.

Usage: websocket_stream.ts serve FILE [--port PORT]
       websocket_stream.ts get [URL] [--port PORT] [--folder FOLDER]

  --port PORT      the port on this machine (8009; the server takes any free one for 0)
  --folder FOLDER  where the file is put (.)`;

async function main(): Promise<void> {
  const { mode, what, port, folder } = readArguments(USAGE, {
    allowPositionals: true,
    options: {
      port: { type: "string", default: "8009" },
      folder: { type: "string", default: "." },
    },
  }, ({ values, positionals: [mode, what, ...more] }) => {
    if (more.length > 0 || !(mode === "serve" && what !== undefined || mode === "get")) {
      throw new TypeError('Say "serve" and a file, or "get"');
    }
    return { mode, what, port: portNumber("--port", values.port), folder: values.folder };
  });
  if (mode === "serve") {
    const server = await fileServer(what, { port, log: console.log });
    console.log(`Offering ${basename(what)} on ws://127.0.0.1:${server.port}/. Ctrl-C ends it.`);
    await untilInterrupted(() => server.close());
  } else {
    const started = performance.now();
    const { progress, end } = drawer();
    const interrupted = new AbortController();
    const forget = onInterrupt(() => interrupted.abort(new Error("it was interrupted")));
    try {
      const url = what ?? `ws://127.0.0.1:${port}/`;
      const { signal } = interrupted;
      const { name, size, sha256 } = await fetchFile(url, folder, progress, signal);
      end();
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`Received ${name}: ${inUnits(size)} in ${seconds} s, SHA-256 ${sha256}`);
    } catch (error) {
      end();
      const { signal } = interrupted;
      const reason = signal.aborted ? signal.reason : error;
      throw new Error(`Cannot receive: ${reason.message}`);
    } finally {
      forget();
    }
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
}
