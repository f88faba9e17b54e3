// Floor 1: codec.

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
/** The longest record: 2^14 bytes (RFC 8446 §5.1). */
const MAX_RECORD = 16_384;
/** The longest hello that is looked at, with the heads of its records, in bytes. */
const MAX_HELLO = 65_536;

/**
 * Finds the name that a TLS client asks for (SNI, RFC 6066 §3) in the first bytes that it sends, which come in any pieces.
 *
 * It judges nothing: what is no hello has no name, and whoever makes the handshake says what is wrong with it.
 */
export class ClientHelloReader {
  /** Whether all of the hello has come, or what can't become one. */
  done = false;
  /** The name, once it is done; undefined if the client asks for none. */
  servername: string | undefined;
  /** The head of the record that is being read. */
  readonly #head: number[] = [];
  /** How much of the record is to come. */
  #left = 0;
  readonly #message = new Gathered();
  readonly #all = new Gathered();

  /** All that came. */
  bytes(): Uint8Array {
    return this.#all.bytes;
  }

  /** Takes the next piece. */
  push(piece: Uint8Array): void {
    this.#all.add(piece);
    for (let at = 0; at < piece.length && !this.done;) {
      at += this.#left === 0 ? this.#takeHead(piece[at]) : this.#takeBody(piece.subarray(at));
    }
    if (this.#all.size >= MAX_HELLO) this.done = true;
  }

  #takeHead(byte: number): number {
    const head = this.#head;
    head.push(byte);
    if (head[0] !== HANDSHAKE || (head[1] ?? 3) !== 3) this.done = true;
    else if (head.length === 5) {
      this.#left = head[3] << 8 | head[4];
      head.length = 0;
      this.done = this.#left === 0 || this.#left > MAX_RECORD;
    }
    return 1;
  }

  #takeBody(bytes: Uint8Array): number {
    const part = bytes.subarray(0, this.#left);
    this.#message.add(part);
    const message = this.#message.bytes;
    const size = message.length;
    this.#left -= part.length;
    if (message[0] !== CLIENT_HELLO) this.done = true;
    else if (size >= 4) {
      const end = 4 + (message[1] << 16 | message[2] << 8 | message[3]);
      this.done = size >= end || end > MAX_HELLO;
      if (size >= end) this.servername = nameIn(message.subarray(4, end));
    }
    return part.length;
  }
}

/** Bytes that come in pieces, in one place: a client that sends them one by one takes no more room. */
class Gathered {
  size = 0;
  #room = new Uint8Array(512);

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.size);
  }

  add(piece: Uint8Array): void {
    const size = this.size + piece.length;
    if (size > this.#room.length) {
      const larger = new Uint8Array(size * 2);
      larger.set(this.bytes);
      this.#room = larger;
    }
    this.#room.set(piece, this.size);
    this.size = size;
  }
}

/** The host name among a hello's extensions (RFC 8446 §4.1.2). */
function nameIn(hello: Uint8Array): string | undefined {
  const u16 = (at: number): number => at + 2 <= hello.length ? hello[at] << 8 | hello[at + 1] : NaN;
  let at = 34; // version and random
  at += 1 + (hello[at] ?? NaN); // session id
  at += 2 + u16(at); // cipher suites
  at += 1 + (hello[at] ?? NaN); // compression methods
  const end = Math.min(at + 2 + u16(at), hello.length);
  for (at += 2; at + 4 <= end;) {
    const length = u16(at + 2);
    const list = at + 4;
    if (u16(at) === SERVER_NAME) {
      const size = u16(list + 3);
      if (hello[list + 2] !== HOST_NAME || !(list + 5 + size <= Math.min(list + length, end))) {
        return undefined;
      }
      const name = String.fromCharCode(...hello.subarray(list + 5, list + 5 + size));
      return /^[\x21-\x7e]{1,255}$/.test(name) ? name : undefined;
    }
    at = list + length;
  }
  return undefined;
}
