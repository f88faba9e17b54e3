// Floor 1: codec.

/**
 * The Bluetooth address that stands for "any": every local adapter when listening.
 *
 * @example
 * ```ts
 * import { BLUETOOTH_ANY, bluetoothAddress } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(bluetoothAddress("000000000000"), BLUETOOTH_ANY);
 * ```
 */
export const BLUETOOTH_ANY = "00:00:00:00:00:00";

const ADDRESS = /^[0-9A-F]{2}([:-]?)(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}$/i;

/**
 * Checks a Bluetooth device address, and returns it as six upper-case bytes with colons.
 *
 * Taken are `AA:BB:CC:DD:EE:FF`, `AA-BB-CC-DD-EE-FF` and `AABBCCDDEEFF`, in either case.
 *
 * @throws {TypeError} if `text` is not such an address.
 *
 * @example
 * ```ts
 * import { bluetoothAddress } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(bluetoothAddress("00-1a-7d-da-71-13"), "00:1A:7D:DA:71:13");
 * ```
 */
export function bluetoothAddress(text: string): string {
  if (typeof text !== "string" || !ADDRESS.test(text)) {
    throw new TypeError(
      `Not a Bluetooth address: ${JSON.stringify(text)}; six bytes in hex are expected, ` +
        `for example "00:1A:7D:DA:71:13"`,
    );
  }
  return text.replace(/[:-]/g, "").toUpperCase().replace(/..(?!$)/g, "$&:");
}
