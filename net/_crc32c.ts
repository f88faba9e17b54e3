// Floor 1: codec.

/** The polynomial of Castagnoli, reflected. */
const POLYNOMIAL = 0x82f63b78;

let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  const rows = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let row = i;
    for (let bit = 0; bit < 8; bit++) row = row & 1 ? row >>> 1 ^ POLYNOMIAL : row >>> 1;
    rows[i] = row;
  }
  return rows;
}

/** CRC-32C of `bytes` (RFC 4960, appendix B), as an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  table ??= makeTable();
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ crc >>> 8;
  return (crc ^ 0xffff_ffff) >>> 0;
}
