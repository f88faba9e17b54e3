// Floor 1: codec.
import { checkSignal, codedTypeError } from "./_connect_arguments.ts";
import { noBufferSizes } from "./_datagram_errors.ts";
import type { DatagramSocketOptions, DatagramSocketType } from "./datagram_options.ts";
import { NetError } from "./errors.ts";
import { checkOptionNames } from "./option_names.ts";

/** What a datagram socket keeps to. */
export interface DatagramLimits {
  /** The most datagrams that wait to be received. */
  maxQueue: number;
  /** The most bytes that wait to be received. */
  maxQueueBytes: number;
  /** What is dropped when those are reached. */
  drop: "newest" | "oldest";
  /** The most datagrams that wait to be sent. */
  maxSendQueue: number;
  /** The most bytes that wait to be sent. */
  maxSendQueueBytes: number;
  /** The largest datagram. */
  maxSize: number;
}

const OPTIONS: Record<keyof Required<DatagramSocketOptions>, true> = {
  type: true,
  reuseAddr: true,
  reusePort: true,
  ipv6Only: true,
  recvBufferSize: true,
  sendBufferSize: true,
  maxQueue: true,
  maxQueueBytes: true,
  drop: true,
  maxSendQueue: true,
  maxSendQueueBytes: true,
  maxDatagramSize: true,
  policy: true,
  lookup: true,
  signal: true,
};

const FOREIGN: Readonly<Record<string, string>> = {
  address: "goes to `bind()`",
  hostname: "goes to `bind()`",
  port: "goes to `bind()`",
  receiveBlockList: "is not supported: look at the sender of a message",
  sendBlockList: "is `policy` here",
};

/**
 * Checks the options of a datagram socket, and gives the limits that they set.
 *
 * @throws {TypeError} For what is no type (`ERR_SOCKET_BAD_TYPE`), no lookup, no signal (`ERR_INVALID_ARG_TYPE`) and no way to drop,
 * and for IPv4 that is IPv6 only.
 * @throws {RangeError} For limits that are none.
 * @throws {NetError} `ERR_UNSUPPORTED` for what Deno can't do.
 */
export function datagramLimits(
  type: DatagramSocketType,
  options: DatagramSocketOptions,
): DatagramLimits {
  const drop = options.drop ?? "newest";
  if (type !== "udp4" && type !== "udp6") {
    throw codedTypeError(
      "ERR_SOCKET_BAD_TYPE",
      `Cannot make a datagram socket of type ${JSON.stringify(type)}`,
    );
  }
  if (options.lookup !== undefined && typeof options.lookup !== "function") {
    throw codedTypeError(
      "ERR_INVALID_ARG_TYPE",
      'Cannot make a datagram socket: "lookup" must be a function',
    );
  }
  checkSignal(options.signal);
  checkOptionNames("Cannot make a datagram socket", options, OPTIONS, FOREIGN);
  if (drop !== "newest" && drop !== "oldest") {
    throw new TypeError(`Cannot make a datagram socket that drops ${JSON.stringify(drop)}`);
  }
  if (options.ipv6Only && type === "udp4") {
    throw new TypeError("Cannot make a udp4 socket IPv6 only");
  }
  if (options.reusePort) {
    throw new NetError("Cannot share the port: Deno has no reusePort without an unstable flag", {
      code: "ERR_UNSUPPORTED",
    });
  }
  if (options.recvBufferSize !== undefined || options.sendBufferSize !== undefined) {
    throw noBufferSizes("set");
  }
  const largest = type === "udp4" ? 65507 : 65527;
  return {
    maxQueue: limit(options.maxQueue, 1024, "maxQueue"),
    maxQueueBytes: limit(options.maxQueueBytes, 4 << 20, "maxQueueBytes"),
    drop,
    maxSendQueue: limit(options.maxSendQueue, 1024, "maxSendQueue"),
    maxSendQueueBytes: limit(options.maxSendQueueBytes, 4 << 20, "maxSendQueueBytes"),
    maxSize: Math.min(largest, limit(options.maxDatagramSize, largest, "maxDatagramSize")),
  };
}

function limit(value: number | undefined, fallback: number, name: string): number {
  if (value === undefined) return fallback;
  if (!(value >= 0)) throw new RangeError(`Cannot use ${name} ${value}: it is not 0 or more`);
  return value;
}
