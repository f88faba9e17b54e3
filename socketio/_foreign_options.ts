// Floor 1: codec.
/**
 * The options that npm's socket.io, engine.io and their clients have, and that are not here. Passed over, they would leave a program with
 * something else than it asked for. Names that neither knows are nobody's.
 *
 * @module
 */

/** What to use in place of an option, by its name. */
export type ForeignOptions = Readonly<Record<string, string>>;

const TO_LISTEN = "it goes to listen()";

/** Those of servers, and what belongs to a port. */
export const FOREIGN_SERVER_OPTIONS: ForeignOptions = {
  allowEIO3: "only revision 4 of the Engine.IO protocol is spoken",
  wsEngine: "the WebSocket is the package's own",
  jsonp: "polling by scripts is not supported",
  initialPacket: "send it in the listener of a connection",
  port: TO_LISTEN,
  hostname: TO_LISTEN,
  tls: TO_LISTEN,
  proxyProtocol: TO_LISTEN,
  handler: TO_LISTEN,
  headTimeout: TO_LISTEN,
  requestTimeout: TO_LISTEN,
  keepAliveTimeout: TO_LISTEN,
  maxWaiting: TO_LISTEN,
  maxConnectionsPerAddress: TO_LISTEN,
  ipv6PrefixLength: TO_LISTEN,
  acceptRate: TO_LISTEN,
  allowList: TO_LISTEN,
  blockList: TO_LISTEN,
  onDrop: TO_LISTEN,
};

/** Those of zlib, which npm's engine.io hands on. */
export const FOREIGN_COMPRESSION_OPTIONS: ForeignOptions = Object.fromEntries(
  ["flush", "finishFlush", "chunkSize", "windowBits", "level", "memLevel", "strategy"]
    .concat("dictionary", "info", "maxOutputLength")
    .map((name) => [name, "only the threshold can be set"]),
);

const TLS =
  "it goes into `tls` beside a `proxy`; else `fetch` and `WebSocket` may be a program's own, or DENO_CERT names the certificates to trust";
const STAMPS = "requests are sent past all caches; `query` adds parameters";
const WEBSOCKET = "a class for `WebSocket` may do so";

/** Those of clients, of the `ws` below them, and of TLS. */
export const FOREIGN_CLIENT_OPTIONS: ForeignOptions = {
  ...Object.fromEntries(
    ["pfx", "key", "passphrase", "cert", "ca", "ciphers", "rejectUnauthorized"]
      .concat("checkServerIdentity")
      .map((name) => [name, TLS]),
  ),
  "force new connection": "it is `forceNew` here",
  agent: "it is `proxy` or `fetch` here",
  autoUnref: "call close() when the program ends",
  closeOnBeforeunload: "call close() in a listener of that event",
  family: WEBSOCKET,
  forceBase64: "WebSockets carry bytes as they are",
  jsonp: "polling by scripts is not supported",
  localAddress: WEBSOCKET,
  maxPayload: "it is `maxHttpBufferSize` here",
  origin: "it is a header of `extraHeaders` here",
  perMessageDeflate: WEBSOCKET,
  protocolVersion: "only version 13 of the WebSocket protocol is spoken",
  protocols: WEBSOCKET,
  rememberUpgrade: 'name "websocket" first in `transports`',
  requestTimeout: "it is `timeout` here",
  timestampParam: STAMPS,
  timestampRequests: STAMPS,
  transportImplementations: "it is `transports`, `fetch` and `WebSocket` here",
  transportOptions: "it is `extraHeaders` here, for all transports",
  useNativeTimers: "the timers are those that globalThis has when they are set",
};

/** What npm's clients do unless they are told otherwise, and what is done here, too, as far as the platform's WebSocket does it. */
const DONE_ANYWAY: Readonly<Record<string, unknown>> = {
  perMessageDeflate: { threshold: 1024 },
  protocolVersion: 13,
  timestampParam: "t",
  timestampRequests: true,
};

/** Whether an option asks for what would be done anyway. */
function asksNothing(name: string, value: unknown): boolean {
  if (name === "rejectUnauthorized") return value !== false;
  if (name === "transportOptions" && Object.keys(Object(value)).length === 0) return true;
  if (!value || Array.isArray(value) && value.length === 0) return true;
  return Object.hasOwn(DONE_ANYWAY, name) &&
    JSON.stringify(DONE_ANYWAY[name]) === JSON.stringify(value);
}

/**
 * Refuses options of others that ask for something.
 *
 * @throws {TypeError} With the option's name, and what to use in place of it.
 */
export function refuseForeign(options: object, foreign: ForeignOptions, of = ""): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || !Object.hasOwn(foreign, name)) continue;
    if (asksNothing(name, value)) continue;
    throw new TypeError(`Cannot use the option ${of}${name}: ${foreign[name]}`);
  }
}
