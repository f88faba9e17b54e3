// Floor 1: codec.
import { type DecimalFormat, DecimalFramer } from "./_decimal_framer.ts";
import type { Framer, FramerLimits } from "./framer.ts";
import { checkOptionNames } from "./option_names.ts";

const SIZE_HEADER: DecimalFormat = {
  name: "size header",
  separator: new Uint8Array([13, 10]),
  leadingZeros: true,
};

/**
 * WLangage's size header (`SocketTailleDébut`, what WinDev sockets speak unless told otherwise): the length in bytes
 * as a decimal number, CRLF, and the bytes: `11\r\nHello World`.
 *
 * @throws {TypeError} for an option that there is not
 * @throws {RangeError} when `maxLength` is no non-negative integer
 *
 * @example
 * ```ts
 * import { frameMessage, sizeHeaderFramer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = frameMessage(sizeHeaderFramer(), new TextEncoder().encode("Hello World"));
 * assertEquals(new TextDecoder().decode(bytes), "11\r\nHello World");
 * ```
 */
export function sizeHeaderFramer(options: FramerLimits = {}): Framer {
  checkOptionNames("Cannot make framer", options, { maxLength: true });
  return new DecimalFramer(SIZE_HEADER, options);
}
