// Floor 1: codec.
import { decodeUtf8, encodeUtf8 } from "../buffer/utf8.ts";
import { crc32c } from "./_crc32c.ts";
import { ExactInput } from "./_exact_input.ts";
import {
  INET_FAMILY,
  UNIX_FAMILY,
  UNIX_PATH,
  V2_FIXED,
  V2_SIGNATURE,
} from "./_proxy_protocol_wire.ts";
import { formatIp, ipFromBytes, parseIp } from "./ip.ts";
import { ProxyError } from "./proxy_error.ts";
import {
  PROXY_PROTOCOL_TLV,
  type ProxyProtocolHeader,
  type ProxyProtocolTlv,
} from "./proxy_protocol.ts";
import type { InetAddr, UnixAddr } from "./transport.ts";

/** Options of a {@linkcode ProxyProtocolParser}. */
export interface ProxyProtocolParserOptions {
  /**
   * The longest version 2 header, in bytes, 16 to 65551.
   *
   * @default {4096}
   */
  maxLength?: number;
}

const V1_PREFIX = encodeUtf8("PROXY ");

/** Specification §2.1: the longest line, with its CRLF. */
const V1_MAX = 107;

/** `PROXY UNKNOWN\r\n`, which is one byte shorter than the fixed part of version 2. */
const SHORTEST = 15;

/** Bytes of both addresses by family. */
const ADDRESS_BYTES = [0, 12, 36, 2 * UNIX_PATH];

/**
 * Reads the header of the PROXY protocol, version 1 or 2 (haproxy.org, proxy-protocol.txt), from the start of a connection. Anything
 * else is an error at its first byte that does not fit.
 *
 * Who can connect can write such a header: take it from proxies that you know only.
 *
 * @example
 * ```ts
 * import { ProxyProtocolParser } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const parser = new ProxyProtocolParser();
 * parser.receive(new TextEncoder().encode("PROXY TCP4 192.0.2.1 192.0.2.9 5000 80\r\nGET /"));
 * assertEquals(parser.header?.source, { transport: "tcp", hostname: "192.0.2.1", port: 5000 });
 * assertEquals(new TextDecoder().decode(parser.leftover), "GET /");
 * ```
 */
export class ProxyProtocolParser {
  readonly #input = new ExactInput(V2_FIXED, () => this.#step());
  readonly #maxLength: number;
  #header: ProxyProtocolHeader | undefined;
  #error: ProxyError | undefined;

  /**
   * Starts at the first byte of a connection.
   *
   * @throws {RangeError} when `maxLength` is out of range
   */
  constructor(options: ProxyProtocolParserOptions = {}) {
    const { maxLength = 4096 } = options;
    if (!(Number.isInteger(maxLength) && maxLength >= V2_FIXED && maxLength <= 65551)) {
      throw new RangeError(`Cannot read PROXY protocol: maxLength ${maxLength} is out of range`);
    }
    this.#maxLength = maxLength;
    this.#input.want(SHORTEST);
  }

  /** The header, once it has come in full. */
  get header(): ProxyProtocolHeader | undefined {
    return this.#header;
  }

  /** Whether the header has come in full. */
  get done(): boolean {
    return this.#header !== undefined;
  }

  /** Why this is no header. */
  get error(): ProxyError | undefined {
    return this.#error;
  }

  /** How many bytes there are at least until the end of the header. Read no more than that, and nothing is left over. */
  get needed(): number {
    return this.#input.needed;
  }

  /** What came after the header. */
  get leftover(): Uint8Array {
    return this.#input.leftover;
  }

  /** Takes the next bytes, in pieces of any size. */
  receive(chunk: Uint8Array): void {
    this.#input.receive(chunk);
    if (this.done || this.#error !== undefined) return;
    const { buffer, length } = this.#input;
    if (!this.#fits(V1_PREFIX) && !this.#fits(V2_SIGNATURE)) {
      return this.#fail("it does not start like one");
    }
    // A line that ends too early has all the bytes that it will ever have.
    if (buffer[0] === V1_PREFIX[0] && buffer.subarray(0, length).includes(10)) {
      this.#fail("its line is malformed");
    }
  }

  /** Says that the connection ended. */
  end(): void {
    if (this.done || this.#error !== undefined) return;
    this.#fail(`the connection ended ${this.#input.length} bytes into it`);
  }

  /** Whether what came begins like `start`, as far as it goes. */
  #fits(start: Uint8Array): boolean {
    const { buffer, length } = this.#input;
    const end = Math.min(length, start.length);
    for (let i = 0; i < end; i++) if (buffer[i] !== start[i]) return false;
    return true;
  }

  #step(): void {
    if (this.#fits(V1_PREFIX)) this.#stepText();
    else if (this.#fits(V2_SIGNATURE)) this.#stepBinary();
    else this.#fail("it does not start like one");
  }

  #stepText(): void {
    const text = String.fromCharCode(...this.#input.buffer.subarray(0, this.#input.length));
    if (!text.endsWith("\r\n")) {
      const missing = missingText(text);
      if (/[\r\n]./s.test(text) || text.endsWith("\n")) {
        return this.#fail("its line is malformed");
      }
      if (this.#input.length + missing > V1_MAX) return this.#fail("its line is too long");
      return this.#input.wantMore(this.#input.length + missing);
    }
    const header = parseText(text.slice(0, -2));
    if (header === undefined) return this.#fail("its line is malformed");
    this.#header = header;
    this.#input.want(0);
  }

  #stepBinary(): void {
    const { buffer, length } = this.#input;
    if (length < V2_FIXED) return this.#input.wantMore(V2_FIXED);
    const total = V2_FIXED + (buffer[14] << 8 | buffer[15]);
    if (length === V2_FIXED) {
      if (buffer[12] !== 0x20 && buffer[12] !== 0x21) {
        return this.#fail("its version or command is unknown");
      }
      // §2.2: of LOCAL the family, too, is ignored.
      const local = buffer[12] === 0x20;
      if (!local && (buffer[13] >> 4 > UNIX_FAMILY || (buffer[13] & 15) > 2)) {
        return this.#fail("its address family or protocol is unknown");
      }
      if (total > this.#maxLength) {
        return this.#fail(`its length of ${total} bytes is over the limit of ${this.#maxLength}`);
      }
      if (total > length) return this.#input.wantMore(total);
    }
    const result = parseBinary(buffer.slice(0, length));
    if (typeof result === "string") return this.#fail(result);
    this.#header = result;
    this.#input.want(0);
  }

  #fail(why: string): void {
    this.#error = new ProxyError(`Cannot read PROXY protocol header: ${why}`, {
      code: "ERR_PROXY_PROTOCOL",
    });
    this.#input.stop();
  }
}

/** How many bytes there are after `text` at least until the end of the line. */
function missingText(text: string): number {
  const end = text.endsWith("\r") ? 1 : 2;
  if (!text.startsWith("PROXY TCP")) return end;
  const words = text.split(" ");
  const word = words[words.length - 1] === "" ? 1 : 0;
  return Math.max(0, 6 - words.length) * 2 + word + end;
}

function parseText(line: string): ProxyProtocolHeader | undefined {
  if (line === "PROXY UNKNOWN" || line.startsWith("PROXY UNKNOWN ")) {
    return { version: 1, command: "proxy", tlvs: [] };
  }
  const match = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line);
  if (match === null) return undefined;
  const address = (hostname: string, digits: string): InetAddr | undefined => {
    const ip = parseIp(hostname);
    const port = Number(digits);
    if (ip === undefined || ip.family !== Number(match[1]) || ip.zone !== undefined) {
      return undefined;
    }
    return port > 65535 ? undefined : { transport: "tcp", hostname: formatIp(ip), port };
  };
  const source = address(match[2], match[4]);
  const destination = address(match[3], match[5]);
  if (source === undefined || destination === undefined) return undefined;
  return { version: 1, command: "proxy", source, destination, tlvs: [] };
}

function parseBinary(bytes: Uint8Array): ProxyProtocolHeader | string {
  const header: ProxyProtocolHeader = {
    version: 2,
    command: bytes[12] === 0x20 ? "local" : "proxy",
    tlvs: [],
  };
  const family = bytes[13] >> 4;
  const protocol = bytes[13] & 15;
  // §2.2: LOCAL and what is unspecified are taken without a look at what follows.
  if (header.command === "local" || family === 0 || protocol === 0) return header;
  const at = V2_FIXED + ADDRESS_BYTES[family];
  if (bytes.length < at) return "its addresses are cut off";
  const tlvs: ProxyProtocolTlv[] = [];
  for (let from = at; from < bytes.length;) {
    const end = from + 3 + (bytes[from + 1] << 8 | bytes[from + 2]);
    if (from + 3 > bytes.length || end > bytes.length) return "its last TLV is cut off";
    const value = bytes.subarray(from + 3, end);
    if (bytes[from] === PROXY_PROTOCOL_TLV.crc32c && !checksumFits(bytes, value)) {
      return "its checksum is wrong";
    }
    tlvs.push({ type: bytes[from], value });
    from = end;
  }
  header.tlvs = tlvs;
  if (family === UNIX_FAMILY) {
    const path = (from: number): UnixAddr => ({
      transport: protocol === 1 ? "unix" : "unixpacket",
      path: unixPath(bytes.subarray(from, from + UNIX_PATH)),
    });
    header.source = path(V2_FIXED);
    header.destination = path(V2_FIXED + UNIX_PATH);
    return header;
  }
  const size = family === INET_FAMILY ? 4 : 16;
  const address = (from: number, port: number): InetAddr => ({
    transport: protocol === 1 ? "tcp" : "udp",
    hostname: formatIp(ipFromBytes(bytes.subarray(from, from + size))),
    port: bytes[port] << 8 | bytes[port + 1],
  });
  header.source = address(V2_FIXED, at - 4);
  header.destination = address(V2_FIXED + size, at - 2);
  return header;
}

/** A path ends at its first NUL; an abstract one starts with one, and ends at the padding. */
function unixPath(bytes: Uint8Array): string {
  const end = bytes.indexOf(0, 1);
  return decodeUtf8(
    bytes[0] === 0 && end === 1
      ? bytes.subarray(0, 0)
      : bytes.subarray(0, end < 0 ? bytes.length : end),
  );
}

function checksumFits(header: Uint8Array, field: Uint8Array): boolean {
  if (field.length !== 4) return false;
  const told = new DataView(field.buffer, field.byteOffset).getUint32(0);
  const copy = header.slice();
  const at = field.byteOffset - header.byteOffset;
  copy.fill(0, at, at + 4);
  return crc32c(copy) === told;
}
