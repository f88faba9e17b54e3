// Floor 3: driver.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { TurnSlices } from "../net/turn_slices.ts";
import { deflateAlone } from "./_compression.ts";
import type { RawLink } from "./_raw_link.ts";
import { encodeFrame } from "./frame.ts";
import type { PerMessageDeflateOptions } from "./permessage_deflate.ts";

/** One who gets broadcasts. */
export interface HubMember {
  /** What carries the messages. */
  readonly link: RawLink;
  /** The window that the server's compression may use, 8 to 15; 0 without compression. */
  readonly windowBits: number;
  /** The number of the first message that did not go out here. The hub sets it. */
  taken: number;
  /** Sends a message when one that is being sent in fragments is done. */
  sendLater(data: string | Uint8Array, compress: boolean): void;
}

/** Some members that get the same messages. */
export type HubGroup = ReadonlySet<HubMember>;

/** A message that waits to be sent, encoded for each set of parameters that somebody needs. */
class PendingMessage {
  readonly data: string | Uint8Array;
  readonly compress: boolean;
  readonly #options: PerMessageDeflateOptions;
  #bytes: Uint8Array | undefined;
  readonly #frames: Array<Uint8Array | undefined> = [];

  constructor(data: string | Uint8Array, compress: boolean, options: PerMessageDeflateOptions) {
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
 * So much waits at most, in bytes or characters, whatever is broadcast in one turn: what is joined passes a link's limit as one
 * message does.
 */
const BURST = 262_144;

/** Messages on their way to a group. */
interface Run {
  readonly group: HubGroup;
  readonly members: Iterator<HubMember>;
  readonly messages: PendingMessage[];
  /** The numbers of the first message, and of the one behind the last. */
  readonly base: number;
  readonly next: number;
  /** The messages, joined, for each set of parameters. */
  readonly joined: Array<Uint8Array | undefined>;
}

/**
 * Sends messages to many links. A message is encoded, and compressed, once for each set of parameters; the messages of
 * one turn are joined once, and every link whose queue is empty writes that same buffer.
 *
 * What else is sent on a link keeps its place: what waits here for the link goes out first.
 *
 * A large group is served in slices. Nobody waits for a member that reads slowly.
 */
export class Hub {
  readonly #options: PerMessageDeflateOptions;
  readonly #threshold: number;
  readonly #slices: TurnSlices;
  #messages: PendingMessage[] = [];
  /** Their length together. */
  #size = 0;
  /** The number of the first message that waits; messages are numbered from the start. */
  #base = 0;
  #group: HubGroup | undefined;
  #run: Run | undefined;

  /** Makes a hub whose members compress with these options, from `threshold` bytes on. */
  constructor(
    options: PerMessageDeflateOptions,
    threshold: number,
    nextTurn?: (callback: () => void) => void,
  ) {
    this.#options = options;
    this.#threshold = threshold;
    this.#slices = new TurnSlices((count) => this.#serve(count), nextTurn);
  }

  /** Whether messages wait. */
  get pending(): boolean {
    return this.#messages.length > 0 || this.#run !== undefined;
  }

  /** The number of the next message. */
  get next(): number {
    return this.#base + this.#messages.length;
  }

  /** Sends to all of a group but one. Returns to how many. */
  send(
    group: HubGroup,
    data: string | Uint8Array,
    compress: boolean | undefined,
    except: HubMember | undefined,
  ): number {
    // Who is in two groups has to get both messages in order: only one group waits at a time.
    if (this.#group !== undefined && this.#group !== group) this.flush();
    if (group.size === 0) return 0;
    this.#group = group;
    if (except !== undefined) this.catchUp(except);
    // It is encoded later, and the caller may reuse its bytes.
    const kept = typeof data === "string" ? data : data.slice();
    const wanted = compress ?? data.length >= this.#threshold;
    this.#messages.push(new PendingMessage(kept, wanted, this.#options));
    this.#slices.start();
    let count = group.size;
    if (except !== undefined && group.has(except)) {
      except.taken = this.next;
      count--;
    }
    if ((this.#size += data.length) > BURST) this.flush();
    return count;
  }

  /** Sends to one member what waits for it, before something else is sent there. */
  catchUp(member: HubMember): void {
    const { next } = this;
    const { taken } = member;
    member.taken = next;
    if (taken >= next) return;
    const run = this.#run;
    if (run !== undefined && taken < run.next && run.group.has(member)) {
      this.#sendTo(member, run.messages.slice(Math.max(0, taken - run.base)), undefined);
    }
    if (this.#messages.length > 0 && this.#group?.has(member)) {
      this.#sendTo(member, this.#messages.slice(Math.max(0, taken - this.#base)), undefined);
    }
  }

  /** Sends everything that waits, now. */
  flush(): void {
    this.#advance(Infinity);
    if (this.#begin()) this.#advance(Infinity);
  }

  /** Serves the next `count` members. Returns whether there are more. */
  #serve(count: number): boolean {
    if (this.#run === undefined && !this.#begin()) return false;
    this.#advance(count);
    return this.pending;
  }

  /** Begins to send what waits. */
  #begin(): boolean {
    const group = this.#group;
    const messages = this.#messages;
    if (group === undefined || messages.length === 0) return false;
    const { next } = this;
    this.#run = {
      group,
      members: group.values(),
      messages,
      base: this.#base,
      next,
      joined: [],
    };
    this.#messages = [];
    this.#size = 0;
    this.#base = next;
    this.#group = undefined;
    return true;
  }

  /** Sends to the next `count` members. They may leave meanwhile; a Set allows that. */
  #advance(count: number): void {
    const run = this.#run;
    if (run === undefined) return;
    const { members, messages, base, next, joined } = run;
    for (let i = 0; i < count; i++) {
      const { done, value: member } = members.next();
      if (done) {
        if (this.#run === run) this.#run = undefined;
        return;
      }
      const { taken } = member;
      if (taken >= next) continue;
      if (!member.link.takesEncoded) {
        // It puts them in line itself, and what has come since behind them.
        this.catchUp(member);
        continue;
      }
      member.taken = next;
      if (taken <= base) this.#sendTo(member, messages, joined, run.group.size);
      else this.#sendTo(member, messages.slice(taken - base), undefined);
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
    if (link.idle) this.#slices.probe = link;
    const compressed = windowBits > 0 && messages.some(({ compress }) => compress);
    link.sendEncoded(frames, compressed, Math.ceil(frames.length / sharers), messages.length);
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
