/** The few lines that every test of a transport needs: read so much, read to the end, echo. */
import { concat } from "@std/bytes";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";

/** Reads so many bytes, or up to the end. */
export async function readBytes(transport: Transport, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const n = await transport.read(bytes.subarray(at));
    if (n === null) break;
    at += n;
  }
  return bytes.subarray(0, at);
}

/** Sends back what comes, up to the end; then ends, too, and closes. */
export async function echo(transport: Transport): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let n; (n = await transport.read(buffer)) !== null;) {
      await writeAll(transport, buffer.slice(0, n));
    }
    await transport.closeWrite();
  } finally {
    transport.close();
  }
}

/** Reads up to the end. */
export async function readAll(transport: Transport, chunkSize = 65_536): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const buffer = new Uint8Array(chunkSize);
  for (let n; (n = await transport.read(buffer)) !== null;) chunks.push(buffer.slice(0, n));
  return concat(chunks);
}

/** Reads text up to the end. */
export async function readText(transport: Transport): Promise<string> {
  return new TextDecoder().decode(await readAll(transport));
}
