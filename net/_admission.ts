// Floor 2: protocol.
import type { DropReason, ServerOptions } from "./server_options.ts";

/** Decides which connections come in, and keeps the counts for it. Time is passed in, in ms. */
export class Admission {
  readonly #options: ServerOptions;
  readonly #perAddress: Map<string, number> | null;
  #tokens: number;
  #filled = -Infinity;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { maxConnectionsPerAddress = Infinity, acceptRate } = options;
    this.#perAddress = maxConnectionsPerAddress < Infinity ? new Map() : null;
    const { perSecond = 1, burst = perSecond } = acceptRate ?? {};
    if (!(maxConnectionsPerAddress >= 1) || !(perSecond > 0) || !(burst >= 1)) {
      throw new RangeError(
        "Cannot make a server: caps and rates must be positive, and a burst at least 1",
      );
    }
    this.#tokens = burst;
  }

  /** Lets a connection in (undefined), and counts it; or says why not. `open` is how many there are. */
  enter(
    address: string | undefined,
    open: number,
    most: number,
    now: number,
  ): DropReason | undefined {
    const { maxConnectionsPerAddress = Infinity, acceptRate } = this.#options;
    if (address !== undefined && this.#blocked(address)) return "blocked";
    if (open >= most) return "maxConnections";
    const count = address === undefined ? 0 : this.#perAddress?.get(address) ?? 0;
    if (count >= maxConnectionsPerAddress) return "maxConnectionsPerAddress";
    if (acceptRate !== undefined && !this.#token(acceptRate.perSecond, acceptRate.burst, now)) {
      return "acceptRate";
    }
    if (address !== undefined) this.#perAddress?.set(address, count + 1);
    return undefined;
  }

  /** A connection that came in has closed. */
  leave(address: string | undefined): void {
    if (address === undefined || this.#perAddress === null) return;
    const count = this.#perAddress.get(address) ?? 0;
    if (count > 1) this.#perAddress.set(address, count - 1);
    else this.#perAddress.delete(address);
  }

  #blocked(address: string): boolean {
    const { blockList, allowList } = this.#options;
    if (blockList === undefined && allowList === undefined) return false;
    const bare = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "").replace(/%.*$/, "");
    const family = bare.includes(":") ? "ipv6" : "ipv4";
    if (blockList?.check(bare, family)) return true;
    return allowList !== undefined && !allowList.check(bare, family);
  }

  #token(perSecond: number, burst: number = perSecond, now: number): boolean {
    if (this.#filled === -Infinity) this.#filled = now;
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filled) / 1000 * perSecond);
    this.#filled = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
