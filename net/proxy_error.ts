// Floor 0: vocabulary.
import { NetError, type NetErrorOptions } from "./errors.ts";

/** What a proxy is asked to connect to. */
export interface ProxyTarget {
  /** A name, which the proxy resolves, or an IP address. */
  hostname: string;
  /** The port, 1 to 65535. */
  port: number;
}

/** What a {@linkcode ProxyError} knows beside its text. */
export interface ProxyErrorOptions extends NetErrorOptions {
  /** The reply code of a SOCKS5 proxy. */
  reply?: number;
  /** The status of an HTTP proxy's answer. */
  status?: number;
}

/**
 * What stood in the way of a connection through a proxy. No text of it holds a credential, or anything that the proxy wrote.
 *
 * | SOCKS5 reply | `code` |
 * | --- | --- |
 * | 1 general failure | `ERR_PROXY_REFUSED` |
 * | 2 not allowed by the rules | `EACCES` |
 * | 3 network unreachable | `ENETUNREACH` |
 * | 4 host unreachable | `EHOSTUNREACH` |
 * | 5 connection refused | `ECONNREFUSED` |
 * | 6 TTL expired | `ETIMEDOUT` |
 * | 7 command not supported | `ERR_UNSUPPORTED` |
 * | 8 address type not supported | `EAFNOSUPPORT` |
 * | others | `ERR_PROXY_PROTOCOL` |
 *
 * An HTTP proxy's status 407 is `ERR_PROXY_AUTH`, every other one that is no success `ERR_PROXY_REFUSED`. A proxy that
 * closes the connection is `ECONNRESET`, one that breaks its protocol `ERR_PROXY_PROTOCOL`.
 *
 * @example
 * ```ts
 * import { ProxyError } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ProxyError('Cannot connect to "example.org:80" through proxy: refused', {
 *   code: "ECONNREFUSED",
 *   reply: 5,
 * });
 * assertEquals([error.code, error.reply], ["ECONNREFUSED", 5]);
 * ```
 */
export class ProxyError extends NetError {
  /** The name of the class. */
  override readonly name: string = "ProxyError";
  /** The reply code of a SOCKS5 proxy. */
  declare readonly reply?: number;
  /** The status of an HTTP proxy's answer. */
  declare readonly status?: number;

  /** Makes an error with the text `message`, and the facts of `options`. */
  constructor(message: string, options: ProxyErrorOptions) {
    super(message, options);
    if (options.reply !== undefined) this.reply = options.reply;
    if (options.status !== undefined) this.status = options.status;
  }
}
