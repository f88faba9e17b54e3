// Floor 3: driver.

/** One who hands chunks on. */
interface Deliverer {
  isLast(chunk: Uint8Array): boolean;
}

/** The reader that is handing a chunk to its sink at this moment: who passes that chunk on needs no copy of it. */
export const delivery: { reader: Deliverer | null } = { reader: null };

/** Whether a chunk is the one that is being delivered, or its end. */
export function isDelivered(chunk: Uint8Array): boolean {
  const { reader } = delivery;
  return reader !== null && reader.isLast(chunk);
}
