// Floor 0: vocabulary.

/**
 * What went wrong, for programs. Each has a number, as WLangage's `ErreurInfo(errCode)` gives numbers:
 *
 * | kind | number | meaning |
 * | --- | --- | --- |
 * | `CLOSED_BY_PEER` | 100031 | the peer has ended the connection in the ordinary way |
 * | `CONNECTION_LOST` | 100032 | the connection was cut by the peer, or closed on this side meanwhile |
 * | `UNKNOWN_NAME` | 200001 | there is no socket of that name: never made, or closed |
 * | `NAME_IN_USE` | 200002 | there is a socket of that name already |
 * | `NO_REQUEST` | 200003 | no client asks to be connected |
 * | `NO_CLIENT` | 200004 | a simplified server has no client yet |
 * | `WRONG_KIND` | 200005 | this kind of socket can't do that |
 * | `INVALID_ARGUMENT` | 200006 | an address, a port, a certificate, a mode or another argument is no good |
 * | `CREATE_FAILED` | 200007 | the port can't be listened on |
 * | `CONNECT_FAILED` | 200008 | the connection can't be made |
 * | `READ_FAILED` | 200009 | reading failed |
 * | `WRITE_FAILED` | 200010 | writing failed |
 * | `BAD_MESSAGE` | 200011 | what came does not fit the transmission mode, is too long, or ended in the middle of a message |
 * | `TLS_FAILED` | 200012 | the TLS handshake failed, or a certificate is not valid |
 * | `PROXY_FAILED` | 200013 | the proxy refuses |
 * | `TIMED_OUT` | 200014 | a deadline passed (but a `read` or a `waitForConnection` to which nothing came is no error) |
 * | `ABORTED` | 200015 | an `AbortSignal` fired |
 * | `LIMIT_REACHED` | 200016 | a limit of the book is reached: sockets, or bytes that wait to be sent |
 * | `UNSUPPORTED` | 200017 | this system or runtime can't do it |
 * | `CALLBACK_FAILED` | 200018 | a callback of the program threw |
 *
 * 100031 and 100032 are WLangage's numbers for "connection closed"; what tells them apart there is not known. The others are this
 * library's.
 */
export type SocketBookErrorKind = keyof typeof SOCKET_BOOK_ERROR_CODES;

/** The number of each {@linkcode SocketBookErrorKind}. */
export const SOCKET_BOOK_ERROR_CODES: {
  readonly CLOSED_BY_PEER: 100031;
  readonly CONNECTION_LOST: 100032;
  readonly UNKNOWN_NAME: 200001;
  readonly NAME_IN_USE: 200002;
  readonly NO_REQUEST: 200003;
  readonly NO_CLIENT: 200004;
  readonly WRONG_KIND: 200005;
  readonly INVALID_ARGUMENT: 200006;
  readonly CREATE_FAILED: 200007;
  readonly CONNECT_FAILED: 200008;
  readonly READ_FAILED: 200009;
  readonly WRITE_FAILED: 200010;
  readonly BAD_MESSAGE: 200011;
  readonly TLS_FAILED: 200012;
  readonly PROXY_FAILED: 200013;
  readonly TIMED_OUT: 200014;
  readonly ABORTED: 200015;
  readonly LIMIT_REACHED: 200016;
  readonly UNSUPPORTED: 200017;
  readonly CALLBACK_FAILED: 200018;
} = Object.freeze({
  CLOSED_BY_PEER: 100031,
  CONNECTION_LOST: 100032,
  UNKNOWN_NAME: 200001,
  NAME_IN_USE: 200002,
  NO_REQUEST: 200003,
  NO_CLIENT: 200004,
  WRONG_KIND: 200005,
  INVALID_ARGUMENT: 200006,
  CREATE_FAILED: 200007,
  CONNECT_FAILED: 200008,
  READ_FAILED: 200009,
  WRITE_FAILED: 200010,
  BAD_MESSAGE: 200011,
  TLS_FAILED: 200012,
  PROXY_FAILED: 200013,
  TIMED_OUT: 200014,
  ABORTED: 200015,
  LIMIT_REACHED: 200016,
  UNSUPPORTED: 200017,
  CALLBACK_FAILED: 200018,
});

/** What a {@linkcode SocketBookError} knows beside its text. */
export interface SocketBookErrorOptions extends ErrorOptions {
  /** What went wrong. */
  kind: SocketBookErrorKind;
  /** The name of the socket; `"*"` for what concerns the whole book: its parameters, its proxy. */
  socketName: string;
}

/**
 * Why a call of a `SocketBook` failed: its `lastError`, or what it throws with `throws: true`.
 *
 * @example
 * ```ts
 * import { SocketBookError } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SocketBookError("Cannot read from \"A\": the peer closed the connection", {
 *   kind: "CLOSED_BY_PEER",
 *   socketName: "A",
 * });
 * assertEquals([error.code, error.closed], [100031, true]);
 * ```
 */
export class SocketBookError extends Error {
  /** The name of the class. */
  override readonly name: string = "SocketBookError";
  /** What went wrong. */
  readonly kind: SocketBookErrorKind;
  /** Its number: 100031 and 100032 for a connection that has ended, as in WLangage. */
  readonly code: number;
  /** The name of the socket; `"*"` for what concerns the whole book: its parameters, its proxy. */
  readonly socketName: string;

  /** Makes an error with the text `message`, and the facts of `options`. */
  constructor(message: string, options: SocketBookErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    this.code = SOCKET_BOOK_ERROR_CODES[options.kind];
    this.socketName = options.socketName;
  }

  /** Whether the connection has ended: code 100031 or 100032. */
  get closed(): boolean {
    return this.kind === "CLOSED_BY_PEER" || this.kind === "CONNECTION_LOST";
  }
}
