// Floor 2: protocol.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { concat } from "./_exact_input.ts";
import { hostAndPort } from "./_host_port.ts";
import type { NetErrorCode } from "./errors.ts";
import { checkPort, parseHost } from "./host.ts";
import { ProxyError, type ProxyTarget } from "./proxy_error.ts";

/** What an {@linkcode HttpConnectHandshake} sends beside the target. */
export interface HttpConnectHandshakeOptions {
  /** Who asks, for Basic authentication (RFC 7617): no colon and no control character. */
  username?: string;
  /**
   * The password: no control character.
   *
   * @default {""}
   */
  password?: string;
  /**
   * Further header fields. `Host` and `Proxy-Authorization` are written by themselves.
   *
   * @default {{}}
   */
  headers?: Readonly<Record<string, string>>;
  /**
   * The longest answer, in bytes, with the interim ones.
   *
   * @default {16 KiB}
   */
  maxHeadLength?: number;
}

const MAX_FIELDS = 100;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/;

const FIELD_VALUE = /^[\t\x20-\x7e]*$/;

const EMPTY = new Uint8Array(0);

/** The value of `Proxy-Authorization`; no text of an error shows any of it. */
function basic(username: string, password: string): string {
  if (username.includes(":")) {
    throw new TypeError(
      "Cannot use proxy username: Basic authentication can't carry a colon in it",
    );
  }
  if (CONTROL.test(username) || CONTROL.test(password)) {
    throw new TypeError("Cannot use proxy credentials: they hold a control character");
  }
  let bytes = "";
  for (const byte of encodeUtf8(`${username}:${password}`)) bytes += String.fromCharCode(byte);
  return `Basic ${btoa(bytes)}`;
}

function requestHead(target: ProxyTarget, options: HttpConnectHandshakeOptions): Uint8Array {
  const { username, password, headers = {} } = options;
  checkPort(target.port);
  const zone = parseHost(target.hostname).ip?.zone;
  if (zone !== undefined) {
    throw new TypeError(`Cannot use host "${target.hostname}" with a proxy: it has a zone`);
  }
  const authority = hostAndPort(target.hostname, target.port);
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
  if (username !== undefined) {
    lines.push(`Proxy-Authorization: ${basic(username, password ?? "")}`);
  } else if (password !== undefined) {
    throw new TypeError("Cannot use proxy password: there is no username");
  }
  for (const [name, value] of Object.entries(headers)) {
    if (
      !TOKEN.test(name) ||
      /^(host|proxy-authorization|content-length|transfer-encoding)$/i.test(name)
    ) {
      throw new TypeError(`Cannot send header field ${JSON.stringify(name)} to proxy`);
    }
    if (!FIELD_VALUE.test(value)) {
      throw new TypeError(
        `Cannot send header field "${name}" to proxy: its value is no plain ASCII`,
      );
    }
    lines.push(`${name}: ${value}`);
  }
  return encodeUtf8(`${lines.join("\r\n")}\r\n\r\n`);
}

/**
 * The client's side of HTTP CONNECT (RFC 9110 §9.3.6) with Basic authentication, without a socket: send what `takeOutput` gives, pass on
 * what comes, until `done` or `error`.
 *
 * The credentials go with the first request, without being asked for. What comes after the answer's head is the tunnel's.
 *
 * @example
 * ```ts
 * import { HttpConnectHandshake } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const handshake = new HttpConnectHandshake({ hostname: "example.org", port: 443 });
 * assertEquals(
 *   new TextDecoder().decode(handshake.takeOutput()),
 *   "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
 * );
 * handshake.receive(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n220 hello"));
 * assertEquals(handshake.done, true);
 * assertEquals(new TextDecoder().decode(handshake.leftover), "220 hello");
 * ```
 */
export class HttpConnectHandshake {
  readonly #what: string;
  readonly #login: boolean;
  readonly #maxHeadLength: number;
  #output: Uint8Array;
  /** The bytes of the line under way, without its CRLF. */
  #line = "";
  #afterCarriageReturn = false;
  #length = 0;
  #fields = 0;
  /** The status of the head under way; 0 before its first line. */
  #status = 0;
  #done = false;
  #error: ProxyError | undefined;
  #leftover: Uint8Array = EMPTY;

  /**
   * Starts a handshake that asks for `target`.
   *
   * @throws {TypeError} when the host, the credentials or a header field can't be sent
   * @throws {RangeError} when the port is not an integer from 1 to 65535, or `maxHeadLength` not a positive number
   */
  constructor(target: ProxyTarget, options: HttpConnectHandshakeOptions = {}) {
    const { maxHeadLength = 16_384 } = options;
    if (!(maxHeadLength > 0)) {
      throw new RangeError(`Cannot ask proxy: maxHeadLength ${maxHeadLength} is not positive`);
    }
    this.#maxHeadLength = maxHeadLength;
    this.#output = requestHead(target, options);
    this.#login = options.username !== undefined;
    this.#what = `Cannot connect to "${hostAndPort(target.hostname, target.port)}" through proxy`;
  }

  /** Whether the proxy granted the request. */
  get done(): boolean {
    return this.#done;
  }

  /** Why there is no connection. */
  get error(): ProxyError | undefined {
    return this.#error;
  }

  /** What came after the answer: the first bytes of the tunnel. */
  get leftover(): Uint8Array {
    return this.#leftover;
  }

  /** The bytes to send to the proxy now; empty when there are none. */
  takeOutput(): Uint8Array {
    const output = this.#output;
    this.#output = EMPTY;
    return output;
  }

  /** Takes the next bytes of the proxy, in pieces of any size. */
  receive(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.#done && this.#error === undefined) {
      this.#take(chunk[at++]);
    }
    if (!this.#done || at === chunk.length) return;
    this.#leftover = concat(this.#leftover, chunk.subarray(at));
  }

  /** Says that the proxy closed the connection. */
  end(): void {
    if (!this.#done && this.#error === undefined) {
      this.#fail("the proxy closed the connection", "ECONNRESET");
    }
  }

  #take(byte: number): void {
    if (++this.#length > this.#maxHeadLength) return this.#fail("its answer is too long");
    if (byte === 10) {
      // RFC 9112 §2.2 lets one take a bare LF; a line that a proxy and its client see differently is not worth it.
      if (!this.#afterCarriageReturn) return this.#fail("its answer has a bare LF");
      this.#afterCarriageReturn = false;
      const line = this.#line;
      this.#line = "";
      return this.#takeLine(line);
    }
    if (this.#afterCarriageReturn) return this.#fail("its answer has a bare CR");
    if (byte === 13) this.#afterCarriageReturn = true;
    else this.#line += String.fromCharCode(byte);
    // Another protocol shows at its first bytes; there is no need to wait for a line of it.
    if (this.#status === 0 && this.#line.length <= 5 && !"HTTP/".startsWith(this.#line)) {
      this.#fail("it does not speak HTTP");
    }
  }

  #takeLine(line: string): void {
    if (this.#status === 0) {
      const match = /^HTTP\/1\.[01] ([1-5]\d\d)( .*)?$/.exec(line);
      if (match === null) return this.#fail("its answer has no valid status line");
      this.#status = Number(match[1]);
    } else if (line !== "") {
      const colon = line.indexOf(":");
      if (++this.#fields > MAX_FIELDS) return this.#fail("its answer has too many header fields");
      if (colon < 1 || !TOKEN.test(line.slice(0, colon))) {
        return this.#fail("its answer has a malformed header field");
      }
    } else {
      this.#finish(this.#status);
    }
  }

  #finish(status: number): void {
    if (status >= 200 && status < 300) {
      // Content-Length and Transfer-Encoding of such an answer mean nothing (RFC 9110 §9.3.6).
      this.#done = true;
    } else if (status === 407) {
      const why = this.#login ? "it refused the credentials" : "it wants authentication";
      this.#fail(`${why} (status 407)`, "ERR_PROXY_AUTH", status);
    } else if (status >= 200) {
      this.#fail(`it refused (status ${status})`, "ERR_PROXY_REFUSED", status);
    } else if (status === 101) {
      this.#fail("it switched to another protocol");
    } else {
      // An interim answer: the real one follows.
      this.#status = 0;
    }
  }

  #fail(why: string, code: NetErrorCode = "ERR_PROXY_PROTOCOL", status?: number): void {
    this.#error = new ProxyError(`${this.#what}: ${why}`, { code, status, syscall: "connect" });
    this.#line = "";
  }
}
