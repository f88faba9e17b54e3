// Floor 1: codec.
import { decodeUtf8 } from "../buffer/utf8.ts";
import type { InetAddr, UnixAddr } from "./transport.ts";

/** A further piece of information in a version 2 header. */
export interface ProxyProtocolTlv {
  /** What it is: see {@linkcode PROXY_PROTOCOL_TLV}. */
  type: number;
  /** Its bytes. */
  value: Uint8Array;
}

/** The types of {@linkcode ProxyProtocolTlv} that the specification (§2.2.1) gives a meaning. */
export const PROXY_PROTOCOL_TLV = {
  /** The application protocol that ALPN chose. */
  alpn: 0x01,
  /** The host name that the client asked for, from SNI. */
  authority: 0x02,
  /** A checksum of the header; checked when it is read, and written with the option `checksum`. */
  crc32c: 0x03,
  /** Nothing: padding. */
  noop: 0x04,
  /** An opaque name of the connection, up to 128 bytes. */
  uniqueId: 0x05,
  /** What the proxy knows of the client's TLS: see {@linkcode decodeProxyProtocolSsl}. */
  ssl: 0x20,
  /** The name of a network namespace. */
  netns: 0x30,
} as const;

/** What a proxy tells, at the start of a connection, of the connection that it took. */
export interface ProxyProtocolHeader {
  /** The version: 1 is text, 2 is binary. */
  version: 1 | 2;
  /** `"local"` when the proxy itself made the connection, for example to see whether the server lives. */
  command: "proxy" | "local";
  /** The client. Missing for `"local"` and where the proxy does not know. */
  source?: InetAddr | UnixAddr;
  /** Where the client had connected to. Missing as `source` is. */
  destination?: InetAddr | UnixAddr;
  /** What version 2 tells besides. */
  tlvs: readonly ProxyProtocolTlv[];
}

/** What a proxy knows of the client's TLS, from the TLV {@linkcode PROXY_PROTOCOL_TLV | ssl}. */
export interface ProxyProtocolSsl {
  /** Whether the client came over TLS. */
  tls: boolean;
  /** Whether the client showed a certificate on this connection. */
  certificate: boolean;
  /** Whether the client showed a certificate in this TLS session, which may span connections. */
  sessionCertificate: boolean;
  /** Whether the proxy found the certificate valid; false also when there was none. */
  verified: boolean;
  /** The version of TLS, for example `"TLSv1.3"`. */
  version?: string;
  /** The common name of the client's certificate. */
  commonName?: string;
  /** The cipher. */
  cipher?: string;
}

/**
 * Takes apart the value of the TLV `ssl` (specification §2.2.5); `undefined` when it is malformed.
 *
 * @example
 * ```ts
 * import { decodeProxyProtocolSsl, PROXY_PROTOCOL_TLV } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * // In a header: header.tlvs.find(({ type }) => type === PROXY_PROTOCOL_TLV.ssl)?.value
 * assertEquals(PROXY_PROTOCOL_TLV.ssl, 0x20);
 * const version = new TextEncoder().encode("TLSv1.3");
 * const value = new Uint8Array([1, 0, 0, 0, 0, 0x21, 0, version.length, ...version]);
 * assertEquals(decodeProxyProtocolSsl(value), {
 *   tls: true,
 *   certificate: false,
 *   sessionCertificate: false,
 *   verified: false,
 *   version: "TLSv1.3",
 * });
 * ```
 */
export function decodeProxyProtocolSsl(value: Uint8Array): ProxyProtocolSsl | undefined {
  if (value.length < 5) return undefined;
  const certificate = (value[0] & 2) !== 0;
  const sessionCertificate = (value[0] & 4) !== 0;
  const ssl: ProxyProtocolSsl = {
    tls: (value[0] & 1) !== 0,
    certificate,
    sessionCertificate,
    // §2.2.5: 0 means success, which is also there without a certificate.
    verified: (certificate || sessionCertificate) &&
      value.subarray(1, 5).every((byte) => byte === 0),
  };
  for (let at = 5; at < value.length;) {
    const end = at + 3 + (value[at + 1] << 8 | value[at + 2]);
    if (at + 3 > value.length || end > value.length) return undefined;
    const text = decodeUtf8(value.subarray(at + 3, end));
    if (value[at] === 0x21) ssl.version = text;
    else if (value[at] === 0x22) ssl.commonName = text;
    else if (value[at] === 0x23) ssl.cipher = text;
    at = end;
  }
  return ssl;
}
