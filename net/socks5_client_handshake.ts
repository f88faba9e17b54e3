// Floor 2: protocol.
import type { NetErrorCode } from "./errors.ts";
import { concat, ExactInput } from "./_exact_input.ts";
import { hostAndPort } from "./_host_port.ts";
import { ProxyError } from "./proxy_error.ts";
import {
  decodeSocks5Address,
  encodeSocks5Address,
  SOCKS5_AUTH_VERSION,
  SOCKS5_COMMANDS,
  SOCKS5_METHOD,
  SOCKS5_VERSION,
  type Socks5Address,
  socks5AddressLength,
  type Socks5Command,
  socks5Credential,
  socks5Failure,
} from "./socks5_codec.ts";

const EMPTY = new Uint8Array(0);

/** Version, code, reserved, and the longest address: type, length, 255 bytes, port. */
const LONGEST_STEP = 3 + 1 + 1 + 255 + 2;

/** What a {@linkcode Socks5ClientHandshake} asks for. */
export interface Socks5ClientHandshakeOptions {
  /**
   * The command.
   *
   * @default {"connect"}
   */
  command?: Socks5Command;
  /** Who asks: 1 to 255 bytes. Without it, no authentication is offered. */
  username?: string;
  /**
   * The password: up to 255 bytes.
   *
   * @default {""}
   */
  password?: string;
}

/**
 * The client's side of a SOCKS5 handshake (RFC 1928, 1929), without a socket: send what {@linkcode Socks5ClientHandshake.takeOutput}
 * gives, pass on what comes, until `done` or `error`.
 *
 * With a user name, both "no authentication" and "user name and password" are offered, and the proxy chooses.
 *
 * @example
 * ```ts
 * import { Socks5ClientHandshake } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const handshake = new Socks5ClientHandshake({ hostname: "example.org", port: 80 });
 * assertEquals(handshake.takeOutput(), new Uint8Array([5, 1, 0]));
 * handshake.receive(new Uint8Array([5, 0]));
 * assertEquals(handshake.takeOutput().length, 18);
 * handshake.receive(new Uint8Array([5, 0, 0, 1, 127, 0, 0, 1, 0, 80]));
 * assertEquals(handshake.bound, { hostname: "127.0.0.1", port: 80 });
 * ```
 */
export class Socks5ClientHandshake {
  readonly #input = new ExactInput(LONGEST_STEP, () => this.#step());
  #output: Uint8Array = EMPTY;
  readonly #request: Uint8Array;
  readonly #login: Uint8Array | undefined;
  readonly #what: string;
  #state: "method" | "login" | "reply" | "over" = "method";
  #error: ProxyError | undefined;
  #bound: Socks5Address | undefined;

  /**
   * Starts a handshake that asks for `target`.
   *
   * @throws {TypeError} when the host, the user name or the password is no valid one; a password without a user name
   * @throws {RangeError} when the port is not an integer from 0 to 65535
   */
  constructor(target: Socks5Address, options: Socks5ClientHandshakeOptions = {}) {
    const { command = "connect", username, password = "" } = options;
    if (!Object.hasOwn(SOCKS5_COMMANDS, command)) {
      throw new TypeError(`Cannot ask proxy: unknown command "${command}"`);
    }
    if (username === undefined && options.password !== undefined) {
      throw new TypeError("Cannot use proxy password: there is no username");
    }
    this.#request = new Uint8Array([
      SOCKS5_VERSION,
      SOCKS5_COMMANDS[command],
      0,
      ...encodeSocks5Address(target),
    ]);
    this.#what = command === "associate"
      ? "Cannot relay datagrams through proxy"
      : `Cannot connect to "${hostAndPort(target.hostname, target.port)}" through proxy`;
    if (username === undefined) {
      this.#send([SOCKS5_VERSION, 1, SOCKS5_METHOD.none]);
    } else {
      const user = socks5Credential("username", username);
      const word = socks5Credential("password", password);
      this.#login = new Uint8Array([
        SOCKS5_AUTH_VERSION,
        user.length,
        ...user,
        word.length,
        ...word,
      ]);
      this.#send([SOCKS5_VERSION, 2, SOCKS5_METHOD.none, SOCKS5_METHOD.password]);
    }
    this.#input.want(2);
  }

  /** How many bytes the next step of the other side has at least; 0 when none is awaited. Read no more than that, and nothing is left over. */
  get needed(): number {
    return this.#input.needed;
  }

  /** Bytes that came after the handshake, or while an answer of this side was awaited. */
  get leftover(): Uint8Array {
    return this.#input.leftover;
  }

  /** Takes the next bytes of the other side, in pieces of any size. */
  receive(chunk: Uint8Array): void {
    this.#input.receive(chunk);
  }

  /** The bytes to send to the other side now; empty when there are none. */
  takeOutput(): Uint8Array {
    const output = this.#output;
    this.#output = EMPTY;
    return output;
  }

  /** Whether the proxy granted the request. */
  get done(): boolean {
    return this.#bound !== undefined;
  }

  /** The address that the proxy tells: its own end of the connection, or where it takes datagrams. */
  get bound(): Socks5Address | undefined {
    return this.#bound;
  }

  /** Why there is no connection. */
  get error(): ProxyError | undefined {
    return this.#error;
  }

  /** Says that the proxy closed the connection. */
  end(): void {
    if (this.#state === "over") return;
    this.#fail("the proxy closed the connection", "ECONNRESET");
  }

  #step(): void {
    const { buffer } = this.#input;
    if (this.#state === "method") {
      if (buffer[0] !== SOCKS5_VERSION) return this.#fail("it does not speak SOCKS5");
      this.#choose(buffer[1]);
    } else if (this.#state === "login") {
      if (buffer[0] !== SOCKS5_AUTH_VERSION) {
        return this.#fail("it broke the protocol of the login");
      }
      // RFC 1929 §2: any status but 0 is a failure.
      if (buffer[1] !== 0) return this.#fail("it refused the credentials", "ERR_PROXY_AUTH");
      this.#ask();
    } else {
      this.#answer();
    }
  }

  #choose(method: number): void {
    if (method === SOCKS5_METHOD.none) {
      this.#ask();
    } else if (method === SOCKS5_METHOD.password && this.#login !== undefined) {
      this.#send(this.#login);
      this.#state = "login";
      this.#input.want(2);
    } else if (method === SOCKS5_METHOD.noneAcceptable) {
      const why = this.#login === undefined
        ? "it wants authentication"
        : "it takes no login with user name and password";
      this.#fail(why, "ERR_PROXY_AUTH");
    } else {
      this.#fail("it chose an authentication that was not offered");
    }
  }

  #ask(): void {
    this.#send(this.#request);
    this.#state = "reply";
    this.#input.want(2);
  }

  #answer(): void {
    const { buffer, length } = this.#input;
    if (length === 2) {
      if (buffer[0] !== SOCKS5_VERSION) return this.#fail("it broke the protocol of the reply");
      const reply = buffer[1];
      // What follows a refusal says nothing more, and some proxies leave it out.
      if (reply !== 0) {
        const { text, code } = socks5Failure(reply);
        return this.#fail(`${text} (SOCKS5 reply ${reply})`, code, reply);
      }
      this.#input.wantMore(5);
    } else if (length === 5) {
      const address = socks5AddressLength(buffer, 3);
      if (address === undefined) return this.#fail("it told an address of unknown type");
      this.#input.wantMore(3 + address);
      // A name without a byte is complete only with the port, so there is always more.
    } else {
      // Nothing depends on this address but datagrams; a name that can't be one is kept as no address.
      this.#bound = decodeSocks5Address(buffer.subarray(0, length), 3) ??
        { hostname: "0.0.0.0", port: buffer[length - 2] << 8 | buffer[length - 1] };
      this.#state = "over";
      this.#input.want(0);
    }
  }

  #send(bytes: Uint8Array | readonly number[]): void {
    this.#output = concat(this.#output, Uint8Array.from(bytes));
  }

  #fail(why: string, code: NetErrorCode = "ERR_PROXY_PROTOCOL", reply?: number): void {
    this.#error = new ProxyError(`${this.#what}: ${why}`, { code, reply, syscall: "connect" });
    this.#state = "over";
    this.#input.stop();
  }
}
