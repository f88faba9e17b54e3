/**
 * Sends a file to another machine, with progress on the terminal and its SHA-256 checked at the end.
 *
 *     # on the machine that gets it, in the folder where it shall lie
 *     deno run --allow-net=0.0.0.0 --allow-read=. --allow-write=. examples/file_transfer.ts receive --host 0.0.0.0
 *
 *     # on the machine that has it
 *     deno run --allow-net=HOST --allow-read=FILE examples/file_transfer.ts send FILE --host HOST
 *
 * Without `--host` both stay on this machine (127.0.0.1); `--port` is 8024 where nothing else is said. The file
 * appears under its name once it is there whole and correct; one that exists is not touched (`--overwrite` does).
 * There is no encryption, and whoever reaches the port may send: use it in a network that you trust.
 *
 * Shows: web streams through a socket with backpressure, so that files of any size take little memory; a small
 * protocol with answers in both directions; deadlines; and errors that say what happened at the other end.
 *
 * The protocol: the sender sends a line of JSON `{"name", "size"}`; the receiver answers `{"ok": true}` or
 * `{"error": "why"}`; then come the file's bytes and the 32 bytes of its SHA-256, and another such answer.
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { connect, createServer, type Socket } from "@sluice/sockets/net";
import { portNumber, readArguments, wholeNumber } from "./_arguments.ts";
import { onInterrupt } from "./_until_interrupted.ts";

/** A silence that lasts longer than this ends the transfer, in ms. */
const SILENCE = 30_000;
const LONGEST_LINE = 4096;
const HASH_LENGTH = 32;

/** A silence after a refusal that lasts longer ends the connection, in ms. */
const LAST_WORDS = 5_000;

/** Told how many bytes of how many are through. */
export type Progress = (name: string, done: number, size: number) => void;

/** What was transferred. */
export interface Transferred {
  name: string;
  /** In bytes. */
  size: number;
  /** In hex. */
  sha256: string;
}

/** The first message of the sender. */
interface Offer {
  name: string;
  size: number;
}

/** Lines of JSON and plain bytes, in turns, from the chunks of a socket. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array | string, void>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket) {
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `most` of them. */
  async some(most: number): Promise<Uint8Array> {
    if (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) throw new Error("the other end hung up");
      this.#rest = value as Uint8Array;
    }
    const bytes = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(bytes.length);
    return bytes;
  }

  /** Exactly `length` bytes, for small amounts. */
  async exactly(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const part = await this.some(length - at);
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** A line of JSON that is an object. */
  async message(): Promise<Record<string, unknown>> {
    const line: number[] = [];
    for (;;) {
      const [byte] = await this.some(1);
      if (byte === 10) break;
      if (line.push(byte) > LONGEST_LINE) throw new Error("the other end talks something else");
    }
    try {
      const message = JSON.parse(new TextDecoder().decode(new Uint8Array(line)));
      if (typeof message === "object" && message !== null) return message;
    } catch {
      // no JSON
    }
    throw new Error("the other end talks something else");
  }

  /** The other end's consent. @throws Error with its words when it refuses */
  async consent(): Promise<void> {
    const { ok, error } = await this.message();
    if (ok !== true) throw new Error(`the other end says: ${printable(String(error))}`);
  }
}

/** A text of the other end, without what could steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, "?").slice(0, 200);
}

function say(socket: Socket, message: Offer | { ok: true } | { error: string }): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

function limitSilence(socket: Socket): void {
  socket.setTimeout(SILENCE, () => {
    socket.destroy(new Error(`nothing passed for ${SILENCE / 1000} seconds`));
  });
}

/**
 * Sends the file at `path` to a receiver.
 *
 * @throws Error that says what went wrong, at this end or at the other
 */
export async function sendFile(
  path: string,
  where: { port: number; host: string },
  progress: Progress = () => {},
): Promise<Transferred> {
  const name = basename(path);
  using file = await Deno.open(path);
  const { size, isFile } = await file.stat();
  if (!isFile) throw new Error("it is not a file");
  await using socket = connect({ ...where, connectTimeout: 10_000 });
  limitSilence(socket);
  await socket.opened;
  const input = new Input(socket);
  say(socket, { name, size });
  await input.consent();

  const hash = createHash("sha256");
  let done = 0;
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller): void {
      hash.update(chunk);
      done += chunk.length;
      if (done > size) throw new Error("it grew meanwhile");
      controller.enqueue(chunk);
      progress(name, done, size);
    },
    flush(): void {
      if (done < size) throw new Error("it shrank meanwhile");
    },
  });
  const sent = file.readable.pipeThrough(meter).pipeTo(socket.writable, { preventClose: true });
  // An answer that comes before the end is a refusal, and says more than the broken pipe that follows it.
  const consent = input.consent();
  consent.catch(() => {});
  sent.catch(() => {});
  await Promise.race([sent, consent]);
  await sent;
  const digest = hash.digest();
  socket.write(digest);
  await consent;
  return { name, size, sha256: digest.toString("hex") };
}

/** What the receiver is asked to keep to. */
export interface ReceiveOptions {
  /** Where files are put. */
  folder: string;
  /** Whether a file of the same name is replaced. @default {false} */
  overwrite?: boolean;
  /** The largest file to take, in bytes. @default {1e12} */
  maxSize?: number;
  /** Told how it goes on. */
  progress?: Progress;
}

function readOffer({ name, size }: Record<string, unknown>, maxSize: number): Offer {
  // The name comes from outside: no path, nothing hidden, nothing that some system does not allow in names.
  if (
    typeof name !== "string" || !/^[^\p{C}\\/:*?"<>|]{1,100}$/u.test(name) ||
    /^[.\s]|[.\s]$/.test(name)
  ) {
    throw new Error("the name is no plain file name");
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new Error("the size is no number of bytes");
  }
  if (size > maxSize) throw new Error(`it is larger than ${inUnits(maxSize)}`);
  return { name, size };
}

async function refuseIfThere(path: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch {
    return;
  }
  throw new Error("a file of that name is there already");
}

/**
 * Takes one file from a sender.
 *
 * @throws Error that says what went wrong; the sender has been told as well
 */
export async function receiveFile(socket: Socket, options: ReceiveOptions): Promise<Transferred> {
  limitSilence(socket);
  const input = new Input(socket);
  let temporary: string | undefined;
  try {
    const { name, size } = readOffer(await input.message(), options.maxSize ?? 1e12);
    const path = join(options.folder, name);
    if (!options.overwrite) await refuseIfThere(path);
    const part = join(options.folder, `.${crypto.randomUUID()}.part`);
    using file = await Deno.open(part, { write: true, createNew: true });
    temporary = part;
    say(socket, { ok: true });

    const hash = createHash("sha256");
    for (let done = 0; done < size;) {
      const bytes = await input.some(size - done);
      hash.update(bytes);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      done += bytes.length;
      options.progress?.(name, done, size);
    }
    const digest = hash.digest();
    if (!digest.equals(await input.exactly(HASH_LENGTH))) {
      throw new Error("the SHA-256 differs: it was changed on the way");
    }
    if (!options.overwrite) await refuseIfThere(path);
    file.close();
    await Deno.rename(temporary, path);
    temporary = undefined;
    say(socket, { ok: true });
    return { name, size, sha256: digest.toString("hex") };
  } catch (error) {
    if (!socket.destroyed) say(socket, { error: (error as Error).message });
    throw error;
  } finally {
    if (temporary !== undefined) await Deno.remove(temporary);
    socket.end();
    // What is still on its way is read and thrown away, or else the system would cut the connection, and with it the answer.
    socket.setTimeout(0);
    const late = setTimeout(() => socket.destroy(), LAST_WORDS);
    try {
      for (;;) await input.some(Infinity);
    } catch {
      // The sender has hung up.
    }
    clearTimeout(late);
    socket.destroy();
  }
}

/** A number of bytes for people. */
export function inUnits(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}

/** What takes two columns of a terminal: East Asian letters, and emoji. */
const WIDE =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** The beginning of a text, as far as so many columns of a terminal show it. */
export function fitting(text: string, columns: number): string {
  let fits = "";
  for (const char of text) {
    columns -= WIDE.test(char) ? 2 : 1;
    if (columns < 0) break;
    fits += char;
  }
  return fits;
}

/** Draws how far it is, ten times a second at most, where there is a terminal. */
export function drawer(): { progress: Progress; end(): void } {
  const terminal = Deno.stderr.isTerminal();
  const started = performance.now();
  const encoder = new TextEncoder();
  let drawn = -Infinity;
  return {
    progress(name, done, size): void {
      const now = performance.now();
      if (!terminal || (now - drawn < 100 && done < size)) return;
      drawn = now;
      const rate = done / Math.max(1, now - started) * 1000;
      const bar = "#".repeat(Math.floor(done / size * 20)).padEnd(20, ".");
      const left = Math.ceil((size - done) / rate);
      const columns = Deno.consoleSize().columns || 80; // some terminals do not tell
      const text = `${fitting(name, columns / 2)} ${Math.floor(done / size * 100)}% [${bar}]  ` +
        `${inUnits(done)} of ${inUnits(size)}  ${inUnits(rate)}/s  ${left} s left`;
      // A line that is too long would wrap, and stay when the next one is drawn.
      const line = fitting(text, columns - 1);
      Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${line}`));
    },
    end(): void {
      if (terminal && drawn > 0) Deno.stderr.writeSync(encoder.encode("\r\x1b[K"));
    },
  };
}

function report(verb: string, { name, size, sha256 }: Transferred, ms: number): void {
  console.log(
    `${verb} ${name}: ${inUnits(size)} in ${(ms / 1000).toFixed(1)} s, SHA-256 ${sha256}`,
  );
}

async function send(path: string, host: string, port: number): Promise<void> {
  const started = performance.now();
  const { progress, end } = drawer();
  try {
    const sent = await sendFile(path, { host, port }, progress);
    end();
    report("Sent", sent, performance.now() - started);
  } catch (error) {
    end();
    throw new Error(`Cannot send "${path}": ${(error as Error).message}`);
  }
}

async function receive(options: ReceiveOptions, host: string, port: number): Promise<void> {
  const { isDirectory } = await Deno.stat(options.folder).catch((error) => {
    throw new Error(`Cannot receive: ${error.message}`);
  });
  if (!isDirectory) throw new Error(`Cannot receive: "${options.folder}" is no folder`);
  const ended = Promise.withResolvers<void>();
  const one = async (socket: Socket): Promise<void> => {
    const started = performance.now();
    const { progress, end } = drawer();
    let begun = false;
    try {
      const got = await receiveFile(socket, {
        ...options,
        progress: (...args) => {
          begun = true;
          progress(...args);
        },
      });
      end();
      report("Received", got, performance.now() - started);
      ended.resolve();
    } catch (error) {
      end();
      const failure = new Error(`Cannot receive: ${(error as Error).message}`);
      // An offer that was refused, or none at all, leaves the door open for the next.
      if (begun) ended.reject(failure);
      else console.error(failure.message);
    }
  };
  // One after another: who comes meanwhile waits.
  let last = Promise.resolve();
  await using server = createServer({ maxConnections: 16, pauseOnConnect: true }, (socket) => {
    last = last.then(() => one(socket));
  });
  await server.listen(port, host);
  console.log(`Waiting for a file on ${host}:${server.port}`);
  const forget = onInterrupt(() => ended.reject(new Error("Cannot receive: it was interrupted")));
  try {
    await ended.promise;
  } finally {
    server.closeAllConnections();
    await last;
    forget();
  }
}

const USAGE = `Sends a file to another machine, or receives one.

Usage: file_transfer.ts receive [--folder FOLDER] [--overwrite] [--max-size BYTES] [--host HOST] [--port PORT]
       file_transfer.ts send FILE [--host HOST] [--port PORT]

  --host HOST       where to listen, or where to send to (127.0.0.1)
  --port PORT       the port (8024; the receiver takes any free one for 0)
  --folder FOLDER   where the file is put (.)
  --overwrite       a file of the same name is replaced
  --max-size BYTES  the largest file to take (1000000000000)`;

async function main(): Promise<void> {
  const run = readArguments(USAGE, {
    allowPositionals: true,
    options: {
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8024" },
      folder: { type: "string" },
      "max-size": { type: "string" },
      overwrite: { type: "boolean" },
    },
  }, ({ values, positionals: [mode, path, ...more] }) => {
    const port = portNumber("--port", values.port);
    const { host, folder = ".", "max-size": most = "1000000000000", overwrite } = values;
    const maxSize = wholeNumber("--max-size", most, 0, Number.MAX_SAFE_INTEGER);
    if (mode === "send" && path !== undefined && more.length === 0) {
      for (const name of ["folder", "max-size", "overwrite"] as const) {
        if (values[name] !== undefined) throw new TypeError(`--${name} is for the receiver`);
      }
      return () => send(path, host, port);
    }
    if (mode === "receive" && path === undefined) {
      return () => receive({ folder, overwrite, maxSize }, host, port);
    }
    throw new TypeError('Say "receive", or "send" and a file');
  });
  await run();
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
}
