// Floor 1: codec.
import { NetError } from "./errors.ts";
import { parseHost } from "./host.ts";
import {
  classifyIp,
  embeddedIpv4,
  formatIp,
  IP_CATEGORIES,
  type IpAddress,
  type IpBlock,
  type IpCategory,
  ipInBlock,
  parseAnyIp,
  parseIpBlock,
} from "./ip.ts";

/**
 * Where connections may go. Addresses are judged after the name was resolved, and the address that was judged is the one that
 * is dialled. What `deny` names is refused, whatever else is said; then `allow`; then the preset.
 */
export interface DialPolicyOptions {
  /**
   * What holds for addresses that no rule names: `"public"` lets through what {@linkcode classifyIp} calls global,
   * `"any"` everything, `"none"` nothing.
   *
   * @default {"public"}
   */
  preset?: "public" | "any" | "none";
  /**
   * Addresses (`"10.1.2.3"`), blocks (`"10.0.0.0/8"`) and categories (`"loopback"`) to let through nevertheless.
   * @default {[]}
   */
  allow?: readonly string[];
  /**
   * Addresses, blocks and categories to refuse nevertheless.
   *
   * @default {[]}
   */
  deny?: readonly string[];
  /**
   * The only names that may be dialled: `"example.org"`, or `"*.example.org"` for every name below it. Hosts given as an
   * address are then refused unless `allow` holds them. A name that is let through has its addresses judged all the same.
   * @default {undefined}, every name
   */
  allowNames?: readonly string[];
  /**
   * Names that may not be dialled, in the same forms.
   *
   * @default {[]}
   */
  denyNames?: readonly string[];
  /**
   * The only ports that may be dialled: single ones, and ranges `[first, last]`.
   *
   * @default {undefined}, every port
   */
  ports?: readonly (number | readonly [number, number])[];
  /**
   * Whether Unix socket paths may be dialled.
   *
   * @default {false}
   */
  unix?: boolean;
}

/** What a policy can have. One that is misspelt would let through what it was to refuse. */
const RULES: ReadonlySet<string> = new Set(
  [
    "preset",
    "allow",
    "deny",
    "allowNames",
    "denyNames",
    "ports",
    "unix",
  ] satisfies (keyof DialPolicyOptions)[],
);

/** A policy as options take it: `"public"` for the preset alone, options, or a ready {@linkcode DialPolicy}. */
export type DialPolicyInit = "public" | DialPolicyOptions | DialPolicy;

interface AddressRules {
  blocks: IpBlock[];
  categories: Set<IpCategory>;
}

function addressRules(rules: readonly string[]): AddressRules {
  const result: AddressRules = { blocks: [], categories: new Set() };
  for (const rule of rules) {
    if ((IP_CATEGORIES as readonly string[]).includes(rule)) {
      result.categories.add(rule as IpCategory);
      continue;
    }
    const block = parseIpBlock(rule);
    if (block === undefined) {
      throw new TypeError(
        `Cannot use dial policy rule ${
          JSON.stringify(rule)
        }: it is no address, no block and no category`,
      );
    }
    result.blocks.push(unmapped(block));
  }
  return result;
}

/** The v4-mapped addresses; others have a text that starts like theirs (`::ffff:1`, `::ffff:0:1.2.3.4`). */
const V4_MAPPED = parseIpBlock("::ffff:0:0/96") as IpBlock;

/** A block of v4-mapped addresses as the IPv4 block that it is. */
function unmapped(block: IpBlock): IpBlock {
  const { address, prefix } = block;
  // A shorter prefix leaves an address that is outside.
  if (!ipInBlock(address, V4_MAPPED)) return block;
  return { address: { family: 4, bytes: address.bytes.slice(12) }, prefix: prefix - 96 };
}

type PortRules = readonly (number | readonly [number, number])[];

function nameRules(rules: readonly string[]): string[] {
  return rules.map((rule) => {
    const wild = rule.startsWith("*.");
    const host = parseHost(wild ? rule.slice(2) : rule);
    if (host.ip !== undefined) {
      throw new TypeError(`Cannot use dial policy rule ${JSON.stringify(rule)}: it is no name`);
    }
    return wild ? `.${host.hostname}` : host.hostname;
  });
}

function portRules(rules: PortRules): PortRules {
  for (const rule of rules) {
    const [first, last] = typeof rule === "number" ? [rule, rule] : rule;
    if (typeof first !== "number" || typeof last !== "number" || !(first <= last)) {
      const shown = JSON.stringify(rule);
      throw new TypeError(`Cannot use dial policy rule ${shown}: it is no port and no range`);
    }
  }
  return [...rules];
}

/**
 * Decides whether an address may be dialled: the guard against requests that lead a program into its own machine or
 * network (SSRF). Pass it, or its options, as `policy` to `dial` and everything that dials.
 *
 * @example
 * ```ts
 * import { DialPolicy, parseAnyIp } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const policy = new DialPolicy({ allow: ["10.1.2.0/24"] });
 * assertEquals(policy.refusal("0x7f.1", 80), "127.0.0.1 is a loopback address");
 * assertEquals(policy.addressRefusal(parseAnyIp("10.1.2.3")!), undefined);
 * ```
 */
export class DialPolicy {
  readonly #preset: "public" | "any" | "none";
  readonly #allow: AddressRules;
  readonly #deny: AddressRules;
  readonly #allowNames: string[] | undefined;
  readonly #denyNames: string[];
  readonly #ports: PortRules | undefined;
  /** Whether Unix socket paths may be dialled. */
  readonly unix: boolean;

  /**
   * Makes a policy.
   *
   * @throws {TypeError} When a rule is malformed.
   */
  constructor(options: DialPolicyOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`Cannot use a dial policy that is no object: ${String(options)}`);
    }
    for (const [name, value] of Object.entries(options)) {
      if (value !== undefined && !RULES.has(name)) {
        throw new TypeError(
          `Cannot use a dial policy with ${JSON.stringify(name)}: there is no such rule`,
        );
      }
    }
    const { preset = "public" } = options;
    if (preset !== "public" && preset !== "any" && preset !== "none") {
      throw new TypeError(`Cannot use dial policy preset ${JSON.stringify(preset)}: there is none`);
    }
    this.#preset = preset;
    this.#allow = addressRules(options.allow ?? []);
    this.#deny = addressRules(options.deny ?? []);
    this.#allowNames = options.allowNames && nameRules(options.allowNames);
    this.#denyNames = nameRules(options.denyNames ?? []);
    this.#ports = options.ports && portRules(options.ports);
    this.unix = options.unix ?? false;
  }

  /**
   * The policy for what an option holds; `undefined` stays so.
   *
   * @throws {TypeError} When a rule is malformed.
   */
  static from(init: DialPolicyInit | undefined): DialPolicy | undefined {
    if (init === undefined || init instanceof DialPolicy) return init;
    if (typeof init === "string") return new DialPolicy({ preset: init });
    return new DialPolicy(init);
  }

  /**
   * Why a host (a name, or an address in any spelling) and port may not be dialled, or `undefined`. For a name, this says
   * nothing yet of the addresses behind it: see {@linkcode DialPolicy.addressRefusal}.
   *
   * @throws {TypeError} When the host is malformed.
   */
  refusal(hostname: string, port: number): string | undefined {
    const ports = this.#ports;
    if (
      ports !== undefined &&
      !ports.some((p) => typeof p === "number" ? p === port : port >= p[0] && port <= p[1])
    ) {
      return `port ${port} is not allowed`;
    }
    const host = parseHost(hostname);
    if (host.ip !== undefined) {
      if (this.#allowNames !== undefined && !holds(this.#allow, host.ip)) {
        return `${host.hostname} is not an allowed name`;
      }
      return this.addressRefusal(host.ip);
    }
    if (matches(this.#denyNames, host.hostname)) return `"${host.hostname}" is denied`;
    if (this.#allowNames !== undefined && !matches(this.#allowNames, host.hostname)) {
      return `"${host.hostname}" is not an allowed name`;
    }
    return undefined;
  }

  /** Why an address may not be dialled, or `undefined`. */
  addressRefusal(ip: IpAddress): string | undefined {
    // What leads to a denied IPv4 address through a translator is denied, too.
    if (holds(this.#deny, ip) || embeddedIpv4(ip).some((inner) => holds(this.#deny, inner))) {
      return `${formatIp(ip)} is denied`;
    }
    if (this.#preset === "any" || holds(this.#allow, ip)) return undefined;
    if (this.#preset === "none") return `${formatIp(ip)} is not allowed`;
    const category = classifyIp(ip);
    if (category === "global") return undefined;
    return `${formatIp(ip)} is ${/^[aeiou]/.test(category) ? "an" : "a"} ${category} address`;
  }

  /**
   * Judges a host, a port and every address that the host resolved to.
   *
   * @throws {NetError} `ERR_DIAL_POLICY` when one of them may not: a name that resolves to an inner address beside an outer one is
   * not to be trusted with either.
   */
  check(hostname: string, port: number, addresses: readonly string[]): void {
    const why = this.refusal(hostname, port);
    if (why !== undefined) throw policyError(hostname, port, why);
    for (const address of addresses) {
      const ip = parseAnyIp(address);
      const refused = ip === undefined ? `"${address}" is no address` : this.addressRefusal(ip);
      if (refused !== undefined) throw policyError(hostname, port, refused);
    }
  }
}

function holds(rules: AddressRules, ip: IpAddress): boolean {
  return rules.blocks.some((block) => ipInBlock(ip, block)) ||
    (rules.categories.size > 0 && rules.categories.has(classifyIp(ip)));
}

function matches(rules: readonly string[], name: string): boolean {
  return rules.some((rule) => rule.startsWith(".") ? name.endsWith(rule) : rule === name);
}

function policyError(hostname: string, port: number, why: string): NetError {
  const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  return new NetError(`Cannot connect to "${host}:${port}": the dial policy refuses it, ${why}`, {
    code: "ERR_DIAL_POLICY",
    syscall: "connect",
    address: hostname,
    port,
  });
}
