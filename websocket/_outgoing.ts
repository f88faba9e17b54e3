// Floor 3: driver.
import { decodeUtf8, encodeUtf8, Utf8Validator } from "../buffer/utf8.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { waitFor, type WaitOptions } from "../net/wait.ts";
import type { Link } from "./_connection_parts.ts";
import { WebSocketError } from "./errors.ts";
import type { WebSocketMessageOpcode } from "./types.ts";

/** One part of a message that is sent while it is made. */
export type OutgoingPart = string | Uint8Array | ArrayBuffer | ArrayBufferView;
/** A message that is sent while it is made. */
export type OutgoingParts = Iterable<OutgoingPart> | AsyncIterable<OutgoingPart>;

/** The bytes that a view or a buffer shows, and no others; `undefined` for anything else. */
export function toBytes(data: unknown): Uint8Array | undefined {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return undefined;
}

/** A message of text or bytes. @throws {TypeError} For anything else. */
export function toMessage(data: unknown): string | Uint8Array {
  const message = typeof data === "string" ? data : toBytes(data);
  if (message === undefined) throw new TypeError("Cannot send: a message is a string or bytes");
  return message;
}

const SEND_OPTIONS = { compress: true, opcode: true, timeout: true, signal: true };
const FOREIGN_SEND_OPTIONS = {
  binary: "is `opcode` here, 1 for text and 2 for binary",
  fin: "is none here: the parts of a message go into one iterable",
};

/**
 * Refuses what npm's ws takes behind the message, what nobody does, and what is no opcode: a callback would never be called, text not be sent as
 * binary, and a secret be compressed.
 *
 * @throws {TypeError}
 */
export function checkSendOptions(options: { opcode?: WebSocketMessageOpcode }): void {
  if (typeof options === "function") {
    throw new TypeError("Cannot send: there is a promise to await, and no callback");
  }
  checkOptionNames("Cannot send", options, SEND_OPTIONS, FOREIGN_SEND_OPTIONS);
  const { opcode } = options;
  if (opcode !== undefined && opcode !== 1 && opcode !== 2) {
    throw new TypeError(`Cannot send with opcode ${opcode}: it is 1 for text or 2 for binary`);
  }
}

/**
 * Refuses what npm's ws takes in a ping: a payload would not be sent, and a callback never be called.
 *
 * @throws {TypeError}
 */
export function checkPingOptions(options: unknown): void {
  const plain = typeof options === "object" && options !== null && toBytes(options) === undefined &&
    !(options instanceof Blob) && !(Symbol.iterator in options);
  if (plain) return;
  throw new TypeError(
    "Cannot ping: it takes options alone; there is a promise to await, no payload and no callback",
  );
}

/** A message with the opcode that was asked for. */
export function withOpcode(
  data: string | Uint8Array,
  opcode: WebSocketMessageOpcode | undefined,
): string | Uint8Array {
  if (opcode === 1 && typeof data !== "string") return decodeUtf8(data, { fatal: true });
  if (opcode === 2 && typeof data === "string") return encodeUtf8(data);
  return data;
}

/** Whether this can be gone through. Strings and bytes can, too: ask for those first. */
export function isParts(data: unknown): data is OutgoingParts {
  return typeof data === "object" && data !== null &&
    (Symbol.asyncIterator in data || Symbol.iterator in data);
}

/** Options of {@linkcode sendParts}. */
export interface SendPartsOptions extends WaitOptions {
  /** Whether it is text or binary. @default {what the first part is} */
  opcode?: WebSocketMessageOpcode;
  /** Whether it is compressed. */
  compress?: boolean;
}

/** Sends a message while it is made: a frame for each part, and an empty last one. */
export async function sendParts(
  link: Link,
  parts: OutgoingParts,
  options: SendPartsOptions,
): Promise<void> {
  const encoder = new PartEncoder(options.opcode);
  let begun = false;
  try {
    for await (const part of inTime(parts, options)) {
      const bytes = encoder.encode(part);
      if (bytes.length === 0) continue;
      link.sendFragment(bytes, encoder.opcode!, false, options.compress);
      begun = true;
      if (link.full) await link.drained(options);
    }
    const rest = encoder.finish();
    link.sendFragment(rest, encoder.opcode ?? 2, true, options.compress);
  } catch (cause) {
    // Half a message can't be taken back: only the end of the connection tells the peer that the rest is missing.
    if (begun && link.open) {
      link.failWith(
        new WebSocketError("The WebSocket was closed: a message could not be sent to its end", {
          code: "CALLBACK",
          closeCode: 1011,
          cause,
        }),
      );
    }
    throw cause;
  }
}

/** The parts, each of which has to come in time. */
async function* inTime(
  parts: OutgoingParts,
  options: WaitOptions,
): AsyncGenerator<OutgoingPart, undefined> {
  const iterator = parts instanceof ReadableStream
    ? streamParts(parts)
    : Symbol.asyncIterator in parts
    ? parts[Symbol.asyncIterator]()
    : parts[Symbol.iterator]();
  let done: boolean | undefined = false;
  try {
    for (;;) {
      const next = await waitFor(Promise.resolve(iterator.next()), "send", options);
      done = next.done;
      if (next.done) return undefined;
      yield next.value;
    }
  } finally {
    // Who makes the parts may be slow to hear of it, too.
    if (!done) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/** The parts of a stream, which hears at once that no more are wanted: its own iterator would wait for the one under way. */
function streamParts(stream: ReadableStream<OutgoingPart>): AsyncIterator<OutgoingPart, undefined> {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      if (!done) return { done, value };
      reader.releaseLock();
      return { done, value: undefined };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** Turns the parts of one message into bytes: all text or all bytes, and characters whole. */
class PartEncoder {
  opcode: WebSocketMessageOpcode | undefined;
  #fixed: boolean;
  /** The first half of a character whose second half begins the next part. */
  #half = "";
  #validator: Utf8Validator | undefined;

  constructor(opcode: WebSocketMessageOpcode | undefined) {
    this.opcode = opcode;
    this.#fixed = opcode !== undefined;
  }

  encode(part: OutgoingPart): Uint8Array {
    const text = typeof part === "string";
    this.opcode ??= text ? 1 : 2;
    if (!this.#fixed && text !== (this.opcode === 1)) {
      throw new TypeError("Cannot send a message of text and bytes: it is one or the other");
    }
    if (text) return this.#checked(encodeUtf8(this.#whole(part)));
    const bytes = toBytes(part);
    if (bytes === undefined) {
      throw new TypeError("Cannot send: a part is neither a string nor bytes");
    }
    if (this.opcode === 1) this.#validator ??= new Utf8Validator();
    if (this.#half === "") return this.#checked(bytes);
    // No second half comes any more.
    const half = encodeUtf8(this.#half);
    this.#half = "";
    const both = new Uint8Array(half.length + bytes.length);
    both.set(half);
    both.set(bytes, half.length);
    return this.#checked(both);
  }

  /** Where text comes as bytes, at least in part, all of it is checked together. */
  #checked(bytes: Uint8Array): Uint8Array {
    if (this.#validator?.push(bytes) === false) {
      throw new TypeError("Cannot send as text: not UTF-8");
    }
    return bytes;
  }

  finish(): Uint8Array {
    const rest = this.#checked(encodeUtf8(this.#half));
    if (this.#validator?.finish() === false) throw new TypeError("Cannot send as text: not UTF-8");
    return rest;
  }

  #whole(part: string): string {
    const text = this.#half + part;
    const last = text.charCodeAt(text.length - 1);
    const cut = last >= 0xd800 && last < 0xdc00;
    this.#half = cut ? text.slice(-1) : "";
    return cut ? text.slice(0, -1) : text;
  }
}
