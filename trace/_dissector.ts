// Floor 2: protocol.
import { HttpTap } from "./_http_tap.ts";
import { maskRanges } from "./_secrets.ts";
import { isEngineIo, SocketIoText } from "./_socketio_text.ts";
import {
  agreedDeflate,
  type InflateRaw,
  type TappedMessage,
  WebSocketTap,
} from "./_websocket_tap.ts";
import type { TraceSide } from "./trace_event.ts";

/** A {@linkcode TappedMessage}, and what it means as a Socket.IO packet. */
export interface DissectedMessage extends TappedMessage {
  packet?: string;
}

/** Who is told what a {@linkcode Dissector} finds, in order. */
export interface DissectorSink {
  /** The bytes that came, with secrets masked. `decoded` is whether messages tell what is in them. */
  data(from: TraceSide, bytes: Uint8Array, decoded: boolean): void;
  /** A WebSocket message. */
  message(from: TraceSide, message: DissectedMessage): void;
}

/** Options of a {@linkcode Dissector}. */
export interface DissectorOptions {
  /** The names of headers to mask, in lower case; `undefined` to mask nothing. */
  secrets: ReadonlySet<string> | undefined;
  /** Whether to tell WebSocket messages. */
  decode: boolean;
  /** The most bytes of a message that are kept. */
  maxMessage: number;
  /** Inflates. */
  inflate: InflateRaw;
}

const NO_NAMES: ReadonlySet<string> = new Set();

interface SideTap {
  websocket: WebSocketTap;
  socketIo: SocketIoText | undefined;
}

/** Looks into the bytes of one connection: masks secrets, and finds WebSocket messages and Socket.IO packets. */
export class Dissector {
  readonly #options: DissectorOptions;
  readonly #sink: DissectorSink;
  readonly #http: HttpTap | undefined;
  #taps: Record<TraceSide, SideTap> | undefined;

  constructor(options: DissectorOptions, sink: DissectorSink) {
    this.#options = options;
    this.#sink = sink;
    const { secrets, decode } = options;
    if (secrets !== undefined || decode) this.#http = new HttpTap(secrets ?? NO_NAMES);
  }

  /** Takes what a side has sent. */
  push(from: TraceSide, bytes: Uint8Array): void {
    if (this.#http === undefined) return this.#sink.data(from, bytes, false);
    const ranges: number[] = [];
    const at = this.#http.push(from, bytes, ranges);
    const shown = maskRanges(bytes, ranges);
    if (at < 0 || !this.#options.decode) return this.#sink.data(from, shown, false);
    if (at > 0) this.#sink.data(from, shown.subarray(0, at), false);
    const taps = this.#taps ??= this.#start();
    const frames = shown.subarray(at);
    this.#sink.data(from, frames, true);
    this.#tap(taps, from, frames);
  }

  #tap(taps: Record<TraceSide, SideTap>, from: TraceSide, bytes: Uint8Array): void {
    const { websocket, socketIo } = taps[from];
    websocket.push(bytes, (message) => {
      const packet = message.note === undefined
        ? socketIo?.describe(message.kind, message.bytes)
        : undefined;
      this.#sink.message(from, packet === undefined ? message : { ...message, packet });
    });
  }

  /** The connection has become a WebSocket. */
  #start(): Record<TraceSide, SideTap> {
    const { target, extensions } = this.#http!.upgrade!;
    const { maxMessage, inflate } = this.#options;
    const deflate = agreedDeflate(extensions);
    const make = (from: TraceSide): SideTap => ({
      websocket: new WebSocketTap({ from, deflate, maxMessage, inflate }),
      socketIo: isEngineIo(target) ? new SocketIoText() : undefined,
    });
    const taps = { client: make("client"), server: make("server") };
    const early = this.#http!.takeEarly();
    if (early === undefined) taps.client.websocket.lose();
    else for (const bytes of early) this.#tap(taps, "client", bytes);
    return taps;
  }
}
