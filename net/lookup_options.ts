// Floor 0: vocabulary.

/** Options of `lookupHost`, and what a {@linkcode HostLookup} is called with. */
export interface LookupHostOptions {
  /**
   * Only addresses of this family; 0 for both.
   *
   * @default {0}
   */
  family?: 0 | 4 | 6;
  /** Gives up after so many milliseconds; no limit when left out or 0. */
  timeout?: number;
  /** Gives up when it fires. */
  signal?: AbortSignal;
}

/**
 * Finds the addresses of a name, best first. The name is canonical: lower case, ASCII; a final dot only if it had one. What it
 * throws is told as the cause of a `NetError`, with the code that {@linkcode toNetError} finds, but with `ENOTFOUND` in place of
 * `EIO`, which is also any code that is not known, and of `ENOENT`. A `NetError` with any other code is told as it is.
 */
export type HostLookup = (
  hostname: string,
  options: LookupHostOptions,
) => Promise<readonly string[]>;

/** What a {@linkcode SocketLookup} is called with: Node's options for all addresses. */
export interface SocketLookupOptions extends LookupHostOptions {
  /** All addresses are wanted. */
  all: true;
  /** Node's flags for the system's lookup: none. */
  hints: number;
}

/** How a {@linkcode SocketLookup} of Node's kind answers: one address with its family, or all of them. */
export type SocketLookupCallback = (
  error: Error | null,
  address?: string | readonly { address: string; family?: number | string }[],
  family?: number | string,
) => void;

/** A lookup for a socket: one that promises the addresses, as {@linkcode HostLookup}, or calls back, as `dns.lookup` of Node. */
export type SocketLookup = (
  hostname: string,
  options: SocketLookupOptions,
  callback: SocketLookupCallback,
) => void | Promise<readonly string[]>;
