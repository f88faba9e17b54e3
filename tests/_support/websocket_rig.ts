// A WebSocketProtocol between two recorders: what it told the sink, and what it wrote.
import { decodeUtf8, encodeUtf8, isUtf8 } from "../../buffer/utf8.ts";
import type { WebSocketProtocolError } from "../../websocket/errors.ts";
import { type DecodedFrame, decodeFrame, encodeFrame } from "../../websocket/frame.ts";
import { WebSocketProtocol } from "../../websocket/protocol.ts";
import type {
  WebSocketProtocolOptions,
  WebSocketProtocolOutput,
  WebSocketProtocolSink,
  WebSocketProtocolTools,
} from "../../websocket/protocol_types.ts";
import type { WebSocketRole } from "../../websocket/types.ts";

/** UTF-8 bytes of a text, or the bytes themselves. */
export function toBytes(data: string): Uint8Array<ArrayBuffer>;
export function toBytes(data: string | Uint8Array): Uint8Array;
export function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encodeUtf8(data) : data;
}

/** Several byte arrays in one. */
export function joined(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Everything that a protocol wrote. */
export class RecordedOutput implements WebSocketProtocolOutput {
  buffer: Uint8Array = new Uint8Array(1 << 20);
  full = false;
  #at = 0;
  reserve(max: number): number {
    if (this.buffer.length - this.#at < max) {
      const grown = new Uint8Array((this.#at + max) * 2);
      grown.set(this.buffer);
      this.buffer = grown;
    }
    return this.#at;
  }
  commit(n: number): void {
    this.#at += n;
  }
  write(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }
  /** Takes out what was written since the last time. */
  take(): Uint8Array {
    const bytes = this.buffer.slice(0, this.#at);
    this.#at = 0;
    return bytes;
  }
}

/** Tools without any platform, and masks that count up. */
export function plainTools(): WebSocketProtocolTools {
  let mask = 0x01020304;
  return {
    nextMask: () => mask += 0x01010101,
    decodeText(bytes, start, end) {
      const part = bytes.subarray(start, end);
      return isUtf8(part) ? decodeUtf8(part) : undefined;
    },
    decodeValidText: (bytes) => decodeUtf8(bytes),
    encodeTextInto: (text, target, at) =>
      new TextEncoder().encodeInto(text, target.subarray(at)).written,
    tryEncodeTextInto: (text, target, at) => {
      const { read, written } = new TextEncoder().encodeInto(text, target.subarray(at));
      return read === text.length ? written : -1;
    },
    encodeText: (text, headroom) => joined(new Uint8Array(headroom), encodeUtf8(text)),
  };
}

/** One thing that the sink was told. Bytes as hex, so that events compare. */
export type RigEvent =
  | ["text", string]
  | ["binary", string]
  | ["piece", number, string, boolean]
  | ["ping", string]
  | ["pong", string]
  | ["close", number, string]
  | ["fail", string, number];

/** A protocol with a recorder on each side. */
export class Rig implements WebSocketProtocolSink {
  readonly events: RigEvent[] = [];
  readonly output = new RecordedOutput();
  readonly protocol: WebSocketProtocol;
  error: WebSocketProtocolError | undefined;
  /** Called at each message, for what a user might do in a handler. */
  onmessage: (() => void) | undefined;

  constructor(readonly role: WebSocketRole, options: WebSocketProtocolOptions = {}) {
    this.protocol = new WebSocketProtocol(role, this, this.output, plainTools(), options);
  }

  message(data: string | Uint8Array): void {
    this.events.push(typeof data === "string" ? ["text", data] : ["binary", data.toHex()]);
    this.onmessage?.();
  }
  piece(bytes: Uint8Array, opcode: number, last: boolean): void {
    this.events.push(["piece", opcode, bytes.toHex(), last]);
  }
  ping(payload: Uint8Array): void {
    this.events.push(["ping", payload.toHex()]);
  }
  pong(payload: Uint8Array): void {
    this.events.push(["pong", payload.toHex()]);
  }
  closing(): void {
    this.events.push(["close", this.protocol.closeCode, this.protocol.closeReason]);
  }
  fail(error: WebSocketProtocolError): void {
    this.error = error;
    this.events.push(["fail", error.code, error.closeCode!]);
  }

  /** Gives it bytes in chunks of `size`, each in a buffer of its own, or all in one with `slab`. */
  feed(bytes: Uint8Array, size = Infinity, slab = false): this {
    const copy = bytes.slice();
    for (let at = 0; at < copy.length; at += size) {
      const end = Math.min(copy.length, at + size);
      this.protocol.receive(slab ? copy.subarray(at, end) : copy.slice(at, end));
    }
    return this;
  }

  /** A frame of the other role: masked if it is a client's. */
  frame(
    opcode: number,
    data: string | Uint8Array = "",
    { fin = true, rsv = 0 }: { fin?: boolean; rsv?: number } = {},
  ): Uint8Array {
    const maskKey = this.role === "server" ? 0x2f1c86e5 : undefined;
    return encodeFrame(toBytes(data), { opcode, fin, rsv, maskKey });
  }

  /** The frames that were written since the last call. */
  sent(): DecodedFrame[] {
    const frames: DecodedFrame[] = [];
    let bytes = this.output.take();
    while (bytes.length > 0) {
      const frame = decodeFrame(bytes);
      if (!("payload" in frame)) throw new Error("an incomplete frame was written");
      frames.push(frame);
      bytes = bytes.subarray(frame.size);
    }
    return frames;
  }
}
