// Floor 2: protocol.
import { parseExtensions } from "../websocket/extensions.ts";
import { readFrameHeader, WebSocketFrameHeader } from "../websocket/frame.ts";
import { applyMask, rotateMaskKey } from "../websocket/mask.ts";
import {
  checkDeflateResponse,
  PERMESSAGE_DEFLATE,
  type PerMessageDeflateParameters,
} from "../websocket/permessage_deflate.ts";
import type { TraceMessageKind, TraceSide } from "./trace_event.ts";

/**
 * Inflates a whole raw deflate stream that ends in a flush.
 *
 * @returns `undefined` if it is corrupt, or would give more than `limit` bytes.
 */
export type InflateRaw = (bytes: Uint8Array, limit: number) => Uint8Array | undefined;

/** A message that a {@linkcode WebSocketTap} has found. */
export interface TappedMessage {
  kind: TraceMessageKind;
  bytes: Uint8Array;
  size: number;
  frames: number;
  compressed: boolean;
  note?: string;
}

/** What a sender leaves out at the end of a compressed message. RFC 7692 §7.2.1 */
const TAIL = new Uint8Array([0, 0, 0xff, 0xff]);
/** How far back a compressed message may refer. RFC 7692 §7.1.2 */
const WINDOW = 32_768;
/** The head of a stored block takes so much. RFC 1951 §3.2.4 */
const STORED_HEAD = 5;
const COMPRESSED = 0x40;

const CONTROL_KINDS: Readonly<Record<number, TraceMessageKind>> = {
  8: "close",
  9: "ping",
  10: "pong",
};

/**
 * Inflates the messages of one direction. What a message may refer back to is put in front of it as a stored block, so that an
 * inflater without a memory will do.
 */
class MessageInflater {
  readonly #inflate: InflateRaw;
  readonly #takeover: boolean;
  #window = new Uint8Array(0);
  #lost = false;

  constructor(inflate: InflateRaw, takeover: boolean) {
    this.#inflate = inflate;
    this.#takeover = takeover;
  }

  /** A message was not seen in full: those that refer back to it can't be inflated. */
  lose(): void {
    if (this.#takeover) this.#lost = true;
  }

  inflate(bytes: Uint8Array, limit: number): Uint8Array | undefined {
    if (this.#lost) return undefined;
    const past = this.#window;
    const head = past.length === 0 ? 0 : STORED_HEAD;
    const input = new Uint8Array(head + past.length + bytes.length + TAIL.length);
    if (head > 0) {
      const { length } = past;
      input.set([0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255]);
    }
    input.set(past, head);
    input.set(bytes, head + past.length);
    input.set(TAIL, input.length - TAIL.length);
    const output = this.#inflate(input, limit + past.length);
    if (output === undefined) {
      this.lose();
      return undefined;
    }
    if (this.#takeover) this.#window = output.slice(-WINDOW);
    return output.subarray(past.length);
  }
}

/** Bytes put together, up to a limit; beyond it they are only counted. */
class Collector {
  /** How many bytes came. */
  size = 0;
  readonly #max: number;
  #bytes = new Uint8Array(0);
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Adds bytes; those of a masked frame with its key, turned to where they begin. */
  add(bytes: Uint8Array, maskKey: number): void {
    this.size += bytes.length;
    const part = bytes.subarray(0, this.#max - this.#used);
    const end = this.#used + part.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(this.#max, Math.max(end, 2 * this.#bytes.length)));
      grown.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.#used);
    if (maskKey !== 0) applyMask(this.#bytes, maskKey, this.#used, end);
    this.#used = end;
  }

  /** Gives what was put together, and starts anew. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#used);
    this.#bytes = new Uint8Array(0);
    this.size = this.#used = 0;
    return bytes;
  }
}

/** The parameters of permessage-deflate, from the server's answer; `undefined` without compression. */
export function agreedDeflate(
  extensions: string | undefined,
): PerMessageDeflateParameters | undefined {
  const found = parseExtensions(extensions ?? "")?.find(({ name }) => name === PERMESSAGE_DEFLATE);
  const parameters = found === undefined ? undefined : checkDeflateResponse(found);
  return typeof parameters === "object" ? parameters : undefined;
}

/** A message of which more frames are to come. */
interface OpenMessage {
  kind: TraceMessageKind;
  compressed: boolean;
  frames: number;
}

/** Options of a {@linkcode WebSocketTap}. */
export interface WebSocketTapOptions {
  /** Whose frames it reads. */
  from: TraceSide;
  /** The compression that was agreed on. */
  deflate: PerMessageDeflateParameters | undefined;
  /** The most bytes of a message that are kept. */
  maxMessage: number;
  /** Inflates. */
  inflate: InflateRaw;
}

/**
 * Finds the messages in what one side of a WebSocket sends: puts fragments together, takes the masks off and inflates. It never fails: frames
 * that break the protocol are shown as they are.
 */
export class WebSocketTap {
  readonly #max: number;
  readonly #inflater: MessageInflater | undefined;
  readonly #header = new WebSocketFrameHeader();
  readonly #headBytes = new Uint8Array(14);
  #headSize = 0;
  /** What is missing of the frame's payload; negative between frames. */
  #left = -1;
  #payloadAt = 0;
  readonly #control: Collector;
  readonly #data: Collector;
  #message: OpenMessage | undefined;
  #lost = false;

  constructor({ from, deflate, maxMessage, inflate }: WebSocketTapOptions) {
    this.#max = maxMessage;
    this.#control = new Collector(maxMessage);
    this.#data = new Collector(maxMessage);
    if (deflate === undefined) return;
    const forgets = from === "client"
      ? deflate.clientNoContextTakeover
      : deflate.serverNoContextTakeover;
    this.#inflater = new MessageInflater(inflate, !forgets);
  }

  /** Nothing can be told any more: bytes are missing. */
  lose(): void {
    this.#lost = true;
  }

  /** Takes bytes, and tells the messages that they end. */
  push(bytes: Uint8Array, tell: (message: TappedMessage) => void): void {
    let at = 0;
    while (at < bytes.length && !this.#lost) {
      if (this.#left < 0) {
        at = this.#readHeader(bytes, at);
        // A frame without a payload ends with its header.
        if (this.#left !== 0) continue;
      }
      const taken = Math.min(this.#left, bytes.length - at);
      this.#payload(bytes.subarray(at, at + taken));
      at += taken;
      this.#left -= taken;
      if (this.#left === 0) this.#endFrame(tell);
    }
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const header = this.#header;
    const had = this.#headSize;
    const more = bytes.subarray(at, at + this.#headBytes.length - had);
    this.#headBytes.set(more, had);
    const size = readFrameHeader(header, this.#headBytes, 0, had + more.length);
    if (size === 0) {
      this.#headSize += more.length;
      return at + more.length;
    }
    this.#headSize = 0;
    if (header.length === Infinity) this.#lost = true;
    this.#left = header.length;
    this.#payloadAt = 0;
    if (header.opcode < 8 && (header.opcode !== 0 || this.#message === undefined)) {
      this.#message = {
        kind: header.opcode === 1 ? "text" : "binary",
        compressed: (header.rsv & COMPRESSED) !== 0 && this.#inflater !== undefined,
        frames: 0,
      };
      this.#data.take();
    }
    return at + size - had;
  }

  #payload(bytes: Uint8Array): void {
    const { opcode, maskKey } = this.#header;
    const into = opcode >= 8 ? this.#control : this.#data;
    into.add(bytes, rotateMaskKey(maskKey, this.#payloadAt));
    this.#payloadAt += bytes.length;
  }

  #endFrame(tell: (message: TappedMessage) => void): void {
    this.#left = -1;
    const { opcode, fin, length } = this.#header;
    if (opcode >= 8) {
      const kind = CONTROL_KINDS[opcode] ?? "binary";
      tell({ kind, bytes: this.#control.take(), size: length, frames: 1, compressed: false });
      return;
    }
    const message = this.#message!;
    message.frames++;
    if (!fin) return;
    this.#message = undefined;
    tell(this.#finish(message));
  }

  #finish({ kind, compressed, frames }: OpenMessage): TappedMessage {
    const { size } = this.#data;
    const bytes = this.#data.take();
    const told = { kind, bytes, size, frames, compressed };
    const cut = size > bytes.length ? `its first ${bytes.length} bytes` : undefined;
    if (!compressed) return cut === undefined ? told : { ...told, note: cut };
    if (cut !== undefined) {
      this.#inflater!.lose();
      return { ...told, note: `compressed, ${cut}` };
    }
    const inflated = this.#inflater!.inflate(bytes, this.#max);
    if (inflated === undefined) return { ...told, note: "compressed, can't be inflated here" };
    return { ...told, bytes: inflated, size: inflated.length };
  }
}
