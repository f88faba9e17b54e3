// Floor 0: vocabulary.

/** Text or bytes in PEM form. */
export type Pem = string | Uint8Array;

/** A TLS version. Older ones are not to be had in Deno. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/**
 * Who does the TLS.
 *
 * - `"node"`: node:tls over the transport. It can everything, and a connection that is closed, or whose deadline fires, is gone.
 * - `"deno"`: `Deno.startTls` and `Deno.listenTls`, for half to two thirds of the processor time. Two things it can't do by itself, but
 *   does through the C library on Linux where the program has `--allow-ffi`, which is never asked for. Closing a connection whose peer
 *   stalls, in the handshake or by not reading what is still to be sent, otherwise leaves it open inside Deno until the peer goes:
 *   deadlines then end the wait, not the connection, and nothing counts it any more. And on servers Nagle's algorithm is otherwise on (see
 *   {@linkcode setListenerNoDelay}): what is written right after something else, and the end of a message of more than 16 KiB, then
 *   waits until the peer has acknowledged the former, up to 40 ms. On clients it is stricter with certificates: it finds names among the
 *   alternative ones alone, takes `*` for a whole label only, and takes none for a server's that is marked as an authority's.
 * - `"auto"`: for clients, Deno's TLS where it can do all that was asked on a TCP connection of Deno's, and node:tls otherwise. For
 *   servers, whose peers may be anybody, node:tls.
 *
 * So choose `"auto"` for clients of servers that are trusted not to stall, and `"deno"` for servers on Linux with `--allow-ffi`, or with
 * trusted clients.
 */
export type TlsImplementation = "node" | "deno" | "auto";

/** A certificate chain and its key. */
export interface TlsIdentity {
  /** The certificate, followed by those between it and the authority's. */
  cert: Pem;
  /**
   * Its private key, as PKCS #8, PKCS #1 or SEC 1: RSA of 2048 to 8192 bits (not RSA-PSS), ECDSA with P-256, P-384 or P-521, or Ed25519.
   */
  key: Pem;
  /** The passphrase of an encrypted key. */
  passphrase?: string;
}

/** What both sides of TLS may choose. */
export interface TlsCommonOptions {
  /** The own certificate chain. */
  cert?: Pem;
  /** The private key of `cert`. */
  key?: Pem;
  /** The passphrase of an encrypted `key`. */
  passphrase?: string;
  /**
   * The protocols to agree on by ALPN (RFC 7301), best first: of 1 to 255 bytes each, and 32,768 together, with one more for each.
   *
   * @default {none, no ALPN}
   */
  ALPNProtocols?: readonly string[];
  /**
   * The oldest version to speak.
   *
   * @default {"TLSv1.2"}
   */
  minVersion?: TlsVersion;
  /**
   * The newest version to speak.
   *
   * @default {"TLSv1.3"}
   */
  maxVersion?: TlsVersion;
  /**
   * How long the handshake may take, in ms.
   *
   * @default {120000}, as in Node
   */
  handshakeTimeout?: number;
  /**
   * Who does it. Asked for what it can't do, `"deno"` throws `ERR_UNSUPPORTED`; `"auto"` never does.
   *
   * @default {"node"}
   */
  implementation?: TlsImplementation;
}

/**
 * TLS on the client's side. The defaults are the safe ones: the server's certificate must lead to a known authority, be in date, and
 * name the host that was asked for.
 */
export interface TlsClientOptions extends TlsCommonOptions {
  /**
   * The name to ask for (SNI) and to find in the certificate. For an IP address there is no SNI, and the certificate must hold the
   * address.
   *
   * @default {the host that is dialled}
   */
  servername?: string;
  /** The only authorities to trust, instead of the usual ones. */
  ca?: Pem | readonly Pem[];
  /**
   * Authorities to trust beside the usual ones, by Deno's name. With node:tls those of `deno --cert` and `DENO_CERT` are no usual ones then,
   * because Deno does not tell them; those of `NODE_EXTRA_CA_CERTS` are.
   */
  caCerts?: readonly string[];
  /**
   * Whether a certificate that does not verify ends the connection. With `false` anybody in between can read and change everything:
   * look at `authorized` yourself.
   * @default {true}
   */
  rejectUnauthorized?: boolean;
  /**
   * Judges the certificate instead of the comparison with the name; an error ends the connection, unless `rejectUnauthorized` is false:
   * then it is told as `authorizationError`. To pin a certificate, compare `fingerprint256`, and call node:tls's `checkServerIdentity`
   * besides.
   */
  checkServerIdentity?: (servername: string, certificate: PeerCertificate) => Error | undefined;
}

/** Which certificate to show to clients that ask for a name; `undefined` or `null` for the server's own. */
export type SniCallback = (
  servername: string,
) => TlsIdentity | undefined | null | Promise<TlsIdentity | undefined | null>;

/** TLS on the server's side. */
export interface TlsServerOptions extends TlsCommonOptions {
  /**
   * The authorities of clients' certificates. Without it no client's certificate verifies: other than Node, Deno knows no usual ones here.
   * @default {none}
   */
  ca?: Pem | readonly Pem[];
  /**
   * Asks clients for a certificate (mutual TLS).
   *
   * @default {false}
   */
  requestCert?: boolean;
  /**
   * With `requestCert`: refuses clients whose certificate does not verify, or that have none.
   *
   * @default {true}
   */
  rejectUnauthorized?: boolean;
  /** Further certificates, by the name that the client asks for: `"a.example.org"` or `"*.example.org"`. */
  sni?: Readonly<Record<string, TlsIdentity>>;
  /** Finds the certificate for a name that is not in `sni`. What it throws ends that connection only. */
  SNICallback?: SniCallback;
}

/** The parts of a certificate's subject or issuer, by their short names (`CN`, `O`, …). */
export type CertificateName = Record<string, string | string[]>;

/** A peer's certificate, as node:tls tells it. */
export interface PeerCertificate {
  /** Whom it is for. */
  subject: CertificateName;
  /** Who signed it. */
  issuer: CertificateName;
  /** The names and addresses that it is for, for example `DNS:example.org, IP Address:192.0.2.1`. */
  subjectaltname?: string;
  /** From when it is valid. */
  valid_from: string;
  /** Until when it is valid. */
  valid_to: string;
  /** Its serial number, in hexadecimal. */
  serialNumber: string;
  /** Its SHA-1 fingerprint, `AB:CD:…`. */
  fingerprint: string;
  /** Its SHA-256 fingerprint, `AB:CD:…`. */
  fingerprint256: string;
  /** The certificate itself, in DER form. */
  raw: Uint8Array;
}

/** The cipher suite that a connection uses. */
export interface TlsCipher {
  /** OpenSSL's name. */
  name: string;
  /** The RFCs' name. */
  standardName: string;
  /** The TLS version it belongs to. */
  version: string;
}

/** What the handshake came to. */
export interface TlsInfo {
  /** Who did it. */
  readonly implementation: "deno" | "node";
  /** Whether the peer's certificate verifies. A server that asked for none says `false`. */
  readonly authorized: boolean;
  /**
   * Why the certificate does not verify, as node:tls calls it; null when it does, or when none was asked for. On a server with `requestCert`
   * and without `rejectUnauthorized`, a client that shows none has `"UNABLE_TO_GET_ISSUER_CERT"`.
   */
  readonly authorizationError: string | null;
  /** The protocol that ALPN agreed on, or null. */
  readonly alpnProtocol: string | null;
  /** The name that the client asked for, or null. */
  readonly servername: string | null;
  /** The version, or null where Deno does not tell. */
  readonly protocol: string | null;
  /** The cipher suite, or null where Deno does not tell. */
  readonly cipher: TlsCipher | null;
  /**
   * The peer's certificate, or null when it has shown none.
   *
   * @throws {NetError} `ERR_UNSUPPORTED` where Deno does not tell: ask for it with `implementation: "node"`.
   */
  getPeerCertificate(): PeerCertificate | null;
}
