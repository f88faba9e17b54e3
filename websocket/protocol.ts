// Floor 2: protocol.
import { Utf8Validator } from "../buffer/utf8.ts";
import {
  type CloseEvent,
  type CloseState,
  mayReceive,
  maySendClose,
  nextCloseState,
} from "./_close_state.ts";
import { MessageAssembly } from "./_message_assembly.ts";
import { isWebSocketCloseCode } from "./close_code.ts";
import { WebSocketError, type WebSocketErrorCode, WebSocketProtocolError } from "./errors.ts";
import {
  frameHeaderSize,
  MAX_CONTROL_PAYLOAD,
  readFrameHeader,
  WebSocketFrameHeader,
  writeFrameHeader,
  writeMaskKey,
} from "./frame.ts";
import { applyMask, rotateMaskKey } from "./mask.ts";
import {
  DEFAULT_MAX_CHUNKS,
  DEFAULT_MAX_FRAGMENTS,
  DEFAULT_MAX_MESSAGE_SIZE,
  type WebSocketData,
  type WebSocketMessageOpcode,
  type WebSocketReceiveLimits,
  type WebSocketRole,
} from "./types.ts";

/** Who is told what came. The calls are synchronous, in the order of the bytes. */
export interface WebSocketProtocolSink {
  /**
   * A whole message: text as a string, a binary message as bytes. The bytes may be a view of what was given to
   * {@linkcode WebSocketProtocol.receive}.
   */
  message(data: WebSocketData, opcode: WebSocketMessageOpcode): void;
  /** A part of a message that is handed on as it comes, because {@linkcode WebSocketProtocol.streaming} was set when it began. */
  piece(bytes: Uint8Array, opcode: WebSocketMessageOpcode, last: boolean): void;
  /** A ping; the pong is sent already. */
  ping(payload: Uint8Array): void;
  /** A pong. */
  pong(payload: Uint8Array): void;
  /** The peer's close frame; the reply is sent already. Nothing comes after it. */
  closing(): void;
  /** The peer broke a rule; it has been told. Nothing comes after it. */
  fail(error: WebSocketProtocolError): void;
}

/** Where the bytes go. A `TransportWriter` is one. */
export interface WebSocketProtocolOutput {
  /** The buffer that {@linkcode reserve} gives room in. */
  readonly buffer: Uint8Array;
  /** Whether so much is queued that more should wait. */
  readonly full: boolean;
  /** Makes room for `max` bytes in {@linkcode buffer}, and returns the offset of it. */
  reserve(max: number): number;
  /** Queues the first `n` bytes of what was reserved. */
  commit(n: number): unknown;
  /** Queues bytes that will not change. */
  write(bytes: Uint8Array): unknown;
}

/** Takes compressed messages apart. */
export interface WebSocketInflater {
  /**
   * Inflates a part of a message into a buffer that is the caller's.
   *
   * @param last Whether the message ends here.
   * @param room The most bytes that may come out.
   */
  inflate(
    bytes: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    room: number,
  ): Uint8Array | "corrupt" | "too big";
  /** Frees everything. */
  close(): void;
}

/** Compresses messages. */
export interface WebSocketDeflater {
  /** Compresses a part of a message; what comes out is valid until the next call. */
  deflate(bytes: Uint8Array, start: number, end: number, last: boolean): Uint8Array;
  /** Forgets what was compressed before, because the peer's window no longer ends with it. */
  reset(): void;
  /** Frees everything. */
  close(): void;
}

/** Compression as the handshake agreed on it. Nothing is made before it is needed. */
export interface WebSocketCompression {
  /** Messages shorter than this are sent as they are, in bytes. */
  readonly threshold: number;
  /** Makes the part that receives. */
  createInflater(): WebSocketInflater;
  /** Makes the part that sends. */
  createDeflater(): WebSocketDeflater;
}

/** What the protocol needs from outside: randomness, and the fastest text coding that the platform has. */
export interface WebSocketProtocolTools {
  /** A random 32-bit word from a source that nobody can predict (RFC 6455 §10.3). */
  nextMask(): number;
  /** The text of UTF-8 bytes; `undefined` if they are not UTF-8. With `ascii` they are known to be ASCII. */
  decodeText(bytes: Uint8Array, start: number, end: number, ascii: boolean): string | undefined;
  /** The text of bytes that are known to be UTF-8. */
  decodeValidText(bytes: Uint8Array): string;
  /** Writes text as UTF-8 into `target`, which has room for three bytes a character, and returns how many bytes it took. */
  encodeTextInto(text: string, target: Uint8Array, at: number): number;
  /** The UTF-8 bytes of `text` behind `headroom` free bytes, in a buffer of their own. */
  encodeText(text: string, headroom: number): Uint8Array;
}

/** Options of a {@linkcode WebSocketProtocol}. */
export interface WebSocketProtocolOptions extends WebSocketReceiveLimits {
  /** Compression, if it was agreed on. */
  compression?: WebSocketCompression;
}

/** Texts up to this many characters are encoded straight into the output's buffer. */
const DIRECT_TEXT = 8192;
/** Payloads from this many bytes on are not copied, or have a buffer of their own. */
const LARGE = 16_384;
/** Streamed messages are inflated in parts of this many bytes, so that no part grows beyond about 1 MiB. */
const INFLATE_STEP = 1024;
/** The header that was read last. It is used up before anybody else is called. */
const HEADER = new WebSocketFrameHeader();
const NOTHING = new Uint8Array(0);

/** What is done with input: parsed, kept while paused, or thrown away. */
const RUN = 0;
const HOLD = 1;
const DISCARD = 2;

/**
 * The WebSocket protocol (RFC 6455 from §5 on, RFC 7692) without a socket: bytes go in by {@linkcode receive}, events
 * come out at the sink and bytes at the output, all synchronously.
 *
 * It answers pings and close frames by itself. What the peer does never makes it throw: a fault closes the connection
 * with the right code, is told to the sink once, and all further input is thrown away.
 *
 * Received bytes are unmasked in place and handed on as views: what was given to {@linkcode receive} must not be written again.
 */
export class WebSocketProtocol {
  readonly #client: boolean;
  readonly #sink: WebSocketProtocolSink;
  #output: WebSocketProtocolOutput;
  readonly #tools: WebSocketProtocolTools;
  readonly #compression: WebSocketCompression | undefined;
  readonly #maxSize: number;
  readonly #maxFragments: number;
  readonly #maxChunks: number;

  #state: CloseState = "open";
  #flow: 0 | 1 | 2 = RUN;
  #streaming = false;
  #held: Uint8Array[] | undefined;
  /** The start of a frame whose header, or whose control payload, is not complete. */
  #carry: Uint8Array | undefined;
  /** The data frame that is under way: payload bytes that are still to come, its key turned to them, and whether it is the last. */
  #left = 0;
  #key = 0;
  #fin = false;
  /** The message that is under way, from its first frame that was not delivered at once. */
  #assembly: MessageAssembly | undefined;
  #messages = 0;

  #inflater: WebSocketInflater | undefined;
  #deflater: WebSocketDeflater | undefined;
  /** The opcode of the message that is being sent in fragments; 0 if none is. */
  #sendingOpcode = 0;
  #sendingCompressed = false;
  /** The payload of the latest ping whose pong waits for the output to drain. */
  #owedPong: Uint8Array | undefined;

  #closeCode = 1006;
  #closeReason = "";

  /** Makes the protocol of a connection whose opening handshake is done. */
  constructor(
    role: WebSocketRole,
    sink: WebSocketProtocolSink,
    output: WebSocketProtocolOutput,
    tools: WebSocketProtocolTools,
    options: WebSocketProtocolOptions = {},
  ) {
    this.#client = role === "client";
    this.#sink = sink;
    this.#output = output;
    this.#tools = tools;
    this.#compression = options.compression;
    this.#maxSize = options.maxMessageSize ?? DEFAULT_MAX_MESSAGE_SIZE;
    this.#maxFragments = options.maxFragments ?? DEFAULT_MAX_FRAGMENTS;
    this.#maxChunks = options.maxChunks ?? Math.max(DEFAULT_MAX_CHUNKS, this.#maxSize / 256);
  }

  /** Whether no close frame went in either direction, and nothing failed. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Whether close frames went both ways. */
  get wasClean(): boolean {
    return this.#state === "closed";
  }

  /** Whether nothing more is sent or taken in: the closing handshake is over, or the connection failed. */
  get done(): boolean {
    return !maySendClose(this.#state) && !mayReceive(this.#state);
  }

  /** Whether a close frame of ours is on its way. */
  get closeSent(): boolean {
    return this.#state === "closeSent" || this.#state === "closed";
  }

  /** The close code that the peer sent: 1005 if its close frame had none, 1006 if no close frame came. */
  get closeCode(): number {
    return this.#closeCode;
  }

  /** The reason that the peer sent. */
  get closeReason(): string {
    return this.#closeReason;
  }

  /** How many messages came. */
  get messagesReceived(): number {
    return this.#messages;
  }

  /** Whether a message, or a frame, has begun to come and is not complete. */
  get midMessage(): boolean {
    return this.#assembly !== undefined || this.#carry !== undefined;
  }

  /** Whether a message is being sent in fragments. */
  get sendingFragments(): boolean {
    return this.#sendingOpcode !== 0;
  }

  /** Whether messages that begin from now on are handed on piece by piece, without limit of their size. */
  get streaming(): boolean {
    return this.#streaming;
  }
  set streaming(value: boolean) {
    this.#streaming = value;
  }

  /** Whether compression was agreed on. */
  get compresses(): boolean {
    return this.#compression !== undefined;
  }

  // Receiving.

  /** Takes bytes from the peer. Any split of the same bytes gives the same events. */
  receive(chunk: Uint8Array): void {
    if (this.#flow !== RUN) {
      if (this.#flow === HOLD && chunk.length > 0) (this.#held ??= []).push(chunk);
      return;
    }
    let pos = 0;
    if (this.#carry !== undefined) {
      pos = this.#completeCarry(chunk);
      if (pos < 0) return;
    }
    this.#parse(chunk, pos);
  }

  /** The transport ended. Returns whether that was expected: both close frames had gone. */
  end(): boolean {
    const clean = this.wasClean;
    this.#advance("end");
    this.#discard();
    return clean;
  }

  /** From now on events wait: the rest of what came is kept as it is. */
  pause(): void {
    if (this.#flow === RUN) this.#flow = HOLD;
  }

  /** Goes on with what was kept, and with what comes. */
  resume(): void {
    if (this.#flow !== HOLD) return;
    this.#flow = RUN;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    for (let i = 0; i < held.length; i++) {
      this.receive(held[i]);
      if (this.paused) {
        this.#held = [...this.#held ?? [], ...held.slice(i + 1)];
        return;
      }
    }
  }

  /** Whether events wait for {@linkcode resume}. */
  get paused(): boolean {
    return this.#flow === HOLD;
  }

  /** Bytes that were kept while paused. */
  get heldBytes(): number {
    return this.#held === undefined ? 0 : this.#held.reduce((sum, { length }) => sum + length, 0);
  }

  /** The output takes nothing more. What would be sent from now on is forgotten; receiving goes on. */
  loseOutput(): void {
    this.#output = new LostOutput();
    this.#owedPong = undefined;
  }

  /** Frees the compressors. The protocol is not to be used afterwards. */
  dispose(): void {
    this.#discard();
    this.#inflater?.close();
    this.#deflater?.close();
    this.#inflater = this.#deflater = undefined;
  }

  #parse(chunk: Uint8Array, from: number): void {
    const end = chunk.length;
    const header = HEADER;
    let pos = from;
    while (pos < end) {
      if (this.#left > 0) {
        const upTo = Math.min(end, pos + this.#left);
        this.#takePayload(chunk, pos, upTo);
        pos = upTo;
      } else {
        const size = readFrameHeader(header, chunk, pos, end);
        if (size === 0) {
          if (end - pos >= 2 && !this.#checkStart(header, chunk[pos + 1])) return;
          this.#carry = chunk.slice(pos, end);
          return;
        }
        if (!this.#checkStart(header, chunk[pos + 1]) || !this.#checkLength(header)) return;
        const start = pos + size;
        const stop = start + header.length;
        if (header.opcode >= 8) {
          if (stop > end) {
            this.#carry = chunk.slice(pos, end);
            return;
          }
          this.#control(header, chunk, start, stop);
          pos = stop;
        } else if (
          stop <= end && header.fin && this.#assembly === undefined && !this.#streaming
        ) {
          this.#deliverWhole(header, chunk, start, stop);
          pos = stop;
        } else {
          this.#beginFrame(header);
          pos = start;
          if (this.#left === 0) this.#takePayload(chunk, start, start);
        }
      }
      if (this.#flow !== RUN) {
        if (this.#flow === HOLD && pos < end) this.#held = [chunk.subarray(pos)];
        return;
      }
    }
  }

  /** Goes on with a frame whose start was kept. Returns where the chunk goes on, or -1 if it is used up or over. */
  #completeCarry(chunk: Uint8Array): number {
    const carry = this.#carry!;
    const take = Math.min(chunk.length, 14 + MAX_CONTROL_PAYLOAD - carry.length);
    const joined = new Uint8Array(carry.length + take);
    joined.set(carry);
    joined.set(chunk.subarray(0, take), carry.length);
    const header = HEADER;
    const size = readFrameHeader(header, joined, 0, joined.length);
    const stop = size + (header.opcode >= 8 ? header.length : 0);
    if (size === 0 || stop > joined.length) {
      if (joined.length >= 2 && !this.#checkStart(header, joined[1])) return -1;
      if (size > 0 && !this.#checkLength(header)) return -1;
      this.#carry = joined;
      return -1;
    }
    this.#carry = undefined;
    if (!this.#checkStart(header, joined[1]) || !this.#checkLength(header)) return -1;
    const pos = stop - carry.length;
    if (header.opcode >= 8) this.#control(header, joined, size, stop);
    else {
      this.#beginFrame(header);
      if (this.#left === 0) this.#takePayload(NOTHING, 0, 0);
    }
    if (this.#flow === RUN) return pos;
    if (this.#flow === HOLD && pos < chunk.length) this.#held = [chunk.subarray(pos)];
    return -1;
  }

  /** Checks what the first two bytes of a frame say. */
  #checkStart(header: WebSocketFrameHeader, second: number): boolean {
    const { opcode } = header;
    if (header.rsv !== 0 && !this.#checkReserved(header)) return false;
    // "A client MUST close a connection if it detects a masked frame"; a server, an unmasked one. RFC 6455 §5.1
    if (header.masked === this.#client) {
      return this.#fail(
        "MASK",
        1002,
        this.#client ? "the server masked a frame" : "the client did not mask a frame",
      );
    }
    if (opcode === 1 || opcode === 2) {
      if (this.#assembly === undefined) return true;
      return this.#fail("CONTINUATION", 1002, "a new message began inside another");
    }
    if (opcode === 0) {
      if (this.#assembly !== undefined) return true;
      return this.#fail("CONTINUATION", 1002, "a continuation came without a message");
    }
    if (opcode < 8 || opcode > 10) {
      return this.#fail("RESERVED_OPCODE", 1002, `opcode ${opcode} is not defined`);
    }
    // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented." §5.5
    if (!header.fin) return this.#fail("CONTROL_FRAME", 1002, "a control frame was fragmented");
    if ((second & 0x7f) > MAX_CONTROL_PAYLOAD) {
      return this.#fail("CONTROL_FRAME", 1002, "a control frame had more than 125 bytes");
    }
    return true;
  }

  /** RSV1 marks the first frame of a compressed message, and nothing else. RFC 7692 §6 */
  #checkReserved(header: WebSocketFrameHeader): boolean {
    const { rsv, opcode } = header;
    if (rsv === 0x40 && this.#compression !== undefined && (opcode === 1 || opcode === 2)) {
      return true;
    }
    return this.#fail("RESERVED_BITS", 1002, "a reserved bit was set");
  }

  /** Checks the length, before any memory is taken for it. */
  #checkLength(header: WebSocketFrameHeader): boolean {
    if (!header.lengthValid) {
      return this.#fail("LENGTH", 1002, "a length was not in its shortest form");
    }
    if (header.opcode >= 8 || (this.#assembly?.streamed ?? this.#streaming)) return true;
    const compressed = this.#assembly?.compressed ?? header.rsv !== 0;
    const before = this.#assembly === undefined
      ? 0
      : compressed
      ? this.#assembly.received
      : this.#assembly.size;
    // What does not compress grows a little. The size that counts is checked again as it inflates.
    const most = compressed ? this.#maxSize + (this.#maxSize >> 3) + 1024 : this.#maxSize;
    if (before + header.length > most) return this.#failSize();
    return true;
  }

  /** A message of one frame that is all there: the usual case. */
  #deliverWhole(
    header: WebSocketFrameHeader,
    chunk: Uint8Array,
    start: number,
    end: number,
  ): void {
    const opcode = header.opcode as WebSocketMessageOpcode;
    const compressed = header.rsv !== 0;
    let ascii = false;
    if (header.masked) ascii = (applyMask(chunk, header.maskKey, start, end) & 0x80) === 0;
    this.#messages++;
    if (compressed) {
      const bytes = this.#inflate(chunk, start, end, true, this.#maxSize);
      if (bytes !== undefined) this.#deliver(bytes, 0, bytes.length, opcode, false);
    } else this.#deliver(chunk, start, end, opcode, ascii);
  }

  #deliver(
    bytes: Uint8Array,
    start: number,
    end: number,
    opcode: WebSocketMessageOpcode,
    ascii: boolean,
  ): void {
    if (opcode === 2) {
      this.#sink.message(bytes.subarray(start, end), 2);
      return;
    }
    const text = this.#tools.decodeText(bytes, start, end, ascii);
    if (text === undefined) this.#failUtf8();
    else this.#sink.message(text, 1);
  }

  /** Begins a data frame that is not delivered at once. */
  #beginFrame(header: WebSocketFrameHeader): void {
    this.#left = header.length;
    this.#key = header.maskKey;
    this.#fin = header.fin;
    if (this.#assembly === undefined) {
      const { opcode } = header;
      this.#assembly = new MessageAssembly(
        opcode as WebSocketMessageOpcode,
        header.rsv !== 0,
        this.#streaming,
      );
    }
    this.#assembly.fragments++;
  }

  /** Takes a part of the payload of the frame that is under way. */
  #takePayload(chunk: Uint8Array, start: number, end: number): void {
    const assembly = this.#assembly!;
    const n = end - start;
    if (n > 0 && !this.#client) {
      applyMask(chunk, this.#key, start, end);
      this.#key = rotateMaskKey(this.#key, n);
    }
    this.#left -= n;
    assembly.received += n;
    const last = this.#fin && this.#left === 0;
    if (!assembly.streamed) {
      assembly.chunks++;
      if (assembly.fragments > this.#maxFragments || assembly.chunks > this.#maxChunks) {
        this.#fail("TOO_MANY_FRAGMENTS", 1008, "a message came in too many pieces");
        return;
      }
    }
    if (assembly.compressed) this.#takeCompressed(assembly, chunk, start, end, last);
    else this.#takeBytes(assembly, chunk, start, end, last);
  }

  #takeCompressed(
    assembly: MessageAssembly,
    chunk: Uint8Array,
    start: number,
    end: number,
    last: boolean,
  ): void {
    if (!assembly.streamed) {
      const room = this.#maxSize - assembly.size;
      const bytes = this.#inflate(chunk, start, end, last, room);
      if (bytes !== undefined) this.#takeBytes(assembly, bytes, 0, bytes.length, last);
      return;
    }
    let at = start;
    do {
      const stop = Math.min(end, at + INFLATE_STEP);
      const lastStep = last && stop === end;
      const bytes = this.#inflate(chunk, at, stop, lastStep, Infinity);
      if (bytes === undefined) return;
      this.#takeBytes(assembly, bytes, 0, bytes.length, lastStep);
      at = stop;
    } while (at < end && this.#flow !== DISCARD);
  }

  /** Takes a part of the message as the application sees it. */
  #takeBytes(
    assembly: MessageAssembly,
    bytes: Uint8Array,
    start: number,
    end: number,
    last: boolean,
  ): void {
    if (assembly.opcode === 1) {
      const validator = assembly.validator ??= new Utf8Validator();
      // A bad byte is told as soon as it is there, inside a fragment too.
      if (!validator.push(bytes, start, end) || (last && !validator.finish())) {
        this.#failUtf8();
        return;
      }
    }
    if (last) {
      this.#assembly = undefined;
      this.#messages++;
    }
    if (assembly.streamed) {
      if (start < end || last) {
        this.#sink.piece(bytes.subarray(start, end), assembly.opcode, last);
      }
      return;
    }
    assembly.append(bytes, start, end, this.#fin && !assembly.compressed ? this.#left : 0);
    if (!last) return;
    const whole = assembly.bytes();
    if (assembly.opcode === 2) this.#sink.message(whole, 2);
    else this.#sink.message(this.#tools.decodeValidText(whole), 1);
  }

  #inflate(
    bytes: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    room: number,
  ): Uint8Array | undefined {
    this.#inflater ??= this.#compression!.createInflater();
    const result = this.#inflater.inflate(bytes, start, end, last, room);
    if (result === "too big") this.#failSize();
    else if (result === "corrupt") {
      this.#fail("COMPRESSION", 1007, "a compressed message does not inflate");
    } else return result;
    return undefined;
  }

  #control(header: WebSocketFrameHeader, bytes: Uint8Array, start: number, end: number): void {
    const { opcode } = header;
    if (header.masked) applyMask(bytes, header.maskKey, start, end);
    const payload = bytes.subarray(start, end);
    if (opcode === 8) this.#receiveClose(payload);
    else if (opcode === 9) {
      this.#pong(payload);
      this.#sink.ping(payload);
    } else this.#sink.pong(payload);
  }

  /**
   * "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping frame(s), the
   * endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame." RFC 6455 §5.5.3
   */
  #pong(payload: Uint8Array): void {
    if (!this.open) return;
    if (this.#output.full) this.#owedPong = payload.slice();
    else this.#writeFrame(0x8a, payload, 0, payload.length);
  }

  /** The output has drained: what had to wait for it is sent now. */
  drained(): void {
    const payload = this.#owedPong;
    this.#owedPong = undefined;
    if (payload !== undefined) this.#pong(payload);
  }

  #receiveClose(payload: Uint8Array): void {
    const { length } = payload;
    const code = length >= 2 ? payload[0] << 8 | payload[1] : 1005;
    if (length === 1 || (length >= 2 && !isWebSocketCloseCode(code))) {
      this.#fail("CLOSE_PAYLOAD", 1002, "a close frame had no valid code");
      return;
    }
    const reason = length > 2 ? this.#tools.decodeText(payload, 2, length, false) : "";
    if (reason === undefined) {
      this.#fail("CLOSE_PAYLOAD", 1007, "the reason of a close frame was not UTF-8");
      return;
    }
    this.#closeCode = code;
    this.#closeReason = reason;
    this.#advance("receiveClose");
    // "When sending a Close frame in response, the endpoint typically echos the status code it received." §5.5.1
    if (maySendClose(this.#state)) this.#writeClose(code, "");
    this.#discard();
    this.#sink.closing();
  }

  // Sending.

  /**
   * Sends a message, whole.
   *
   * @param compress Whether to compress it. By default if it has at least the threshold's length.
   * @throws {WebSocketError} `CLOSED` after a close frame in either direction.
   * @throws {TypeError} If a message is being sent in fragments.
   */
  send(data: WebSocketData, compress?: boolean): void {
    if (this.#state !== "open") this.#throwClosed();
    if (this.#sendingOpcode !== 0) {
      throw new TypeError("Cannot send: a message is being sent in fragments");
    }
    const opcode = typeof data === "string" ? 0x81 : 0x82;
    if (this.#compression !== undefined && compress !== false) {
      const bytes = typeof data === "string" ? this.#textToCompress(data, compress) : data;
      if (bytes !== undefined && (compress || bytes.length >= this.#compression.threshold)) {
        this.#writeCompressed(opcode | 0x40, bytes, true);
        return;
      }
    }
    if (typeof data !== "string") this.#writeFrame(opcode, data, 0, data.length);
    else if (data.length <= DIRECT_TEXT) this.#writeText(data);
    else this.#writeOwned(opcode, this.#tools.encodeText(data, 14));
  }

  /**
   * Sends a fragment of a message. The first one decides whether it is text and whether it is compressed.
   *
   * @throws {WebSocketError} `CLOSED` after a close frame in either direction.
   */
  sendFragment(
    bytes: Uint8Array,
    opcode: WebSocketMessageOpcode,
    fin: boolean,
    compress?: boolean,
  ): void {
    if (this.#state !== "open") this.#throwClosed();
    const first = this.#sendingOpcode === 0;
    if (first) {
      this.#sendingCompressed = this.#compression !== undefined && compress !== false;
      this.#sendingOpcode = opcode;
    }
    const byte = (fin ? 0x80 : 0) | (first ? opcode : 0);
    if (fin) this.#sendingOpcode = 0;
    if (!this.#sendingCompressed) this.#writeFrame(byte, bytes, 0, bytes.length);
    else this.#writeCompressed(first ? byte | 0x40 : byte, bytes, fin);
  }

  /**
   * Sends frames that were encoded before, and that several connections share.
   *
   * @param compressed Whether one of them is compressed: this end's window is forgotten then.
   * @throws {WebSocketError} `CLOSED` after a close frame in either direction.
   */
  sendEncoded(frames: Uint8Array, compressed: boolean): void {
    if (this.#state !== "open") this.#throwClosed();
    if (this.#sendingOpcode !== 0) {
      throw new TypeError("Cannot send: a message is being sent in fragments");
    }
    if (compressed) this.forgetWindow();
    this.#output.write(frames);
  }

  /** What comes next must not refer to what was compressed before: frames of another origin went between. */
  forgetWindow(): void {
    this.#deflater?.reset();
  }

  /**
   * Sends a ping.
   *
   * @throws {RangeError} If the payload has more than 125 bytes.
   * @throws {WebSocketError} `CLOSED` after a close frame in either direction.
   */
  ping(payload: Uint8Array = NOTHING): void {
    this.#sendControl(0x89, payload);
  }

  /** Sends a pong that nobody asked for. Throws as {@linkcode ping} does. */
  pong(payload: Uint8Array = NOTHING): void {
    this.#sendControl(0x8a, payload);
  }

  /**
   * Begins the closing handshake, or does nothing if a close frame has gone already.
   *
   * @throws {RangeError} For a code that must not be sent.
   * @throws {TypeError} For a reason of more than 123 bytes, or a reason without a code.
   */
  close(code?: number, reason: string = ""): void {
    const payload = closePayload(code, reason, this.#tools);
    if (!maySendClose(this.#state)) return;
    this.#owedPong = undefined;
    this.#writeFrame(0x88, payload, 0, payload.length);
    this.#advance("sendClose");
  }

  /** Throws what {@linkcode close} would throw, and does nothing else. */
  checkClose(code: number | undefined, reason: string): void {
    closePayload(code, reason, this.#tools);
  }

  /** Sends a close frame, and takes nothing more in: for a reason of this end's own. The sink is not told. */
  abandon(code: number, reason: string = ""): void {
    if (maySendClose(this.#state)) this.#writeClose(code, reason);
    this.#advance("fault");
    this.#discard();
  }

  /** Whether the message that is under way is handed on in pieces. */
  get receivingStream(): boolean {
    return this.#assembly?.streamed === true;
  }

  /** Fails the connection for a reason of this end's own: as if the peer had broken a rule. */
  fail(code: WebSocketErrorCode, closeCode: number, why: string): void {
    if (this.#flow !== DISCARD) this.#fail(code, closeCode, why);
  }

  #sendControl(first: number, payload: Uint8Array): void {
    if (payload.length > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(
        `Cannot send a control frame of ${payload.length} bytes: at most ${MAX_CONTROL_PAYLOAD}`,
      );
    }
    if (this.#state !== "open") this.#throwClosed();
    this.#writeFrame(first, payload, 0, payload.length);
  }

  #throwClosed(): never {
    throw new WebSocketError("Cannot send: the connection is closing or closed", {
      code: "CLOSED",
      closeCode: this.#closeCode,
    });
  }

  #writeClose(code: number, reason: string): void {
    const payload = code === 1005 ? NOTHING : closePayload(code, reason, this.#tools);
    this.#owedPong = undefined;
    this.#writeFrame(0x88, payload, 0, payload.length);
    this.#advance("sendClose");
  }

  /** Writes a frame, copying its payload unless it is large. */
  #writeFrame(first: number, bytes: Uint8Array, start: number, end: number): void {
    const output = this.#output;
    const length = end - start;
    if (this.#client) {
      if (length >= LARGE) {
        const owned = new Uint8Array(14 + length);
        owned.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), 14);
        this.#writeOwned(first, owned);
        return;
      }
      const key = this.#tools.nextMask();
      const at = output.reserve(8 + length);
      const { buffer } = output;
      const payload = writeMaskKey(buffer, writeFrameHeader(buffer, at, first, 0x80, length), key);
      copy(bytes, start, end, buffer, payload);
      applyMask(buffer, key, payload, payload + length);
      output.commit(payload + length - at);
      return;
    }
    const large = length >= LARGE;
    const at = output.reserve(large ? 10 : 4 + length);
    const { buffer } = output;
    const payload = writeFrameHeader(buffer, at, first, 0, length);
    if (large) {
      output.commit(payload - at);
      output.write(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    } else {
      copy(bytes, start, end, buffer, payload);
      output.commit(payload + length - at);
    }
  }

  /** Writes a frame whose payload stands behind 14 free bytes of a buffer that is ours. */
  #writeOwned(first: number, owned: Uint8Array): void {
    const length = owned.length - 14;
    const start = 14 - frameHeaderSize(length, this.#client);
    let at = writeFrameHeader(owned, start, first, this.#client ? 0x80 : 0, length);
    if (this.#client) {
      const key = this.#tools.nextMask();
      at = writeMaskKey(owned, at, key);
      applyMask(owned, key, at);
    }
    this.#output.write(owned.subarray(start));
  }

  /** Writes a text message straight into the output's buffer. */
  #writeText(text: string): void {
    const output = this.#output;
    const client = this.#client;
    const at = output.reserve(14 + text.length * 3);
    const { buffer } = output;
    // Most text is ASCII: the header is written last, and the payload is moved if it needed another size.
    const guess = at + frameHeaderSize(text.length, client);
    const length = this.#tools.encodeTextInto(text, buffer, guess);
    const payload = at + frameHeaderSize(length, client);
    if (payload !== guess) buffer.copyWithin(payload, guess, guess + length);
    const end = writeFrameHeader(buffer, at, 0x81, client ? 0x80 : 0, length);
    if (client) {
      const key = this.#tools.nextMask();
      applyMask(buffer, key, writeMaskKey(buffer, end, key), payload + length);
    }
    output.commit(payload + length - at);
  }

  /** The bytes of a text that may be long enough to compress; `undefined` if it is not. */
  #textToCompress(text: string, compress: boolean | undefined): Uint8Array | undefined {
    if (!compress && text.length * 3 < this.#compression!.threshold) return undefined;
    return this.#tools.encodeText(text, 0);
  }

  #writeCompressed(first: number, bytes: Uint8Array, last: boolean): void {
    this.#deflater ??= this.#compression!.createDeflater();
    const deflated = this.#deflater.deflate(bytes, 0, bytes.length, last);
    // What comes out is valid until the next call only: it must be copied, however large.
    if (deflated.length < LARGE) this.#writeFrame(first, deflated, 0, deflated.length);
    else {
      const owned = new Uint8Array(14 + deflated.length);
      owned.set(deflated, 14);
      this.#writeOwned(first, owned);
    }
  }

  // Faults and states.

  #failUtf8(): false {
    return this.#fail("UTF8", 1007, "a text message was not UTF-8");
  }

  #failSize(): false {
    return this.#fail(
      "MESSAGE_TOO_BIG",
      1009,
      `a message is larger than ${this.#maxSize} bytes`,
    );
  }

  /** The one place where a fault ends the connection (RFC 6455 §7.1.7). */
  #fail(code: WebSocketErrorCode, closeCode: number, why: string): false {
    this.abandon(closeCode, why);
    this.#sink.fail(
      new WebSocketProtocolError(`The WebSocket failed: ${why}`, { code, closeCode }),
    );
    return false;
  }

  #advance(event: CloseEvent): void {
    this.#state = nextCloseState(this.#state, event);
  }

  #discard(): void {
    this.#flow = DISCARD;
    this.#held = this.#carry = this.#assembly = undefined;
    this.#left = 0;
  }
}

/** Takes everything, and keeps nothing. */
class LostOutput implements WebSocketProtocolOutput {
  buffer: Uint8Array = NOTHING;
  readonly full = false;
  reserve(max: number): number {
    if (this.buffer.length < max) this.buffer = new Uint8Array(max);
    return 0;
  }
  commit(): void {}
  write(): void {}
}

/** Small payloads are copied faster by a loop than by a call. */
function copy(
  from: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
): void {
  if (end - start > 32) {
    target.set(start === 0 && end === from.length ? from : from.subarray(start, end), at);
    return;
  }
  for (let i = start, to = at; i < end; i++, to++) target[to] = from[i];
}

/**
 * The payload of a close frame.
 *
 * @throws {RangeError} For a code that must not be sent.
 * @throws {TypeError} For a reason of more than 123 bytes, or a reason without a code.
 */
function closePayload(
  code: number | undefined,
  reason: string,
  tools: WebSocketProtocolTools,
): Uint8Array {
  if (code === undefined) {
    if (reason !== "") throw new TypeError("Cannot close with a reason and without a code");
    return NOTHING;
  }
  if (!isWebSocketCloseCode(code)) {
    throw new RangeError(`Cannot close with code ${code}: it must not be sent`);
  }
  const payload = tools.encodeText(reason, 2);
  if (payload.length > MAX_CONTROL_PAYLOAD) {
    throw new TypeError("Cannot close: the reason has more than 123 bytes");
  }
  payload[0] = code >>> 8;
  payload[1] = code;
  return payload;
}
