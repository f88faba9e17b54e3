// Floor 3: driver.
import { TransportReader, type TransportSink } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
import { writeAll } from "../net/write_all.ts";
import { type HttpHeadFault, type HttpHeadLimits, HttpHeadReader } from "./http_head.ts";

/** The head of an HTTP message, and the reader that goes on behind it, paused. */
export interface ReceivedHead {
  /** The head, with its last empty line. */
  text: string;
  /** Bytes that came behind it. */
  rest: Uint8Array;
  /** The reader, paused; redirect it before it goes on. */
  reader: TransportReader;
}

/** A head that broke its grammar or a limit. */
export class HeadFaultError extends Error {
  /** Tells what is wrong. */
  constructor(
    /** What is wrong. */
    readonly fault: HttpHeadFault,
    /** The reader, paused; what came of the head is gone. */
    readonly received: ReceivedHead,
  ) {
    super(fault.message);
  }
}

/** The transport ended inside a head. */
export class HeadEndError extends Error {}

/** What an idle connection holds to read into: room for a head, or for the usual message. */
const READER_OPTIONS = { minSlab: 272, maxSlab: 1_114_112 };

const NOTHING = new Uint8Array(0);

/** Who is told of a head, while the piece is being read that it ends in. The calls must not throw. */
export interface HeadTaker {
  /** The head came. */
  took(head: ReceivedHead): void;
  /** It did not: a {@linkcode HeadFaultError}, a {@linkcode HeadEndError}, or what reading failed with. */
  failed(error: unknown): void;
}

class HeadSink implements TransportSink {
  readonly #taker: HeadTaker;
  readonly #reader: HttpHeadReader;
  readonly #transportReader: TransportReader;
  #done = false;

  constructor(
    transport: Transport,
    kind: "request" | "response",
    limits: HttpHeadLimits | undefined,
    first: Uint8Array | undefined,
    taker: HeadTaker,
  ) {
    this.#taker = taker;
    this.#reader = new HttpHeadReader(kind, limits);
    this.#transportReader = new TransportReader(transport, this, READER_OPTIONS);
    if (first !== undefined && first.length > 0) this.data(first);
    if (!this.#done) this.#transportReader.start();
  }

  data(chunk: Uint8Array): void {
    if (this.#done) return;
    const used = this.#reader.push(chunk);
    const { fault, text } = this.#reader;
    if (used < 0 && fault === undefined) return;
    this.#done = true;
    const reader = this.#transportReader;
    reader.pause();
    let rest: Uint8Array = NOTHING;
    if (used === chunk.length) {
      // All of it is in the text now: the same memory is read into again.
      reader.rewind(chunk, 0);
    } else rest = chunk.subarray(Math.max(0, used));
    const received: ReceivedHead = { text, rest, reader };
    if (fault !== undefined) this.#taker.failed(new HeadFaultError(fault, received));
    else this.#taker.took(received);
  }

  end(): void {
    this.#fail(new HeadEndError("the connection ended"));
  }

  error(error: unknown): void {
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#done) return;
    this.#done = true;
    this.#taker.failed(error);
  }
}

/**
 * Reads the head of an HTTP message from a transport, as {@linkcode receiveHead} does, without a promise: a server has
 * many of them, and all that they make before their connection is open is garbage a moment later.
 */
export function takeHead(
  transport: Transport,
  kind: "request" | "response",
  limits: HttpHeadLimits | undefined,
  taker: HeadTaker,
): void {
  new HeadSink(transport, kind, limits, undefined, taker);
}

/**
 * Reads the head of an HTTP message from a transport.
 *
 * @param first Bytes that were read from it before.
 * @throws {HeadFaultError} If it breaks its grammar or a limit. The reader stays paused.
 * @throws {HeadEndError} If the transport ends first.
 */
export function receiveHead(
  transport: Transport,
  kind: "request" | "response",
  limits?: HttpHeadLimits,
  first?: Uint8Array,
): Promise<ReceivedHead> {
  return new Promise((took, failed) => {
    new HeadSink(transport, kind, limits, first, { took, failed });
  });
}

/** Writes all of a text whose characters are bytes. */
export async function writeLatin1(transport: Transport, text: string): Promise<void> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  await writeAll(transport, bytes);
}

/** Closes a transport that may be closed already. */
export function closeQuietly(transport: Transport): void {
  try {
    transport.close();
  } catch {
    // It was closed.
  }
}
