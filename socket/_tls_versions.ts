// Floor 1: codec.
import type { TlsVersion } from "../net/tls_options.ts";
import { TlsProtocol } from "./constants.ts";

/** The versions to speak. */
export interface TlsVersions {
  minVersion: TlsVersion;
  maxVersion: TlsVersion;
}

/**
 * The versions that flags of `TlsProtocol` stand for; those that are not to be had are left out.
 *
 * @throws {TypeError} When none is left, or a flag is unknown.
 */
export function tlsVersions(protocols: number): TlsVersions {
  const { TLS1_2, TLS1_3 } = TlsProtocol;
  const all = Object.values(TlsProtocol).reduce((sum: number, flag) => sum | flag, 0);
  if (!Number.isInteger(protocols) || (protocols & ~all) !== 0) {
    throw new TypeError(`Cannot use TLS: there are no protocols ${protocols}`);
  }
  if ((protocols & (TLS1_2 | TLS1_3)) === 0) {
    throw new TypeError("Cannot use TLS: SSL and TLS below 1.2 are not to be had");
  }
  return {
    minVersion: (protocols & TLS1_2) !== 0 ? "TLSv1.2" : "TLSv1.3",
    maxVersion: (protocols & TLS1_3) !== 0 ? "TLSv1.3" : "TLSv1.2",
  };
}
