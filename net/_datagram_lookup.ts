// Floor 3: driver.
import { watchAbort } from "./_abort_watch.ts";
import { socketClosed } from "./_datagram_errors.ts";
import type { DatagramSocketOptions, DatagramSocketType } from "./datagram_options.ts";
import { DialPolicy } from "./dial_policy.ts";
import { parseHost } from "./host.ts";
import { lookupWith, systemHostLookup } from "./lookup.ts";
import type { WaitOptions } from "./wait.ts";

/** Finds the address of a host that a datagram socket uses, where its policy allows that. */
export class DatagramLookup {
  readonly #options: DatagramSocketOptions;
  readonly #family: 4 | 6;
  readonly #policy: DialPolicy | undefined;
  /** Ends the lookups that are under way when the socket is closed. */
  readonly #life = new AbortController();

  constructor(type: DatagramSocketType, options: DatagramSocketOptions) {
    this.#options = options;
    this.#family = type === "udp4" ? 4 : 6;
    this.#policy = DialPolicy.from(options.policy);
  }

  /** This machine. */
  get localhost(): string {
    return this.#family === 4 ? "127.0.0.1" : "::1";
  }

  /**
   * The one address of `host`, after the policy has judged all; without a port it is an address to bind to. `what` can't be
   * done when it fails.
   */
  async find(
    host: string,
    port: number | undefined,
    options: WaitOptions,
    what: string,
  ): Promise<string> {
    const family = this.#family;
    const parsed = parseHost(host);
    // An IPv4 address is to be had through a v6 socket in its mapped form.
    if (parsed.ip?.family === 4 && family === 6 && !this.#options.ipv6Only) {
      if (port !== undefined) this.#policy?.check(host, port, [parsed.hostname]);
      return `::ffff:${parsed.hostname}`;
    }
    const lookup = this.#options.lookup ?? systemHostLookup;
    const life = this.#life.signal;
    // Only names are asked for.
    const either = parsed.ip === undefined ? firstOf(life, options.signal) : undefined;
    const { signal } = either ?? options;
    let addresses: string[];
    try {
      addresses = await lookupWith(lookup, host, { ...options, signal, family });
    } catch (error) {
      throw life.aborted ? socketClosed(what) : error;
    } finally {
      either?.clear();
    }
    if (port !== undefined) this.#policy?.check(host, port, addresses);
    return addresses[0];
  }

  /** Ends the lookups that are under way: the socket is closed. */
  stop(): void {
    this.#life.abort();
  }
}

/** A signal that fires with the first of two; `clear` takes its listeners off. Not `AbortSignal.any`, which takes none of a polyfill's. */
function firstOf(
  one: AbortSignal,
  other: AbortSignal | undefined,
): { signal: AbortSignal; clear: () => void } {
  const either = new AbortController();
  const given = other === undefined ? [one] : [one, other];
  const ends: Array<() => void> = [];
  for (const signal of given) {
    if (signal.aborted) either.abort(signal.reason);
    else ends.push(watchAbort(signal, () => either.abort(signal.reason)));
  }
  const clear = () => {
    for (const end of ends) end();
  };
  return { signal: either.signal, clear };
}
