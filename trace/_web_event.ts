// Floor 1: codec.
import { showAddr } from "./_address.ts";
import type { TraceEvent, TraceSide } from "./trace_event.ts";
import { TraceFormatter } from "./trace_format.ts";

/** An event as the live page gets it, in JSON. */
export interface WebEvent {
  /** Its number: where one is missing, the page was too slow. */
  n: number;
  time: number;
  connection: number;
  type: TraceEvent["type"] | "skipped";
  from?: TraceSide;
  /** How many bytes it is about. */
  size?: number;
  /** Where its first byte is in its direction. */
  offset?: number;
  /** Its first bytes, in Base64. */
  bytes?: string;
  /** What happened, in words; the meaning of a packet; the kind of a message. */
  text?: string;
  /** Whether messages tell what is in it. */
  decoded?: boolean;
  /** Of an `open` event: who and where to. */
  client?: string;
  server?: string;
  transport?: string;
}

const WORDS = new TraceFormatter({ maxBytes: 0 });

/** What a status line says, without its time and its number. */
function wordsOf(event: TraceEvent): string {
  return WORDS.format(event)[0]?.replace(/^\S+ #\d+ /, "") ?? "";
}

function base64(bytes: Uint8Array): string {
  return (bytes as unknown as { toBase64(): string }).toBase64();
}

/** Makes an event ready for the page, with at most `maxBytes` of its bytes. */
export function toWebEvent(event: TraceEvent, n: number, maxBytes: number): WebEvent {
  const { time, connection, type } = event;
  const base: WebEvent = { n, time: Math.round(time * 1000) / 1000, connection, type };
  switch (event.type) {
    case "open":
      return {
        ...base,
        text: wordsOf(event),
        client: showAddr(event.client),
        server: event.server,
        transport: event.transport,
      };
    case "data":
      return {
        ...base,
        from: event.from,
        size: event.bytes.length,
        offset: event.offset,
        decoded: event.decoded,
        bytes: base64(event.bytes.subarray(0, maxBytes)),
      };
    case "message": {
      const { kind, packet, note, frames, compressed } = event;
      const facts: string[] = [kind];
      if (frames > 1) facts.push(`${frames} frames`);
      if (note !== undefined) facts.push(note);
      else if (compressed) facts.push("compressed");
      const words = `[${facts.join(", ")}]${packet === undefined ? "" : ` ${packet}`}`;
      return {
        ...base,
        from: event.from,
        size: event.size,
        text: words.slice(0, maxBytes),
        bytes: base64(event.bytes.subarray(0, maxBytes)),
      };
    }
    case "error":
      return { ...base, from: event.side, text: wordsOf(event) };
    case "connect":
    case "close":
      return { ...base, text: wordsOf(event) };
    default:
      return { ...base, from: event.from, text: wordsOf(event) };
  }
}
