// Floor 3: driver.

/** What is counted of a connection that has closed. Its socket may be connected anew by now, with other numbers. */
export interface ClosedConnection {
  /** The peer's IP address. */
  remoteAddress: string | undefined;
  /** How many bytes came. */
  bytesRead: number;
  /** How many bytes were written. */
  bytesWritten: number;
}

/** Called with a socket whose connection has closed. */
export type CloseTeller = (socket: object, connection: ClosedConnection) => void;

/**
 * Has `told` called when a `Socket` closes, just before its event `close`, also when the user has removed all of its
 * listeners. There is one for each socket. The class sets it up.
 */
export const closeWatch: { set(socket: object, told: CloseTeller): void } = {
  set: () => {},
};
