// Floor 3: driver.

/** The smallest join buffer, in bytes. */
export const JOIN_MIN = 16_384;
/** The largest join buffer, in bytes. */
export const JOIN_MAX = 262_144;

/** How many used buffers of each size are kept: 16 KiB, 64 KiB, 256 KiB. */
const KEEP = [128, 32, 8];
const pools: Uint8Array[][] = [[], [], []];

function classOf(length: number): number {
  return length <= JOIN_MIN ? 0 : length <= JOIN_MIN * 4 ? 1 : 2;
}

/** A buffer of at least `size` bytes, at least `JOIN_MIN`: a used one where there is one. Its bytes are arbitrary. */
export function takeJoinBuffer(size: number): Uint8Array {
  if (size > JOIN_MAX) return new Uint8Array(size);
  const index = classOf(size);
  return pools[index].pop() ?? new Uint8Array(JOIN_MIN << (2 * index));
}

/** Gives a buffer back that nobody holds any more. The pool is bounded; what does not fit is left to the collector. */
export function giveJoinBuffer(buffer: Uint8Array): void {
  const index = classOf(buffer.length);
  const pool = pools[index];
  if (buffer.length === JOIN_MIN << (2 * index) && pool.length < KEEP[index]) pool.push(buffer);
}
