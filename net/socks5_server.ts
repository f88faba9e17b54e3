// Floor 3: driver.
import { tell } from "./_socket_util.ts";
import { Socks5Session, Socks5Settings } from "./_socks5_session.ts";
import { AcceptFailures } from "./accept_failures.ts";
import { NetError } from "./errors.ts";
import { listenTcp } from "./listen_tcp.ts";
import { checkOptionNames } from "./option_names.ts";
import { toNetError } from "./os_error.ts";
import type {
  Socks5Client,
  Socks5ListenOptions,
  Socks5ServerAddr,
  Socks5ServerOptions,
} from "./socks5_server_options.ts";
import type { Transport } from "./transport.ts";
import { configureTransport } from "./transport_settings.ts";
import { isBounded, waitFor } from "./wait.ts";

/** How long the server waits after it could not accept, for example for want of file descriptors, in ms. */
const ACCEPT_PAUSE = 50;

/** With the `transport` of an address, its own from before, say. */
const LISTEN_OPTIONS: Record<keyof Socks5ListenOptions | "transport", true> = {
  hostname: true,
  port: true,
  transport: true,
};

/**
 * A SOCKS5 proxy (RFC 1928, 1929), made by {@linkcode createSocks5Server}.
 *
 * @example
 * ```ts
 * import { Socks5Server } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = new Socks5Server({ policy: "public", maxConnections: 100 });
 * const { hostname, port } = server.listen();
 * assertEquals([hostname, port > 0, server.connections], ["127.0.0.1", true, 0]);
 * ```
 */
export class Socks5Server implements AsyncDisposable {
  readonly #options: Socks5ServerOptions;
  readonly #settings: Socks5Settings;
  readonly #sessions = new Map<Socks5Session, Promise<void>>();
  #listener: Deno.TcpListener | undefined;
  #accepting: Promise<void> | undefined;

  /** Makes a server that does not listen yet; {@linkcode createSocks5Server} does the same. */
  constructor(options: Socks5ServerOptions = {}) {
    this.#options = options;
    this.#settings = new Socks5Settings(options);
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Where the server listens.
   *
   * @throws {NetError} `ERR_SERVER_NOT_RUNNING`
   */
  get addr(): Socks5ServerAddr {
    if (this.#listener === undefined) {
      throw new NetError("Cannot tell the address: the SOCKS5 server does not listen", {
        code: "ERR_SERVER_NOT_RUNNING",
      });
    }
    const { hostname, port } = this.#listener.addr;
    return { transport: "tcp", hostname, port };
  }

  /**
   * Starts to listen, and returns where.
   *
   * @throws {NetError} `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ERR_SERVER_ALREADY_LISTEN`
   * @throws {RangeError} for a port that is none
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for options that there are not
   */
  listen(options: Socks5ListenOptions = {}): Socks5ServerAddr {
    const what = "Cannot make the SOCKS5 server listen";
    checkOptionNames(what, options, LISTEN_OPTIONS, { host: "is `hostname` here" });
    const { hostname = "127.0.0.1", port = 0 } = options;
    if (this.#listener !== undefined) {
      throw new NetError("Cannot listen: the SOCKS5 server listens already", {
        code: "ERR_SERVER_ALREADY_LISTEN",
      });
    }
    this.#listener = listenTcp({ hostname, port });
    this.#accepting = this.#accept(this.#listener);
    return this.addr;
  }

  /** Serves one client over a transport that was accepted elsewhere, to its end, and closes it. Never rejects. */
  serve(transport: Transport): Promise<void> {
    const client: Socks5Client = { address: transport.remoteAddr };
    const admitted = this.#admit(transport, client);
    if (admitted === undefined) return Promise.resolve();
    // What goes through comes in pieces: with Nagle's algorithm the second one would wait for a round trip.
    configureTransport(transport, { noDelay: true });
    return this.#run(admitted, client);
  }

  #admit(transport: Transport, client: Socks5Client): Transport | undefined {
    const { admission, maxConnections } = this.#settings;
    try {
      return admission.admit(transport, this.#sessions.size >= maxConnections);
    } catch (error) {
      this.#report(error, client);
      return undefined;
    }
  }

  #run(transport: Transport, client: Socks5Client): Promise<void> {
    const session = new Socks5Session(transport, client, this.#settings);
    const served = session.run().catch((error) => {
      if (!session.aborted) this.#report(error, client);
    }).finally(() => this.#sessions.delete(session));
    this.#sessions.set(session, served);
    return served;
  }

  /**
   * Stops to listen, and closes all connections: at once, or when they have ended by themselves or `drain` ms have passed. Settles when
   * all is closed. The server can listen again afterwards.
   *
   * @throws {RangeError} when `drain` is negative, not a number, or above {@linkcode MAX_DELAY}
   * @throws {TypeError} `ERR_INVALID_ARG_VALUE` for options that there are not
   */
  async close(options: { drain?: number } = {}): Promise<void> {
    const instead = { timeout: "is `drain` here" };
    checkOptionNames("Cannot close the SOCKS5 server", options, { drain: true }, instead);
    const { drain = 0 } = options;
    isBounded("close", { timeout: drain }); // throws
    this.#listener?.close();
    this.#listener = undefined;
    await this.#accepting;
    const all = Promise.all(this.#sessions.values());
    if (drain > 0) await waitFor(all, "drain", { timeout: drain }).catch(() => {});
    for (const session of this.#sessions.keys()) session.abort();
    await all;
  }

  /** {@linkcode Socks5Server.close | close()}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    const failures = new AcceptFailures();
    while (this.#listener === listener) {
      try {
        const conn = await listener.accept();
        failures.clear();
        void this.serve(conn);
      } catch (error) {
        // A client that resets before it is accepted makes `accept` fail: that is its own affair.
        if (await failures.passOver(error)) continue;
        if (this.#listener !== listener) return;
        const failure = toNetError(error, { syscall: "accept" });
        this.#report(failure, { address: listener.addr });
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE));
      }
    }
  }

  #report(error: unknown, client: Socks5Client): void {
    tell("a SOCKS5 server", () => this.#options.onerror?.(error, client));
  }
}

/**
 * Makes a SOCKS5 proxy: CONNECT, and UDP ASSOCIATE if asked for; without authentication, or with user name and password.
 *
 * When one side of a connection breaks, the other gets what had come, for five seconds at the most, and is closed with a reset, unless it had
 * been told the end; so are both when they are idle for too long. Deno's own connections are reset on Linux with `--allow-ffi`; without it they
 * end as if all had been sent.
 *
 * @throws {RangeError} when a limit is out of range
 * @throws {TypeError} when `policy` is malformed, or could not act since `dial` is there; `ERR_INVALID_ARG_VALUE` for options that there
 * are not
 *
 * @example
 * ```ts
 * import { timingSafeEqual } from "@sluice/sockets/buffer";
 * import { createSocks5Server, socks5Connect } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = createSocks5Server({
 *   authenticate: ({ username, password }) =>
 *     username === "user" && timingSafeEqual(password, "secret"),
 *   authorize: ({ port }) => port !== 25,
 * });
 * const proxy = await Deno.connect(server.listen());
 * using target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const transport = await socks5Connect(proxy, target.addr, {
 *   username: "user",
 *   password: "secret",
 * });
 * using accepted = await target.accept();
 * assertEquals(accepted.remoteAddr.hostname, "127.0.0.1");
 * transport.close();
 * ```
 */
export function createSocks5Server(options: Socks5ServerOptions = {}): Socks5Server {
  return new Socks5Server(options);
}
