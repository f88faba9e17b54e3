// Floor 3: driver.
import { takenCount } from "./_taken_count.ts";
import type { Transport } from "./transport.ts";

/**
 * Writes all of `bytes`, as often as it takes: `Transport.write` may take fewer.
 *
 * @throws {NetError} `EIO` when the transport says that it took what can't be, as nothing: it would be asked for ever.
 *
 * @example
 * ```ts
 * import { pair, writeAll } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [a, b] = pair({ capacity: 2 });
 * const written = writeAll(a, new TextEncoder().encode("hello"));
 * let text = "";
 * for (const buffer = new Uint8Array(8); text.length < 5;) {
 *   text += new TextDecoder().decode(buffer.subarray(0, (await b.read(buffer))!));
 * }
 * await written;
 * assertEquals(text, "hello");
 * a.close();
 * b.close();
 * ```
 */
export async function writeAll(transport: Transport, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at);
    at += takenCount(await transport.write(rest), rest.length);
  }
}
