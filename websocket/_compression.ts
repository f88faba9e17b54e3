// Floor 3: driver.
import { SyncZlib, type ZlibParameters } from "./_zlib.ts";
import type {
  PerMessageDeflateOptions,
  PerMessageDeflateParameters,
} from "./permessage_deflate.ts";
import type {
  WebSocketCompression,
  WebSocketDeflater,
  WebSocketInflater,
} from "./protocol_types.ts";
import type { WebSocketRole } from "./types.ts";

/** What a sender leaves out at the end of a message, and a receiver puts back. RFC 7692 §7.2.1 */
const TAIL = new Uint8Array([0, 0, 0xff, 0xff]);
/** An empty block, which the tail completes. RFC 7692 §7.2.3.6 */
const EMPTY_BLOCK = new Uint8Array([0]);
const NOTHING = new Uint8Array(0);

/** Where inflated messages go: bytes that were handed out are never written again. */
const SLAB = 65_536;
let slab = NOTHING;
let slabAt = 0;
/** Where those go that are used up at once. */
let transientSlab = NOTHING;

/** Inputs up to this size get their tail by a copy, which costs less than a second call. */
const SMALL_INPUT = 16_384;
const joinedInput = new Uint8Array(SMALL_INPUT + TAIL.length);

/** Where deflated messages go; the caller copies them at once. */
let scratch = new Uint8Array(SLAB);

/** zlib streams without a past, kept for whoever needs one next. */
class ZlibPool {
  readonly #free = new Map<string, SyncZlib[]>();

  take(kind: "deflate" | "inflate", parameters: ZlibParameters): SyncZlib {
    const stream = this.#free.get(poolKey(kind, parameters))?.pop();
    return stream ?? new SyncZlib(kind, parameters);
  }

  give(stream: SyncZlib, kind: "deflate" | "inflate", parameters: ZlibParameters): void {
    const key = poolKey(kind, parameters);
    let free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, free = []);
    if (free.length >= 2) stream.close();
    else {
      stream.reset();
      free.push(stream);
    }
  }

  /** Frees what nobody uses. */
  clear(): void {
    for (const free of this.#free.values()) for (const stream of free) stream.close();
    this.#free.clear();
  }
}

function poolKey(kind: string, { windowBits, level, memLevel }: ZlibParameters): string {
  return `${kind} ${windowBits} ${level} ${memLevel}`;
}

const POOL = new ZlibPool();

/** Frees the zlib streams that connections without context takeover have shared. */
export function clearCompressionPool(): void {
  POOL.clear();
}

class Inflater implements WebSocketInflater {
  readonly #takeover: boolean;
  readonly #parameters: ZlibParameters;
  #stream: SyncZlib | undefined;
  /** Whether a byte of the message has come. */
  #begun = false;

  constructor(takeover: boolean, windowBits: number) {
    this.#takeover = takeover;
    this.#parameters = { windowBits };
  }

  inflate(
    bytes: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    room: number,
    transient = false,
  ): Uint8Array | "corrupt" | "too big" {
    const size = end - start;
    const begun = this.#begun || size > 0;
    this.#begun = begun && !last;
    // Mojolicious sends an empty message as no byte at all. The tail alone would be half a block's head, and take
    // the next message for the other half. RFC 7692 §7.2.3.6 asks for one byte.
    if (!begun) return new Uint8Array(0); // one of its own: the program may transfer it
    const stream = this.#stream ??= POOL.take("inflate", this.#parameters);
    let result: Uint8Array | "corrupt" | "too big";
    if (last && size <= SMALL_INPUT) {
      joinedInput.set(bytes.subarray(start, end));
      joinedInput.set(TAIL, size);
      result = inflateAll(stream, joinedInput, 0, size + TAIL.length, false, room, transient);
    } else result = inflateAll(stream, bytes, start, end, last, room, transient);
    if (typeof result === "string") this.close();
    else if (last && !this.#takeover) {
      POOL.give(stream, "inflate", this.#parameters);
      this.#stream = undefined;
    }
    return result;
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }
}

/** Inflates into the slab, or into a buffer of its own what does not fit there. */
function inflateAll(
  stream: SyncZlib,
  bytes: Uint8Array,
  start: number,
  end: number,
  tail: boolean,
  room: number,
  transient: boolean,
): Uint8Array | "corrupt" | "too big" {
  if (transient) {
    if (transientSlab.length === 0) transientSlab = new Uint8Array(SLAB);
  } else if (slab.length - slabAt < 1024) {
    slab = new Uint8Array(SLAB);
    slabAt = 0;
  }
  let output = transient ? transientSlab : slab;
  let base = transient ? 0 : slabAt;
  let produced = 0;
  let input = bytes;
  let from = start;
  let to = end;
  let restarted = false;
  for (;;) {
    if (base + produced === output.length) {
      // One byte more than allowed is enough to know.
      const grown = new Uint8Array(Math.min(room + 1, Math.max(SLAB, produced * 2)));
      grown.set(output.subarray(base, base + produced));
      output = grown;
      base = 0;
    }
    const limit = Math.min(output.length, base + room + 1);
    stream.write(input, from, to, output, base + produced, limit);
    const made = limit - (base + produced) - stream.roomLeft;
    const used = to - from - stream.inputLeft;
    from += used;
    produced += made;
    if (stream.failed) return "corrupt";
    if (produced > room) return "too big";
    if (stream.roomLeft === 0) continue;
    if (stream.inputLeft > 0) {
      // A block with BFINAL ended the stream; what follows it starts afresh. RFC 7692 §7.2.3.4
      if (used === 0 && made === 0 && restarted) return "corrupt";
      stream.reset();
      restarted = true;
    } else if (tail && input !== TAIL) {
      input = TAIL;
      from = 0;
      to = TAIL.length;
    } else break;
  }
  if (output === slab) slabAt = base + produced;
  return output.subarray(base, base + produced);
}

class Deflater implements WebSocketDeflater {
  readonly #takeover: boolean;
  readonly #parameters: ZlibParameters;
  #stream: SyncZlib | undefined;

  constructor(takeover: boolean, parameters: ZlibParameters) {
    this.#takeover = takeover;
    this.#parameters = parameters;
  }

  deflate(bytes: Uint8Array, start: number, end: number, last: boolean): Uint8Array {
    const stream = this.#stream ??= POOL.take("deflate", this.#parameters);
    const size = deflateAll(stream, bytes, start, end);
    if (last && !this.#takeover) {
      POOL.give(stream, "deflate", this.#parameters);
      this.#stream = undefined;
    }
    if (!last) return scratch.subarray(0, size);
    // Nothing comes out where nothing went in since the last flush.
    return size < TAIL.length ? EMPTY_BLOCK : scratch.subarray(0, size - TAIL.length);
  }

  reset(): void {
    this.#stream?.reset();
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }
}

/** Deflates into the scratch buffer, and returns how many bytes came out. */
function deflateAll(stream: SyncZlib, bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  let produced = 0;
  for (;;) {
    if (produced === scratch.length) {
      const grown = new Uint8Array(scratch.length * 2);
      grown.set(scratch);
      scratch = grown;
    }
    stream.write(bytes, from, end, scratch, produced, scratch.length);
    from = end - stream.inputLeft;
    produced = scratch.length - stream.roomLeft;
    if (stream.roomLeft > 0) return produced;
  }
}

/**
 * Compression with what a handshake agreed on, for one connection.
 *
 * @throws {TypeError} If this runtime's node:zlib can't be driven synchronously.
 */
export function createCompression(
  role: WebSocketRole,
  agreed: PerMessageDeflateParameters,
  options: PerMessageDeflateOptions = {},
): WebSocketCompression {
  const { threshold = DEFAULT_THRESHOLD, level = -1, memLevel = 8 } = options;
  const server = role === "server";
  const sent = {
    takeover: !(server ? agreed.serverNoContextTakeover : agreed.clientNoContextTakeover),
    windowBits: server ? agreed.serverMaxWindowBits : agreed.clientMaxWindowBits,
  };
  const received = {
    takeover: !(server ? agreed.clientNoContextTakeover : agreed.serverNoContextTakeover),
    windowBits: server ? agreed.clientMaxWindowBits : agreed.serverMaxWindowBits,
  };
  return {
    threshold,
    createInflater: () => new Inflater(received.takeover, received.windowBits),
    createDeflater: () =>
      new Deflater(sent.takeover, { windowBits: sent.windowBits, level, memLevel }),
  };
}

/** {@linkcode PerMessageDeflateOptions.threshold} unless set, in bytes. */
export const DEFAULT_THRESHOLD = 256;

/** Compresses a message that refers to nothing before it: any connection with such a window, or a larger one, can take it. */
export function deflateAlone(
  bytes: Uint8Array,
  windowBits: number,
  options: PerMessageDeflateOptions = {},
): Uint8Array {
  const { level = -1, memLevel = 8 } = options;
  return new Deflater(false, { windowBits, level, memLevel })
    .deflate(bytes, 0, bytes.length, true).slice();
}
