// Floor 3: driver.
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import { setImmediate } from "node:timers";

/** How long what is left of a body may wait for a handler that has answered and still holds it, in ms. */
const UNREAD_TIME = 500;

/** Behind a chunk of less than so many bytes more of them are awaited, for a turn of the event loop. */
const TINY_BYTES = 1024;

const DECODED = "somebody else has set an encoding for it, and its bytes are text now";

/** What node:http says then. */
const CUT: ReadonlySet<unknown> = new Set(["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE"]);

/** The errors of bodies whose client has gone, or was let go of, before their end. */
const cutOff = new WeakSet<object>();

/** Whether an error tells that a body was cut off, and nothing else. */
export function isCutOff(error: unknown): boolean {
  return cutOff.has(error as Error);
}

/** The bodies that have not come whole, by their connection. */
const underWay = new WeakMap<IncomingMessage["socket"], Set<Upload>>();

/** Those of a connection. Apart from who asks: what listens to the connection must not hold its first request for as long as that stays. */
function uploadsOf(socket: IncomingMessage["socket"]): Set<Upload> {
  const known = underWay.get(socket);
  if (known !== undefined) return known;
  const uploads = new Set<Upload>();
  underWay.set(socket, uploads);
  // One listener for all of them. What node:http tells by itself goes first.
  socket.once("close", () => setImmediate(() => uploads.forEach((one) => one.lost())));
  return uploads;
}

function watchConnection({ socket }: IncomingMessage, upload: Upload): void {
  // A request that a test injects has none.
  if (typeof socket?.once !== "function") return;
  uploadsOf(socket).add(upload);
  if (socket.destroyed) setImmediate(() => upload.lost());
}

/** The body of a request of `node:http` as a web handler gets it: a stream of bytes, which reads no more than is asked for. */
export class Upload implements UnderlyingByteSource {
  readonly type = "bytes";
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #incoming: IncomingMessage;
  #controller!: ReadableByteStreamController;
  /** Whether the last chunk was one of a few bytes. */
  #tiny = false;
  /** Whether nobody gets any more of it. */
  #over = false;
  #refused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
    this.stream = new ReadableStream(this);
  }

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller;
    const incoming = this.#incoming;
    // What is left of it must not be taken for all of it.
    if (incoming.readableDidRead) {
      return this.#refuse("somebody else, such as a body parser, has read it already");
    }
    if (incoming.readableEncoding !== null) return this.#refuse(DECODED);
    incoming.on("data", (chunk: Uint8Array | string) => this.#take(chunk)).pause();
    finished(incoming, { writable: false }, (error) => {
      if (error && CUT.has((error as { code?: unknown }).code)) cutOff.add(error);
      this.#end(error);
    });
    watchConnection(incoming, this);
  }

  /** The connection has ended. Behind the response node:http tells the request nothing of it. */
  lost(): void {
    if (this.#over || this.#incoming.complete) return;
    const error = new TypeError("Cannot read the body of the request: its client has gone");
    cutOff.add(error);
    this.#end(error);
  }

  pull(): void {
    // Who reads slowly still reads.
    if (this.#timer !== undefined) this.#wait();
    // A body may come in chunks of a byte, and a piece for each would take a hundred times as much as what was sent.
    if (this.#tiny) setImmediate(() => this.#readOn());
    else this.#incoming.resume();
  }

  cancel(): void {
    this.#leaveConnection();
    this.#incoming.resume();
  }

  /**
   * The response has left. What of the body nobody reads must not hold up the request behind it: it is thrown away, at once where no
   * handler holds it, else when it has not been read for a while.
   */
  leave(): void {
    if (this.#refused) this.#incoming.resume();
    if (this.#over) return;
    if (this.stream.locked) this.#wait();
    else this.#drop();
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // Not paused, it is the client that is waited for.
      if (this.#incoming.isPaused()) this.#drop();
      else if (!this.#incoming.destroyed) this.#wait();
    }, UNREAD_TIME);
  }

  #drop(): void {
    this.#fail("its response has left, and the rest was thrown away");
    this.#incoming.resume();
  }

  /** Takes all that has come meanwhile in one piece, or what comes next. */
  #readOn(): void {
    const waiting = this.#incoming.readableLength;
    if (waiting > 0) this.#incoming.read(waiting);
    else this.#incoming.resume();
  }

  /** Somebody else has begun with the body: it is left to them until the response has left. */
  #refuse(why: string): void {
    this.#refused = true;
    this.#fail(why);
  }

  #fail(why: string): void {
    this.#end(new TypeError(`Cannot read the body of the request: ${why}`));
  }

  #take(chunk: Uint8Array | string): void {
    if (this.#over) return;
    if (typeof chunk === "string") return this.#refuse(DECODED);
    this.#tiny = chunk.length < TINY_BYTES;
    // Before the stream has it, which asks for more at once where somebody still waits.
    this.#incoming.pause();
    // The stream takes the memory away, of which other requests have their parts.
    this.#controller.enqueue(new Uint8Array(chunk));
  }

  #leaveConnection(): void {
    this.#over = true;
    underWay.get(this.#incoming.socket)?.delete(this);
  }

  #end(error: Error | null | undefined): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#leaveConnection();
    if (error) return this.#controller.error(error);
    try {
      this.#controller.close();
      // Closes what a reader waits with a buffer of its own for.
      this.#controller.byobRequest?.respond(0);
    } catch {
      // It reads into numbers of several bytes, and the body ends within one: the reader has heard of it.
    }
  }
}
