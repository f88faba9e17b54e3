// Floor 0: vocabulary.
import { MAX_DELAY } from "../net/max_delay.ts";
import {
  DEFAULT_MAX_CHUNKS,
  DEFAULT_MAX_FRAGMENTS,
  DEFAULT_MAX_MESSAGE_SIZE,
  type WebSocketReceiveLimits,
} from "./types.ts";

/**
 * What happens when a peer reads so slowly that {@linkcode WebSocketConnectionOptions.maxSendQueueBytes} is reached:
 *
 * - `"wait"`: `send` rejects with `SEND_QUEUE_FULL`. Whoever awaits each `send` waits at the high-water mark and never gets there.
 * - `"drop"`: the message is dropped and counted in `dropped`; for data of which only the latest matters.
 * - `"close"`: the connection is closed with the error `SLOW_READER`.
 */
export type SlowReaderPolicy = "wait" | "drop" | "close";

/** What can be set on every WebSocket connection, of a client or of a server. All limits and deadlines are on by default. */
export interface WebSocketConnectionOptions extends WebSocketReceiveLimits {
  /**
   * Received messages that nobody has taken yet, in bytes. At this size reading stops, so that the peer is pushed back,
   * and goes on at half of it. Each message counts 64 bytes more than it has.
   *
   * @default {1_048_576}
   */
  maxInboxBytes?: number;
  /**
   * From how many queued bytes `send` waits and `trySend` refuses.
   *
   * @default {65_536}
   */
  highWaterMark?: number;
  /**
   * The most bytes that wait to be sent. See {@linkcode WebSocketConnectionOptions.slowReader | slowReader}.
   *
   * @default {16_777_216}
   */
  maxSendQueueBytes?: number;
  /**
   * What happens at {@linkcode WebSocketConnectionOptions.maxSendQueueBytes | maxSendQueueBytes}.
   *
   * @default {"wait"}
   */
  slowReader?: SlowReaderPolicy;
  /**
   * The most unanswered pings of `ping()`.
   *
   * @default {16}
   */
  maxPendingPings?: number;
  /**
   * The longest that nothing comes from the peer before it is pinged, in ms; 0 for never. The ping may leave after half of that.
   * Proxies and load balancers cut connections that are silent for 30 to 60 seconds.
   *
   * @default {20_000}
   */
  keepAliveInterval?: number;
  /**
   * How long the peer has to send anything after that ping, in ms, before the connection is given up; 0 for as long as it takes. While a
   * queue for it, of 32 KiB at least or of `highWaterMark`, goes on leaving, it is not given up.
   *
   * @default {20_000}
   */
  keepAliveTimeout?: number;
  /**
   * How long a message may take from its first byte to its last, in ms; 0 for no limit. Streamed messages have none. While this end
   * does not read, the time stands still: without end in a pause, and as long once more while `limits` have no room (1013).
   *
   * @default {60_000}
   */
  messageTimeout?: number;
  /**
   * How long the peer has to answer the close frame, in ms, before the transport is closed. When sending has failed, messages
   * that had come and are not taken are kept as long; those that `pause()` holds back, until `resume()`.
   *
   * @default {10_000}
   */
  closeTimeout?: number;
}

/** {@linkcode WebSocketConnectionOptions} with nothing left out. */
export type ResolvedConnectionOptions = Required<WebSocketConnectionOptions>;

/**
 * Checks options, and fills in the defaults.
 *
 * @throws {RangeError} If a limit or a time is out of range.
 * @throws {TypeError} If {@linkcode WebSocketConnectionOptions.slowReader} is none of its words.
 *
 * @example
 * ```ts
 * import {
 *   DEFAULT_MAX_CHUNKS,
 *   DEFAULT_MAX_FRAGMENTS,
 *   DEFAULT_MAX_MESSAGE_SIZE,
 *   resolveConnectionOptions,
 * } from "@sluice/sockets/websocket";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const { maxMessageSize, maxFragments, maxChunks } = resolveConnectionOptions({ maxInboxBytes: 4096 });
 * assertEquals(maxMessageSize, DEFAULT_MAX_MESSAGE_SIZE);
 * assertEquals([maxFragments, maxChunks], [DEFAULT_MAX_FRAGMENTS, DEFAULT_MAX_CHUNKS]);
 * assertThrows(() => resolveConnectionOptions({ maxInboxBytes: -1 }), RangeError);
 * ```
 */
export function resolveConnectionOptions(
  options: WebSocketConnectionOptions = {},
): ResolvedConnectionOptions {
  const maxMessageSize = options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE;
  const resolved: ResolvedConnectionOptions = {
    maxMessageSize,
    maxFragments: options.maxFragments ?? DEFAULT_MAX_FRAGMENTS,
    maxChunks: options.maxChunks ?? Math.max(DEFAULT_MAX_CHUNKS, Math.ceil(maxMessageSize / 256)),
    maxInboxBytes: options.maxInboxBytes ?? 1_048_576,
    highWaterMark: options.highWaterMark ?? 65_536,
    maxSendQueueBytes: options.maxSendQueueBytes ?? 16_777_216,
    slowReader: options.slowReader ?? "wait",
    maxPendingPings: options.maxPendingPings ?? 16,
    keepAliveInterval: options.keepAliveInterval ?? 20_000,
    keepAliveTimeout: options.keepAliveTimeout ?? 20_000,
    messageTimeout: options.messageTimeout ?? 60_000,
    closeTimeout: options.closeTimeout ?? 10_000,
  };
  const { slowReader, ...numbers } = resolved;
  if (slowReader !== "wait" && slowReader !== "drop" && slowReader !== "close") {
    throw new TypeError('Cannot open a WebSocket: slowReader takes "wait", "drop" or "close"');
  }
  for (const [name, value] of Object.entries(numbers)) {
    const time = name.endsWith("Timeout") || name.endsWith("Interval");
    if (typeof value !== "number" || !(value >= 0) || (time && value > MAX_DELAY)) {
      throw new RangeError(`Cannot open a WebSocket: ${name} ${value} is out of range`);
    }
  }
  if (resolved.maxSendQueueBytes < resolved.highWaterMark) {
    throw new RangeError("Cannot open a WebSocket: maxSendQueueBytes is below highWaterMark");
  }
  return resolved;
}
