// Floor 1: codec.
import { type DecimalFormat, DecimalFramer } from "./_decimal_framer.ts";
import type { Framer, FramerLimits } from "./framer.ts";
import { checkOptionNames } from "./option_names.ts";

const NETSTRING: DecimalFormat = {
  name: "netstring",
  separator: new Uint8Array([0x3a]),
  trailer: 0x2c,
  leadingZeros: false,
};

/**
 * Netstrings (D. J. Bernstein, 1997): the length in bytes as a decimal number, a colon, the bytes, a comma.
 *
 * @throws {TypeError} for an option that there is not
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { netstringFramer, unframeMessages } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("12:hello world!,0:,");
 * const messages = unframeMessages(netstringFramer(), bytes);
 * assertEquals(messages.map((message) => new TextDecoder().decode(message)), ["hello world!", ""]);
 * ```
 */
export function netstringFramer(options: FramerLimits = {}): Framer {
  checkOptionNames("Cannot make framer", options, { maxLength: true });
  return new DecimalFramer(NETSTRING, options);
}
