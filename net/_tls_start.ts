// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { unsupportedByDeno } from "./_deno_tls_listener.ts";
import { type DenoTlsConn, makeClosable } from "./_deno_tls_transport.ts";
import {
  HANDSHAKE_TIMEOUT,
  type HandshakeContext,
  nodeClientHandshake,
  type SecuredTransport,
  ServerContext,
  underDeadlines,
} from "./_node_tls.ts";
import { loadAuthorities, loadIdentity } from "./_tls_material.ts";
import { NetError } from "./errors.ts";
import { parseHost } from "./host.ts";
import { checkOptionSpelling } from "./option_names.ts";
import { formatEndpoint } from "./os_error.ts";
import { toTlsError } from "./tls_error.ts";
import type {
  PeerCertificate,
  TlsClientOptions,
  TlsCommonOptions,
  TlsInfo,
  TlsServerOptions,
} from "./tls_options.ts";
import type { StartServerTlsOptions, StartTlsOptions } from "./start_tls_options.ts";
import type { Transport } from "./transport.ts";
import { type Deadline, deadlineSignal, isBounded } from "./wait.ts";

const infos = new WeakMap<Transport, TlsInfo>();

/** What the handshake of a transport came to. */
export function recallTls(transport: Transport): TlsInfo | undefined {
  return infos.get(transport);
}

/** For the servers and dialers of this folder: remembers what a handshake came to. */
export function rememberTls({ transport, info }: SecuredTransport): Transport {
  infos.set(transport, info);
  return transport;
}

class DenoTlsInfo implements TlsInfo {
  readonly implementation = "deno";
  readonly authorizationError = null;
  readonly protocol = null;
  readonly cipher = null;

  constructor(
    readonly alpnProtocol: string | null,
    readonly servername: string | null,
    readonly authorized: boolean,
  ) {}

  getPeerCertificate(): PeerCertificate | null {
    throw new NetError(
      "Cannot tell the peer's certificate: Deno's TLS does not; ask for implementation \"node\"",
      { code: "ERR_UNSUPPORTED" },
    );
  }
}

/** What a handshake by Deno's TLS came to. */
export function denoTlsInfo(
  alpnProtocol: string | null,
  servername: string | null,
  authorized: boolean,
): TlsInfo {
  return new DenoTlsInfo(alpnProtocol, servername, authorized);
}

/** How long the list of ALPN protocol names may be, in bytes: each has one before it that tells its length. */
const MAX_ALPN = 32_768;

const COMMON: readonly (keyof TlsCommonOptions)[] = [
  "cert",
  "key",
  "passphrase",
  "ALPNProtocols",
  "minVersion",
  "maxVersion",
  "handshakeTimeout",
  "implementation",
];

const CLIENT: readonly (keyof TlsClientOptions)[] = [
  ...COMMON,
  "servername",
  "ca",
  "caCerts",
  "rejectUnauthorized",
  "checkServerIdentity",
];

const CLIENT_KEYS: ReadonlySet<string> = new Set<keyof StartTlsOptions>([
  ...CLIENT,
  "hostname",
  "head",
  "timeout",
  "signal",
]);

const SERVER_KEYS: ReadonlySet<string> = new Set<keyof TlsServerOptions>([
  ...COMMON,
  "ca",
  "requestCert",
  "rejectUnauthorized",
  "sni",
  "SNICallback",
]);

/** Options of node:tls that Deno ignores. */
const UNSUPPORTED: readonly string[] = [
  "ALPNCallback",
  "ciphers",
  "clientCertEngine",
  "crl",
  "dhparam",
  "ecdhCurve",
  "enableTrace",
  "honorCipherOrder",
  "minDHSize",
  "pfx",
  "privateKeyEngine",
  "pskCallback",
  "requestOCSP",
  "secureContext",
  "secureOptions",
  "secureProtocol",
  "session",
  "sessionIdContext",
  "sessionTimeout",
  "sigalgs",
  "socket",
  "ticketKeys",
];

const namesOf = (keys: Iterable<string>): Readonly<Record<string, true>> =>
  Object.fromEntries(Array.from(keys, (key) => [key, true]));

const CLIENT_NAMES = namesOf(CLIENT);
const SERVER_NAMES = namesOf(SERVER_KEYS);

/** Parts options that stand on one level, as Node has them. */
function split(
  options: object,
  names: Readonly<Record<string, true>>,
): [tls: object, rest: object] {
  const tls: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && UNSUPPORTED.includes(key)) {
      throw new TypeError(`Cannot use TLS option ${JSON.stringify(key)}: it is not supported`);
    }
    (Object.hasOwn(names, key) ? tls : rest)[key] = value;
  }
  // The rest is checked by others, who know none of these.
  checkOptionSpelling("Cannot use TLS options", rest, names);
  return [tls, rest];
}

/** Parts the options of `connectTls`. @throws {TypeError} For options of node:tls that are not supported, and for misspelt ones. */
export function splitTlsClientOptions<T extends TlsClientOptions>(
  options: T,
): { tls: TlsClientOptions; rest: Omit<T, keyof TlsClientOptions> } {
  const [tls, rest] = split(options, CLIENT_NAMES);
  return { tls, rest: rest as Omit<T, keyof TlsClientOptions> };
}

/** Parts the options of a secure server. @throws {TypeError} For options of node:tls that are not supported, and for misspelt ones. */
export function splitTlsServerOptions<T extends TlsServerOptions>(
  options: T,
): { tls: TlsServerOptions; rest: Omit<T, keyof TlsServerOptions> } {
  const [tls, rest] = split(options, SERVER_NAMES);
  return { tls, rest: rest as Omit<T, keyof TlsServerOptions> };
}

/** TLS options that Node has and Deno ignores, or refuses late. */
function checkOptions(options: object, keys: ReadonlySet<string>): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot use TLS options that are no object: ${String(options)}`);
  }
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && !keys.has(key)) {
      throw new TypeError(`Cannot use TLS option ${JSON.stringify(key)}: it is not supported`);
    }
  }
  const { requestCert, rejectUnauthorized } = options as TlsServerOptions;
  for (const [key, value] of Object.entries({ requestCert, rejectUnauthorized })) {
    // node:tls would take any other value of `requestCert` for no, and those who ask for it rely on a yes.
    if (value !== undefined && typeof value !== "boolean") {
      throw new TypeError(`Cannot use TLS option ${key}: it is neither true nor false`);
    }
  }
  const { minVersion, maxVersion, ALPNProtocols, handshakeTimeout, implementation } =
    options as TlsCommonOptions;
  if (implementation !== undefined && !["node", "deno", "auto"].includes(implementation)) {
    throw new TypeError(`Cannot use TLS implementation ${JSON.stringify(implementation)}`);
  }
  for (const version of [minVersion, maxVersion]) {
    if (version !== undefined && version !== "TLSv1.2" && version !== "TLSv1.3") {
      throw new TypeError(`Cannot use TLS version ${JSON.stringify(version)}: it is not supported`);
    }
  }
  if (minVersion === "TLSv1.3" && maxVersion === "TLSv1.2") {
    throw new TypeError("Cannot use a minVersion above the maxVersion");
  }
  // As in Node, null is as good as not given; but not for `checkServerIdentity`, where it would look like trust in all.
  if (ALPNProtocols) checkAlpn(ALPNProtocols);
  const { checkServerIdentity } = options as TlsClientOptions;
  const { sni, SNICallback } = options as TlsServerOptions;
  const functions = { checkServerIdentity, SNICallback: SNICallback ?? undefined };
  for (const [key, value] of Object.entries(functions)) {
    if (value !== undefined && typeof value !== "function") {
      throw new TypeError(`Cannot use TLS option ${key}: it is no function`);
    }
  }
  if (sni !== undefined) checkSni(sni);
  isBounded("use a handshake timeout", { timeout: handshakeTimeout }); // throws
}

/**
 * All of them travel in one list (RFC 7301, 3.1), which shares the 65,535 bytes of all extensions with what else the hello says: some
 * hundreds of bytes, and more with a long name, a session or a key for each group (RFC 8446, 4.1.2).
 */
function checkAlpn(names: readonly string[]): void {
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
    throw new TypeError("Cannot use TLS option ALPNProtocols: it is no list of names");
  }
  let size = 0;
  for (const name of names) {
    const { length } = new TextEncoder().encode(name);
    if (length === 0 || length > 255) {
      throw new TypeError("Cannot use an ALPN protocol name that is not 1 to 255 bytes long");
    }
    size += 1 + length;
  }
  if (size > MAX_ALPN) {
    throw new TypeError(
      `Cannot use ALPN protocol names of ${size} bytes together: the limit is ${MAX_ALPN}`,
    );
  }
}

/** What the certificates are worth is found by those who load them. */
function checkSni(sni: NonNullable<TlsServerOptions["sni"]>): void {
  const plain = typeof sni === "object" && sni !== null && !(Symbol.iterator in sni);
  const whole = plain &&
    Object.values(sni).every((identity) => typeof identity === "object" && identity !== null);
  if (!whole) {
    throw new TypeError("Cannot use TLS option sni: it is no object of names and certificates");
  }
}

/** Checks what can be checked of client options before anything is dialled. @throws {TypeError} */
export function checkTlsClientOptions(options: TlsClientOptions): void {
  checkOptions(options, CLIENT_KEYS);
  if (options.servername !== undefined) {
    if (typeof options.servername !== "string") {
      throw new TypeError("Cannot use TLS option servername: it is no text");
    }
    parseHost(options.servername);
  }
  if (options.implementation === "deno") requireDeno(nodeOnlyClient(options));
  for (const pem of [options.ca, options.caCerts]) if (pem !== undefined) loadAuthorities(pem);
  if (options.cert !== undefined || options.key !== undefined) loadIdentity(options);
}

/** Checks what can be checked of server options. @throws {TypeError} */
export function checkTlsServerOptions(options: TlsServerOptions): void {
  checkOptions(options, SERVER_KEYS);
  if (options.implementation === "deno") requireDeno(nodeOnlyServer(options));
}

function requireDeno(option: string | undefined): void {
  if (option !== undefined) throw unsupportedByDeno(option);
}

/** The first option that Deno's TLS does not honour. */
function nodeOnlyClient(options: TlsClientOptions): string | undefined {
  const { cert, key, ca, minVersion, maxVersion, rejectUnauthorized, checkServerIdentity } =
    options;
  if (cert !== undefined || key !== undefined) return "cert"; // Deno.startTls ignores them
  if (ca !== undefined) return "ca"; // Deno.startTls can only add to the usual authorities
  if ((minVersion ?? "TLSv1.2") !== "TLSv1.2") return "minVersion";
  if ((maxVersion ?? "TLSv1.3") !== "TLSv1.3") return "maxVersion";
  if (rejectUnauthorized === false) return "rejectUnauthorized";
  return checkServerIdentity === undefined ? undefined : "checkServerIdentity";
}

/** Whether a client's handshake on a fresh TCP connection of Deno's is to be done by Deno's TLS. */
function choosesDeno(options: TlsClientOptions, servername: string | undefined): boolean {
  const { implementation } = options;
  if (implementation !== "auto") return implementation === "deno";
  return servername !== undefined && nodeOnlyClient(options) === undefined;
}

/** The first option that Deno's TLS does not honour. */
function nodeOnlyServer(options: TlsServerOptions): string | undefined {
  const { ca, requestCert, sni, SNICallback, minVersion, maxVersion } = options;
  if (requestCert === true) return "requestCert";
  if (ca !== undefined) return "ca";
  if (sni !== undefined) return "sni";
  if ((SNICallback ?? undefined) !== undefined) return "SNICallback";
  if ((minVersion ?? "TLSv1.2") !== "TLSv1.2") return "minVersion";
  return (maxVersion ?? "TLSv1.3") !== "TLSv1.3" ? "maxVersion" : undefined;
}

/** `Deno.startTls` takes no other connection. */
function isTcpConn(transport: Transport): transport is Deno.TcpConn {
  return transport.constructor.name === "TcpConn" && "setNoDelay" in transport;
}

/** {@linkcode startTls} under a deadline that is running already. */
export async function startTlsUnder(
  deadline: Deadline,
  transport: Transport,
  options: StartTlsOptions,
): Promise<Transport> {
  const { handshakeTimeout = HANDSHAKE_TIMEOUT } = options;
  const inner = deadlineSignal("finish the TLS handshake", { timeout: handshakeTimeout });
  try {
    checkTlsClientOptions(options);
    const hostname = options.hostname === undefined
      ? undefined
      : parseHost(options.hostname).hostname;
    const servername = options.servername === undefined
      ? hostname
      : parseHost(options.servername).hostname;
    const context = contextOf(transport, hostname ?? servername);
    const deadlines = [deadline, inner];
    const fresh = isTcpConn(transport) && (options.head?.length ?? 0) === 0 ? transport : null;
    if (options.implementation === "deno" && fresh === null) {
      throw new NetError("Cannot start Deno's TLS: it needs a fresh TCP connection of Deno's own", {
        code: "ERR_UNSUPPORTED",
      });
    }
    if (fresh !== null && choosesDeno(options, servername)) {
      return await denoClientHandshake(fresh, servername, options, deadlines, context);
    }
    return rememberTls(
      await nodeClientHandshake(
        transport,
        hostname,
        { ...options, servername },
        deadlines,
        context,
        options.head,
      ),
    );
  } catch (error) {
    closeQuietly(transport);
    throw error;
  } finally {
    inner.clear();
  }
}

function contextOf(transport: Transport, name: string | undefined): HandshakeContext {
  const { remoteAddr } = transport;
  const port = "hostname" in remoteAddr ? remoteAddr.port : undefined;
  const address = name ?? ("hostname" in remoteAddr ? remoteAddr.hostname : undefined);
  const endpoint = formatEndpoint(address, port);
  return {
    what: `Cannot start TLS${endpoint === "" ? "" : ` with "${endpoint}"`}`,
    syscall: "startTls",
    address,
    port,
  };
}

async function denoClientHandshake(
  conn: Deno.TcpConn,
  servername: string | undefined,
  options: StartTlsOptions,
  deadlines: readonly Deadline[],
  context: HandshakeContext,
): Promise<Transport> {
  if (servername === undefined) {
    throw new TypeError("Cannot start TLS without a hostname or a servername");
  }
  let tls: DenoTlsConn | undefined;
  let open = true;
  return await underDeadlines<Transport>(
    deadlines,
    async (resolve, reject) => {
      try {
        tls = makeClosable()(
          await Deno.startTls(conn, {
            hostname: servername,
            caCerts: options.caCerts as string[] | undefined,
            alpnProtocols: (options.ALPNProtocols ?? undefined) as string[] | undefined,
          }),
        );
        if (!open) return closeQuietly(tls);
        const { alpnProtocol } = await tls.handshake();
        resolve(rememberTls({
          transport: tls,
          info: denoTlsInfo(alpnProtocol, servername, true),
        }));
      } catch (error) {
        if (tls !== undefined) closeQuietly(tls);
        reject(toTlsError(error, context));
      }
    },
    () => {
      open = false;
      closeQuietly(tls ?? conn);
    },
  );
}

const contexts = new WeakMap<object, ServerContext>();

/** Remembers what a `SecureContext` stands for. */
export function keepContext(key: object, context: ServerContext): void {
  contexts.set(key, context);
}

/**
 * What does the handshakes for a `SecureContext`, or for options.
 *
 * @throws {TypeError} When they are no good.
 * @throws {NetError} `ERR_UNSUPPORTED`.
 */
export function serverContext(certificates: object | TlsServerOptions): ServerContext {
  const kept = contexts.get(certificates);
  if (kept !== undefined) return kept;
  const options = certificates as TlsServerOptions;
  checkTlsServerOptions(options);
  if (options.implementation === "deno") {
    throw new NetError(
      "Cannot do this with Deno's TLS: it has no server on a connection that stands",
      {
        code: "ERR_UNSUPPORTED",
      },
    );
  }
  return new ServerContext(options);
}

/** How long a client's handshake may take, in ms; 0 for as long as it takes. @throws {TypeError} @throws {RangeError} */
export function clientHandshakeTimeout(options: TlsClientOptions): number {
  checkOptions(options, CLIENT_KEYS);
  return options.handshakeTimeout ?? HANDSHAKE_TIMEOUT;
}

/** How long a server's handshake may take, in ms; 0 for as long as it takes. @throws {TypeError} @throws {RangeError} */
export function serverHandshakeTimeout(certificates: object | TlsServerOptions): number {
  const kept = contexts.get(certificates);
  if (kept !== undefined) return kept.handshakeTimeout;
  checkOptions(certificates, SERVER_KEYS);
  return (certificates as TlsServerOptions).handshakeTimeout ?? HANDSHAKE_TIMEOUT;
}

/** Waits for the handshake of a connection that `Deno.listenTls` accepted, and remembers what it came to. */
export async function denoServerHandshake(
  conn: DenoTlsConn,
  { handshakeTimeout = HANDSHAKE_TIMEOUT }: TlsServerOptions,
): Promise<void> {
  const deadline = deadlineSignal("finish the TLS handshake", { timeout: handshakeTimeout });
  const context = contextOf(conn, undefined);
  try {
    await underDeadlines<void>(
      [deadline],
      async (resolve, reject) => {
        try {
          const { alpnProtocol } = await conn.handshake();
          rememberTls({ transport: conn, info: denoTlsInfo(alpnProtocol, null, false) });
          resolve();
        } catch (error) {
          reject(toTlsError(error, context));
        }
      },
      () => closeQuietly(conn),
    );
  } finally {
    deadline.clear();
  }
}

/** Does a server's handshake under its deadlines. */
export async function serverHandshake(
  certificates: ServerContext,
  transport: Transport,
  options: StartServerTlsOptions,
): Promise<Transport> {
  const outer = deadlineSignal("start TLS", options);
  const inner = deadlineSignal("finish the TLS handshake", {
    timeout: certificates.handshakeTimeout,
  });
  try {
    return rememberTls(
      await certificates.handshake(
        transport,
        [outer, inner],
        contextOf(transport, undefined),
        options.head,
      ),
    );
  } finally {
    outer.clear();
    inner.clear();
  }
}
