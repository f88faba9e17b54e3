// Floor 0: vocabulary.
import { NetError } from "./errors.ts";

/** What a closed socket can't do, or who waited for it. */
export function closedError(what: string): NetError {
  return new NetError(`Cannot ${what}: closed`, { code: "ERR_SOCKET_CLOSED" });
}

/** A socket is connected once at a time. */
export function connectedError(): NetError {
  return new NetError("Cannot connect: the socket is connected or connecting already", {
    code: "EISCONN",
    syscall: "connect",
  });
}

/** Why a socket takes no write: it is closed, it has ended its direction, the peer has ended both, or it is not connected. */
export function writeError(why: "closed" | "ended" | "gone" | "offline"): NetError {
  if (why === "gone") {
    return new NetError("Cannot write: the peer has ended the connection", { code: "EPIPE" });
  }
  if (why === "closed") {
    return new NetError("Cannot write: the socket is closed", { code: "ERR_STREAM_DESTROYED" });
  }
  return why === "ended"
    ? new NetError("Cannot write: after end", { code: "ERR_STREAM_WRITE_AFTER_END" })
    : new NetError("Cannot write: the socket is not connected", { code: "ERR_SOCKET_CLOSED" });
}

/** An end that has been is no end for who asks for another one. */
export function endedError(): NetError {
  return new NetError("Cannot end: ended already", { code: "ERR_STREAM_ALREADY_FINISHED" });
}

/** TLS starts on a connection that stands, once. */
export function startTlsError(why: "offline" | "starting"): NetError {
  return why === "offline"
    ? new NetError("Cannot start TLS: the socket is not connected", { code: "ENOTCONN" })
    : new NetError("Cannot start TLS: it is being started already", { code: "EINVAL" });
}

/** Not every kind of connection can be reset. */
export function noReset(): NetError {
  return new NetError("Cannot reset the connection: this kind of connection has no reset", {
    code: "ERR_UNSUPPORTED",
  });
}
