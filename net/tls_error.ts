// Floor 0: vocabulary.
import { foreignText } from "./_foreign_text.ts";
import { errorOf } from "./error_of.ts";
import { NetError, type NetErrorCode, type NetErrorOptions } from "./errors.ts";

/**
 * What exactly TLS found wrong, in node:tls's and OpenSSL's words.
 *
 * | reason | meaning |
 * | --- | --- |
 * | `CERT_HAS_EXPIRED`, `CERT_NOT_YET_VALID` | the certificate is out of date |
 * | `ERR_TLS_CERT_ALTNAME_INVALID` | the certificate is for another name |
 * | `UNABLE_TO_VERIFY_LEAF_SIGNATURE` | no known authority signed it. node:tls says so of dates and purposes, too |
 * | `INVALID_PURPOSE` | the certificate is not for this side |
 * | `CERT_REVOKED`, `CERT_REJECTED` | revoked; refused by `checkServerIdentity` |
 * | `CERT_REQUIRED` | the server wants a certificate, the client has none |
 * | `PEER_REFUSED_CERT` | the peer does not accept the own certificate |
 * | `NO_APPLICATION_PROTOCOL` | ALPN found nothing in common |
 * | `PROTOCOL_VERSION` | no version in common |
 * | `NO_TLS` | what the peer speaks is not TLS |
 * | `TRUNCATED` | the stream ended without TLS's end mark |
 * | `BAD_RECORD` | a record does not decrypt: it was changed on the way |
 * | `HANDSHAKE_FAILURE` | anything else |
 */
export type TlsErrorReason =
  | "CERT_HAS_EXPIRED"
  | "CERT_NOT_YET_VALID"
  | "ERR_TLS_CERT_ALTNAME_INVALID"
  | "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
  | "INVALID_PURPOSE"
  | "CERT_REVOKED"
  | "CERT_REJECTED"
  | "CERT_REQUIRED"
  | "PEER_REFUSED_CERT"
  | "NO_APPLICATION_PROTOCOL"
  | "PROTOCOL_VERSION"
  | "NO_TLS"
  | "TRUNCATED"
  | "BAD_RECORD"
  | "HANDSHAKE_FAILURE";

/**
 * A failure of TLS: `code` is `ERR_TLS_CERT` when it is about the peer's certificate, `ERR_TLS_TRUNCATED`, or `ERR_TLS`; `reason` is
 * more exact.
 *
 * @example
 * ```ts
 * import { connectTls, TlsError } from "@sluice/sockets/net";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const socket = connectTls(listener.addr.port, "127.0.0.1");
 * using plain = await listener.accept();
 * await plain.write(new TextEncoder().encode("220 This server speaks plain text\r\n"));
 * const error = await assertRejects(() => socket.opened, TlsError);
 * assertEquals([error.code, error.reason], ["ERR_TLS", "NO_TLS"]);
 * ```
 */
export class TlsError extends NetError {
  /** `"TlsError"`. */
  override readonly name: string = "TlsError";
  /** What exactly is wrong. */
  readonly reason: TlsErrorReason;

  /** Makes an error with the text `message`. */
  constructor(
    message: string,
    options: Omit<NetErrorOptions, "code"> & { reason: TlsErrorReason },
  ) {
    super(message, { ...options, code: CODES[options.reason] ?? "ERR_TLS" });
    this.reason = options.reason;
  }
}

const CODES: Partial<Record<TlsErrorReason, NetErrorCode>> = {
  CERT_HAS_EXPIRED: "ERR_TLS_CERT",
  CERT_NOT_YET_VALID: "ERR_TLS_CERT",
  ERR_TLS_CERT_ALTNAME_INVALID: "ERR_TLS_CERT",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "ERR_TLS_CERT",
  INVALID_PURPOSE: "ERR_TLS_CERT",
  CERT_REVOKED: "ERR_TLS_CERT",
  CERT_REJECTED: "ERR_TLS_CERT",
  CERT_REQUIRED: "ERR_TLS_CERT",
  TRUNCATED: "ERR_TLS_TRUNCATED",
};

const TEXTS: Record<TlsErrorReason, string> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the certificate does not verify: unknown authority, or out of date",
  INVALID_PURPOSE: "the certificate is not for this purpose",
  CERT_REVOKED: "the certificate is revoked",
  CERT_REJECTED: "the certificate was rejected",
  CERT_REQUIRED: "the client has shown no certificate",
  PEER_REFUSED_CERT: "the peer does not accept the certificate",
  NO_APPLICATION_PROTOCOL: "no application protocol in common",
  PROTOCOL_VERSION: "no TLS version in common",
  NO_TLS: "the peer does not speak TLS",
  TRUNCATED: "the connection ended without TLS's end mark",
  BAD_RECORD: "a record does not decrypt",
  HANDSHAKE_FAILURE: "the handshake failed",
};

// What Deno (rustls) and node:tls write, tried in this order.
const PATTERNS: readonly (readonly [RegExp, TlsErrorReason])[] = [
  [/UnexpectedEof|close_notify|tls handshake eof/i, "TRUNCATED"],
  [/cannot decrypt|BadRecordMac/, "BAD_RECORD"],
  [
    /received fatal alert: NoApplicationProtocol|known protocol|NO_APPLICATION_PROTOCOL/,
    "NO_APPLICATION_PROTOCOL",
  ],
  [
    /received fatal alert: ProtocolVersion|Tls1[23]\w*NotOffered|NoSupportedVersions|TLSV1_ALERT_PROTOCOL_VERSION/,
    "PROTOCOL_VERSION",
  ],
  // A hello without the first of these is one of TLS 1.2 or older (RFC 8446 §4.2.1), and without the second one of TLS 1.1
  // (RFC 5246 §7.4.1.4.1), or of a client that knows SHA-1 alone.
  [/SupportedVersionsExtensionRequired|SignatureAlgorithmsExtensionRequired/, "PROTOCOL_VERSION"],
  [/received fatal alert: CertificateRequired/, "PEER_REFUSED_CERT"],
  [/received fatal alert: (\w*Certificate\w*|UnknownCA|AccessDenied)/, "PEER_REFUSED_CERT"],
  [/sent no certificates|DID_NOT_RETURN_A_CERTIFICATE/, "CERT_REQUIRED"],
  [/ALTNAME_INVALID|not valid for name|altnames/, "ERR_TLS_CERT_ALTNAME_INVALID"],
  [/certificate expired|CERT_HAS_EXPIRED/, "CERT_HAS_EXPIRED"],
  [/not valid yet|CERT_NOT_YET_VALID/, "CERT_NOT_YET_VALID"],
  [/Revoked|CERT_REVOKED/, "CERT_REVOKED"],
  [/extended key usage|InvalidPurpose/, "INVALID_PURPOSE"],
  [
    /UnknownIssuer|UNABLE_TO_|SELF_SIGNED|invalid peer certificate|CaUsedAsEndEntity/,
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  ],
  [
    /corrupt message|InvalidContentType|InvalidMessage|received corrupt|WRONG_VERSION_NUMBER/,
    "NO_TLS",
  ],
];

/** How it is told that the peer cut the connection; Windows says of some that they were aborted. */
const CUTS = ["ECONNRESET", "ECONNABORTED", "EPIPE"] as const;
const CUT_BY_NAME: Record<string, (typeof CUTS)[number]> = {
  BrokenPipe: "EPIPE",
  ConnectionAborted: "ECONNABORTED",
  ConnectionReset: "ECONNRESET",
};

/**
 * Turns what Deno or node:tls threw, in a handshake or after it, into a {@linkcode TlsError}; a `NetError` comes back as it is.
 *
 * @example
 * ```ts
 * import { toTlsError } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = toTlsError(new Error("invalid peer certificate: UnknownIssuer"), {
 *   what: "Cannot start TLS",
 * });
 * assertEquals(error.code, "ERR_TLS_CERT");
 * ```
 */
export function toTlsError(
  error: unknown,
  context: { what: string; syscall?: string; address?: string; port?: number },
): NetError {
  if (error instanceof NetError) return error;
  const { what, ...facts } = context;
  const cause = errorOf(error);
  const text = `${cause.name} ${(cause as { code?: string }).code ?? ""} ${cause.message}`;
  const code = (cause as { code?: string }).code;
  const cut = CUT_BY_NAME[cause.name] ?? CUTS.find((known) => known === code);
  if (cut !== undefined) {
    return new NetError(`${what}: the peer cut the connection`, {
      ...facts,
      code: cut,
      cause: error,
    });
  }
  if (cause.name === "Interrupted" || cause.name === "BadResource") {
    return new NetError(`${what}: the connection was closed here`, {
      ...facts,
      code: "ERR_SOCKET_CLOSED",
      cause: error,
    });
  }
  const reason = PATTERNS.find(([pattern]) => pattern.test(text))?.[1] ?? "HANDSHAKE_FAILURE";
  const later = facts.syscall === "read" || facts.syscall === "write";
  const why = later && reason === "HANDSHAKE_FAILURE" ? "TLS failed" : TEXTS[reason];
  return new TlsError(`${what}: ${why}, ${foreignText(cause.message)}`, {
    ...facts,
    reason,
    cause: error,
  });
}
