// Floor 3: driver.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { deflateAlone } from "./_compression.ts";
import type { RawLink } from "./_raw_link.ts";
import { encodeFrame } from "./frame.ts";
import type { PerMessageDeflateOptions } from "./permessage_deflate.ts";
import type { WebSocketData } from "./types.ts";

/** One who gets broadcasts. */
export interface HubMember {
  /** What carries the messages. */
  readonly link: RawLink;
  /** The window that the server's compression may use, 8 to 15; 0 without compression. */
  readonly windowBits: number;
  /** The number of the first message that did not go out here. The hub sets it. */
  taken: number;
  /** Sends a message when one that is being sent in fragments is done. */
  sendLater(data: WebSocketData, compress: boolean): void;
}

/** Some members that get the same messages. */
export type HubGroup = ReadonlySet<HubMember>;

/** A message that waits to be sent, encoded for each set of parameters that somebody needs. */
class PendingMessage {
  readonly data: WebSocketData;
  readonly compress: boolean;
  readonly #options: PerMessageDeflateOptions;
  #bytes: Uint8Array | undefined;
  readonly #frames: Array<Uint8Array | undefined> = [];

  constructor(data: WebSocketData, compress: boolean, options: PerMessageDeflateOptions) {
    this.data = data;
    this.compress = compress;
    this.#options = options;
  }

  /** The frame for members with this window: 0 for those without compression. */
  frame(windowBits: number): Uint8Array {
    const bits = this.compress ? windowBits : 0;
    return this.#frames[bits] ??= this.#encode(bits);
  }

  #encode(bits: number): Uint8Array {
    const { data } = this;
    const opcode = typeof data === "string" ? 1 : 2;
    const bytes = this.#bytes ??= typeof data === "string" ? encodeUtf8(data) : data;
    if (bits === 0) return encodeFrame(bytes, { opcode });
    return encodeFrame(deflateAlone(bytes, bits, this.#options), { opcode, rsv: 0x40 });
  }
}

/**
 * Sends messages to many links. A message is encoded, and compressed, once for each set of parameters; the messages of
 * one turn are joined once, and every link whose queue is empty writes that same buffer.
 *
 * What else is sent on a link keeps its place: what waits here for the link goes out first.
 */
export class Hub {
  readonly #options: PerMessageDeflateOptions;
  readonly #threshold: number;
  #messages: PendingMessage[] = [];
  /** The number of the first message that waits; messages are numbered from the start. */
  #base = 0;
  #group: HubGroup | undefined;
  #scheduled = false;

  /** Makes a hub whose members compress with these options, from `threshold` bytes on. */
  constructor(options: PerMessageDeflateOptions, threshold: number) {
    this.#options = options;
    this.#threshold = threshold;
  }

  /** Whether messages wait. */
  get pending(): boolean {
    return this.#messages.length > 0;
  }

  /** The number of the next message. */
  get next(): number {
    return this.#base + this.#messages.length;
  }

  /** Sends to all of a group but one. Returns to how many. */
  send(
    group: HubGroup,
    data: WebSocketData,
    compress: boolean | undefined,
    except: HubMember | undefined,
  ): number {
    // Who is in two groups has to get both messages in order: only one group waits at a time.
    if (this.#group !== group) this.flush();
    if (group.size === 0) return 0;
    this.#group = group;
    if (except !== undefined) this.catchUp(except);
    // It is encoded later, and the caller may reuse its bytes.
    const kept = typeof data === "string" ? data : data.slice();
    const wanted = compress ?? data.length >= this.#threshold;
    this.#messages.push(new PendingMessage(kept, wanted, this.#options));
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(this.#flushLater);
    }
    if (except === undefined || !group.has(except)) return group.size;
    except.taken = this.next;
    return group.size - 1;
  }

  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** Sends to one member what waits for it, before something else is sent there. */
  catchUp(member: HubMember): void {
    const { next } = this;
    const { taken } = member;
    member.taken = next;
    if (taken >= next || !this.#group?.has(member)) return;
    this.#sendTo(member, this.#messages.slice(Math.max(0, taken - this.#base)), undefined);
  }

  /** Sends everything that waits. */
  flush(): void {
    const group = this.#group;
    const messages = this.#messages;
    if (group === undefined || messages.length === 0) return;
    const base = this.#base;
    const { next } = this;
    this.#messages = [];
    this.#base = next;
    this.#group = undefined;
    const joined: Array<Uint8Array | undefined> = [];
    // Members may leave while they are gone through; a Set allows that.
    for (const member of group) {
      const { taken } = member;
      member.taken = next;
      if (taken <= base) this.#sendTo(member, messages, joined, group.size);
      else if (taken < next) this.#sendTo(member, messages.slice(taken - base), undefined);
    }
  }

  #sendTo(
    member: HubMember,
    messages: PendingMessage[],
    joined: Array<Uint8Array | undefined> | undefined,
    sharers = 1,
  ): void {
    const { link, windowBits } = member;
    if (!link.open) return;
    if (!link.takesEncoded) {
      for (const { data, compress } of messages) member.sendLater(data, compress);
      return;
    }
    const frames = joined?.[windowBits] ??
      join(messages.map((message) => message.frame(windowBits)));
    if (joined !== undefined) joined[windowBits] = frames;
    const compressed = windowBits > 0 && messages.some(({ compress }) => compress);
    link.sendEncoded(frames, compressed, Math.ceil(frames.length / sharers));
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  let size = 0;
  for (const { length } of parts) size += length;
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
