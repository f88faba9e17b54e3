// Floor 3: driver.

type NodeZlib = typeof import("node:zlib");

/** node:zlib, once somebody compresses: it weighs a megabyte of heap. */
let zlib: NodeZlib | undefined;

function loadZlib(): NodeZlib {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): NodeZlib };
  };
  return zlib = process.getBuiltinModule("node:zlib");
}

/** zlib's constant of this name. */
const Z_SYNC_FLUSH = 2;

/** The object under a stream of node:zlib, by which Node and Deno drive zlib themselves. */
interface ZlibHandle {
  onerror: (message: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputStart: number,
    inputLength: number,
    output: Uint8Array,
    outputStart: number,
    outputLength: number,
  ): void;
  reset(): void;
}

/** What a stream of node:zlib has inside. */
interface ZlibInside {
  _handle: ZlibHandle | null | undefined;
  /** After a write: bytes of output room left, and bytes of input left. */
  _writeState: Uint32Array | undefined;
}

/** The parameters of zlib. */
export interface ZlibParameters {
  /** The base-2 logarithm of the window, 8 to 15. */
  windowBits: number;
  /** The effort of compression. */
  level?: number;
  /** The memory of compression. */
  memLevel?: number;
}

/**
 * A zlib stream of raw deflate data that works synchronously and flushes after every write.
 *
 * node:zlib offers streams that do each step asynchronously, and functions that forget everything after each call.
 * A message wants neither: it is driven here by the handle under the stream, as node:zlib's own code does.
 */
export class SyncZlib {
  /** Bytes of the input that the last {@linkcode write} left over. */
  inputLeft = 0;
  /** Bytes of room that it left over. */
  roomLeft = 0;
  /** Whether the data was bad. */
  failed = false;
  readonly #stream: { close(): void };
  readonly #handle: ZlibHandle;
  readonly #state: Uint32Array;

  /** @throws {TypeError} If this runtime's node:zlib can't be driven so. */
  constructor(kind: "deflate" | "inflate", parameters: ZlibParameters) {
    const { createDeflateRaw, createInflateRaw } = zlib ?? loadZlib();
    const make = kind === "deflate" ? createDeflateRaw : createInflateRaw;
    const stream = make({ ...parameters, flush: Z_SYNC_FLUSH });
    const inside = stream as unknown as ZlibInside;
    const { _handle: handle, _writeState: state } = inside;
    if (typeof handle?.writeSync !== "function" || state === undefined) {
      throw new TypeError("Cannot compress: this runtime's node:zlib has no synchronous streams");
    }
    this.#stream = stream;
    this.#handle = handle;
    this.#state = state;
    handle.onerror = () => this.failed = true;
  }

  /** Works off `input` into `output`, as much as there is room, and flushes. */
  write(
    input: Uint8Array,
    inputStart: number,
    inputEnd: number,
    output: Uint8Array,
    outputStart: number,
    outputEnd: number,
  ): void {
    this.#handle.writeSync(
      Z_SYNC_FLUSH,
      input,
      inputStart,
      inputEnd - inputStart,
      output,
      outputStart,
      outputEnd - outputStart,
    );
    this.roomLeft = this.#state[0];
    this.inputLeft = this.#state[1];
  }

  /** Forgets everything, as if new. */
  reset(): void {
    this.failed = false;
    this.#handle.reset();
  }

  /** Frees zlib's memory. */
  close(): void {
    this.#stream.close();
  }
}
