// Floor 3: driver.

/** The smallest join buffer, in bytes. */
export const JOIN_MIN = 16_384;
/** The largest join buffer, in bytes. */
export const JOIN_MAX = 262_144;

/** How many used buffers of each size are kept: 2 MiB of 16 KiB, of 64 KiB and of 256 KiB. */
const KEEP = [128, 32, 8];
/** And how many more of each until V8 next marks its heap: 8 MiB. Under load that is far off, and at rest they go. */
const SPARE = [512, 128, 32];
const pools: Uint8Array[][] = [[], [], []];
const spares: (WeakRef<Uint8Array[]> | undefined)[] = [undefined, undefined, undefined];

function classOf(length: number): number {
  return length <= JOIN_MIN ? 0 : length <= JOIN_MIN * 4 ? 1 : 2;
}

/** A buffer of at least `size` bytes, at least `JOIN_MIN`: a used one where there is one. Its bytes are arbitrary. */
export function takeJoinBuffer(size: number): Uint8Array {
  if (size > JOIN_MAX) return new Uint8Array(size);
  const index = classOf(size);
  return pools[index].pop() ?? spares[index]?.deref()?.pop() ??
    new Uint8Array(JOIN_MIN << (2 * index));
}

/** Gives a buffer back that nobody holds any more. The pool is bounded; what does not fit is left to the collector. */
export function giveJoinBuffer(buffer: Uint8Array): void {
  const index = classOf(buffer.length);
  if (buffer.length !== JOIN_MIN << (2 * index)) return;
  const pool = pools[index];
  if (pool.length < KEEP[index]) {
    pool.push(buffer);
    return;
  }
  const spare = spares[index]?.deref();
  if (spare === undefined) spares[index] = new WeakRef([buffer]);
  else if (spare.length < SPARE[index]) spare.push(buffer);
}
