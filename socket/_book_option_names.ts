// Floor 3: driver.
import { checkOptionNames } from "../net/option_names.ts";
import type {
  CreateBluetoothOptions,
  CreateSocketOptions,
  CreateTlsOptions,
  CreateUdpOptions,
  SocketBookOptions,
} from "./socket_book_options.ts";

type Names<Options> = Readonly<Record<keyof Options, true>>;

const BOOK: Names<SocketBookOptions> = {
  throws: true,
  encoding: true,
  certificates: true,
  maxMessageBytes: true,
  inboxBytes: true,
  outboxBytes: true,
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
  options: CreateSocketOptions | CreateUdpOptions | CreateTlsOptions,
  over: "tcp" | "udp" | "tls",
): void {
  if (typeof options === "string") {
    throw new TypeError(
      `Cannot listen: the address goes into an object, { address: "${options}" }`,
    );
  }
  checkOptionNames("Cannot listen", options, { tcp: TCP, udp: UDP, tls: TLS }[over], ADDRESS);
}

/**
 * Refuses what would leave a Bluetooth service on all adapters.
 *
 * @throws {TypeError} For what is no object, and for an option that is not there.
 */
export function checkBluetoothOptions(options: CreateBluetoothOptions): void {
  checkOptionNames("Cannot listen", options, BLUETOOTH, ADAPTER);
}
