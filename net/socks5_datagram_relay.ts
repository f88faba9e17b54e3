// Floor 3: driver.
import { driveHandshake, HANDSHAKE_TIMEOUT } from "./_handshake_driver.ts";
import { checkProxyOptions } from "./_proxy_options.ts";
import { untilEnd } from "./_socks5_association.ts";
import { createDatagramSocket, type DatagramSocket } from "./datagram_socket.ts";
import { DialPolicy, type DialPolicyInit } from "./dial_policy.ts";
import { NetError } from "./errors.ts";
import { parseIp } from "./ip.ts";
import { lookupHost } from "./lookup.ts";
import type { Socks5ConnectOptions } from "./socks5.ts";
import { decodeSocks5Datagram, encodeSocks5Datagram, type Socks5Address } from "./socks5_codec.ts";
import { Socks5ClientHandshake } from "./socks5_client_handshake.ts";
import type { Transport } from "./transport.ts";
import {
  type Deadline,
  deadlineSignal,
  isBounded,
  timeoutError,
  type WaitOptions,
} from "./wait.ts";

/** Options of {@linkcode socks5Associate}. */
export interface Socks5AssociateOptions extends Socks5ConnectOptions {
  /**
   * The most datagrams that wait to be received; what comes beyond is dropped.
   *
   * @default {1024}
   */
  maxQueue?: number;
  /**
   * The most bytes that wait to be received.
   *
   * @default {4 MiB}
   */
  maxQueueBytes?: number;
  /**
   * Where a proxy may have datagrams sent that tells another address for them than its own, which is not judged. It tells what it likes:
   * without a policy, any host and any port that this machine reaches.
   * @default {everywhere}
   */
  policy?: DialPolicyInit;
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof Socks5AssociateOptions, true> = {
  username: true,
  password: true,
  timeout: true,
  signal: true,
  maxQueue: true,
  maxQueueBytes: true,
  policy: true,
};

/** A datagram that came through a {@linkcode Socks5DatagramRelay}. */
export interface RelayedDatagram {
  /** The payload. */
  data: Uint8Array;
  /** The address of the sender, or its name if the proxy tells one. */
  address: string;
  /** The port of the sender. */
  port: number;
}

/** Where a datagram goes through a {@linkcode Socks5DatagramRelay}. */
export interface RelaySendOptions extends WaitOptions {
  /** A name, which the proxy resolves, or an IP address. */
  address: string;
  /** The port. */
  port: number;
}

/**
 * Datagrams through a SOCKS5 proxy, made by {@linkcode socks5Associate}. It lives as long as the connection to the proxy. As with all UDP,
 * datagrams may get lost without anybody being told.
 *
 * @example
 * ```ts
 * import { createDatagramSocket, createSocks5Server, socks5Associate } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = createSocks5Server({ udp: true });
 * await using target = await createDatagramSocket("udp4").bind(0, "127.0.0.1");
 *
 * await using relay = await socks5Associate(await Deno.connect(server.listen()));
 * await relay.send(new TextEncoder().encode("ping"), target.address());
 * const { data } = await target.receive({ timeout: 5000 });
 * assertEquals(new TextDecoder().decode(data), "ping");
 * ```
 */
export class Socks5DatagramRelay implements AsyncIterable<RelayedDatagram, void>, AsyncDisposable {
  readonly #control: Transport;
  readonly #socket: DatagramSocket;
  readonly #closed = Promise.withResolvers<void>();
  #dropped = 0;
  #open = true;
  /** What the proxy did that ended it. */
  #fault: NetError | undefined;

  /** Takes over the connection to the proxy and a socket that is connected to its relay: see {@linkcode socks5Associate}. */
  constructor(control: Transport, socket: DatagramSocket) {
    this.#control = control;
    this.#socket = socket;
    this.#watch();
  }

  /** Settles when the relay is closed, by this side or by the proxy, or for what the proxy did: `receive` tells it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Datagrams dropped: the queue was full, they had no valid header, or they were fragments, which RFC 1928 §7 lets one drop. */
  get dropped(): number {
    return this.#dropped + this.#socket.metrics().dropped;
  }

  /**
   * Sends one datagram, and resolves to the size of its payload when the system has taken it.
   *
   * @throws {TypeError} when the address is no valid host
   * @throws {NetError} `EMSGSIZE` when it is too large together with its header, `ERR_BUFFER_LIMIT`, `ETIMEDOUT`, `ABORT_ERR`,
   * `ERR_SOCKET_CLOSED`, `ERR_PROXY_PROTOCOL` as `receive`
   */
  async send(data: Uint8Array, to: RelaySendOptions): Promise<number> {
    const { address, port, signal, timeout } = to;
    const bytes = encodeSocks5Datagram({ hostname: address, port }, data);
    try {
      await this.#socket.send(bytes, { signal, timeout });
    } catch (error) {
      throw this.#told(error);
    }
    return data.length;
  }

  /**
   * Takes the next datagram.
   *
   * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, `ERR_SOCKET_CLOSED`; `ERR_PROXY_PROTOCOL` when the relay is closed because the proxy sent
   * more than 4 KiB on its connection, where nothing is to come (RFC 1928)
   */
  async receive(options: WaitOptions = {}): Promise<RelayedDatagram> {
    isBounded("receive", options); // throws
    const { signal, timeout = 0 } = options;
    const start = performance.now();
    for (let left = timeout;;) {
      const { data } = await this.#socket.receive({ signal, timeout: left })
        .catch((error) => {
          const late = error instanceof NetError && error.code === "ETIMEDOUT";
          throw late ? timeoutError("receive", timeout) : this.#told(error);
        });
      const datagram = decodeSocks5Datagram(data);
      if (datagram !== undefined && datagram.fragment === 0) {
        const { hostname, port } = datagram.address;
        return { data: datagram.data, address: hostname, port };
      }
      this.#dropped++;
      if (timeout === 0) continue;
      // What is dropped does not prolong the wait, however much of it comes.
      left = timeout - (performance.now() - start);
      if (left <= 0) throw timeoutError("receive", timeout);
    }
  }

  /**
   * Gives every datagram that comes, until the relay is closed. Leaving the loop does not close it.
   *
   * @throws {NetError} `ERR_PROXY_PROTOCOL` as `receive`
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<RelayedDatagram, void, void> {
    while (this.#open) {
      try {
        yield await this.receive();
      } catch (error) {
        if (error instanceof NetError && error.code === "ERR_SOCKET_CLOSED") return;
        throw error;
      }
    }
    // It may have come while nobody waited.
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Closes the relay and the connection to the proxy. A second call waits for the first. */
  close(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      try {
        this.#control.close();
      } catch {
        // It is closed already.
      }
      this.#socket.close().then(this.#closed.resolve, this.#closed.reject);
    }
    return this.#closed.promise;
  }

  /** {@linkcode Socks5DatagramRelay.close | close()}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The relay ends with its connection (RFC 1928 §6). */
  async #watch(): Promise<void> {
    if (await untilEnd(this.#control) && this.#open) {
      this.#fault = new NetError(
        "Cannot relay datagrams through proxy: it sends what is none on its connection",
        { code: "ERR_PROXY_PROTOCOL" },
      );
    }
    await this.close();
  }

  /** What is told of a failure of the socket: why it is closed, if the proxy is to blame. */
  #told(error: unknown): unknown {
    const closed = error instanceof NetError && error.code === "ERR_SOCKET_CLOSED";
    return closed ? this.#fault ?? error : error;
  }
}

/**
 * Has a SOCKS5 proxy relay datagrams (RFC 1928 UDP ASSOCIATE), over a transport that is connected to the proxy, and which the relay keeps.
 *
 * Whatever fails closes the transport.
 *
 * @throws {TypeError} when the credentials can't be sent, or the policy is malformed; for options that there are not
 * @throws {ProxyError} when the proxy refuses; each reply code has its error code
 * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, `ENOTFOUND`, `ERR_DIAL_POLICY`, or what broke the transport
 *
 * @example
 * ```ts
 * import { createDatagramSocket, createSocks5Server, socks5Associate } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = createSocks5Server({ udp: true });
 * await using echo = await createDatagramSocket("udp4").bind(0, "127.0.0.1");
 *
 * const proxy = await Deno.connect(server.listen());
 * await using relay = await socks5Associate(proxy, { timeout: 5000 });
 * await relay.send(new TextEncoder().encode("ping"), echo.address());
 * const datagram = await echo.receive({ timeout: 5000 });
 * await echo.send(datagram.data, datagram);
 * const answer = await relay.receive({ timeout: 5000 });
 * assertEquals(new TextDecoder().decode(answer.data), "ping");
 * ```
 */
export async function socks5Associate(
  transport: Transport,
  options: Socks5AssociateOptions = {},
): Promise<Socks5DatagramRelay> {
  const { username, password, maxQueue, maxQueueBytes, signal } = options;
  const { timeout = HANDSHAKE_TIMEOUT } = options;
  let deadline: Deadline | undefined;
  let socket: DatagramSocket | undefined;
  try {
    checkProxyOptions("Cannot relay datagrams through proxy", options, OPTIONS);
    deadline = deadlineSignal("relay datagrams through proxy", { timeout, signal });
    const aborter = new AbortController();
    deadline.onfire((error) => aborter.abort(error));
    const until = { timeout: 0, signal: aborter.signal };
    const policy = DialPolicy.from(options.policy);
    // Where the datagrams will come from is not known yet: zeros (RFC 1928 §6).
    const handshake = new Socks5ClientHandshake({ hostname: "0.0.0.0", port: 0 }, {
      command: "associate",
      username,
      password,
    });
    await driveHandshake(transport, handshake, "relay datagrams through proxy", until);
    const { address, port } = await relayAddress(handshake.bound!, transport, policy, until);
    const type = address.includes(":") ? "udp6" : "udp4";
    socket = createDatagramSocket({ type, maxQueue, maxQueueBytes });
    await socket.connect(port, address, until);
    return new Socks5DatagramRelay(transport, socket);
  } catch (error) {
    await socket?.close();
    try {
      transport.close();
    } catch {
      // It is closed already.
    }
    throw deadline?.fired ?? error;
  } finally {
    deadline?.clear();
  }
}

/** Where the datagrams go: what the proxy tells; its own address when it tells none. */
async function relayAddress(
  bound: Socks5Address,
  transport: Transport,
  policy: DialPolicy | undefined,
  options: WaitOptions,
): Promise<{ address: string; port: number }> {
  const { hostname, port } = bound;
  if (port === 0) {
    throw new NetError("Cannot relay datagrams through proxy: it tells no port for them", {
      code: "ERR_PROXY_PROTOCOL",
    });
  }
  const { remoteAddr } = transport;
  const own = "hostname" in remoteAddr ? remoteAddr.hostname : undefined;
  if (parseIp(hostname)?.bytes.every((byte) => byte === 0)) {
    if (own === undefined) {
      throw new NetError("Cannot relay datagrams through proxy: it does not tell where to", {
        code: "ERR_PROXY_PROTOCOL",
      });
    }
    return { address: own, port };
  }
  const addresses = await lookupHost(hostname, options);
  if (addresses[0] !== own) policy?.check(hostname, port, addresses);
  return { address: addresses[0], port };
}
