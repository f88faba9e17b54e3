// Floor 3: driver.
import { connect as connectNode } from "node:net";
import { WritableStream } from "node:stream/web";
import { checkPath } from "./_connect_arguments.ts";
import { interleaveFamilies, raceAddresses } from "./_happy_eyeballs.ts";
import { SEPARATE_FAMILIES } from "./_listen_on.ts";
import { needsZone } from "./_zone.ts";
import { mayReach, requireOwnAddress } from "./_net_permission.ts";
import { reportFault } from "./_socket_util.ts";
import { checkTlsClientOptions, startTlsUnder } from "./_tls_start.ts";
import { unmapped } from "./_unmapped.ts";
import { DialPolicy, type DialPolicyInit } from "./dial_policy.ts";
import { NetError } from "./errors.ts";
import { checkPort, parseHost } from "./host.ts";
import { parseIp } from "./ip.ts";
import { lookupWith, systemHostLookup } from "./lookup.ts";
import type { HostLookup } from "./lookup_options.ts";
import { isDelay, MAX_DELAY } from "./max_delay.ts";
import { NodeTransport } from "./node_transport.ts";
import { checkOptionNames } from "./option_names.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";
import { connectThroughProxies } from "./proxy_chain.ts";
import { ProxyError } from "./proxy_error.ts";
import { parseProxyUrl, ProxyUrl } from "./proxy_url.ts";
import { startTls } from "./start_tls.ts";
import type { TlsClientOptions } from "./tls_options.ts";
import type { Transport } from "./transport.ts";
import { configureTransport } from "./transport_settings.ts";
import { type Deadline, deadlineSignal, waitFor, type WaitOptions } from "./wait.ts";

/** Where to connect to: a port of a host (a name or an address), or a Unix socket file. */
export type DialTarget = { hostname: string; port: number } | { path: string };

/** A proxy, by its URL. */
export type DialProxy = string | URL | ProxyUrl;

/** Options of {@linkcode dial}. */
export interface DialOptions extends WaitOptions {
  /**
   * How long all of it may take together: name lookup, connection, proxies and TLS, in ms.
   *
   * @default {0}, no limit of its own
   */
  timeout?: number;
  /** Ends it when it fires, in whichever phase. Later it does nothing. */
  signal?: AbortSignal;
  /**
   * Starts TLS, and checks the certificate for the target's name, through proxies too.
   *
   * @default {false}
   */
  tls?: boolean | TlsClientOptions;
  /** A proxy (`socks5://`, `http://` or `https://`), or a chain of them, the nearest first. */
  proxy?: DialProxy | readonly DialProxy[];
  /**
   * How TLS to `https` proxies is done.
   *
   * @default {{}}
   */
  proxyTls?: TlsClientOptions;
  /**
   * Where the target may be. Its name is resolved once, every address is judged, and one of these is dialled; through a proxy, too,
   * which then gets the address instead of the name. The proxies themselves are not judged.
   * @default {everywhere}
   */
  policy?: DialPolicyInit;
  /** The own address to connect from; not a link-local one of IPv6, which Deno can't (`ERR_UNSUPPORTED`). */
  localAddress?: string;
  /** The own port to connect from; as `localAddress` and a keep-alive delay not to an address with a zone (`ERR_UNSUPPORTED`). */
  localPort?: number;
  /**
   * Only addresses of this family: 4, 6, or 0 for both.
   *
   * @default {0}
   */
  family?: 0 | 4 | 6;
  /**
   * Sends small writes at once (`TCP_NODELAY`).
   *
   * @default {true}
   */
  noDelay?: boolean;
  /**
   * Has the system probe a silent connection; a number is the time until the first probe, in ms.
   *
   * @default {false}
   */
  keepAlive?: boolean | number;
  /**
   * Finds the addresses of the name. It may give link-local ones with their zone (`fe80::1%eth0`): that is the way to them for WebSocket's
   * URLs, which can't hold a zone.
   *
   * @default {the system's lookup}
   */
  lookup?: HostLookup;
  /**
   * Told the addresses of the name, when it has been looked up. What it throws fails the connection; a promise is not waited for, and
   * what it is rejected with goes to the console.
   */
  onlookup?: (hostname: string, addresses: readonly string[]) => void;
  /**
   * After how long the next address is tried while the last one does not answer, in ms (RFC 8305); `Infinity` for only when it has failed.
   * @default {250}
   */
  attemptDelay?: number;
}

const OPTIONS: Record<keyof Required<DialOptions>, true> = {
  timeout: true,
  signal: true,
  tls: true,
  proxy: true,
  proxyTls: true,
  policy: true,
  localAddress: true,
  localPort: true,
  family: true,
  noDelay: true,
  keepAlive: true,
  lookup: true,
  onlookup: true,
  attemptDelay: true,
};

/** What `connect` and others take, and where that is here. */
const FOREIGN_OPTIONS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["ALPNProtocols", "ca", "caCerts", "cert", "checkServerIdentity", "key", "maxVersion"]
      .concat("minVersion", "rejectUnauthorized", "servername")
      .map((name) => [name, "goes into `tls`"]),
  ),
  ...Object.fromEntries(
    ["host", "hostname", "path", "port"].map((name) => [name, "goes into the target"]),
  ),
  connectTimeout: "is `timeout` here",
  autoSelectFamilyAttemptTimeout: "is `attemptDelay` here",
};

/**
 * Connects to a TCP port or a Unix socket file, through proxies and with TLS if asked to, and gives the transport.
 *
 * A name's addresses are tried as RFC 8305 (Happy Eyeballs) says, 64 of them at most. One deadline covers everything. Whatever fails leaves
 * nothing open. Through a proxy, a name is resolved by the proxy, unless there is a policy.
 *
 * @throws {TypeError} For a malformed host (a NUL, over 255 bytes), or an option that can't be honoured.
 * @throws {RangeError} For a port or a time out of range.
 * @throws {NetError} With Node's codes: `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, `EPERM`, …; `ERR_DIAL_POLICY`; those of proxies and TLS.
 *
 * @example
 * ```ts
 * import { dial } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const { port } = listener.addr;
 * const transport = await dial({ hostname: "127.0.0.1", port }, { timeout: 5000 });
 * const conn = await listener.accept();
 * await transport.write(new TextEncoder().encode("hi"));
 * assertEquals(await conn.read(new Uint8Array(8)), 2);
 * transport.close();
 * conn.close();
 * listener.close();
 * ```
 *
 * @example With TLS, through a proxy, and only to the public internet
 * ```ts ignore
 * import { dial } from "@sluice/sockets/net";
 *
 * const transport = await dial({ hostname: "example.org", port: 443 }, {
 *   tls: true,
 *   proxy: "socks5://127.0.0.1:9050",
 *   policy: "public",
 *   timeout: 10_000,
 * });
 * ```
 */
export async function dial(target: DialTarget, options: DialOptions = {}): Promise<Transport> {
  const plan = makePlan(target, options);
  const way = plan.proxies.length === 0 ? "" : " through proxy";
  const deadline = deadlineSignal(`connect to "${plan.endpoint}"${way}`, options);
  let open: Transport | undefined;
  try {
    if (deadline.fired !== null) throw deadline.fired;
    open = await withSignal(deadline, (signal) => connectFirst(plan, options, signal));
    const { proxies } = plan;
    if (proxies.length > 0) {
      const first = open;
      open = undefined; // closed by those who work on it, from here on
      open = await withSignal(deadline, (signal) => throughProxies(first, plan, options, signal));
    }
    if (plan.tls === undefined) return open;
    const plain = open;
    open = undefined;
    const hostname = plan.hostname;
    return await startTlsUnder(deadline, plain, { ...plan.tls, hostname });
  } catch (error) {
    open?.close();
    throw deadline.fired ?? error;
  } finally {
    deadline.clear();
  }
}

/** What is to be done, after all options have been checked. */
interface Plan {
  endpoint: string;
  /** Undefined for a Unix socket file. */
  hostname: string | undefined;
  port: number;
  path: string | undefined;
  proxies: ProxyUrl[];
  tls: TlsClientOptions | undefined;
  policy: DialPolicy | undefined;
}

function makePlan(target: DialTarget, options: DialOptions): Plan {
  checkOptionNames("Cannot dial", options, OPTIONS, FOREIGN_OPTIONS);
  const policy = DialPolicy.from(options.policy);
  const tls = options.tls === true ? {} : options.tls || undefined;
  if (tls !== undefined) checkTlsClientOptions(tls);
  if (options.proxyTls !== undefined) checkTlsClientOptions(options.proxyTls);
  const { proxy = [], attemptDelay = 250, keepAlive } = options;
  const list: readonly DialProxy[] = Array.isArray(proxy) ? proxy : [proxy as DialProxy];
  const proxies = list.map((each) => each instanceof ProxyUrl ? each : parseProxyUrl(each));
  if (!(attemptDelay >= 10)) {
    throw new RangeError(`Cannot use an attemptDelay of ${attemptDelay} ms: it is below 10`);
  }
  if (!isDelay(attemptDelay)) {
    throw new RangeError(
      `Cannot use an attemptDelay of ${attemptDelay} ms: it is too long for a timer`,
    );
  }
  if (typeof keepAlive === "number" && !(keepAlive > 0)) {
    throw new RangeError(`Cannot use a keepAlive of ${keepAlive} ms`);
  }
  if ("path" in target && target.path !== undefined) {
    checkPathOptions(target.path, options, policy);
    const { path } = target;
    return { endpoint: path, hostname: undefined, port: 0, path, proxies, tls, policy };
  }
  const { hostname: host, port } = target as { hostname: string; port: number };
  checkPort(port);
  const { localAddress, localPort } = options;
  if (localPort !== undefined) checkPort(localPort, 0);
  if (
    localAddress !== undefined &&
    (typeof localAddress !== "string" || parseIp(localAddress) === undefined)
  ) {
    throw new TypeError(
      `Cannot use local address ${JSON.stringify(localAddress)}: it is no address`,
    );
  }
  const { hostname } = parseHost(host);
  const endpoint = formatEndpoint(hostname, port);
  return { endpoint, hostname: host, port, path: undefined, proxies, tls, policy };
}

function checkPathOptions(
  path: string,
  options: DialOptions,
  policy: DialPolicy | undefined,
): void {
  checkPath(path);
  for (
    const key of ["proxy", "localAddress", "localPort", "family", "keepAlive", "lookup"] as const
  ) {
    if (options[key]) throw new TypeError(`Cannot use the option ${key} with a Unix socket file`);
  }
  if (policy !== undefined && !policy.unix) {
    throw new NetError(`Cannot connect to "${path}": the dial policy refuses Unix socket files`, {
      code: "ERR_DIAL_POLICY",
      syscall: "connect",
      address: path,
    });
  }
}

/** Runs a phase with a signal that fires at the deadline. */
async function withSignal<T>(
  deadline: Deadline,
  phase: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  deadline.onfire((error) => controller.abort(error));
  return await phase(controller.signal);
}

/** Connects to the target, or to the first proxy. */
async function connectFirst(
  plan: Plan,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  const [proxy] = plan.proxies;
  if (proxy !== undefined) return await connectProxy(proxy, plan.endpoint, options, signal);
  if (plan.path !== undefined) return await connectPath(plan.path, signal);
  const { hostname, port, policy } = plan;
  return await connectHost({ hostname: hostname!, port, policy }, options, signal);
}

async function connectProxy(
  { path, hostname, port }: ProxyUrl,
  endpoint: string,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  try {
    if (path !== undefined) return await connectPath(path, signal);
    return await connectHost({ hostname, port, policy: undefined }, options, signal);
  } catch (error) {
    if (!(error instanceof NetError) || signal.aborted) throw error;
    // Otherwise nothing says that it is the proxy which can't be reached.
    const { code, syscall, address, port } = error;
    const what = `Cannot connect to "${endpoint}" through proxy`;
    throw new ProxyError(`${what}: ${error.message}`, {
      code,
      syscall,
      address,
      port,
      cause: error,
    });
  }
}

async function connectPath(path: string, signal: AbortSignal): Promise<Transport> {
  try {
    return await waitFor(
      Deno.connect({ transport: "unix", path }),
      `connect to "${path}"`,
      { signal },
      (conn) => conn.close(),
    );
  } catch (error) {
    throw toNetError(error, { syscall: "connect", address: path });
  }
}

interface HostTarget {
  hostname: string;
  port: number;
  policy: DialPolicy | undefined;
}

async function connectHost(
  target: HostTarget,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  const { port } = target;
  const addresses = await addressesOf(target, options, signal);
  if (addresses === undefined) return await connectByName(target, options, signal);
  const tried = interleaveFamilies(addresses).slice(0, MAX_ADDRESSES);
  const untried = addresses.length - tried.length;
  return await raceAddresses(
    tried,
    (address, stop) => connectAddress(address, port, options, stop),
    {
      delay: options.attemptDelay ?? 250,
      signal,
      combine: (errors) => combineErrors(errors as NetError[], untried, target),
    },
  );
}

/** The addresses to dial; undefined when only Deno itself may look the name up. */
async function addressesOf(
  target: HostTarget,
  options: DialOptions,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const { hostname, port, policy } = target;
  const { family, lookup, onlookup } = options;
  const why = policy?.refusal(hostname, port);
  if (why !== undefined) policy!.check(hostname, port, []); // throws
  const isName = parseHost(hostname).ip === undefined;
  // A permission for a name (--allow-net=example.org) is none for its addresses; Deno then has to do both in one.
  const free = isName && policy === undefined && lookup === undefined && !needsNode(options) &&
    (family ?? 0) === 0;
  let addresses: string[];
  try {
    addresses = await lookupWith(lookup ?? systemHostLookup, hostname, { family, signal });
  } catch (error) {
    if (free && error instanceof NetError && error.code === "EPERM") return undefined;
    throw error;
  }
  if (free && !addresses.every((address) => mayReach(address, port))) return undefined;
  policy?.check(hostname, port, addresses);
  if (isName) {
    const told: unknown = onlookup?.(hostname, addresses);
    // Unheard, it would end the program.
    Promise.resolve(told).catch((error) => reportFault("dial", error));
  }
  return addresses;
}

async function connectByName(
  { hostname, port }: HostTarget,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  try {
    const conn = await connectByDeno({
      hostname: parseHost(hostname).hostname,
      port,
      signal,
      autoSelectFamilyAttemptDelay: Math.min(options.attemptDelay ?? 250, MAX_DELAY),
    });
    return configured(conn, options);
  } catch (error) {
    throw toNetError(error, { syscall: "connect", address: hostname, port });
  }
}

/** @throws {Deno.errors.NotCapable} When the own end may not be bound. */
function requireLocal({ localAddress, localPort }: DialOptions, address: string): void {
  if (localAddress === undefined && localPort === undefined) return;
  requireOwnAddress(localAddress ?? (isIpv6(address) ? "::" : "0.0.0.0"), localPort ?? 0);
}

/** What `Deno.connect` can't do. */
function needsNode({ localAddress, localPort, keepAlive }: DialOptions): boolean {
  return localAddress !== undefined || localPort !== undefined || typeof keepAlive === "number";
}

/** Deno's node:net takes no zones, and says EINVAL, or EPERM, of what has one. */
function refuseZones(address: string, port: number, { localAddress }: DialOptions): void {
  const own = parseIp(localAddress ?? "");
  const ownNeeds = own !== undefined && (own.zone !== undefined || needsZone(own));
  if (!ownNeeds && parseIp(address)?.zone === undefined) return;
  const why = ownNeeds
    ? `Deno can't do it from a link-local address, as "${localAddress}"`
    : "Deno can't reach a zone with a localAddress, a localPort or a keep-alive delay";
  throw new NetError(`Cannot connect to "${formatEndpoint(address, port)}": ${why}`, {
    code: "ERR_UNSUPPORTED",
    syscall: ownNeeds ? "bind" : "connect",
    address: ownNeeds ? localAddress : address,
    port: ownNeeds ? undefined : port,
  });
}

async function connectAddress(
  given: string,
  port: number,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  const address = SEPARATE_FAMILIES ? unmapped(given) : given;
  try {
    if (needsNode(options)) {
      refuseZones(address, port, options);
      requireLocal(options, address);
      return await connectByNode(address, port, options, signal);
    }
    return configured(await connectByDeno({ hostname: address, port, signal }), options);
  } catch (error) {
    throw toNetError(error, { syscall: "connect", address, port });
  }
}

/**
 * `Deno.connect` looks at the signal once more when it has connected, and throws the connection away, open, if it fired meanwhile. So
 * the look is taken from it; the signal is one of those made here.
 */
async function connectByDeno(
  options: Deno.ConnectOptions & { signal: AbortSignal },
): Promise<Deno.TcpConn> {
  const { signal } = options;
  if (signal.aborted) throw signal.reason;
  const own = signal instanceof OwnAbortSignal ? signal : ownSignal(signal);
  own.throwIfAborted = () => {};
  const conn = await Deno.connect({ ...options, signal: own });
  if (!signal.aborted) return conn;
  conn.close();
  throw signal.reason;
}

/**
 * A signal of the runtime's own that fires with another one: `Deno.connect` takes no others, and a page that is imitated (jsdom,
 * happy-dom) may have put its own `AbortController` in `globalThis`.
 */
function ownSignal(signal?: AbortSignal): AbortSignal {
  let own: AbortSignal;
  const stream = new WritableStream({
    start(controller) {
      own = controller.signal;
    },
  });
  signal?.addEventListener("abort", () => stream.abort(signal.reason), { once: true });
  return own!;
}

const OwnAbortSignal = ownSignal().constructor as typeof AbortSignal;

function configured(conn: Deno.TcpConn, { noDelay = true, keepAlive }: DialOptions): Deno.TcpConn {
  configureTransport(conn, { noDelay, keepAlive: keepAlive === true || undefined });
  return conn;
}

function connectByNode(
  address: string,
  port: number,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  const { localAddress, localPort, noDelay = true, keepAlive } = options;
  return new Promise<Transport>((resolve, reject) => {
    const socket = connectNode({
      host: address,
      port,
      localAddress,
      localPort,
      noDelay,
      keepAlive: keepAlive !== undefined && keepAlive !== false,
      keepAliveInitialDelay: typeof keepAlive === "number" ? keepAlive : 0,
      allowHalfOpen: true,
      autoSelectFamily: false,
    });
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    const done = (): void => {
      signal.removeEventListener("abort", abort);
      socket.off("error", fail);
    };
    const fail = (error: Error): void => {
      done();
      reject(ownAddressFault(error, { address, port }, options));
    };
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", fail);
    socket.once("connect", () => {
      done();
      resolve(new NodeTransport(socket));
    });
  });
}

/**
 * What goes wrong with the own end is a fault of `bind`, as in Node. Deno's node:net says EINVAL where the system, and Node, say that
 * the own address is not one of this machine, and finds only by connecting that the own address is of the other family.
 */
function ownAddressFault(
  error: Error & { code?: string; syscall?: string },
  target: { address: string; port: number },
  { localAddress, localPort }: DialOptions,
): Error {
  const { syscall, code } = error;
  const foreign = localAddress !== undefined && isIpv6(localAddress) !== isIpv6(target.address);
  if (syscall !== "bind" && !(foreign && code === "EINVAL")) return error;
  const own = localAddress ?? (isIpv6(target.address) ? "::" : "0.0.0.0");
  const what = `Cannot connect to "${formatEndpoint(target.address, target.port)}" from "${
    formatEndpoint(own, localPort || undefined)
  }"`;
  const place = { syscall: "bind", address: own, port: localPort || undefined };
  if (code !== "EINVAL") return toNetError(error, { ...place, what });
  const why = foreign
    ? "EINVAL, they are not of one family"
    : "EADDRNOTAVAIL, it is no address of this machine";
  return new NetError(`${what}: ${why}`, {
    ...place,
    code: foreign ? "EINVAL" : "EADDRNOTAVAIL",
    cause: error,
  });
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** How many addresses of a name are tried: whoever answers for the name may tell thousands. */
const MAX_ADDRESSES = 64;

/** How many addresses an error names. The others are in its cause. */
const MAX_NAMED = 8;

function combineErrors(
  errors: NetError[],
  untried: number,
  { hostname, port }: HostTarget,
): NetError {
  if (errors.length === 1) return errors[0];
  const endpoint = formatEndpoint(hostname, port);
  const named = errors.slice(0, MAX_NAMED).map((error) => `${error.code} at ${error.address}`);
  if (errors.length > MAX_NAMED) named.push(`${errors.length - MAX_NAMED} more`);
  if (untried > 0) named.push(`${untried} not tried`);
  return new NetError(`Cannot connect to "${endpoint}": ${named.join(", ")}`, {
    code: errors[0].code,
    syscall: "connect",
    address: hostname,
    port,
    cause: new AggregateError(errors),
  });
}

/** Asks the proxies to connect on; with a policy to an address that was judged here. */
async function throughProxies(
  first: Transport,
  plan: Plan,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Transport> {
  let hostname = plan.hostname!;
  try {
    if (plan.policy !== undefined) {
      const target = { hostname, port: plan.port, policy: plan.policy };
      [hostname] = (await addressesOf(target, options, signal))!;
    }
  } catch (error) {
    first.close();
    throw error;
  }
  return await connectThroughProxies(first, plan.proxies, { hostname, port: plan.port }, {
    timeout: 0,
    signal,
    startTls: (transport, { hostname, signal }) =>
      startTls(transport, { ...options.proxyTls, hostname, signal }),
  });
}
