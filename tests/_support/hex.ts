/** Bytes from hexadecimal digits; spaces do not count. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits.replaceAll(/\s/g, ""));
}
