// Floor 3: driver.
import { TransportReader, type TransportSink } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
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

class HeadSink implements TransportSink {
  readonly head = Promise.withResolvers<ReceivedHead>();
  readonly #reader: HttpHeadReader;
  #transportReader!: TransportReader;
  #done = false;

  constructor(
    transport: Transport,
    kind: "request" | "response",
    limits: HttpHeadLimits | undefined,
    first: Uint8Array | undefined,
  ) {
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
    this.#transportReader.pause();
    const received: ReceivedHead = {
      text,
      rest: chunk.subarray(Math.max(0, used)),
      reader: this.#transportReader,
    };
    if (fault !== undefined) this.head.reject(new HeadFaultError(fault, received));
    else this.head.resolve(received);
  }

  end(): void {
    this.head.reject(new HeadEndError("the connection ended"));
  }

  error(error: unknown): void {
    this.head.reject(error);
  }
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
  return new HeadSink(transport, kind, limits, first).head.promise;
}

/** Writes all of a text whose characters are bytes. */
export async function writeLatin1(transport: Transport, text: string): Promise<void> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  for (let at = 0; at < bytes.length;) at += await transport.write(bytes.subarray(at));
}

/** Closes a transport that may be closed already. */
export function closeQuietly(transport: Transport): void {
  try {
    transport.close();
  } catch {
    // It was closed.
  }
}
