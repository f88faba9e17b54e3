// Floor 2: protocol.
import type { NetErrorCode } from "./errors.ts";
import { concat, ExactInput } from "./_exact_input.ts";
import { ProxyError } from "./proxy_error.ts";
import {
  decodeSocks5Address,
  encodeSocks5Address,
  SOCKS5_AUTH_VERSION,
  SOCKS5_COMMANDS,
  SOCKS5_METHOD,
  SOCKS5_REPLY,
  SOCKS5_VERSION,
  type Socks5Address,
  socks5AddressLength,
  type Socks5Command,
} from "./socks5_codec.ts";

const EMPTY = new Uint8Array(0);

/** What a client asks of a SOCKS5 server. */
export interface Socks5Request {
  /** The command. */
  command: Socks5Command;
  /** What is to be connected to; for `associate`, where the client's datagrams will come from, or zeros. */
  address: Socks5Address;
}

/** A step of a client that the server must answer. */
export type Socks5ServerEvent =
  | {
    /** The client logs in: answer with {@linkcode Socks5ServerHandshake.login}. */
    type: "credentials";
    /** The user name. */
    username: string;
    /** The password. */
    password: string;
  }
  | ({
    /** The client asks: answer with {@linkcode Socks5ServerHandshake.reply}. */
    type: "request";
  } & Socks5Request);

/** Options of a {@linkcode Socks5ServerHandshake}. */
export interface Socks5ServerHandshakeOptions {
  /**
   * Whether clients must log in.
   *
   * @default {false}
   */
  authentication?: boolean;
}

/**
 * The server's side of a SOCKS5 handshake (RFC 1928, 1929), without a socket: pass on what comes, answer the `event`s, and send
 * what `takeOutput` gives.
 *
 * @example
 * ```ts
 * import { Socks5ServerHandshake } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const handshake = new Socks5ServerHandshake();
 * handshake.receive(new Uint8Array([5, 1, 0]));
 * handshake.receive(new Uint8Array([5, 1, 0, 1, 127, 0, 0, 1, 0, 80]));
 * assertEquals(handshake.event, {
 *   type: "request",
 *   command: "connect",
 *   address: { hostname: "127.0.0.1", port: 80 },
 * });
 * handshake.reply(0);
 * assertEquals(handshake.takeOutput().length, 2 + 10);
 * ```
 */
export class Socks5ServerHandshake {
  readonly #input = new ExactInput(3 + 255 + 255, () => this.#step());
  #output: Uint8Array = EMPTY;
  readonly #authentication: boolean;
  #state: "methods" | "login" | "request" | "over" = "methods";
  #event: Socks5ServerEvent | undefined;
  #done = false;
  #error: ProxyError | undefined;

  /** Starts a handshake. */
  constructor(options: Socks5ServerHandshakeOptions = {}) {
    this.#authentication = options.authentication ?? false;
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

  /** The step of the client that waits for an answer. */
  get event(): Socks5ServerEvent | undefined {
    return this.#event;
  }

  /** Whether a request was granted. */
  get done(): boolean {
    return this.#done;
  }

  /** Why the handshake failed; `takeOutput` may still hold an answer for the client. */
  get error(): ProxyError | undefined {
    return this.#error;
  }

  /** Says that the client closed the connection. */
  end(): void {
    if (!this.#done && this.#error === undefined) {
      this.#fail("the client closed the connection", "ECONNRESET");
    }
  }

  /**
   * Answers credentials.
   *
   * @throws {TypeError} when none wait for an answer
   */
  login(accepted: boolean): void {
    if (this.#event?.type !== "credentials") throw new TypeError("Cannot answer: nobody logs in");
    this.#event = undefined;
    this.#send([SOCKS5_AUTH_VERSION, accepted ? 0 : 1]);
    if (!accepted) return this.#fail("the credentials are wrong", "ERR_PROXY_AUTH");
    this.#state = "request";
    this.#input.want(4);
  }

  /**
   * Answers a request, with a code of {@linkcode SOCKS5_REPLY} and the address of this server's end. Everything but 0 ends the
   * handshake.
   *
   * @throws {TypeError} when no request waits for an answer
   */
  reply(code: number, bound: Socks5Address = { hostname: "0.0.0.0", port: 0 }): void {
    if (this.#event?.type !== "request") throw new TypeError("Cannot answer: there is no request");
    this.#event = undefined;
    this.#send([SOCKS5_VERSION, code, 0, ...encodeSocks5Address(bound)]);
    this.#state = "over";
    if (code === 0) this.#done = true;
    else this.#fail(`the request is refused (reply ${code})`, "ERR_PROXY_REFUSED", code);
  }

  #step(): void {
    if (this.#state === "methods") this.#readMethods();
    else if (this.#state === "login") this.#readLogin();
    else this.#readRequest();
  }

  #readMethods(): void {
    const { buffer, length } = this.#input;
    if (length === 2) {
      if (buffer[0] !== SOCKS5_VERSION) return this.#fail("it does not speak SOCKS5");
      if (buffer[1] > 0) return this.#input.wantMore(2 + buffer[1]);
    }
    const wanted = this.#authentication ? SOCKS5_METHOD.password : SOCKS5_METHOD.none;
    if (!buffer.subarray(2, length).includes(wanted)) {
      this.#send([SOCKS5_VERSION, SOCKS5_METHOD.noneAcceptable]);
      return this.#fail(
        this.#authentication ? "it does not log in" : "it insists on a login",
        "ERR_PROXY_AUTH",
      );
    }
    this.#send([SOCKS5_VERSION, wanted]);
    this.#state = this.#authentication ? "login" : "request";
    this.#input.want(this.#authentication ? 2 : 4);
  }

  #readLogin(): void {
    const { buffer, length } = this.#input;
    if (buffer[0] !== SOCKS5_AUTH_VERSION) return this.#fail("it broke the protocol of the login");
    const userEnd = 2 + buffer[1];
    if (length < userEnd + 1) return this.#input.wantMore(userEnd + 1);
    const end = userEnd + 1 + buffer[userEnd];
    if (length < end) return this.#input.wantMore(end);
    const decoder = new TextDecoder();
    this.#event = {
      type: "credentials",
      username: decoder.decode(buffer.subarray(2, userEnd)),
      password: decoder.decode(buffer.subarray(userEnd + 1, end)),
    };
    buffer.fill(0);
    this.#input.want(0);
  }

  #readRequest(): void {
    const { buffer, length } = this.#input;
    if (length === 4) {
      if (buffer[0] !== SOCKS5_VERSION) return this.#fail("it broke the protocol of the request");
      // Byte 4 is the type of the address; the one after it tells how long a name is.
      return this.#input.wantMore(5);
    }
    const address = socks5AddressLength(buffer, 3);
    if (address === undefined) return this.#refuse(SOCKS5_REPLY.addressTypeNotSupported);
    if (length < 3 + address) return this.#input.wantMore(3 + address);
    const command = (Object.keys(SOCKS5_COMMANDS) as Socks5Command[])
      .find((name) => SOCKS5_COMMANDS[name] === buffer[1]);
    const target = decodeSocks5Address(buffer.subarray(0, length), 3);
    if (command === undefined) return this.#refuse(SOCKS5_REPLY.commandNotSupported);
    if (target === undefined) return this.#refuse(SOCKS5_REPLY.hostUnreachable);
    this.#event = { type: "request", command, address: target };
    this.#input.want(0);
  }

  /** Answers a request that can't be told to anybody. */
  #refuse(code: number): void {
    this.#send([SOCKS5_VERSION, code, 0, ...encodeSocks5Address({ hostname: "0.0.0.0", port: 0 })]);
    this.#fail(`the request is refused (reply ${code})`, "ERR_PROXY_REFUSED", code);
  }

  #send(bytes: Uint8Array | readonly number[]): void {
    this.#output = concat(this.#output, Uint8Array.from(bytes));
  }

  #fail(why: string, code: NetErrorCode = "ERR_PROXY_PROTOCOL", reply?: number): void {
    this.#event = undefined;
    this.#error = new ProxyError(`Cannot serve SOCKS5 client: ${why}`, { code, reply });
    this.#state = "over";
    this.#input.stop();
  }
}
