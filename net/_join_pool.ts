// Floor 3: driver.

/** The smallest join buffer, in bytes. */
export const JOIN_MIN = 16_384;
/** The largest join buffer, in bytes. */
export const JOIN_MAX = 262_144;

const POOL_LIMIT = 4_194_304;
const pools = new Map<number, Uint8Array[]>();
let pooled = 0;

/** A buffer of at least `size` bytes, at least `JOIN_MIN`: a used one where there is one. Its bytes are arbitrary. */
export function takeJoinBuffer(size: number): Uint8Array {
  let length = JOIN_MIN;
  while (length < size && length < JOIN_MAX) length *= 4;
  if (length < size) return new Uint8Array(size);
  const free = pools.get(length)?.pop();
  if (free === undefined) return new Uint8Array(length);
  pooled -= length;
  return free;
}

/** Gives a buffer back that nobody holds any more. The pool is bounded; what does not fit is left to the collector. */
export function giveJoinBuffer(buffer: Uint8Array): void {
  const { length } = buffer;
  if (length > JOIN_MAX || pooled + length > POOL_LIMIT) return;
  const free = pools.get(length);
  if (free === undefined) pools.set(length, [buffer]);
  else free.push(buffer);
  pooled += length;
}
