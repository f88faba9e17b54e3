// Floor 1: codec.
import { SocketIoError } from "./errors.ts";

/** The connection under a WebSocket of this package is gone. */
export class ConnectionLoss extends SocketIoError {
  /** Tells why. */
  constructor(why: string, cause: unknown) {
    super("ERR_TRANSPORT", `The WebSocket was lost: ${why}`, { cause });
  }
}

/**
 * Whether what a WebSocket fails with means that the connection under it is gone, and not that something wrong came on it. Deno's own
 * tells it by its text alone.
 */
export function isConnectionLoss(failure: unknown): boolean {
  if (typeof failure === "string") {
    return /\bUnexpected EOF$|\(os error \d+\)$|\bclosed connection without sending TLS/.test(
      failure,
    );
  }
  if (!(failure instanceof Error)) return false;
  if (failure instanceof ConnectionLoss) return true;
  return (failure as { code?: unknown }).code === "CONNECTION_LOST" ||
    isConnectionLoss(failure.message);
}
