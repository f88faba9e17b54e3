// Floor 3: driver.

let never: Int32Array | undefined;

/** Waits, and unlike a timer keeps no process and no test waiting. */
export async function pauseUnseen(ms: number): Promise<void> {
  never ??= new Int32Array(new SharedArrayBuffer(4));
  await Atomics.waitAsync(never, 0, 0, ms).value;
}
