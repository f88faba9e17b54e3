// Floor 0: vocabulary.
import { Budget, type LimitPolicy } from "./budget.ts";

/** What {@linkcode Limits} count. */
export type LimitKind = "connections" | "queuedBytes" | "receivedBytes" | "inflatingBytes";

/** Options of {@linkcode Limits}. Infinity stands for no limit. */
export interface LimitsOptions {
  /**
   * The most connections, those in their handshake included.
   *
   * @default {65_536}
   */
  connections?: number;
  /**
   * The most bytes that are queued for sending.
   *
   * @default {536_870_912}
   */
  queuedBytes?: number;
  /**
   * The most bytes that came and were not taken: unfinished messages and requests, messages that wait for a reader, what is kept while
   * reading is paused.
   *
   * @default {268_435_456}
   */
  receivedBytes?: number;
  /**
   * The most bytes of unfinished messages that came compressed, as they are after inflating.
   *
   * @default {67_108_864}
   */
  inflatingBytes?: number;
  /**
   * What happens at each limit.
   *
   * @default {`connections: "drop"`, `receivedBytes: "wait"`, `"close"` for the others}
   */
  policies?: Partial<Record<LimitKind, LimitPolicy>>;
}

/** How much of one kind is used. */
export interface PressureGauge {
  /** How much is used. */
  used: number;
  /** How much there is. */
  limit: number;
}

/** How close servers are to their {@linkcode Limits}. */
export interface Pressure extends Record<LimitKind, PressureGauge> {
  /** The highest of the four, from 0 (nothing is used) to 1 (a limit is reached). */
  level: number;
}

/**
 * The kinds, with their limits.
 *
 * @example
 * ```ts
 * import { DEFAULT_LIMITS, Limits } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new Limits().pressure.connections.limit, DEFAULT_LIMITS.connections);
 * ```
 */
export const DEFAULT_LIMITS: Readonly<Record<LimitKind, number>> = Object.freeze({
  connections: 65_536,
  queuedBytes: 536_870_912,
  receivedBytes: 268_435_456,
  inflatingBytes: 67_108_864,
});

/**
 * What happens at each limit, where nothing else is said.
 *
 * @example
 * ```ts
 * import { DEFAULT_LIMIT_POLICIES, Limits } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * // Slow readers only lose messages; all else as it is.
 * const limits = new Limits({ policies: { queuedBytes: "drop" } });
 * assertEquals(limits.queuedBytes.policy, "drop");
 * assertEquals(limits.receivedBytes.policy, DEFAULT_LIMIT_POLICIES.receivedBytes);
 * ```
 */
export const DEFAULT_LIMIT_POLICIES: Readonly<Record<LimitKind, LimitPolicy>> = Object.freeze({
  connections: "drop",
  queuedBytes: "close",
  receivedBytes: "wait",
  inflatingBytes: "close",
});

/** @throws {TypeError} For what would limit nothing. */
function checkKinds(what: string, given: object | null | undefined, known: object): void {
  if (given === undefined || given === null) return;
  if (typeof given !== "object" || Symbol.iterator in given) {
    throw new TypeError(`Cannot make limits: ${what} is no object`);
  }
  const unknown = Object.keys(given).find((kind) => !Object.hasOwn(known, kind));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot make limits: there is no "${unknown}" in ${what}`);
  }
}

/** About what a read brings. */
const READ = 16_384;

/**
 * A budget that several servers share: connections, bytes queued for sending, bytes being received, bytes being inflated. All servers
 * use {@linkcode Limits.shared} unless their option `limits` says another one.
 *
 * The limits of one connection bound what one peer can take; this bounds what all of them can take together. From seven eighths of
 * `queuedBytes` on, every connection is slowed down: `write` returns false, and `send` waits, as soon as anything is queued.
 *
 * | at the limit of | `"wait"` | `"drop"` | `"close"` |
 * | --- | --- | --- | --- |
 * | `connections` | a listener accepts no more until there is room | a new connection is dropped; WebSocket servers answer 503, and Socket.IO new sessions | as `"drop"` |
 * | `queuedBytes` | who goes on writing while something is queued is refused, as at its own limit | the message is dropped; of a byte stream, the connection is closed | the connection with the longest queue is closed |
 * | `receivedBytes` | a connection whose message is not complete is not read until there is room; a WebSocket waits for that once its `messageTimeout`, one of Socket.IO has twice that for all of it, of others their deadline goes on | the message is dropped | the connection that holds the most is closed |
 * | `inflatingBytes` | as above | as above | as above |
 *
 * What can't wait, such as a request over HTTP, is refused. With `"close"` WebSockets get the close code 1013 (try again later), but for
 * those that don't read. A limit may be passed by what one connection takes at once.
 *
 * @example
 * ```ts
 * import { createServer, Limits } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const limits = new Limits({ connections: 100, queuedBytes: 16_777_216 });
 * const server = createServer({ limits });
 * assertEquals(server.pressure.level, 0);
 * assertEquals(server.pressure.connections, { used: 0, limit: 100 });
 * ```
 */
export class Limits {
  /** What all servers of the process share, unless they are given something else. */
  static readonly shared: Limits = new Limits();

  /** Open connections. */
  readonly connections: Budget;
  /** Bytes queued for sending. */
  readonly queuedBytes: Budget;
  /** Bytes that came and were not taken. */
  readonly receivedBytes: Budget;
  /** Inflated bytes of unfinished messages. */
  readonly inflatingBytes: Budget;

  /**
   * Makes a budget for servers to share.
   *
   * @throws {RangeError} When a limit is negative or not a number.
   * @throws {TypeError} When a policy is none of its words, and for a kind
   * that there is not.
   */
  constructor(options: LimitsOptions = {}) {
    const { policies } = options;
    checkKinds("limits", options, { ...DEFAULT_LIMITS, policies });
    checkKinds("policies", policies, DEFAULT_LIMITS);
    const make = (kind: LimitKind, unit: number): Budget =>
      new Budget(
        options[kind] ?? DEFAULT_LIMITS[kind],
        policies?.[kind] ?? DEFAULT_LIMIT_POLICIES[kind],
        unit,
      );
    this.connections = make("connections", 1);
    this.queuedBytes = make("queuedBytes", READ);
    this.receivedBytes = make("receivedBytes", READ);
    this.inflatingBytes = make("inflatingBytes", READ);
  }

  /**
   * The limits of a server: those of its options, or those of the process.
   *
   * @throws {TypeError} For what are none.
   * @ignore
   */
  static _of(limits: Limits | null | undefined): Limits {
    if (limits === undefined || limits === null) return Limits.shared;
    // Those of another copy of this package will do.
    if (typeof limits.queuedBytes === "object" && typeof limits.connections === "object") {
      return limits;
    }
    throw new TypeError('Cannot use "limits": they must be Limits');
  }

  /** How much is used now. */
  get pressure(): Pressure {
    const { connections, queuedBytes, receivedBytes, inflatingBytes } = this;
    return {
      level: Math.max(
        connections.level,
        queuedBytes.level,
        receivedBytes.level,
        inflatingBytes.level,
      ),
      connections: gauge(connections),
      queuedBytes: gauge(queuedBytes),
      receivedBytes: gauge(receivedBytes),
      inflatingBytes: gauge(inflatingBytes),
    };
  }
}

function gauge({ used, limit }: Budget): PressureGauge {
  return { used, limit };
}
