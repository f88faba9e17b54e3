// Floor 2: protocol.
import { codedTypeError } from "./_connect_arguments.ts";
import { isThenable } from "./_thenable.ts";
import { unmapped } from "./_unmapped.ts";
import { classifyIp, formatIp, parseIpBlock } from "./ip.ts";
import { checkOptionNames } from "./option_names.ts";
import type { AcceptRate, AddressList, AdmissionOptions, DropReason } from "./server_options.ts";

const RATE: Record<keyof AcceptRate, true> = { perSecond: true, burst: true };

/** Why a connection does not come in. */
export type AdmissionDrop = Extract<
  DropReason,
  "blocked" | "maxConnections" | "maxConnectionsPerAddress" | "acceptRate"
>;

/** Decides which connections come in, and keeps the counts for it. Time is passed in, in ms. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #perAddress: Map<string, number> | null;
  readonly #prefixLength: number;
  readonly #burst: number;
  #tokens: number;
  /** When tokens were last added; the first time there are as many as can be. */
  #filled = -Infinity;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { maxConnectionsPerAddress = Infinity, acceptRate, ipv6PrefixLength = 64 } = options;
    if (!Number.isInteger(ipv6PrefixLength) || ipv6PrefixLength < 1 || ipv6PrefixLength > 128) {
      throw new RangeError(
        `Cannot make a server: an ipv6PrefixLength of ${ipv6PrefixLength} is not one of 1 to 128`,
      );
    }
    this.#prefixLength = ipv6PrefixLength;
    this.#perAddress = maxConnectionsPerAddress < Infinity ? new Map() : null;
    checkList("blockList", options.blockList ?? undefined);
    checkList("allowList", options.allowList);
    checkOptionNames("Cannot make a server: acceptRate", Object(acceptRate ?? {}), RATE);
    const { perSecond, burst = Math.max(1, perSecond) } = acceptRate ?? { perSecond: 1 };
    this.#burst = burst;
    if (!(maxConnectionsPerAddress >= 1) || !(perSecond > 0) || !(burst >= 1)) {
      throw new RangeError(
        "Cannot make a server: caps and rates must be positive, and a burst at least 1",
      );
    }
    this.#tokens = burst;
  }

  /** Whether addresses are counted: `leave` is to be called then. */
  get counts(): boolean {
    return this.#perAddress !== null;
  }

  /**
   * Lets a connection in (undefined), and counts it; or says why not. `full` says that there is no place for any.
   *
   * @throws What the check of a list throws; nothing is counted then.
   */
  enter(address: string | undefined, now: number, full = false): AdmissionDrop | undefined {
    const { maxConnectionsPerAddress = Infinity, acceptRate } = this.#options;
    if (address !== undefined && this.#blocked(address)) return "blocked";
    if (full) return "maxConnections";
    const key = this.#perAddress && address !== undefined ? this.#keyOf(address) : undefined;
    const count = key === undefined ? 0 : this.#perAddress?.get(key) ?? 0;
    if (count >= maxConnectionsPerAddress) return "maxConnectionsPerAddress";
    if (acceptRate && !this.#token(acceptRate.perSecond, now)) return "acceptRate";
    if (key !== undefined) this.#perAddress?.set(key, count + 1);
    return undefined;
  }

  /** A connection that came in has closed. */
  leave(address: string | undefined): void {
    if (address === undefined || this.#perAddress === null) return;
    const key = this.#keyOf(address);
    const count = this.#perAddress.get(key) ?? 0;
    if (count > 1) this.#perAddress.set(key, count - 1);
    else this.#perAddress.delete(key);
  }

  /** By what an address is counted. */
  #keyOf(given: string): string {
    const address = unmapped(given);
    if (!address.includes(":")) return address;
    // What it is, its network says: who has that chooses the rest, also one that carries an IPv4 address (ISATAP, RFC 5214 §6.1).
    const network = parseIpBlock(`${address}/64`);
    if (network === undefined || classifyIp(network.address) !== "global") return address;
    const block = parseIpBlock(`${address}/${this.#prefixLength}`);
    return block === undefined ? address : formatIp(block.address);
  }

  #blocked(address: string): boolean {
    const { blockList, allowList } = this.#options;
    if (!blockList && allowList === undefined) return false;
    const bare = unmapped(address).replace(/%.*$/, "");
    const family = bare.includes(":") ? "ipv6" : "ipv4";
    if (blockList && holds(blockList, bare, family)) return true;
    return allowList !== undefined && !holds(allowList, bare, family);
  }

  #token(perSecond: number, now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filled) / 1000 * perSecond);
    this.#filled = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

/** @throws {TypeError} `ERR_INVALID_ARG_TYPE`, when a list can't be asked. */
function checkList(name: string, list: AddressList | undefined): void {
  if (list === undefined || typeof list?.check === "function") return;
  throw codedTypeError(
    "ERR_INVALID_ARG_TYPE",
    `Cannot make a server: "${name}" must have a function check, as BlockList of node:net has`,
  );
}

/** Whether a list holds an address. @throws {TypeError} When it promises an answer: a promise would be a yes for everybody. */
function holds(list: AddressList, address: string, family: "ipv4" | "ipv6"): boolean {
  const answer: unknown = list.check(address, family);
  if (isThenable(answer)) {
    // Nobody else would hear of it if it were rejected.
    Promise.resolve(answer).catch(() => {});
    throw new TypeError(`Cannot check the address "${address}": the list returned a promise`);
  }
  return Boolean(answer);
}
