// Floor 0: vocabulary.

/** Options of `lookupHost`, and what a {@linkcode HostLookup} is called with. */
export interface LookupHostOptions {
  /** Only addresses of this family; 0 for both. @default {0} */
  family?: 0 | 4 | 6;
  /** Gives up after so many milliseconds; no limit when left out or 0. */
  timeout?: number;
  /** Gives up when it fires. */
  signal?: AbortSignal;
}

/** Finds the addresses of a name, best first. The name is canonical: lower case, ASCII; a final dot only if it had one. */
export type HostLookup = (
  hostname: string,
  options: LookupHostOptions,
) => Promise<readonly string[]>;
