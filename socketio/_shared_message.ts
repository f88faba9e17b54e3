// Floor 3: driver.
import { concat } from "@std/bytes";
import { toBytes } from "./_attachments.ts";
import type { SharedMessage } from "./_exchange.ts";
import type { EngineWriteOptions } from "./types.ts";

const encoder = new TextEncoder();

/** The frame of a message: RFC 6455 §5.2, final, unmasked, not compressed. */
function encodeFrame(message: string | Uint8Array): Uint8Array {
  const payload = typeof message === "string" ? encoder.encode(message) : message;
  const { length } = payload;
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = new Uint8Array(head + length);
  frame[0] = typeof message === "string" ? 0x81 : 0x82;
  if (head === 2) frame[1] = length;
  else {
    const view = new DataView(frame.buffer);
    frame[1] = head === 4 ? 126 : 127;
    if (head === 4) view.setUint16(2, length);
    else view.setBigUint64(2, BigInt(length));
  }
  frame.set(payload, head);
  return frame;
}

/** A message for several connections. */
class Shared implements SharedMessage {
  readonly data: string | ArrayBuffer | ArrayBufferView;
  readonly payload: string | Uint8Array;
  readonly #prepared: EngineWriteOptions["wsPreEncodedFrame"];
  #frame: Uint8Array | undefined;

  constructor(
    data: string | ArrayBuffer | ArrayBufferView,
    prepared: EngineWriteOptions["wsPreEncodedFrame"],
  ) {
    this.data = data;
    this.payload = typeof data === "string" ? "4" + data : toBytes(data);
    this.#prepared = prepared;
  }

  get frame(): Uint8Array {
    return this.#frame ??= this.#prepared === undefined
      ? encodeFrame(this.payload)
      : this.#prepared instanceof Uint8Array
      ? this.#prepared
      : concat([...this.#prepared]);
  }
}

/** What was shared last: a broadcast asks for the same again and again, once for each client. */
let lastOptions: EngineWriteOptions | undefined;
let lastShared: Shared[] = [];

function forget(): void {
  lastOptions = undefined;
  lastShared = [];
}

/**
 * The shared form of a message that goes to several connections with one and the same options object: the first call
 * makes it, the others get the same.
 */
export function shareMessage(
  data: string | ArrayBuffer | ArrayBufferView,
  options: EngineWriteOptions,
): SharedMessage {
  if (lastOptions !== options) {
    if (lastOptions === undefined) queueMicrotask(forget);
    lastOptions = options;
    lastShared = [];
  }
  for (const shared of lastShared) if (shared.data === data) return shared;
  const shared = new Shared(data, options.wsPreEncodedFrame);
  lastShared.push(shared);
  return shared;
}
