// Floor 1: codec.
import { showAddr } from "./_address.ts";
import { TraceError } from "./errors.ts";
import type { TraceEvent, TraceSide } from "./trace_event.ts";

/** What stands at the top of a recording. */
export interface RecordingHeader {
  /** When it was begun, in ms since 1970. */
  started: number;
  /** Whether it holds datagrams instead of streams. */
  transport: "tcp" | "udp";
  /** Where the clients were connected to, for example `example.org:80`. */
  server: string;
  /** Whether secrets are masked in it: what is played again is masked, too. */
  masked: boolean;
}

/** One step of a recording. */
export interface RecordedStep {
  /** When, in ms since the recording was begun. */
  time: number;
  /** The number of the connection. */
  connection: number;
  /** What happened. */
  type: "open" | "data" | "end" | "reset" | "close";
  /** Who did it; of `data`, `end` and `reset`. */
  from?: TraceSide;
  /** What was sent; of `data`. */
  bytes?: Uint8Array;
}

/** The mark by which a recording is known, and its version. */
const FORMAT = "sluice-trace";
const VERSION = 1;

/** Longer pieces are written as several lines, so that each stays small, in bytes. */
const PIECE = 65_536;
/** The longest line that is read, in characters. */
const LONGEST_LINE = 1 << 20;

/** `Uint8Array.prototype.toBase64` and `Uint8Array.fromBase64` (ECMAScript 2026), which TypeScript does not know yet. */
interface Base64Codec {
  toBase64(bytes: Uint8Array): string;
  fromBase64(text: string): Uint8Array;
}

const BASE64: Base64Codec = {
  toBase64: (bytes) => (bytes as unknown as { toBase64(): string }).toBase64(),
  fromBase64: (text) =>
    (Uint8Array as unknown as { fromBase64(text: string): Uint8Array }).fromBase64(text),
};

/**
 * Writes a recording: lines of JSON, the first of them the {@linkcode RecordingHeader}, each other one a {@linkcode RecordedStep} with the bytes in
 * Base64. It can be played again, and read by other programs.
 *
 * @example
 * ```ts
 * import { RecordingDecoder, RecordingEncoder } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const header = { started: 0, transport: "tcp", server: "example.org:80", masked: false } as const;
 * const encoder = new RecordingEncoder(header);
 * const bytes = new TextEncoder().encode("ping");
 * const line = encoder.encode({
 *   type: "data",
 *   time: 5,
 *   connection: 1,
 *   from: "client",
 *   offset: 0,
 *   decoded: false,
 *   bytes,
 * });
 * const [step] = new RecordingDecoder().push(encoder.header() + line);
 * assertEquals(step, { time: 5, connection: 1, type: "data", from: "client", bytes });
 * ```
 */
export class RecordingEncoder {
  readonly #header: RecordingHeader;

  /** Makes an encoder. */
  constructor(header: RecordingHeader) {
    this.#header = header;
  }

  /** The first line. */
  header(): string {
    return `${JSON.stringify({ format: FORMAT, version: VERSION, ...this.#header })}\n`;
  }

  /** The lines of an event; often none. */
  encode(event: TraceEvent): string {
    const { type } = event;
    const step = {
      time: Math.round((event.time - this.#header.started) * 1000) / 1000,
      connection: event.connection,
      type,
    };
    if (type === "open") return line({ ...step, client: showAddr(event.client) });
    if (type === "end" || type === "reset") return line({ ...step, from: event.from });
    if (type === "close") return line(step);
    if (type !== "data") return "";
    const { from, bytes } = event;
    // A datagram is one piece, however long, and an empty one is one, too.
    const size = this.#header.transport === "udp" ? Infinity : PIECE;
    let lines = "";
    for (let at = 0; at < bytes.length || at === 0; at += size) {
      lines += line({ ...step, from, bytes: BASE64.toBase64(bytes.subarray(at, at + size)) });
    }
    return lines;
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function bad(number: number, why: string): TraceError {
  return new TraceError(
    `Cannot read the recording: line ${number} ${why}`,
    "ERR_TRACE_RECORDING",
  );
}

const STEPS: readonly unknown[] = ["open", "data", "end", "reset", "close"];

/**
 * Reads a recording that comes in any pieces.
 *
 * @example
 * ```ts
 * import { RecordingDecoder, RecordingEncoder } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const encoder = new RecordingEncoder({
 *   started: 1000,
 *   transport: "tcp",
 *   server: "example.org:80",
 *   masked: true,
 * });
 * const text = encoder.header() +
 *   encoder.encode({ type: "end", time: 1005, connection: 1, from: "client" });
 * const decoder = new RecordingDecoder();
 * const steps = [...decoder.push(text), ...decoder.finish()];
 * assertEquals(decoder.header?.server, "example.org:80");
 * assertEquals(steps, [{ time: 5, connection: 1, type: "end", from: "client" }]);
 * ```
 */
export class RecordingDecoder {
  /** The header, once it has come. */
  header: RecordingHeader | undefined;
  #rest = "";
  #line = 0;

  /**
   * Takes the next piece of text, and gives the steps that it completes.
   *
   * @throws {TraceError} `ERR_TRACE_RECORDING` when it is no recording, one of a later version, or damaged.
   */
  push(text: string): RecordedStep[] {
    const lines = text.split("\n");
    // What has no line end yet is not looked at again and again.
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop()!;
    if (this.#rest.length > LONGEST_LINE) throw bad(this.#line + 1, "is too long");
    return lines.flatMap((each) => this.#read(each));
  }

  /**
   * Says that nothing more comes, and gives what was left. A last line that was cut off is left out: the tracer may have been killed.
   *
   * @throws {TraceError} `ERR_TRACE_RECORDING` when there is not even a header.
   */
  finish(): RecordedStep[] {
    const rest = this.#rest;
    this.#rest = "";
    let steps: RecordedStep[] = [];
    try {
      if (rest.trim() !== "") steps = this.#read(rest);
    } catch (error) {
      if (this.header === undefined) throw error;
    }
    if (this.header === undefined) throw bad(1, "is missing");
    return steps;
  }

  #read(text: string): RecordedStep[] {
    this.#line++;
    if (text.trim() === "") return [];
    if (text.length > LONGEST_LINE) throw bad(this.#line, "is too long");
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw bad(this.#line, "is no JSON");
    }
    if (typeof value !== "object" || value === null) throw bad(this.#line, "is no object");
    if (this.header === undefined) {
      this.header = this.#readHeader(value);
      return [];
    }
    return [this.#readStep(value)];
  }

  #readHeader(value: object): RecordingHeader {
    const { format, version, started, transport, server, masked } = value as Record<
      string,
      unknown
    >;
    if (format !== FORMAT) throw bad(this.#line, "is not that of a recording");
    if (version !== VERSION) throw bad(this.#line, `is of version ${String(version)}`);
    if (
      typeof started !== "number" || typeof server !== "string" || typeof masked !== "boolean" ||
      (transport !== "tcp" && transport !== "udp")
    ) throw bad(this.#line, "lacks a field of the header");
    return { started, transport, server, masked };
  }

  #readStep(value: object): RecordedStep {
    const { time, connection, type, from, bytes } = value as Record<string, unknown>;
    if (typeof time !== "number" || !Number.isSafeInteger(connection) || !STEPS.includes(type)) {
      throw bad(this.#line, "is no step");
    }
    const step = { time, connection, type } as RecordedStep;
    if (step.type === "open" || step.type === "close") return step;
    if (from !== "client" && from !== "server") throw bad(this.#line, "does not tell who");
    step.from = from;
    if (step.type !== "data") return step;
    if (typeof bytes !== "string") throw bad(this.#line, "has no bytes");
    try {
      step.bytes = BASE64.fromBase64(bytes);
    } catch {
      throw bad(this.#line, "has no bytes in Base64");
    }
    return step;
  }
}
