// Floor 2: protocol.
import { Utf8Validator } from "../buffer/utf8.ts";
import {
  type CloseEvent,
  type CloseState,
  mayReceive,
  maySendClose,
  nextCloseState,
} from "./_close_state.ts";
import { textToDeflate, writeDeflatedFrame } from "./_deflated_output.ts";
import {
  closePayload,
  HEADROOM,
  LARGE_PAYLOAD,
  LostOutput,
  tryWriteTextFrame,
  writeFrame,
  writeOwnedFrame,
  writeTextFrame,
} from "./_frame_output.ts";
import { faultOfStart, type FrameFault, readClosePayload } from "./_frame_rules.ts";
import { markHeadroom } from "./_headroom.ts";
import { maskLarge } from "./_large_mask.ts";
import { MessageAssembly } from "./_message_assembly.ts";
import { TextRun } from "./_text_run.ts";
import { WebSocketError, type WebSocketErrorCode, WebSocketProtocolError } from "./errors.ts";
import { MAX_CONTROL_PAYLOAD, readFrameHeader, WebSocketFrameHeader } from "./frame.ts";
import { applyMask, rotateMaskKey } from "./mask.ts";
import {
  DEFAULT_MAX_CHUNKS,
  DEFAULT_MAX_FRAGMENTS,
  DEFAULT_MAX_MESSAGE_SIZE,
  type WebSocketMessageOpcode,
  type WebSocketRole,
} from "./types.ts";
import type {
  WebSocketCompression,
  WebSocketDeflater,
  WebSocketInflater,
  WebSocketProtocolOptions,
  WebSocketProtocolOutput,
  WebSocketProtocolSink,
  WebSocketProtocolTools,
} from "./protocol_types.ts";

/** Texts up to this many characters are encoded straight into the output's buffer. */
const DIRECT_TEXT = 8192;
/** And those up to this many, if that is about as many bytes: the output has buffers of this size that are used again. */
const POOLED_TEXT = 131_072;
/** Streamed messages are inflated in parts of this many bytes, so that no part grows beyond about 1 MiB. */
const INFLATE_STEP = 1024;
/** From so many bytes to come it pays to have them read to where they belong. */
const DIRECT_READ = 131_072;
/** Short texts that are sent while what came is worked off. */
const TEXT_RUN = new TextRun();
/** The header that was read last. It is used up before anybody else is called. */
const HEADER = new WebSocketFrameHeader();
const NOTHING = new Uint8Array(0);

/** What is done with input: parsed, kept while paused, or thrown away. */
const RUN = 0;
const HOLD = 1;
const DISCARD = 2;

/**
 * The WebSocket protocol (RFC 6455 from §5 on, RFC 7692) without a socket: bytes go in by {@linkcode WebSocketProtocol.receive | receive}, events
 * come out at the sink and bytes at the output, all synchronously.
 *
 * It answers pings and close frames by itself. What the peer does never makes it throw: a fault closes the connection
 * with the right code, is told to the sink once, and all further input is thrown away.
 *
 * Received bytes are unmasked in place and handed on as views: what was given to {@linkcode WebSocketProtocol.receive | receive} must not be written again.
 *
 * @example
 * ```ts
 * import {
 *   encodeFrame,
 *   WebSocketProtocol,
 *   type WebSocketProtocolOptions,
 *   type WebSocketProtocolOutput,
 *   type WebSocketProtocolSink,
 *   type WebSocketProtocolTools,
 * } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const events: unknown[] = [];
 * const sink: WebSocketProtocolSink = {
 *   message: (data) => void events.push(data),
 *   piece: () => {},
 *   ping: () => {},
 *   pong: () => {},
 *   closing: () => void events.push("closing"),
 *   fail: (error) => void events.push(error.code),
 * };
 * const sent: Uint8Array[] = [];
 * const output: WebSocketProtocolOutput = {
 *   buffer: new Uint8Array(1024),
 *   full: false,
 *   reserve: () => 0,
 *   commit: (n) => sent.push(output.buffer.slice(0, n)),
 *   write: (bytes) => sent.push(bytes),
 * };
 * const tools: WebSocketProtocolTools = {
 *   nextMask: () => 0, // for tests only
 *   decodeText: (bytes, start, end) => new TextDecoder().decode(bytes.subarray(start, end)),
 *   decodeValidText: (bytes) => new TextDecoder().decode(bytes),
 *   encodeTextInto: (text, target, at) =>
 *     new TextEncoder().encodeInto(text, target.subarray(at)).written,
 *   encodeText: (text, headroom) => {
 *     const bytes = new TextEncoder().encode(text);
 *     const behind = new Uint8Array(headroom + bytes.length);
 *     behind.set(bytes, headroom);
 *     return behind;
 *   },
 * };
 * const options: WebSocketProtocolOptions = { maxMessageSize: 5 };
 * const server = new WebSocketProtocol("server", sink, output, tools, options);
 *
 * const text = (value: string) => new TextEncoder().encode(value);
 * server.receive(encodeFrame(text("hello"), { opcode: 1, maskKey: 7 }));
 * server.receive(encodeFrame(text("too long"), { opcode: 1, maskKey: 7 }));
 * assertEquals(events, ["hello", "MESSAGE_TOO_BIG"]);
 * assertEquals(sent[0].subarray(0, 4), new Uint8Array([0x88, sent[0][1], 0x03, 0xf1])); // 1009
 * ```
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

  /** Whether more of what was read waits behind the message that is being handed on. */
  #more = false;

  #closeCode = 1006;
  #closeReason = "";

  /** Whether somebody was given a view of what came, since this was set to false. */
  exposed = false;

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

  /**
   * Where the payload that is to come next can be put before it is given to `receive`, which then copies nothing:
   * `undefined` where that would not pay. It holds until the next call of `receive`.
   */
  room(): Uint8Array | undefined {
    const assembly = this.#assembly;
    if (assembly === undefined || this.#left < DIRECT_READ || this.#flow !== RUN) return undefined;
    if (assembly.streamed || assembly.compressed || assembly.dropped) return undefined;
    return assembly.room(this.#left);
  }

  /**
   * How many bytes at the end of `chunk`, which came last, are still needed, and may be moved (see {@linkcode WebSocketProtocol.moved | moved});
   * -1 if more than that is needed. Nothing but an unfinished text is: what is whole was copied, or {@linkcode WebSocketProtocol.exposed | exposed}.
   */
  needed(chunk: Uint8Array): number {
    if (this.#held !== undefined) return -1;
    const assembly = this.#assembly;
    if (assembly === undefined || assembly.compressed || !assembly.views) return 0;
    return assembly.opcode === 1 ? assembly.endOf(chunk) : -1;
  }

  /** The bytes that were still {@linkcode WebSocketProtocol.needed | needed} are now here. */
  moved(bytes: Uint8Array): void {
    this.#assembly?.moved(bytes);
  }

  /** What the message that is under way takes of memory, in bytes. Messages that are handed on in pieces take none. */
  get assembledBytes(): number {
    return this.#assembly === undefined ? 0 : this.#assembly.footprint;
  }

  /** Whether the message that is under way came compressed. */
  get inflating(): boolean {
    return this.#assembly !== undefined && this.#assembly.compressed;
  }

  /** Drops the message that is under way: its bytes are not kept, and the sink does not get it. Returns whether there is one. */
  dropMessage(): boolean {
    const assembly = this.#assembly;
    if (assembly === undefined || assembly.streamed || assembly.dropped) return false;
    assembly.drop();
    return true;
  }

  /** How many bytes of the frame that is under way are still to come. */
  get missing(): number {
    return this.#left;
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
    this.#more = false;
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

  /** Whether events wait for {@linkcode WebSocketProtocol.resume | resume}. */
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
        const upTo = Math.min(end, pos + Math.min(this.#left, this.#step));
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
          this.#more = stop < end;
          this.#deliverWhole(header, chunk, start, stop);
          pos = stop;
        } else {
          this.#beginFrame(header);
          // Where the header lies in front of the payload, it is not needed any more.
          const follows = header.length > 0 && start < end;
          if (follows && header.masked && header.opcode !== 0) this.#assembly!.headroom = true;
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
    const begun = this.#assembly !== undefined;
    const fault = faultOfStart(header, second, this.#client, begun, this.compresses);
    return fault === undefined || this.#failBy(fault);
  }

  /** Checks the length, before any memory is taken for it. */
  #checkLength(header: WebSocketFrameHeader): boolean {
    if (!header.lengthValid) {
      return this.#fail("LENGTH", 1002, "a length was not in its shortest form");
    }
    if (header.opcode >= 8) return true;
    // No stream can have 2^53 bytes or more: they could not be counted.
    if (this.#assembly?.streamed ?? this.#streaming) {
      return header.length !== Infinity || this.#failSize();
    }
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
    const large = opcode === 2 && end - start >= LARGE_PAYLOAD && header.masked;
    let ascii = false;
    if (large || (compressed && header.masked)) maskLarge(chunk, header.maskKey, start, end);
    else if (header.masked) ascii = (applyMask(chunk, header.maskKey, start, end) & 0x80) === 0;
    this.#messages++;
    if (compressed) {
      const bytes = this.#inflate(chunk, start, end, true, this.#maxSize, opcode === 1);
      if (bytes !== undefined) this.#deliver(bytes, 0, bytes.length, opcode, false);
    } else if (large) {
      const message = chunk.subarray(start, end);
      this.exposed = true;
      markHeadroom(message);
      this.#sink.message(message, 2);
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
      this.exposed = true;
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
        this.#maxSize,
      );
    }
    this.#assembly.fragments++;
  }

  /** How much payload is taken at once: of what may grow without limit so little that who gets it can say stop in time. */
  get #step(): number {
    const assembly = this.#assembly!;
    return assembly.streamed && assembly.compressed ? INFLATE_STEP : Infinity;
  }

  /** Takes a part of the payload of the frame that is under way. */
  #takePayload(chunk: Uint8Array, start: number, end: number): void {
    const assembly = this.#assembly!;
    const n = end - start;
    if (assembly.streamed && !assembly.begun && !this.#streaming) {
      // Who wanted it in pieces is gone: from its first byte on it is a message like others.
      assembly.streamed = false;
      if (!assembly.compressed && this.#left > this.#maxSize) {
        this.#failSize();
        return;
      }
    }
    if (n > 0 && !this.#client) {
      maskLarge(chunk, this.#key, start, end);
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
    const room = assembly.streamed ? Infinity : this.#maxSize - assembly.size;
    const bytes = this.#inflate(chunk, start, end, last, room, false);
    if (bytes !== undefined) this.#takeBytes(assembly, bytes, 0, bytes.length, last);
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
    if (assembly.dropped) return;
    if (assembly.streamed) {
      if (start < end || last) {
        this.exposed = true;
        assembly.begun = true;
        this.#sink.piece(bytes.subarray(start, end), assembly.opcode, last);
      }
      return;
    }
    assembly.append(bytes, start, end, this.#fin && !assembly.compressed ? this.#left : 0);
    if (!last) return;
    const whole = assembly.bytes();
    if (assembly.opcode === 2) {
      if (whole.length >= LARGE_PAYLOAD && assembly.headroom) markHeadroom(whole);
      this.exposed = true;
      this.#sink.message(whole, 2);
    } else this.#sink.message(this.#tools.decodeValidText(whole), 1);
  }

  #inflate(
    bytes: Uint8Array,
    start: number,
    end: number,
    last: boolean,
    room: number,
    transient: boolean,
  ): Uint8Array | undefined {
    this.#inflater ??= this.#compression!.createInflater();
    const result = this.#inflater.inflate(bytes, start, end, last, room, transient);
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
    if (opcode !== 8 && end > start) this.exposed = true;
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
    else writeFrame(this.#output, this.#tools, this.#client, 0x8a, payload);
  }

  /** The output has drained: what had to wait for it is sent now. */
  drained(): void {
    const payload = this.#owedPong;
    this.#owedPong = undefined;
    if (payload !== undefined) this.#pong(payload);
  }

  #receiveClose(payload: Uint8Array): void {
    const read = readClosePayload(payload, this.#tools);
    if ("why" in read) {
      this.#failBy(read);
      return;
    }
    const { code, reason } = read;
    this.#closeCode = code;
    this.#closeReason = reason;
    this.#advance("receiveClose");
    // "When sending a Close frame in response, the endpoint typically echos the status code it received." §5.5.1
    // The reason goes with it, as ws and Python's websockets do it: both ends then tell the same of the end.
    if (maySendClose(this.#state)) this.#writeClose(code, reason);
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
  send(data: string | Uint8Array, compress?: boolean): void {
    if (this.#state !== "open") this.#throwClosed();
    if (this.#sendingOpcode !== 0) {
      throw new TypeError("Cannot send: a message is being sent in fragments");
    }
    const opcode = typeof data === "string" ? 0x81 : 0x82;
    if (this.#compression !== undefined && compress !== false) {
      const threshold = compress ? 0 : this.#compression.threshold;
      const bytes = typeof data === "string" ? textToDeflate(data, threshold, this.#tools) : data;
      if (bytes !== undefined && bytes.length >= threshold) {
        this.#writeDeflated(opcode | 0x40, bytes, true);
        return;
      }
    }
    if (typeof data !== "string") writeFrame(this.#output, this.#tools, this.#client, opcode, data);
    else if (!this.#client && TEXT_RUN.add(this.#output, this.#tools, data, this.#more)) return;
    else if (data.length <= DIRECT_TEXT) {
      writeTextFrame(this.#output, this.#tools, this.#client, data);
    } else if (
      data.length > POOLED_TEXT ||
      !tryWriteTextFrame(this.#output, this.#tools, this.#client, data)
    ) {
      const owned = this.#tools.encodeText(data, HEADROOM);
      writeOwnedFrame(this.#output, this.#tools, this.#client, opcode, owned);
    }
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
    if (!this.#sendingCompressed) writeFrame(this.#output, this.#tools, this.#client, byte, bytes);
    else this.#writeDeflated(first ? byte | 0x40 : byte, bytes, fin);
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
   * @throws {TypeError} If the payload is no `Uint8Array`.
   * @throws {RangeError} If the payload has more than 125 bytes.
   * @throws {WebSocketError} `CLOSED` after a close frame in either direction.
   */
  ping(payload: Uint8Array = NOTHING): void {
    this.#sendControl(0x89, payload);
  }

  /** Sends a pong that nobody asked for. Throws as {@linkcode WebSocketProtocol.ping | ping} does. */
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
    writeFrame(this.#output, this.#tools, this.#client, 0x88, payload);
    this.#advance("sendClose");
  }

  /** Throws what {@linkcode WebSocketProtocol.close | close} would throw, and does nothing else. */
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
    if (!(payload instanceof Uint8Array)) {
      throw new TypeError("Cannot send a control frame: its payload is not a Uint8Array");
    }
    if (payload.length > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(
        `Cannot send a control frame of ${payload.length} bytes: at most ${MAX_CONTROL_PAYLOAD}`,
      );
    }
    if (this.#state !== "open") this.#throwClosed();
    writeFrame(this.#output, this.#tools, this.#client, first, payload);
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
    writeFrame(this.#output, this.#tools, this.#client, 0x88, payload);
    this.#advance("sendClose");
  }

  #writeDeflated(first: number, bytes: Uint8Array, last: boolean): void {
    const deflater = this.#deflater ??= this.#compression!.createDeflater();
    writeDeflatedFrame(this.#output, this.#tools, this.#client, first, bytes, last, deflater);
  }

  // Faults and states.

  #failBy({ code, closeCode, why }: FrameFault): false {
    return this.#fail(code, closeCode, why);
  }

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
