// Floor 2: protocol.
import { HeadLines } from "./_head_lines.ts";
import type { TraceSide } from "./trace_event.ts";

/** Bytes of a client that come before its upgrade is answered are kept up to this size. */
const EARLY_LIMIT = 65_536;
/** The most requests without an answer; with more, what the server sends is no longer told apart. */
const MAX_PENDING = 1024;
/** The longest line that gives the size of a chunk, in bytes. */
const LONGEST_SIZE_LINE = 4096;

const LF = 10;
const CR = 13;

/** What a connection was upgraded to. */
export interface HttpUpgrade {
  /** The target of the request, for example `/socket.io/?EIO=4&transport=websocket`. */
  target: string;
  /** The extensions that the server has agreed to, as its header says it. */
  extensions: string | undefined;
}

interface PendingRequest {
  method: string;
  target: string;
  /** Whether what the client sends next depends on the answer. */
  upgrade: "websocket" | "tunnel" | undefined;
}

/** Where one side is in its stream of messages. */
type Mode =
  | "start" // before a head
  | "head"
  | "fixed" // a body of known size
  | "size" // the line with the size of a chunk
  | "chunk" // a chunk, with the line end behind it
  | "trailer"
  | "rest" // a body that ends with the connection
  | "waiting" // a client that has asked for something else than HTTP
  | "lines" // not told apart, but secrets are looked for
  | "opaque" // not HTTP
  | "websocket";

class Lane {
  mode: Mode = "start";
  /** Bytes that the body, or the chunk, still has. */
  left = 0;
  sizeLine = "";
  /** What a waiting client has sent. */
  early: Uint8Array[] | undefined;
  earlySize = 0;
  readonly lines: HeadLines;

  constructor(secrets: ReadonlySet<string>) {
    this.lines = new HeadLines(secrets);
  }
}

/** Whether a line is, or may become, the first one of a head. */
function fitsFirstLine(from: TraceSide, line: string): boolean {
  // RTSP and SIP have such heads, too.
  if (from === "server") return /^[A-Z]{1,8}(?:$|\/(?:$|\d(?:$|\.(?:$|\d(?:$| )))))/.test(line);
  return /^[A-Z][A-Z-]{0,23}(?: |$)/.test(line) && !line.startsWith("PRI * HTTP/2");
}

function isChunked(value: string): boolean {
  return /(?:^|,)[ \t]*chunked[ \t]*$/i.test(value);
}

/** A body's length as the header says it; -1 if it makes no sense. */
function parseLength(value: string): number {
  const parts = value.split(",").map((part) => part.trim());
  const good = parts.every((part) => /^\d{1,15}$/.test(part) && part === parts[0]);
  return good ? Number(parts[0]) : -1;
}

/**
 * Follows both directions of a connection that may speak HTTP/1: it notes where headers hold secrets, skips bodies without looking at them, and
 * tells when the connection becomes a WebSocket. It checks nothing and never fails. What it can't make out as HTTP it leaves alone; what it can no
 * longer follow, it goes on to search for secrets.
 */
export class HttpTap {
  /** Set once both sides have agreed on a WebSocket. */
  upgrade: HttpUpgrade | undefined;
  readonly #client: Lane;
  readonly #server: Lane;
  #requests: PendingRequest[] = [];

  constructor(secrets: ReadonlySet<string>) {
    this.#client = new Lane(secrets);
    this.#server = new Lane(secrets);
  }

  /**
   * Takes what a side has sent, and adds the places of secrets to `ranges`, as pairs of start and end.
   *
   * @returns From which offset on the bytes belong to a WebSocket; -1 if none do.
   */
  push(from: TraceSide, bytes: Uint8Array, ranges: number[]): number {
    const lane = from === "client" ? this.#client : this.#server;
    let at = 0;
    while (at < bytes.length) {
      if (lane.mode === "opaque" || lane.mode === "rest") return -1;
      if (lane.mode === "websocket") return at;
      at = this.#step(from, lane, bytes, at, ranges);
    }
    return -1;
  }

  /** What the client sent before the server had agreed; `undefined` if that was too much to be kept. */
  takeEarly(): Uint8Array[] | undefined {
    const lane = this.#client;
    const { early = [] } = lane;
    lane.early = undefined;
    return lane.earlySize > EARLY_LIMIT ? undefined : early;
  }

  /** One part of the bytes from `at` on. Returns the offset behind it. */
  #step(
    from: TraceSide,
    lane: Lane,
    bytes: Uint8Array,
    at: number,
    ranges: number[],
  ): number {
    switch (lane.mode) {
      case "start":
        // Empty lines in front of a message are skipped (RFC 9112 §2.2).
        if (bytes[at] === CR || bytes[at] === LF) return at + 1;
        lane.lines.reset();
        lane.mode = "head";
        return at;
      case "head":
        return this.#head(from, lane, bytes, at, ranges);
      case "fixed":
      case "chunk": {
        const taken = Math.min(lane.left, bytes.length - at);
        lane.left -= taken;
        if (lane.left === 0) lane.mode = lane.mode === "fixed" ? "start" : "size";
        return at + taken;
      }
      case "size":
        return this.#chunkSize(lane, bytes, at);
      case "trailer": {
        const end = lane.lines.push(bytes, at, ranges);
        if (end < 0) return bytes.length;
        lane.mode = "start";
        return end;
      }
      case "waiting":
        keepEarly(lane, bytes.subarray(at));
        lane.lines.push(bytes, at, ranges, true);
        return bytes.length;
      default:
        lane.lines.push(bytes, at, ranges, true);
        return bytes.length;
    }
  }

  #head(
    from: TraceSide,
    lane: Lane,
    bytes: Uint8Array,
    at: number,
    ranges: number[],
  ): number {
    const before = ranges.length;
    const end = lane.lines.push(bytes, at, ranges);
    if (!fitsFirstLine(from, lane.lines.firstLine)) {
      ranges.length = before;
      lane.mode = "opaque";
      return at;
    }
    if (end < 0) return bytes.length;
    if (from === "client") this.#request(lane);
    else this.#response(lane);
    return end;
  }

  #request(lane: Lane): void {
    const { lines } = lane;
    const [method, target = ""] = lines.firstLine.split(" ");
    const websocket = /(?:^|,)\s*websocket\s*(?:,|$)/i.test(lines.get("upgrade") ?? "");
    const upgrade = method === "CONNECT" ? "tunnel" : websocket ? "websocket" : undefined;
    if (this.#requests.length >= MAX_PENDING) {
      lane.mode = this.#server.mode = "lines";
      return;
    }
    this.#requests.push({ method, target, upgrade });
    if (upgrade !== undefined) {
      lane.mode = "waiting";
      lane.early = [];
      lane.earlySize = 0;
      return;
    }
    this.#body(lane, "start");
  }

  #response(lane: Lane): void {
    const { lines } = lane;
    const [version, code] = lines.firstLine.split(" ");
    const status = Number(code);
    if (status >= 100 && status < 200 && status !== 101) {
      lane.mode = "start";
      return;
    }
    const request = this.#requests.shift();
    if (status === 101) {
      const websocket = request?.upgrade === "websocket";
      if (websocket) {
        this.upgrade = {
          target: request.target,
          extensions: lines.get("sec-websocket-extensions"),
        };
      }
      lane.mode = this.#client.mode = websocket ? "websocket" : "opaque";
      return;
    }
    if (request?.upgrade === "tunnel" && status >= 200 && status < 300) {
      lane.mode = "start";
      this.#resumeClient();
      return;
    }
    const bodyless = request?.method === "HEAD" || status === 204 || status === 304;
    if (bodyless) lane.mode = "start";
    else this.#body(lane, version.startsWith("HTTP/") ? "rest" : "start");
    if (request?.upgrade !== undefined) this.#resumeClient();
  }

  /** What follows a head: a body of the size that it tells, or what there is without one. */
  #body(lane: Lane, without: "start" | "rest"): void {
    const { lines } = lane;
    const coding = lines.get("transfer-encoding");
    const length = lines.get("content-length");
    if (coding !== undefined) {
      lane.mode = isChunked(coding) ? "size" : without === "rest" ? "rest" : "lines";
      return;
    }
    if (length === undefined) {
      lane.mode = without;
      return;
    }
    lane.left = parseLength(length);
    lane.mode = lane.left > 0 ? "fixed" : lane.left === 0 ? "start" : "lines";
  }

  #chunkSize(lane: Lane, bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(LF, at);
    const until = end < 0 ? bytes.length : end;
    if (lane.sizeLine.length + until - at > LONGEST_SIZE_LINE) {
      lane.mode = "lines";
      return at;
    }
    for (let i = at; i < until; i++) lane.sizeLine += String.fromCharCode(bytes[i]);
    if (end < 0) return until;
    const line = lane.sizeLine.trim();
    lane.sizeLine = "";
    if (line === "") return end + 1; // the line end behind a chunk
    const size = /^[0-9a-f]{1,13}(?=$|[ \t;])/i.exec(line)?.[0];
    if (size === undefined) lane.mode = "lines";
    else if (/^0+$/.test(size)) {
      lane.lines.reset();
      lane.mode = "trailer";
      // A trailer has no first line.
      lane.lines.skipFirstLine();
    } else {
      lane.left = parseInt(size, 16);
      lane.mode = "chunk";
    }
    return end + 1;
  }

  /** The answer was no WebSocket: what the client has sent meanwhile was HTTP, or what the tunnel carries. */
  #resumeClient(): void {
    const lane = this.#client;
    if (lane.mode !== "waiting") return;
    const early = this.takeEarly();
    lane.mode = early === undefined ? "lines" : "start";
    // Their secrets have been found already.
    for (const bytes of early ?? []) this.push("client", bytes, []);
  }
}

function keepEarly(lane: Lane, bytes: Uint8Array): void {
  lane.earlySize += bytes.length;
  if (lane.earlySize > EARLY_LIMIT) lane.early = undefined;
  else lane.early?.push(bytes.slice());
}
