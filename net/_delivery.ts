// Floor 3: driver.

/** One who hands chunks on. */
interface Deliverer {
  isLast(chunk: Uint8Array): boolean;
}

/** The reader that is handing a chunk to its sink at this moment, and that chunk: who passes it on needs no copy of it. */
export const delivery: { reader: Deliverer | null; chunk: Uint8Array | null } = {
  reader: null,
  chunk: null,
};

/** Whether a chunk is the one that is being delivered, or its end. */
export function isDelivered(chunk: Uint8Array): boolean {
  if (chunk === delivery.chunk) return true;
  const { reader } = delivery;
  return reader !== null && reader.isLast(chunk);
}
