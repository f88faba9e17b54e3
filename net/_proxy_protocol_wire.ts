// Floor 1: codec.

/** The first bytes of version 2 (specification §2.2). */
export const V2_SIGNATURE: Uint8Array = new Uint8Array(
  [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10],
);

/** The signature, version and command, family and protocol, and the length of what follows. */
export const V2_FIXED = 16;

/** Bytes of a Unix path in version 2. */
export const UNIX_PATH = 108;

/** The address families of version 2. */
export const INET_FAMILY = 1;
export const INET6_FAMILY = 2;
export const UNIX_FAMILY = 3;
