// Floor 3: driver.
import { Buffer } from "node:buffer";
import { codedTypeError } from "./_connect_arguments.ts";
import { isThenable } from "./_thenable.ts";
import { errorOf } from "./error_of.ts";
import type { DropInfo, DropReason } from "./server_options.ts";
import type { SocketAddressInfo } from "./socket_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";

/** An IP address as Node tells it; undefined for other families. */
export function addressInfo(addr: TransportAddr | undefined): SocketAddressInfo | undefined {
  if (addr === undefined || !("hostname" in addr)) return undefined;
  const { hostname, port } = addr;
  return {
    address: hostname,
    ip: hostname,
    family: hostname.includes(":") ? "IPv6" : "IPv4",
    port,
  };
}

/** What is told of a connection that was dropped. */
export function dropInfo(transport: Transport, reason: DropReason): DropInfo {
  const local = addressInfo(transport.localAddr);
  const remote = addressInfo(transport.remoteAddr);
  return {
    reason,
    localAddress: local?.address,
    localPort: local?.port,
    localFamily: local?.family,
    remoteAddress: remote?.address,
    remotePort: remote?.port,
    remoteFamily: remote?.family,
  };
}

/** Says on the console what a listener threw that nobody else hears of. */
export function reportFault(whose: string, error: unknown): void {
  try {
    console.error(`Uncaught error in a listener of ${whose}:`, error);
  } catch (thrown) {
    // Not everything that can be thrown can be shown, nor has what is thrown then to be.
    console.error(`Uncaught error in a listener of ${whose}:`, errorOf(thrown).message);
  }
}

/** Calls a function of the user that is told of something; what it throws or rejects with is said on the console. */
export function tell(whose: string, call: () => unknown): void {
  try {
    const result = call();
    if (isThenable(result)) Promise.resolve(result).catch((error) => reportFault(whose, error));
  } catch (error) {
    reportFault(whose, error);
  }
}

/** A chunk as bytes. @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_STREAM_NULL_VALUES`, `ERR_UNKNOWN_ENCODING`. */
export function encodeChunk(chunk: unknown, encoding: string | null | undefined): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === "string") {
    // As in Node null, or an empty name, is no encoding in particular.
    const named = encoding || "utf8";
    if (!Buffer.isEncoding(named)) {
      throw codedTypeError("ERR_UNKNOWN_ENCODING", `Cannot write: unknown encoding "${named}"`);
    }
    return Buffer.from(chunk, named);
  }
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (chunk === null) {
    throw codedTypeError("ERR_STREAM_NULL_VALUES", "Cannot write: the chunk is null");
  }
  throw codedTypeError(
    "ERR_INVALID_ARG_TYPE",
    "Cannot write: the chunk must be a string, or a view of a buffer such as a Uint8Array",
  );
}
