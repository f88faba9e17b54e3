// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { AdmissionControl } from "./admission_control.ts";
import { readInto } from "./_handshake_driver.ts";
import { hostAndPort } from "./_host_port.ts";
import { ReadAheadTransport } from "./read_ahead_transport.ts";
import { relay } from "./_relay.ts";
import { Socks5Association, untilEnd } from "./_socks5_association.ts";
import { unmapped } from "./_unmapped.ts";
import { dial } from "./dial.ts";
import { DialPolicy } from "./dial_policy.ts";
import { NetError } from "./errors.ts";
import { systemHostLookup } from "./lookup.ts";
import { isDelay } from "./max_delay.ts";
import { checkOptionNames } from "./option_names.ts";
import { toNetError } from "./os_error.ts";
import type { ProxyTarget } from "./proxy_error.ts";
import { SOCKS5_REPLY, type Socks5Address } from "./socks5_codec.ts";
import { type Socks5Request, Socks5ServerHandshake } from "./socks5_server_handshake.ts";
import {
  SOCKS5_SERVER_DEFAULTS,
  type Socks5Authorization,
  type Socks5Client,
  type Socks5ServerOptions,
} from "./socks5_server_options.ts";
import type { Transport } from "./transport.ts";
import { deadlineSignal, waitFor } from "./wait.ts";
import { writeAll } from "./write_all.ts";

const OPTIONS: Record<keyof Required<Socks5ServerOptions>, true> = {
  authenticate: true,
  authorize: true,
  policy: true,
  dial: true,
  lookup: true,
  udp: true,
  maxConnections: true,
  maxDestinations: true,
  handshakeTimeout: true,
  connectTimeout: true,
  idleTimeout: true,
  onerror: true,
  maxConnectionsPerAddress: true,
  ipv6PrefixLength: true,
  acceptRate: true,
  blockList: true,
  allowList: true,
  onDrop: true,
};

const LOGIN = "is `authenticate` here";
const FOREIGN_OPTIONS: Readonly<Record<string, string>> = {
  // Whoever gives a login does not mean a server without one.
  username: LOGIN,
  password: LOGIN,
  auth: LOGIN,
  host: "goes to `listen()`, as `hostname`",
  hostname: "goes to `listen()`",
  port: "goes to `listen()`",
};

/** The options of a server, checked, with their defaults. */
export class Socks5Settings {
  readonly hooks: Socks5ServerOptions;
  readonly policy: DialPolicy | undefined;
  readonly admission: AdmissionControl;
  readonly maxConnections: number;
  readonly maxDestinations: number;
  readonly handshakeTimeout: number;
  readonly connectTimeout: number;
  readonly idleTimeout: number;

  constructor(options: Socks5ServerOptions) {
    checkOptionNames("Cannot make SOCKS5 server", options, OPTIONS, FOREIGN_OPTIONS);
    for (const name of ["authenticate", "authorize", "dial", "lookup", "onerror"] as const) {
      if (options[name] !== undefined && typeof options[name] !== "function") {
        throw new TypeError(`Cannot make SOCKS5 server: ${name} is not a function`);
      }
    }
    this.hooks = options;
    this.policy = DialPolicy.from(options.policy);
    this.admission = AdmissionControl._of(options);
    this.maxConnections = limitOf(options, "maxConnections", 1);
    this.maxDestinations = limitOf(options, "maxDestinations", 1);
    this.handshakeTimeout = limitOf(options, "handshakeTimeout", 0);
    this.connectTimeout = limitOf(options, "connectTimeout", 0);
    this.idleTimeout = limitOf(options, "idleTimeout", 0);
    if (options.dial !== undefined && options.lookup !== undefined && !options.udp) {
      throw new TypeError("Cannot make SOCKS5 server: lookup can't act beside dial");
    }
    if (options.dial !== undefined && options.policy !== undefined && !options.udp) {
      throw new TypeError("Cannot make SOCKS5 server: policy can't act beside dial");
    }
  }
}

function limitOf(
  options: Socks5ServerOptions,
  name: keyof typeof SOCKS5_SERVER_DEFAULTS,
  least: number,
): number {
  const limit = options[name] ?? SOCKS5_SERVER_DEFAULTS[name];
  if (typeof limit !== "number" || !(limit >= least)) {
    throw new RangeError(`Cannot make SOCKS5 server: ${name} ${limit} is below ${least}`);
  }
  if (!name.endsWith("Timeout")) return limit;
  // A timer that is asked for more fires at once.
  if (!isDelay(limit)) {
    throw new RangeError(`Cannot make SOCKS5 server: ${name} ${limit} is too long for a timer`);
  }
  return limit === Infinity ? 0 : limit;
}

/** How many bytes are read of a client before it has its answer, once, to notice when it leaves. */
const EARLY_BYTES = 512;

/** How a reply tells what went wrong. */
function replyFor(error: NetError): number {
  switch (error.code) {
    case "ERR_DIAL_POLICY":
    case "EACCES":
    case "EPERM":
      return SOCKS5_REPLY.notAllowed;
    case "ENETDOWN":
    case "ENETUNREACH":
      return SOCKS5_REPLY.networkUnreachable;
    case "EAI_AGAIN":
    case "EHOSTUNREACH":
    case "EHOSTDOWN":
    case "ENOTFOUND":
    case "ETIMEDOUT":
      return SOCKS5_REPLY.hostUnreachable;
    case "ECONNREFUSED":
      return SOCKS5_REPLY.connectionRefused;
    case "EAFNOSUPPORT":
      return SOCKS5_REPLY.addressTypeNotSupported;
    default:
      return SOCKS5_REPLY.generalFailure;
  }
}

/** One client of a server. */
export class Socks5Session {
  readonly #settings: Socks5Settings;
  readonly #hooks: Socks5ServerOptions;
  readonly #client: Socks5Client;
  #transport: Transport;
  readonly #handshake: Socks5ServerHandshake;
  /** Whether `abort` was called. */
  aborted = false;
  /** Ends what is done for the client. */
  readonly #end = new AbortController();

  constructor(transport: Transport, client: Socks5Client, settings: Socks5Settings) {
    this.#settings = settings;
    this.#hooks = settings.hooks;
    this.#transport = transport;
    this.#client = client;
    this.#handshake = new Socks5ServerHandshake({
      authentication: settings.hooks.authenticate !== undefined,
    });
  }

  /** Ends the session. */
  abort(): void {
    this.aborted = true;
    this.#end.abort();
    closeQuietly(this.#transport);
  }

  /** Serves the client to its end. @throws what went wrong */
  async run(): Promise<void> {
    try {
      const { command, address } = await this.#request();
      if (command === "connect") await this.#connect(address);
      else if (command === "associate" && this.#hooks.udp) await this.#associate(address);
      else await this.#answer(SOCKS5_REPLY.commandNotSupported);
    } finally {
      closeQuietly(this.#transport);
    }
  }

  /** Reads up to the request, and lets the client log in. */
  #request(): Promise<Socks5Request> {
    const handshake = this.#handshake;
    const work = async (): Promise<Socks5Request> => {
      for (;;) {
        const { event } = handshake;
        if (event?.type === "credentials") {
          const { username, password } = event;
          const credentials = { username, password };
          const right = await this.#hooks.authenticate!(credentials, this.#client) === true;
          if (right) this.#client.username = username;
          handshake.login(right);
        }
        const output = handshake.takeOutput();
        if (output.length > 0) await writeAll(this.#transport, output);
        if (handshake.error !== undefined) throw handshake.error;
        if (handshake.event?.type === "request") return handshake.event;
        if (handshake.event === undefined) await readInto(this.#transport, handshake);
      }
    };
    return waitFor(work(), "serve SOCKS5 client: its handshake", {
      timeout: this.#settings.handshakeTimeout,
      signal: this.#end.signal,
    });
  }

  async #answer(reply: number, bound?: Socks5Address): Promise<void> {
    this.#handshake.reply(reply, bound);
    await waitFor(
      writeAll(this.#transport, this.#handshake.takeOutput()),
      "answer SOCKS5 client",
      { timeout: this.#settings.handshakeTimeout },
    );
  }

  /** Does what a request asks for if the client may have it, and tells the client when it fails. */
  async #grant<T>(
    command: "connect" | "associate",
    target: Socks5Address,
    work: () => Promise<T>,
    late: (result: T) => void,
  ): Promise<T> {
    const granted = async (): Promise<T> => {
      if (await this.#allowed(command, target)) {
        // Nobody may be there any more to do it for.
        this.#end.signal.throwIfAborted();
        return await work();
      }
      throw new NetError("Cannot serve SOCKS5 client: not authorized", { code: "EACCES" });
    };
    let left: NetError | undefined;
    const ahead = new ReadAheadTransport(this.#transport, EARLY_BYTES, (cause) => {
      left = new NetError("Cannot serve SOCKS5 client: it left before its answer", {
        code: "ECONNRESET",
        cause,
      });
      this.#end.abort(left);
    });
    this.#transport = ahead;
    try {
      const options = { timeout: this.#settings.connectTimeout, signal: this.#end.signal };
      const result = await waitFor(granted(), "serve SOCKS5 client", options, late);
      ahead.unwatch();
      return result;
    } catch (caught) {
      const error = left ?? caught;
      ahead.unwatch();
      const known = toNetError(error, { syscall: "connect", what: "Cannot serve SOCKS5 client" });
      if (!this.aborted) await this.#answer(replyFor(known)).catch(() => {});
      // What of the work goes on has nobody to work for.
      this.#end.abort(known);
      throw error;
    }
  }

  async #allowed(
    command: Socks5Authorization["command"],
    { hostname, port }: Socks5Address,
  ): Promise<boolean> {
    if (this.#hooks.authorize === undefined) return true;
    return await this.#hooks.authorize({ ...this.#client, command, hostname, port }) === true;
  }

  async #connect(target: ProxyTarget): Promise<void> {
    const { signal } = this.#end;
    const connect = (): Promise<Transport> =>
      this.#hooks.dial === undefined
        ? this.#dial(target, signal)
        : this.#hooks.dial(target, { signal });
    const outgoing = await this.#grant("connect", target, connect, closeQuietly);
    try {
      const { localAddr } = outgoing;
      await this.#answer(SOCKS5_REPLY.succeeded, "hostname" in localAddr ? localAddr : undefined);
    } catch (error) {
      closeQuietly(outgoing);
      throw error;
    }
    await relay(this.#transport, outgoing, { idleTimeout: this.#settings.idleTimeout, signal });
  }

  #dial({ hostname, port }: ProxyTarget, signal: AbortSignal): Promise<Transport> {
    // A client may ask for it (its own fault, not a misuse of `dial`), and nobody can listen there.
    if (port === 0) {
      throw new NetError(`Cannot connect to "${hostAndPort(hostname, 0)}": there is no port 0`, {
        code: "ECONNREFUSED",
        syscall: "connect",
        address: hostname,
        port,
      });
    }
    const { policy } = this.#settings;
    return dial({ hostname, port }, { policy, lookup: this.#hooks.lookup, signal });
  }

  async #associate(target: Socks5Address): Promise<void> {
    const { localAddr, remoteAddr } = this.#transport;
    if (!("hostname" in localAddr) || !("hostname" in remoteAddr)) {
      return await this.#answer(SOCKS5_REPLY.generalFailure);
    }
    // An IPv4 client's own socket may know nothing of IPv6, nor its parser.
    const clientHostname = unmapped(remoteAddr.hostname);
    const { policy, connectTimeout, maxDestinations } = this.#settings;
    let last = performance.now();
    const association = new Socks5Association({
      localHostname: unmapped(localAddr.hostname),
      clientHostname,
      // Who is behind a NAT may tell an address that is not its own here, and others tell where they will send to: that port says nothing.
      clientPort: ["0.0.0.0", "::", clientHostname].includes(target.hostname) ? target.port : 0,
      allow: (to, signal) =>
        waitFor(this.#allowed("datagram", to), "authorize", { timeout: connectTimeout, signal }),
      policy,
      lookup: this.#hooks.lookup ?? systemHostLookup,
      lookupTimeout: connectTimeout,
      maxDestinations,
      onactivity: () => last = performance.now(),
    });
    try {
      const bind = (): Promise<Socks5Address> => association.bind();
      const bound = await this.#grant("associate", target, bind, () => {});
      await this.#answer(SOCKS5_REPLY.succeeded, bound);
      await this.#untilIdle(() => last);
    } finally {
      await association.close();
    }
  }

  /** A relay lives as long as the connection that asked for it (RFC 1928 §6), and no longer than it is used. */
  async #untilIdle(last: () => number): Promise<void> {
    const { idleTimeout } = this.#settings;
    const ended = untilEnd(this.#transport).then(() => true);
    for (let idle = 0; idle < idleTimeout || idleTimeout === 0;) {
      const deadline = deadlineSignal("relay datagrams", {
        timeout: idleTimeout === 0 ? 0 : idleTimeout - idle,
      });
      const late = new Promise<boolean>((resolve) => deadline.onfire(() => resolve(false)));
      const over = await Promise.race([ended, late]);
      deadline.clear();
      if (over) return;
      idle = performance.now() - last();
    }
  }
}
