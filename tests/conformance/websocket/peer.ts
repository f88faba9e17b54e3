/**
 * The tester's own end of a WebSocket: it sends any bytes, right or wrong, and records what comes back. It shares no
 * code with the library, so that the two can't be wrong in the same way.
 */
import { createHash } from "node:crypto";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";

/** What a connection gives: a `Deno.Conn` is one. */
export interface Wire {
  read(p: Uint8Array): Promise<number | null>;
  write(p: Uint8Array): Promise<number>;
  close(): void;
}

/** A frame as it stood on the wire, unmasked. */
export interface Frame {
  fin: boolean;
  rsv: number;
  opcode: number;
  masked: boolean;
  payload: Uint8Array<ArrayBuffer>;
}

/** What a frame is made of. */
export interface FrameInit {
  fin?: boolean;
  rsv?: number;
  opcode: number;
  payload?: Uint8Array | string;
  /** Overrides what the role says. */
  masked?: boolean;
  /** The length that the header tells, where it shall lie. */
  length?: number | bigint;
  /** Uses a longer length field than is needed: 2 or 8 bytes. */
  lengthBytes?: 2 | 8;
}

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** The bytes of a hex string; spaces do not count. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.replaceAll(/\s/g, "").match(/../g) ?? [], (h) => parseInt(h, 16));
}

export function encodeFrame(init: FrameInit, mask: boolean): Uint8Array<ArrayBuffer> {
  const { fin = true, rsv = 0, opcode, payload = new Uint8Array(0), masked = mask } = init;
  const bytes = typeof payload === "string" ? utf8(payload) : payload;
  const length = init.length ?? bytes.length;
  const field = init.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const head = new DataView(new ArrayBuffer(2 + field + (masked ? 4 : 0)));
  head.setUint8(0, (fin ? 0x80 : 0) | rsv << 4 | opcode);
  const short = field === 0 ? Number(length) : field === 2 ? 126 : 127;
  head.setUint8(1, (masked ? 0x80 : 0) | short);
  if (field === 2) head.setUint16(2, Number(length));
  if (field === 8) head.setBigUint64(2, BigInt(length));
  const out = new Uint8Array(head.byteLength + bytes.length);
  out.set(new Uint8Array(head.buffer));
  out.set(bytes, head.byteLength);
  if (masked) {
    const key = crypto.getRandomValues(new Uint8Array(4));
    out.set(key, head.byteLength - 4);
    for (let i = 0; i < bytes.length; i++) out[head.byteLength + i] ^= key[i & 3];
  }
  return out;
}

/** Compression as it was agreed on, seen from the tester. */
export interface Deflate {
  /** The window of the other end's compressor, in bits. */
  theirBits: number;
  /** Whether the other end keeps its context. */
  theirTakeover: boolean;
  /** The window that the tester may use, in bits. */
  ownBits: number;
}

export class Peer {
  /** Data messages, put together and inflated. */
  readonly messages: { opcode: number; payload: Uint8Array<ArrayBuffer>; compressed: boolean }[] =
    [];
  readonly pongs: Uint8Array<ArrayBuffer>[] = [];
  readonly pings: Uint8Array<ArrayBuffer>[] = [];
  /** The payload of the close frame that came, or null. */
  close: Uint8Array<ArrayBuffer> | null = null;
  /** Whether the other end closed the connection. */
  ended = false;
  /** What the other end did that no frame may be. */
  violation: string | null = null;
  readonly headers: Headers;
  deflate: Deflate | null = null;
  readonly #wire: Wire;
  readonly #client: boolean;
  #rest: Uint8Array<ArrayBuffer>;
  #parts: Frame[] = [];
  #history: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #changed: () => void = () => {};
  #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly done: Promise<void>;

  constructor(wire: Wire, client: boolean, headers: Headers, rest: Uint8Array<ArrayBuffer>) {
    this.#wire = wire;
    this.#client = client;
    this.headers = headers;
    this.#rest = rest;
    this.done = this.#readAll();
  }

  /** Whether the tester is the client. */
  get isClient(): boolean {
    return this.#client;
  }

  /** The code of the close frame that came; 1005 for one without a code, undefined for none. */
  get closeCode(): number | undefined {
    if (this.close === null) return undefined;
    return this.close.length < 2 ? 1005 : this.close[0] << 8 | this.close[1];
  }

  /** Sends frames; in writes of `chop` bytes, if given. Ends quietly when the other end is gone. */
  async send(frames: readonly (FrameInit | Uint8Array)[], chop = Infinity): Promise<void> {
    const parts = frames.map((frame) =>
      frame instanceof Uint8Array ? frame : encodeFrame(frame, this.#client)
    );
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    try {
      for (let from = 0; from < all.length;) {
        const to = Math.min(all.length, from + chop);
        from += await this.#wire.write(all.subarray(from, to));
      }
    } catch {
      // The other end has closed: what it said before that counts.
    }
  }

  /** Waits until `condition` holds; false when the connection ended or the time ran out first. */
  until(condition: () => boolean, ms = 10_000): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => finish(false), ms);
      this.#timers.add(timer);
      const finish = (result: boolean): void => {
        clearTimeout(timer);
        this.#timers.delete(timer);
        this.#changed = () => {};
        resolve(result);
      };
      const check = (): void => {
        if (condition()) finish(true);
        else if (this.ended) finish(false);
      };
      this.#changed = check;
      check();
    });
  }

  /** Closes the connection, and waits until reading has ended. */
  async leave(): Promise<void> {
    try {
      this.#wire.close();
    } catch {
      // Closed already.
    }
    for (const timer of this.#timers) clearTimeout(timer);
    await this.done;
  }

  /** A message compressed on its own, as both kinds of context allow it. */
  compress(payload: Uint8Array | string): Uint8Array<ArrayBuffer> {
    const bytes = typeof payload === "string" ? utf8(payload) : payload;
    const out = deflateRawSync(bytes, {
      windowBits: Math.max(9, this.deflate?.ownBits ?? 15),
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    return new Uint8Array(out.subarray(0, out.length - 4));
  }

  async #readAll(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      while (this.#parse()) {
        const n = await this.#wire.read(buffer);
        if (n === null) break;
        const grown = new Uint8Array(this.#rest.length + n);
        grown.set(this.#rest);
        grown.set(buffer.subarray(0, n), this.#rest.length);
        this.#rest = grown;
      }
    } catch {
      // Reset, or closed by the tester.
    }
    this.ended = true;
    this.#changed();
  }

  #parse(): boolean {
    for (;;) {
      const b = this.#rest;
      if (b.length < 2) return true;
      const view = new DataView(b.buffer, b.byteOffset, b.length);
      const masked = (b[1] & 0x80) !== 0;
      let length = b[1] & 0x7f;
      let head = 2;
      if (length === 126) {
        if (b.length < 4) return true;
        length = view.getUint16(2);
        head = 4;
      } else if (length === 127) {
        if (b.length < 10) return true;
        length = Number(view.getBigUint64(2));
        head = 10;
      }
      const key = masked ? b.slice(head, head + 4) : null;
      if (masked) head += 4;
      if (b.length < head + length) return true;
      const payload = b.slice(head, head + length);
      if (key !== null) { for (let i = 0; i < length; i++) payload[i] ^= key[i & 3]; }
      this.#rest = b.slice(head + length);
      this.#frame({
        fin: (b[0] & 0x80) !== 0,
        rsv: b[0] >> 4 & 7,
        opcode: b[0] & 15,
        masked,
        payload,
      });
      this.#changed();
      if (this.violation !== null) return false;
    }
  }

  #frame(frame: Frame): void {
    if (frame.masked === this.#client) {
      this.violation = frame.masked ? "masked server frame" : "unmasked client frame";
    } else if (this.close !== null) this.violation = "a frame after the close frame";
    else if (frame.opcode === 8) this.close = frame.payload;
    else if (frame.opcode === 9) this.pings.push(frame.payload);
    else if (frame.opcode === 10) this.pongs.push(frame.payload);
    else this.#data(frame);
  }

  #data(frame: Frame): void {
    const first = this.#parts.length === 0;
    if (first !== (frame.opcode !== 0)) this.violation = `opcode ${frame.opcode} out of turn`;
    if (frame.rsv !== 0 && !(first && frame.rsv === 4 && this.deflate !== null)) {
      this.violation = `reserved bits ${frame.rsv}`;
    }
    this.#parts.push(frame);
    if (!frame.fin) return;
    const parts = this.#parts;
    this.#parts = [];
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.payload.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part.payload, at);
      at += part.payload.length;
    }
    const compressed = parts[0].rsv === 4;
    const payload = compressed ? this.#inflate(whole) : whole;
    this.messages.push({ opcode: parts[0].opcode, payload, compressed });
  }

  #inflate(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { theirBits, theirTakeover } = this.deflate!;
    // What came before goes in front as a stored block, so that the stream may refer back to it.
    const before = this.#history.length;
    const padded = new Uint8Array(5 + before + bytes.length + 4);
    padded.set([0, before & 0xff, before >> 8, ~before & 0xff, ~before >> 8 & 0xff]);
    padded.set(this.#history, 5);
    padded.set(bytes, 5 + before);
    padded.set([0, 0, 0xff, 0xff], 5 + before + bytes.length);
    const all = inflateRawSync(padded, { finishFlush: constants.Z_SYNC_FLUSH });
    const out = new Uint8Array(all.subarray(before));
    if (theirTakeover) {
      const joined = new Uint8Array(this.#history.length + out.length);
      joined.set(this.#history);
      joined.set(out, this.#history.length);
      this.#history = joined.slice(-(1 << theirBits));
    }
    return out;
  }
}

/** Reads an HTTP head off the wire. */
async function readHead(wire: Wire): Promise<{ head: string; rest: Uint8Array<ArrayBuffer> }> {
  let bytes = new Uint8Array(0);
  const buffer = new Uint8Array(4096);
  for (;;) {
    const text = new TextDecoder("latin1").decode(bytes);
    const end = text.indexOf("\r\n\r\n");
    if (end >= 0) return { head: text.slice(0, end), rest: bytes.slice(end + 4) };
    const n = await wire.read(buffer);
    if (n === null) throw new Error(`the connection ended inside the head: ${text}`);
    const grown = new Uint8Array(bytes.length + n);
    grown.set(bytes);
    grown.set(buffer.subarray(0, n), bytes.length);
    bytes = grown;
  }
}

function parseHead(head: string): { first: string; headers: Headers } {
  const [first, ...lines] = head.split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { first, headers };
}

const acceptOf = (key: string): string =>
  createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");

/** Opens a WebSocket to a server under test. */
export async function connectPeer(
  url: string,
  headers: Record<string, string> = {},
): Promise<Peer> {
  const { protocol, hostname, port, pathname, search, host } = new URL(url);
  const tls = protocol === "wss:";
  const where = { hostname, port: Number(port || (tls ? 443 : 80)) };
  const wire: Wire = tls ? await Deno.connectTls(where) : await Deno.connect(where);
  const key = crypto.getRandomValues(new Uint8Array(16)).toBase64();
  const lines = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  try {
    await wire.write(utf8(lines.join("\r\n") + "\r\n\r\n"));
    const { head, rest } = await readHead(wire);
    const answer = parseHead(head);
    if (!/^HTTP\/1\.1 101 /.test(answer.first)) throw new Error(answer.first);
    if (answer.headers.get("sec-websocket-accept") !== acceptOf(key)) {
      throw new Error("wrong Sec-WebSocket-Accept");
    }
    return new Peer(wire, true, answer.headers, rest);
  } catch (error) {
    wire.close();
    throw error;
  }
}

/** Takes the WebSocket of a client under test. `extensions` answers its offer. */
export async function acceptPeer(
  wire: Wire,
  extensions?: (offer: string) => string | undefined,
): Promise<Peer> {
  const { head, rest } = await readHead(wire);
  const { headers } = parseHead(head);
  const chosen = extensions?.(headers.get("sec-websocket-extensions") ?? "");
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${acceptOf(headers.get("sec-websocket-key") ?? "")}`,
    ...(chosen === undefined ? [] : [`Sec-WebSocket-Extensions: ${chosen}`]),
  ];
  await wire.write(utf8(lines.join("\r\n") + "\r\n\r\n"));
  return new Peer(wire, false, headers, rest);
}
