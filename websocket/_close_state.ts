// Floor 2: protocol.

/**
 * Where a connection is in its closing handshake (RFC 6455 §7.1):
 *
 * - `open`: no close frame in either direction;
 * - `closeSent`: ours is sent, the peer's has not come: data is still taken in;
 * - `closeReceived`: the peer's came, ours is not sent yet;
 * - `closed`: both went: nothing more is sent or taken in;
 * - `failed`: the peer broke a rule: it was told if that was possible, nothing more is sent or taken in;
 * - `lost`: the transport ended before both close frames went.
 */
export type CloseState = "open" | "closeSent" | "closeReceived" | "closed" | "failed" | "lost";

/** What moves it on. */
export type CloseEvent = "sendClose" | "receiveClose" | "fault" | "end";

/** What is not in the table leaves the state as it is. */
const TRANSITIONS: Record<CloseState, Partial<Record<CloseEvent, CloseState>>> = {
  open: { sendClose: "closeSent", receiveClose: "closeReceived", fault: "failed", end: "lost" },
  closeSent: { receiveClose: "closed", fault: "failed", end: "lost" },
  closeReceived: { sendClose: "closed", end: "lost" },
  closed: {},
  failed: {},
  lost: {},
};

/** The state after `event`. */
export function nextCloseState(state: CloseState, event: CloseEvent): CloseState {
  return TRANSITIONS[state][event] ?? state;
}

/** Whether a close frame of ours may go out: at most one, and none after the end. */
export function maySendClose(state: CloseState): boolean {
  return TRANSITIONS[state].sendClose !== undefined;
}

/** Whether what comes from the peer still counts. */
export function mayReceive(state: CloseState): boolean {
  return TRANSITIONS[state].receiveClose !== undefined;
}
