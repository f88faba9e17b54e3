// Floor 0: vocabulary.
import type { TlsClientOptions } from "./tls_options.ts";

/** Options of `startTls`. */
export interface StartTlsOptions extends TlsClientOptions {
  /** Gives up after so many milliseconds; no limit but the handshake's when left out or 0. */
  timeout?: number;
  /** Gives up when it fires. */
  signal?: AbortSignal;
  /** The host that was dialled: the name to ask for and to find in the certificate, unless `servername` is another. */
  hostname?: string;
  /** Bytes that were read from the transport already: the first of the peer's TLS. */
  head?: Uint8Array;
}

/** Options of `startServerTls`, beside the certificates. */
export interface StartServerTlsOptions {
  /** Gives up after so many milliseconds; no limit but the handshake's when left out or 0. */
  timeout?: number;
  /** Gives up when it fires. */
  signal?: AbortSignal;
  /** Bytes that were read from the transport already: the first of the client's TLS. */
  head?: Uint8Array;
}
