// Floor 1: codec.
import { checkOptionNames } from "../net/option_names.ts";
import { resolveConnectionOptions } from "./connection_options.ts";

/** The names of what every connection takes. */
export const CONNECTION_OPTIONS: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.keys(resolveConnectionOptions()).map((name) => [name, true]),
);

const IN_TLS = "goes into `tls`";
const OTHER_SIZE = "is `maxMessageSize` here";

/** What TLS takes, where other libraries have it: unseen, a connection would trust others than was meant, or run without TLS. */
const TLS_OPTIONS = Object.fromEntries(
  ["cert", "key", "ca", "pfx", "passphrase", "rejectUnauthorized", "ALPNProtocols", "ciphers"]
    .concat("minVersion", "maxVersion", "secureContext", "checkServerIdentity")
    .map((name) => [name, IN_TLS]),
);

/** What a client of other libraries takes (npm's ws, browsers, Deno), and where that is here. */
export const FOREIGN_CLIENT_OPTIONS: Readonly<Record<string, string>> = {
  ...TLS_OPTIONS,
  servername: IN_TLS,
  protocol: "is `protocols` here",
  subprotocols: "is `protocols` here",
  maxPayload: OTHER_SIZE,
  maxPayloadLength: OTHER_SIZE,
  followRedirects: "is `maxRedirects` here",
  timeout: "is `connectTimeout` and `handshakeTimeout` here",
  idleTimeout: "is `keepAliveInterval` and `keepAliveTimeout` here",
  agent: "is `proxy` or `transport` here",
  client: "is `proxy` or `tls` here",
  socket: "is `transport` here",
  createConnection: "is `transport` here",
  auth: "goes into the URL",
  host: "goes into the URL",
  hostname: "goes into the URL",
  port: "goes into the URL",
  path: "goes into the URL",
  compress: "is `perMessageDeflate` here",
};

/** What a server of other libraries takes (npm's ws, Bun, Deno), and where that is here. */
export const FOREIGN_SERVER_OPTIONS: Readonly<Record<string, string>> = {
  ...TLS_OPTIONS,
  requestCert: IN_TLS,
  server: "is `attachWebSocket(server, options)` here",
  noServer: "is `attachWebSocket(server, options)` here",
  host: "is `hostname` here",
  interface: "is `hostname` here",
  address: "is `hostname` here",
  unix: "is `path` here",
  conn: "is `listener` here",
  fetch: "is `handler` here",
  websocket: "is `default` here",
  onConnection: "is `default` here",
  on_error: "is `onError` here",
  verifyClient: "is `authorize` here",
  handleProtocols: "is `protocols` here",
  origins: "is `origin` here",
  maxPayload: OTHER_SIZE,
  maxPayloadLength: OTHER_SIZE,
  idleTimeout: "is `keepAliveInterval` and `keepAliveTimeout` here",
  timeout: "is `handshakeTimeout` here",
  backpressureLimit: "is `maxSendQueueBytes` here",
  compress: "is `perMessageDeflate` here",
};

const BY_KIND = "is none here: text is sent as text, bytes as binary";
const OF_THE_SERVER = "is an option of the server's `broadcast()`";
const FOREIGN_CAST_OPTIONS: Readonly<Record<string, string>> = {
  opcode: BY_KIND,
  binary: BY_KIND,
  except: OF_THE_SERVER,
  protocol: OF_THE_SERVER,
  protocols: "is `protocol`, an option of the server's `broadcast()`",
};

/**
 * Refuses what a broadcast or a publication does not take: unseen, clients would get what is not for them.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE`
 */
export function checkCastOptions(
  what: "broadcast" | "publish",
  options: object | undefined,
  known: Readonly<Record<string, unknown>>,
): void {
  if (options !== undefined) {
    checkOptionNames(`Cannot ${what}`, options, known, FOREIGN_CAST_OPTIONS);
  }
}
