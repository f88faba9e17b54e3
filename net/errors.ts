// Floor 0: vocabulary.

/**
 * The codes of a {@linkcode NetError}, as Node has them where Node has one.
 *
 * | code | meaning |
 * | --- | --- |
 * | `EACCES` | the system refuses: a privileged port, a socket file without permission, a broadcast that was not asked for |
 * | `EADDRINUSE` | the port or the socket file is taken |
 * | `EADDRNOTAVAIL` | the local address is not one of this machine |
 * | `EAFNOSUPPORT` | the system lacks the address family (Bluetooth, infrared, IPv6) |
 * | `ECONNABORTED` | the connection was given up on this side |
 * | `ECONNREFUSED` | nobody listens at that address |
 * | `ECONNRESET` | the peer cut the connection |
 * | `EAI_AGAIN` | the name can't be looked up now: no name server answers |
 * | `EHOSTDOWN`, `EHOSTUNREACH`, `ENETUNREACH` | no way to the host |
 * | `ENETDOWN` | the network is off: macOS and Windows say so, Linux mostly `ENETUNREACH`; a Bluetooth adapter is off |
 * | `EINVAL` | the system does not take an argument |
 * | `EIO` | the system failed without telling more |
 * | `EISCONN` | connected or connecting already |
 * | `EMFILE`, `ENFILE` | out of file descriptors |
 * | `EMSGSIZE` | a datagram or a message is larger than allowed |
 * | `ELOOP`, `ENOTDIR` | the path of a socket file goes round in a circle, or through a file that is no folder |
 * | `ENOENT` | no such socket file, or no such folder for it |
 * | `ENOSPC` | no room on the disk for a socket file |
 * | `ENOTCONN` | not connected |
 * | `ENOTFOUND` | the name does not resolve |
 * | `EPERM` | permission missing (of the system, or a Deno `--allow-*` flag) |
 * | `EPIPE` | written to a connection whose other end is gone, or has ended it for both |
 * | `EPROTO` | the peer breaks the protocol |
 * | `ETIMEDOUT` | a deadline passed |
 * | `ABORT_ERR` | an `AbortSignal` fired |
 * | `ERR_BUFFER_LIMIT` | a queue would pass its hard limit |
 * | `ERR_DIAL_POLICY` | the dial policy does not allow the address |
 * | `ERR_FRAMING` | the bytes do not fit the framing: bad length, message too long, or an end inside a message |
 * | `ERR_PROXY_AUTH`, `ERR_PROXY_PROTOCOL`, `ERR_PROXY_REFUSED` | the proxy: wants other credentials, breaks its protocol, refuses |
 * | `ERR_SOCKET_CLOSED` | used after close |
 * | `ERR_SERVER_ALREADY_LISTEN` | listening already |
 * | `ERR_SERVER_NOT_RUNNING` | closed, or never listened |
 * | `ERR_STREAM_ALREADY_FINISHED` | ended after all was written and ended |
 * | `ERR_STREAM_DESTROYED` | written after `destroy()` |
 * | `ERR_STREAM_WRITE_AFTER_END` | written after `end()` |
 * | `ERR_TLS` | the TLS handshake or stream failed |
 * | `ERR_TLS_CERT` | the peer's certificate is not valid for this use |
 * | `ERR_TLS_TRUNCATED` | the stream ended without TLS's own end mark |
 * | `ERR_UNSUPPORTED` | this system or runtime can't do it |
 */
export type NetErrorCode =
  | "EACCES"
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "EAFNOSUPPORT"
  | "EAI_AGAIN"
  | "ECONNABORTED"
  | "ECONNREFUSED"
  | "ECONNRESET"
  | "EHOSTDOWN"
  | "EHOSTUNREACH"
  | "EINVAL"
  | "EIO"
  | "EISCONN"
  | "ELOOP"
  | "EMFILE"
  | "EMSGSIZE"
  | "ENETDOWN"
  | "ENETUNREACH"
  | "ENFILE"
  | "ENOENT"
  | "ENOSPC"
  | "ENOTCONN"
  | "ENOTDIR"
  | "ENOTFOUND"
  | "EPERM"
  | "EPIPE"
  | "EPROTO"
  | "ETIMEDOUT"
  | "ABORT_ERR"
  | "ERR_BUFFER_LIMIT"
  | "ERR_DIAL_POLICY"
  | "ERR_FRAMING"
  | "ERR_PROXY_AUTH"
  | "ERR_PROXY_PROTOCOL"
  | "ERR_PROXY_REFUSED"
  | "ERR_SOCKET_CLOSED"
  | "ERR_SERVER_ALREADY_LISTEN"
  | "ERR_SERVER_NOT_RUNNING"
  | "ERR_STREAM_ALREADY_FINISHED"
  | "ERR_STREAM_DESTROYED"
  | "ERR_STREAM_WRITE_AFTER_END"
  | "ERR_TLS"
  | "ERR_TLS_CERT"
  | "ERR_TLS_TRUNCATED"
  | "ERR_UNSUPPORTED";

/** What a {@linkcode NetError} knows beside its text. */
export interface NetErrorOptions extends ErrorOptions {
  /** What went wrong. */
  code: NetErrorCode;
  /** The operation that failed, for example `"connect"`, `"listen"`, `"read"`, `"write"`. */
  syscall?: string;
  /** The host, the IP address or the path concerned. */
  address?: string;
  /** The port concerned. */
  port?: number;
}

/**
 * What a socket, a server or a transport reports when the network, the peer or a deadline gets in the way.
 *
 * @example
 * ```ts
 * import { NetError } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new NetError("Cannot connect to \"[::1]:9\": refused", {
 *   code: "ECONNREFUSED",
 *   syscall: "connect",
 *   address: "::1",
 *   port: 9,
 * });
 * assertEquals(error.code, "ECONNREFUSED");
 * ```
 */
export class NetError extends Error {
  /** The name of the class. */
  override readonly name: string = "NetError";
  /** What went wrong, as Node's error codes say it. */
  readonly code: NetErrorCode;
  /** The operation that failed. */
  declare readonly syscall?: string;
  /** The host, the IP address or the path concerned. */
  declare readonly address?: string;
  /** The port concerned. */
  declare readonly port?: number;

  /** Makes an error with the text `message`, and the facts of `options`. */
  constructor(message: string, options: NetErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    if (options.syscall !== undefined) this.syscall = options.syscall;
    if (options.address !== undefined) this.address = options.address;
    if (options.port !== undefined) this.port = options.port;
  }
}
