// Floor 0: vocabulary.
import { errorOf } from "../net/error_of.ts";
import { NetError, type NetErrorCode } from "../net/errors.ts";
import { FramingError } from "../net/framing_error.ts";
import { WebSocketError } from "../websocket/errors.ts";
import { SocketBookError, type SocketBookErrorKind } from "./errors.ts";

/** A failure that knows its kind but not yet which socket it is about. */
export class SocketFailure extends Error {
  override readonly name = "SocketFailure";
  readonly kind: SocketBookErrorKind;

  constructor(kind: SocketBookErrorKind, why: string, cause?: unknown) {
    super(why, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** The end of a connection that the peer has brought about. */
export function closedByPeer(): SocketFailure {
  return new SocketFailure("CLOSED_BY_PEER", "the peer closed the connection");
}

/** The end that this side has brought about while something waited. */
export function closedHere(): SocketFailure {
  return new SocketFailure("CONNECTION_LOST", "it was closed meanwhile");
}

/** The codes of a connection that the other end has cut. Windows has ECONNABORTED where others have EPIPE. */
export const CUT: ReadonlySet<NetErrorCode> = new Set(["ECONNABORTED", "ECONNRESET", "EPIPE"]);

const KINDS: Partial<Record<NetErrorCode, SocketBookErrorKind>> = {
  ABORT_ERR: "ABORTED",
  EAFNOSUPPORT: "UNSUPPORTED",
  ERR_BUFFER_LIMIT: "LIMIT_REACHED",
  ERR_PROXY_AUTH: "PROXY_FAILED",
  ERR_PROXY_PROTOCOL: "PROXY_FAILED",
  ERR_PROXY_REFUSED: "PROXY_FAILED",
  ERR_TLS: "TLS_FAILED",
  ERR_TLS_CERT: "TLS_FAILED",
  ERR_TLS_TRUNCATED: "TLS_FAILED",
  ERR_UNSUPPORTED: "UNSUPPORTED",
  ETIMEDOUT: "TIMED_OUT",
};

/** What a connection that is there ends with. */
const LOST: ReadonlySet<NetErrorCode> = new Set<NetErrorCode>([
  ...CUT,
  "ERR_SOCKET_CLOSED",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
]);

/** The operations of a book, with what a failure of unknown nature is in each. */
const FALLBACK = {
  "create": "CREATE_FAILED",
  "connect": "CONNECT_FAILED",
  "wait for a connection on": "READ_FAILED",
  "accept a connection on": "READ_FAILED",
  "refuse a connection on": "READ_FAILED",
  "read from": "READ_FAILED",
  "write to": "WRITE_FAILED",
  "change the transmission mode of": "INVALID_ARGUMENT",
  "tell the client of": "NO_CLIENT",
  "set the parameters of": "INVALID_ARGUMENT",
  "close": "UNKNOWN_NAME",
  "set the parameters": "INVALID_ARGUMENT",
  "set the proxy": "INVALID_ARGUMENT",
} as const satisfies Record<string, SocketBookErrorKind>;

/** What a call wants to do with the socket that is named next, or with the whole book. */
export type BookOperation = keyof typeof FALLBACK;

/** The operations that are about no socket. */
const OF_BOOK: ReadonlySet<BookOperation> = new Set<BookOperation>([
  "set the parameters",
  "set the proxy",
]);

function kindOf(error: unknown, operation: BookOperation): SocketBookErrorKind {
  if (error instanceof FramingError) return "BAD_MESSAGE";
  if (error instanceof NetError) {
    const known = KINDS[error.code];
    if (known !== undefined) return known;
    const there = operation === "read from" || operation === "write to";
    return there && LOST.has(error.code) ? "CONNECTION_LOST" : FALLBACK[operation];
  }
  if (error instanceof WebSocketError) {
    if (error.code === "HANDSHAKE_TIMEOUT") return "TIMED_OUT";
    if (error.code === "CLOSED") return "CONNECTION_LOST";
    if (error.code === "SEND_QUEUE_FULL") return "LIMIT_REACHED";
    return FALLBACK[operation];
  }
  if (error instanceof TypeError || error instanceof RangeError) return "INVALID_ARGUMENT";
  return FALLBACK[operation];
}

/** Makes of whatever was thrown the error that the caller of a book gets. */
export function toBookError(
  error: unknown,
  operation: BookOperation,
  socketName: string,
): SocketBookError {
  if (error instanceof SocketBookError) return error;
  const name = OF_BOOK.has(operation) ? "" : JSON.stringify(socketName);
  if (error instanceof SocketFailure) {
    return new SocketBookError(
      `Cannot ${operation}${name && ` ${name}`}: ${error.message}`,
      { kind: error.kind, socketName, cause: error.cause },
    );
  }
  const why = errorOf(error).message;
  return new SocketBookError(name === "" ? why : `${why} (socket ${name})`, {
    kind: kindOf(error, operation),
    socketName,
    cause: error,
  });
}
