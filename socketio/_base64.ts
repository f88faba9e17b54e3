// Floor 1: codec.

const WHITESPACE = /[\t\n\f\r ]+/g;

/** Encodes bytes as base64 with padding. Falls back on `btoa` where the engine has no `toBase64`. */
export function bytesToBase64(bytes: Uint8Array): string {
  if (typeof bytes.toBase64 === "function") return bytes.toBase64();
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}

/** Decodes base64, or returns `undefined` if it is none. White space is skipped, and the padding may be left out. */
export function base64ToBytes(text: string): Uint8Array | undefined {
  try {
    if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(text);
    const binary = atob(text.replace(WHITESPACE, ""));
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  } catch {
    return undefined;
  }
}
