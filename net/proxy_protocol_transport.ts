// Floor 3: driver.
import { readInto, withDeadline } from "./_handshake_driver.ts";
import { isThenable } from "./_thenable.ts";
import { passExtras } from "./_transport_extras.ts";
import { type IpBlock, ipInBlock, parseIp, parseIpBlock } from "./ip.ts";
import { checkOptionNames } from "./option_names.ts";
import { ProxyError } from "./proxy_error.ts";
import type { ProxyProtocolHeader } from "./proxy_protocol.ts";
import { encodeProxyProtocol, type ProxyProtocolEncodeOptions } from "./proxy_protocol_encoder.ts";
import { ProxyProtocolParser } from "./proxy_protocol_parser.ts";
import type { ServerProxyProtocolOptions } from "./server_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";
import { isBounded, type WaitOptions } from "./wait.ts";
import { writeAll } from "./write_all.ts";

/**
 * The proxies whose word counts: IP addresses and blocks (`"10.0.0.0/8"`), `"unix"` (or another name of a transport without IP) for all
 * that come over it; or a function that decides by the address.
 */
export type TrustedProxies = readonly string[] | ((peer: TransportAddr) => boolean);

/** Options of {@linkcode acceptProxyProtocol}. */
export interface AcceptProxyProtocolOptions extends WaitOptions {
  /** The proxies that may connect. Everybody else is refused: who can write a header can claim any address. */
  trusted: TrustedProxies;
  /**
   * How long the header may take, in ms; 0 for no limit.
   *
   * @default {5000}
   */
  timeout?: number;
  /**
   * The longest header, in bytes.
   *
   * @default {4096}
   */
  maxLength?: number;
}

/** Options of {@linkcode sendProxyProtocol}. */
export interface SendProxyProtocolOptions extends ProxyProtocolEncodeOptions, WaitOptions {
  /**
   * How long it may take, in ms; 0 for no limit.
   *
   * @default {30000}
   */
  timeout?: number;
}

/**
 * A transport whose addresses are those that a proxy told: made by {@linkcode acceptProxyProtocol}.
 *
 * @example
 * ```ts
 * import { pair, ProxiedTransport } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [end] = pair();
 * const transport = new ProxiedTransport(end, {
 *   version: 2,
 *   command: "proxy",
 *   source: { transport: "tcp", hostname: "192.0.2.1", port: 5000 },
 *   destination: { transport: "tcp", hostname: "192.0.2.9", port: 80 },
 *   tlvs: [],
 * });
 * assertEquals(transport.remoteAddr, { transport: "tcp", hostname: "192.0.2.1", port: 5000 });
 * transport.close();
 * ```
 */
export class ProxiedTransport implements Transport {
  /** What the proxy told. */
  readonly header: ProxyProtocolHeader;
  /** The connection to the proxy, with its own addresses. */
  readonly transport: Transport;

  /** Puts the addresses of `header` upon `transport`. */
  constructor(transport: Transport, header: ProxyProtocolHeader) {
    this.transport = transport;
    this.header = header;
    passExtras(this, transport);
  }

  /** Where the client had connected to; this end of the connection, if the proxy does not tell. */
  get localAddr(): TransportAddr {
    return this.header.destination ?? this.transport.localAddr;
  }

  /** The client; the proxy, if it does not tell. */
  get remoteAddr(): TransportAddr {
    return this.header.source ?? this.transport.remoteAddr;
  }

  /** Reads into `p`: see {@linkcode Transport.read}. */
  read(p: Uint8Array): Promise<number | null> {
    return this.transport.read(p);
  }

  /** Writes from `p`: see {@linkcode Transport.write}. */
  write(p: Uint8Array): Promise<number> {
    return this.transport.write(p);
  }

  /** Ends the writing direction. */
  closeWrite(): Promise<void> {
    return this.transport.closeWrite();
  }

  /** Closes the connection. */
  close(): void {
    this.transport.close();
  }
}

/**
 * Makes a check of `trusted` once, for many connections.
 *
 * @throws {TypeError} when an entry is neither an address, nor a block, nor the name of a transport
 *
 * @example
 * ```ts
 * import { trustedProxies } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const isTrusted = trustedProxies(["10.0.0.0/8", "unix"]);
 * assertEquals(isTrusted({ transport: "tcp", hostname: "10.1.2.3", port: 5000 }), true);
 * assertEquals(isTrusted({ transport: "tcp", hostname: "192.0.2.1", port: 5000 }), false);
 * ```
 */
export function trustedProxies(trusted: TrustedProxies): (peer: TransportAddr) => boolean {
  if (typeof trusted === "function") {
    return (peer) => {
      const answer: unknown = trusted(peer);
      if (isThenable(answer)) {
        // A promise is no yes; and nobody else would hear of it if it were rejected.
        Promise.resolve(answer).catch(() => {});
        throw new TypeError("Cannot trust a proxy: the function returned a promise");
      }
      return answer === true;
    };
  }
  if (!Array.isArray(trusted) || !trusted.every((entry) => typeof entry === "string")) {
    throw new TypeError('Cannot trust proxies: "trusted" must be a list of texts or a function');
  }
  const blocks: IpBlock[] = [];
  const transports = new Set<string>();
  for (const entry of trusted) {
    const block = parseIpBlock(entry);
    if (block !== undefined) blocks.push(block);
    else if (/^[a-z]+$/.test(entry) && entry !== "tcp" && entry !== "udp") transports.add(entry);
    else throw new TypeError(`Cannot trust proxy ${JSON.stringify(entry)}: it is no address`);
  }
  return (peer) => {
    if (!("hostname" in peer)) return transports.has(peer.transport);
    const ip = parseIp(peer.hostname);
    return ip !== undefined && blocks.some((block) => ipInBlock(ip, block));
  };
}

const PROXY_OPTIONS: Record<keyof ServerProxyProtocolOptions, true> = {
  trusted: true,
  timeout: true,
  maxLength: true,
};

/**
 * A server's options as {@linkcode acceptProxyProtocol} takes them for each connection, checked once and now.
 *
 * @throws {TypeError} when an entry of `trusted` is malformed
 * @throws {RangeError} when `timeout` or `maxLength` is out of range
 *
 * @example
 * ```ts
 * import { checkedProxyProtocol } from "@sluice/sockets/net";
 * import { assertThrows } from "@std/assert";
 *
 * const { timeout } = checkedProxyProtocol({ trusted: ["10.0.0.0/8"], timeout: 1000 });
 * assertThrows(() => checkedProxyProtocol({ trusted: ["10.0.0.0/8"], timeout: -1 }), RangeError);
 * ```
 */
export function checkedProxyProtocol(
  options: ServerProxyProtocolOptions,
): AcceptProxyProtocolOptions {
  const given: ServerProxyProtocolOptions = Object(options);
  checkOptionNames("Cannot accept PROXY protocol", given, PROXY_OPTIONS);
  const { trusted, timeout, maxLength } = given;
  isBounded("accept PROXY protocol", { timeout }); // throws
  new ProxyProtocolParser({ maxLength }); // throws
  return { trusted: trustedProxies(trusted), timeout, maxLength };
}

/**
 * Takes the PROXY protocol's header from the start of an accepted connection, version 1 or 2, and returns a transport with the client's
 * addresses. Nothing is read beyond the header.
 *
 * The header is required: whether there is one is never guessed, so a client can't smuggle one in (specification §2). Whatever fails closes
 * the transport.
 *
 * @throws {TypeError} when an entry of `trusted` is malformed
 * @throws {ProxyError} `EACCES` when the peer is not trusted, `ERR_PROXY_PROTOCOL` when there is no valid header
 * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, or what broke the transport
 *
 * @example
 * ```ts
 * import { acceptProxyProtocol, pair, sendProxyProtocol } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [proxy, server] = pair();
 * await sendProxyProtocol(proxy, {
 *   source: { transport: "tcp", hostname: "192.0.2.1", port: 5000 },
 *   destination: { transport: "tcp", hostname: "192.0.2.9", port: 80 },
 * });
 * const transport = await acceptProxyProtocol(server, { trusted: ["memory"] });
 * assertEquals(transport.remoteAddr, { transport: "tcp", hostname: "192.0.2.1", port: 5000 });
 * transport.close();
 * proxy.close();
 * ```
 */
export async function acceptProxyProtocol(
  transport: Transport,
  options: AcceptProxyProtocolOptions,
): Promise<ProxiedTransport> {
  const { trusted, timeout = 5000, signal, maxLength } = options;
  const what = "accept PROXY protocol";
  return await withDeadline(transport, what, { timeout, signal }, async () => {
    if (!trustedProxies(trusted)(transport.remoteAddr)) {
      throw new ProxyError("Cannot accept PROXY protocol: the peer is not a trusted proxy", {
        code: "EACCES",
      });
    }
    const parser = new ProxyProtocolParser({ maxLength });
    while (parser.needed > 0) await readInto(transport, parser);
    if (parser.header === undefined) throw parser.error!;
    return new ProxiedTransport(transport, parser.header);
  });
}

/**
 * Tells a server, at the start of a connection to it, whose connection this is. Without addresses, it says that it does not know.
 *
 * Whatever fails closes the transport.
 *
 * @throws {TypeError} when the header can't be written: see {@linkcode encodeProxyProtocol}
 * @throws {RangeError} as there
 * @throws {NetError} `ETIMEDOUT`, `ABORT_ERR`, or what broke the transport
 *
 * @example
 * ```ts
 * import { pair, sendProxyProtocol } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [proxy, server] = pair();
 * await sendProxyProtocol(proxy, {
 *   source: { transport: "tcp", hostname: "192.0.2.1", port: 5000 },
 *   destination: { transport: "tcp", hostname: "192.0.2.9", port: 80 },
 * }, { version: 1 });
 * const bytes = new Uint8Array(107);
 * const n = await server.read(bytes);
 * const text = new TextDecoder().decode(bytes.subarray(0, n!));
 * assertEquals(text, "PROXY TCP4 192.0.2.1 192.0.2.9 5000 80\r\n");
 * proxy.close();
 * server.close();
 * ```
 */
export async function sendProxyProtocol(
  transport: Transport,
  header: Partial<Omit<ProxyProtocolHeader, "version">>,
  options: SendProxyProtocolOptions = {},
): Promise<void> {
  const { version, checksum, timeout, signal } = options;
  await withDeadline(
    transport,
    "send PROXY protocol",
    { timeout, signal },
    () => writeAll(transport, encodeProxyProtocol(header, { version, checksum })),
  );
}
