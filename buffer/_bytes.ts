// Floor 1: codec.
import type { BytesLike } from "./types.ts";

/** The bytes of a buffer or of a view of any kind, not copied. @throws {TypeError} if it is neither */
export function bytesOf(source: BytesLike): Uint8Array {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  // By its tag: a page that is not isolated has no SharedArrayBuffer to compare with.
  const kind = Object.prototype.toString.call(source);
  if (kind !== "[object ArrayBuffer]" && kind !== "[object SharedArrayBuffer]") {
    throw wrongKind(source, "bytes");
  }
  return new Uint8Array(source);
}

/** The error of a `value` that is not what it should be. */
export function wrongKind(value: unknown, wanted: "bytes" | "text" | "a number"): TypeError {
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  return new TypeError(`Cannot use a value of the type ${kind} as ${wanted}`);
}

/** A copy in a buffer of its own. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** The index of the first place at or after `start` where `run` stands; -1 if there is none. */
export function indexOfRun(bytes: Uint8Array, run: Uint8Array, start: number): number {
  if (run.length === 0) return Math.min(start, bytes.length);
  const last = bytes.length - run.length;
  for (
    let at = bytes.indexOf(run[0], start);
    at >= 0 && at <= last;
    at = bytes.indexOf(run[0], at + 1)
  ) {
    let i = 1;
    while (i < run.length && bytes[at + i] === run[i]) i++;
    if (i === run.length) return at;
  }
  return -1;
}
