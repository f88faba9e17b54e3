// Floor 3: driver.
import { checkOptionNames } from "../net/option_names.ts";
import type { TlsClientOptions } from "../net/tls_options.ts";
import type { WaitOptions } from "../net/wait.ts";
import type {
  ConnectNamedBluetoothOptions,
  ConnectTlsOptions,
  CreateBluetoothOptions,
  CreateSocketOptions,
  CreateTlsOptions,
  CreateUdpOptions,
  ReadSocketOptions,
  SocketBookOptions,
  WebSocketClientOptions,
  WebSocketClientTlsOptions,
  WriteSocketOptions,
} from "./socket_book_options.ts";

type Names<Options> = Readonly<Record<keyof Options, true>>;

const BOOK: Names<SocketBookOptions> = {
  throws: true,
  encoding: true,
  certificates: true,
  maxMessageBytes: true,
  maxInboxBytes: true,
  maxSendQueueBytes: true,
  maxSockets: true,
  maxPending: true,
};

const TCP: Names<CreateSocketOptions> = { address: true, backlog: true };

const UDP: Names<CreateUdpOptions> = { address: true, broadcast: true };

const TLS: Names<CreateTlsOptions> = {
  ...TCP,
  protocols: true,
  ALPNProtocols: true,
  minVersion: true,
  maxVersion: true,
  implementation: true,
  ca: true,
  requestCert: true,
  rejectUnauthorized: true,
  sni: true,
  SNICallback: true,
};

const BLUETOOTH: Names<CreateBluetoothOptions> = {
  channel: true,
  adapter: true,
  serviceName: true,
  publish: true,
};

const ADAPTER = {
  address: "is `adapter` here",
  localAddress: "is `adapter` here",
  name: "is `serviceName` here",
};

const WAIT: Names<WaitOptions> = { timeout: true, signal: true };

const CALL_BLUETOOTH: Names<ConnectNamedBluetoothOptions> = {
  ...WAIT,
  adapter: true,
  channel: true,
};

const TLS_CLIENT: Names<Omit<TlsClientOptions, "handshakeTimeout" | "ALPNProtocols">> = {
  cert: true,
  key: true,
  passphrase: true,
  minVersion: true,
  maxVersion: true,
  implementation: true,
  servername: true,
  ca: true,
  caCerts: true,
  rejectUnauthorized: true,
  checkServerIdentity: true,
};

const CALL_TLS: Names<ConnectTlsOptions> = {
  ...WAIT,
  ...TLS_CLIENT,
  ALPNProtocols: true,
  protocols: true,
  certificate: true,
};

const CALL_WEB_SOCKET: Names<WebSocketClientOptions> = {
  ...WAIT,
  port: true,
  path: true,
  protocols: true,
  callback: true,
};

const CALL_WEB_SOCKET_TLS: Names<WebSocketClientTlsOptions> = {
  ...CALL_WEB_SOCKET,
  ...TLS_CLIENT,
  tlsProtocols: true,
};

const READ: Names<ReadSocketOptions> = {
  ...WAIT,
  wait: true,
  maxBytes: true,
  receiveDelay: true,
  bytes: true,
  encoding: true,
};

const WRITE: Names<WriteSocketOptions> = { ...WAIT, address: true, port: true, encoding: true };

const CALLS = {
  wait: { what: "Cannot wait", known: WAIT },
  bluetooth: { what: "Cannot connect", known: CALL_BLUETOOTH },
  tls: { what: "Cannot connect", known: CALL_TLS },
  webSocketTls: { what: "Cannot connect", known: CALL_WEB_SOCKET_TLS },
  webSocket: { what: "Cannot connect", known: CALL_WEB_SOCKET },
  read: { what: "Cannot read", known: READ },
  write: { what: "Cannot write", known: WRITE },
};

const ADDRESS = { host: "is `address` here", hostname: "is `address` here" };

/** @throws {TypeError} For an option that a book does not have. */
export function checkBookOptions(options: SocketBookOptions): void {
  checkOptionNames("Cannot make a book of sockets", options, BOOK);
}

/**
 * Refuses what would leave a socket listening on all addresses: an address that is not in an object, or under another name.
 *
 * @throws {TypeError} For a text, and for an option that is not there.
 */
export function checkListenOptions(
  options: CreateSocketOptions | CreateUdpOptions | CreateTlsOptions | CreateBluetoothOptions,
  over: "tcp" | "udp" | "tls" | "bluetooth",
): void {
  if (over === "bluetooth") return checkOptionNames("Cannot listen", options, BLUETOOTH, ADAPTER);
  if (typeof options === "string") {
    throw new TypeError(
      `Cannot listen: the address goes into an object, { address: "${options}" }`,
    );
  }
  checkOptionNames("Cannot listen", options, { tcp: TCP, udp: UDP, tls: TLS }[over], ADDRESS);
}

/**
 * Refuses what a call would not hear: arguments in WLangage's order, where an object of options is wanted, would have it wait for ever, or
 * connect to another port.
 *
 * @throws {TypeError} For what is no object, and for an option that is not there.
 */
export function checkCallOptions(options: object, call: keyof typeof CALLS): void {
  const { what, known } = CALLS[call];
  checkOptionNames(what, options, known);
}
