// Floor 1: codec.
import { hexdump } from "../buffer/hexdump.ts";
import { showAddr } from "./_address.ts";
import { escapeText, textLines } from "./_text.ts";
import type {
  TraceCloseEvent,
  TraceDataEvent,
  TraceEvent,
  TraceMessageEvent,
  TraceSide,
} from "./trace_event.ts";

/** Options of a {@linkcode TraceFormatter}. */
export interface TraceFormatOptions {
  /**
   * Shows bytes as text, in hex, or both.
   *
   * @default {"text"}
   */
  view?: "text" | "hex" | "both";
  /**
   * The most bytes that are shown of a piece of data.
   *
   * @default {4096}
   */
  maxBytes?: number;
  /**
   * Colours for a terminal.
   *
   * @default {false}
   */
  color?: boolean;
  /**
   * What the client is called.
   *
   * @default {"client"}
   */
  clientName?: string;
  /**
   * What the server is called.
   *
   * @default {"server"}
   */
  serverName?: string;
  /**
   * Shows the bytes of WebSocket frames besides the messages in them.
   *
   * @default {false}
   */
  frames?: boolean;
}

const RESET = "\x1b[0m";
const DIM = "\x1b[2m";
const RED = "\x1b[31m";
const CYAN = "\x1b[36m";
const YELLOW = "\x1b[33m";

/** The colours of the two directions, and of the rest. */
const COLORS = { client: CYAN, server: YELLOW, status: DIM, error: RED };

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** The time of day, on this machine's clock. */
function showTime(time: number): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** A line feed would begin a line that looks like one of the tracer's own. */
function oneLine(text: string): string {
  return text.replaceAll("\n", "\\n");
}

/** What a close frame says: its code and its reason (RFC 6455 §5.5.1). */
function closeLines(bytes: Uint8Array): string[] {
  if (bytes.length < 2) return [""];
  const [first, ...rest] = textLines(bytes.subarray(2));
  return [`${bytes[0] << 8 | bytes[1]} ${first}`.trimEnd(), ...rest];
}

/**
 * Writes events as lines for people: the time, the number of the connection, who sends to whom, and the bytes.
 *
 * Nothing that was sent reaches the terminal as a control character: such are written as `\x1b`.
 *
 * @example
 * ```ts
 * import { TraceFormatter } from "@sluice/sockets/trace";
 * import { assertMatch } from "@std/assert";
 *
 * const [line] = new TraceFormatter().format({
 *   type: "data",
 *   time: 0,
 *   connection: 1,
 *   from: "client",
 *   bytes: new TextEncoder().encode("GET / HTTP/1.1\r\n"),
 *   offset: 0,
 *   decoded: false,
 * });
 * assertMatch(line, /^\d\d:\d\d:00\.000 #1 client -> server  GET \/ HTTP\/1\.1$/);
 * ```
 */
export class TraceFormatter {
  readonly #view: "text" | "hex" | "both";
  readonly #max: number;
  readonly #color: boolean;
  readonly #frames: boolean;
  readonly #names: Record<TraceSide, string>;
  readonly #arrows: Record<TraceSide, string>;

  /**
   * Makes a formatter.
   *
   * @throws {RangeError} When `maxBytes` is negative or not a number.
   */
  constructor(options: TraceFormatOptions = {}) {
    const { view = "text", maxBytes = 4096, color = false, frames = false } = options;
    if (!(maxBytes >= 0)) {
      throw new RangeError(`Cannot show ${maxBytes} bytes: it is not 0 or more`);
    }
    if (view !== "text" && view !== "hex" && view !== "both") {
      throw new TypeError(`Cannot show bytes as ${JSON.stringify(view)}`);
    }
    this.#view = view;
    this.#max = maxBytes;
    this.#color = color;
    this.#frames = frames;
    const client = escapeText(options.clientName ?? "client");
    const server = escapeText(options.serverName ?? "server");
    this.#names = { client, server };
    this.#arrows = { client: `${client} -> ${server}`, server: `${client} <- ${server}` };
  }

  /** The lines of an event, without line ends; none for one that says nothing new. */
  format(event: TraceEvent): string[] {
    const { client, server } = this.#names;
    switch (event.type) {
      case "data":
        return this.#data(event);
      case "message":
        return this.#message(event);
      case "open":
        return this.#status(
          event,
          `${client} (${escapeText(showAddr(event.client))}) connects to ${server} (${
            escapeText(event.server)
          })`,
        );
      case "connect":
        return this.#status(
          event,
          `connected to ${server} (${escapeText(showAddr(event.server))})`,
        );
      case "end":
        return this.#status(event, `${this.#names[event.from]} ends its side`);
      case "reset": {
        const other = event.from === "client" ? server : client;
        const how = event.passedOn ? "" : `; ${other} gets an ordinary end`;
        return this.#status(event, `${this.#names[event.from]} resets the connection${how}`);
      }
      case "error":
        return this.#status(
          event,
          `${this.#names[event.side]}: ${escapeText(event.error.message)}`,
          "error",
        );
      case "fault":
        return this.#status(
          event,
          `cut after ${count(event.after, "byte")} from ${this.#names[event.from]}, as asked for`,
          "error",
        );
      case "drop":
        return this.#status(
          event,
          `a datagram of ${count(event.size, "byte")} from ${this.#names[event.from]} is lost: ${
            escapeText(event.reason)
          }`,
          "error",
        );
      case "close":
        return this.#status(event, this.#closed(event));
    }
  }

  #closed({ clientBytes, serverBytes }: TraceCloseEvent): string {
    const { client, server } = this.#names;
    return `closed: ${count(clientBytes, "byte")} from ${client}, ${serverBytes} from ${server}`;
  }

  #status(event: TraceEvent, text: string, kind: "status" | "error" = "status"): string[] {
    const words = oneLine(text);
    return [this.#paint(`${showTime(event.time)} #${event.connection} ${words}`, kind)];
  }

  #paint(line: string, kind: keyof typeof COLORS): string {
    return this.#color ? `${COLORS[kind]}${line}${RESET}` : line;
  }

  #lines(event: TraceDataEvent | TraceMessageEvent, lines: string[]): string[] {
    const { time, connection, from } = event;
    const prefix = `${showTime(time)} #${connection} ${this.#arrows[from]}  `;
    return lines.map((line) => this.#paint(`${prefix}${line}`.trimEnd(), from));
  }

  #data(event: TraceDataEvent): string[] {
    if (event.decoded && !this.#frames) return [];
    const { bytes, offset } = event;
    if (bytes.length === 0) return this.#lines(event, ["(empty)"]);
    return this.#lines(event, this.#bytes(bytes, offset, this.#view));
  }

  #bytes(bytes: Uint8Array, offset: number, view: "text" | "hex" | "both"): string[] {
    const shown = bytes.subarray(0, this.#max);
    const lines = view === "hex" || shown.length === 0 ? [] : textLines(shown);
    if (view !== "text" && shown.length > 0) {
      lines.push(...hexdump(shown, { offset }).trimEnd().split("\n"));
    }
    const left = bytes.length - shown.length;
    if (left > 0) lines.push(`(${count(left, "more byte")})`);
    return lines;
  }

  #message(event: TraceMessageEvent): string[] {
    const { kind, bytes, size, frames, compressed, packet, note } = event;
    const facts = [kind, count(size, "byte")];
    if (frames > 1) facts.push(`${frames} frames`);
    if (note !== undefined) facts.push(note);
    else if (compressed) facts.push("compressed");
    const head = `[${facts.join(", ")}]`;
    const opaque = kind === "binary" || (compressed && note !== undefined);
    let words = packet === undefined ? head : `${head} ${packet}`;
    if (packet !== undefined && !opaque) {
      const said = textLines(new TextEncoder().encode(packet).subarray(0, this.#max));
      if (this.#view === "text") return this.#inline(event, head, said);
      words = `${head} ${oneLine(said.join("\n"))}`;
    }
    if (kind === "close") return this.#inline(event, words, closeLines(bytes));
    if (bytes.length === 0) return this.#lines(event, [words]);
    if (opaque) return this.#lines(event, [words, ...this.#bytes(bytes, 0, "hex")]);
    const lines = this.#bytes(bytes, 0, this.#view);
    return this.#view === "text"
      ? this.#inline(event, words, lines)
      : this.#lines(event, [words, ...lines]);
  }

  #inline(event: TraceMessageEvent, head: string, [first, ...rest]: string[]): string[] {
    return this.#lines(event, [`${head} ${first}`, ...rest]);
  }
}
