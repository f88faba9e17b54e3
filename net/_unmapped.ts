// Floor 1: codec.

/**
 * A v4-mapped address, as IPv4 clients have it on a listener for both families, as the IPv4 address that it is; any other text as it is.
 */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
