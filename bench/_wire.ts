// What the load generator speaks: batches to send, and the count of what comes back. No I/O here.
import { constants, deflateRawSync } from "node:zlib";

/** `tcp` counts bytes; `ws` is RFC 6455; `eio` and `sio` are Engine.IO 4 and Socket.IO 5 over its WebSocket. */
export type Protocol = "tcp" | "ws" | "eio" | "sio";
/** Each connection gets back what it sends; or the first one sends and all get it; or nothing is sent at all. */
export type Pattern = "echo" | "fan" | "idle";

export interface Load {
  protocol: Protocol;
  pattern: Pattern;
  /** How many connections. */
  connections: number;
  /** Bytes of a message's payload. */
  size: number;
  /** Messages in flight on each connection. */
  pipeline: number;
  /** WebSocket text messages instead of binary. */
  text?: boolean;
  /** Over TLS. */
  tls?: boolean;
  /** Offer permessage-deflate, and send compressed messages of JSON. */
  deflate?: boolean;
  /** The path of the WebSocket request. */
  path?: string;
}

const encoder = new TextEncoder();

/** Letters in a row, or JSON that looks like real data. */
function payload(load: Load): Uint8Array {
  const { protocol, pattern, size } = load;
  if (load.deflate) {
    const rows: unknown[] = [];
    for (let i = 0; JSON.stringify(rows).length < size; i++) {
      rows.push({ id: 1000 + i * 37, name: `sensor-${i * i}`, value: 20 + Math.sin(i), ok: true });
    }
    return encoder.encode(JSON.stringify(rows).slice(0, size));
  }
  let letters = "";
  for (let i = 0; i < size; i++) letters += String.fromCharCode(97 + i % 26);
  if (protocol === "eio") return encoder.encode(`4${letters}`);
  if (protocol === "sio") return encoder.encode(`42["${pattern}","${letters}"]`);
  return encoder.encode(letters);
}

/** A masked WebSocket frame. */
export function clientFrame(firstByte: number, bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = new Uint8Array(head + 4 + length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, firstByte);
  view.setUint8(1, 0x80 | (head === 2 ? length : head === 4 ? 126 : 127));
  if (head === 4) view.setUint16(2, length);
  if (head === 10) view.setBigUint64(2, BigInt(length));
  view.setUint32(head, 0x5a3c_91e7);
  for (let i = 0; i < length; i++) frame[head + 4 + i] = bytes[i] ^ frame[head + (i & 3)];
  return frame;
}

/** All that is the same for the connections of one load. */
export class Script {
  /** One batch: `pipeline` messages. */
  readonly batch: Uint8Array;
  /** What one message of an answer holds. */
  readonly expected: Uint8Array;
  readonly load: Load;

  constructor(load: Load) {
    this.load = load;
    this.expected = payload(load);
    const message = this.#message();
    this.batch = new Uint8Array(message.length * load.pipeline);
    for (let i = 0; i < load.pipeline; i++) this.batch.set(message, i * message.length);
  }

  #message(): Uint8Array {
    const { protocol, text, deflate } = this.load;
    if (protocol === "tcp") return this.expected;
    const opcode = text || protocol !== "ws" ? 1 : 2;
    if (!deflate) return clientFrame(0x80 | opcode, this.expected);
    // Each message is compressed without the ones before it, which fits every negotiated context.
    const packed = deflateRawSync(this.expected, { finishFlush: constants.Z_SYNC_FLUSH });
    return clientFrame(0xc0 | opcode, packed.subarray(0, packed.length - 4));
  }

  /** What opens a connection. */
  request(port: number): Uint8Array {
    const { protocol, deflate } = this.load;
    const path = this.load.path ??
      (protocol === "ws" ? "/" : "/socket.io/?EIO=4&transport=websocket");
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
    ];
    if (deflate) lines.push("Sec-WebSocket-Extensions: permessage-deflate");
    return encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
  }

  /** @throws Error when the answer to the request is not what the load needs */
  checkResponse(head: string): void {
    if (!head.startsWith("HTTP/1.1 101")) {
      throw new Error(`Cannot open a WebSocket: ${head.slice(0, 60)}`);
    }
    if (this.load.deflate && !/^sec-websocket-extensions:.*permessage-deflate/im.test(head)) {
      throw new Error("Cannot open a WebSocket: the server does not compress");
    }
  }
}

/** What a batch of one connection still lacks. Takes bytes as they come, cut anywhere. */
export class Wire {
  /** Messages (bytes for `tcp`) that are missing of the batch. */
  missing = 0;
  /** When the batch began, in ms. */
  started = 0;
  /** Messages that were seen, over all batches; for `tcp` bytes. */
  seen = 0;
  /** Whether each byte of the answers is compared with what was expected. */
  strict = true;
  /** Engine.IO pings that wait for an answer. */
  pings = 0;
  /** WebSocket pings that wait for an answer. */
  wsPings = 0;
  readonly #expected: Uint8Array;
  readonly #load: Load;
  readonly #head = new Uint8Array(10);
  #headLength = 0;
  #payloadLength = 0;
  #payloadLeft = 0;
  #firstByte = 0;
  #packed = false;
  #at = 0;

  constructor(script: Script) {
    this.#expected = script.expected;
    this.#load = script.load;
  }

  /** Counts the first `n` of `bytes`. @throws Error when they are not what was expected */
  take(bytes: Uint8Array, n: number): void {
    if (this.#load.protocol === "tcp") this.#takeBytes(bytes, n);
    else this.#takeFrames(bytes, n);
  }

  #takeBytes(bytes: Uint8Array, n: number): void {
    if (this.strict) this.#at = this.#compare(bytes, 0, n, this.#at);
    this.seen += n;
    this.missing -= n;
    if (this.missing < 0) throw new Error(`Cannot go on: ${-this.missing} bytes too many came`);
  }

  #compare(bytes: Uint8Array, from: number, to: number, at: number): number {
    const expected = this.#expected;
    for (let i = from; i < to; i++) {
      if (bytes[i] !== expected[at]) throw new Error("Cannot go on: the answer differs");
      if (++at === expected.length) at = 0;
    }
    return at;
  }

  #takeFrames(bytes: Uint8Array, n: number): void {
    for (let i = 0; i < n;) {
      if (this.#payloadLeft > 0) {
        const take = Math.min(this.#payloadLeft, n - i);
        if (this.strict || this.#payloadLength !== this.#expected.length) {
          this.#checkPayload(bytes, i, i + take);
        }
        this.#payloadLeft -= take;
        i += take;
        if (this.#payloadLeft === 0) this.#frameEnds();
        continue;
      }
      const used = this.#takeHead(bytes, i, n);
      i += used;
    }
  }

  /** Takes bytes of a frame's head; how many. */
  #takeHead(bytes: Uint8Array, from: number, to: number): number {
    const head = this.#head;
    let used = 0;
    for (;;) {
      const have = this.#headLength;
      const second = head[1];
      const want = have < 2 ? 2 : second === 126 ? 4 : second === 127 ? 10 : 2;
      if (have >= want) break;
      if (from + used >= to) return used;
      head[this.#headLength++] = bytes[from + used++];
    }
    this.#headLength = 0;
    this.#firstByte = head[0];
    const second = head[1];
    if (second >= 0x80) throw new Error("Cannot go on: the server masks its frames");
    let length = second;
    if (second === 126) length = head[2] << 8 | head[3];
    else if (second === 127) {
      length = 0;
      for (let k = 2; k < 10; k++) length = length * 256 + head[k];
    }
    this.#payloadLength = this.#payloadLeft = length;
    const opcode = head[0] & 15;
    if (opcode === 1 || opcode === 2) {
      this.#at = 0;
      this.#packed = (head[0] & 0x40) !== 0;
    }
    if (length === 0) this.#frameEnds();
    return used;
  }

  #checkPayload(bytes: Uint8Array, from: number, to: number): void {
    const opcode = this.#firstByte & 15;
    if (opcode > 2) return;
    if (this.#load.protocol !== "ws" && this.#payloadLength === 1 && bytes[from] === 0x32) {
      this.pings++;
      return;
    }
    if (this.#packed) return;
    const known = this.#payloadLength === this.#expected.length || (this.#firstByte & 0x80) === 0 ||
      opcode === 0;
    if (!known) {
      const text = new TextDecoder().decode(bytes.subarray(from, Math.min(to, from + 60)));
      throw new Error(`Cannot go on: a message of ${this.#payloadLength} bytes came: ${text}`);
    }
    this.#at = this.#compare(bytes, from, to, this.#at);
  }

  #frameEnds(): void {
    const opcode = this.#firstByte & 15;
    if (opcode === 8) throw new Error("Cannot go on: the server closed the WebSocket");
    if (opcode === 9) this.wsPings++;
    if (opcode > 2 || (this.#firstByte & 0x80) === 0) return;
    if (this.#payloadLength === 1 && this.pings > 0) return;
    if (this.#at !== 0) throw new Error("Cannot go on: a message is too short");
    this.seen++;
    if (--this.missing < 0) throw new Error("Cannot go on: a message too many came");
  }
}
