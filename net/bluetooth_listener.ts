// Floor 3: driver.
import { checkAdapter } from "./_bluetooth_adapter.ts";
import { FfiListener } from "./_bluetooth_listener.ts";
import { explain, openSocket } from "./_bluetooth_open.ts";
import {
  BluetoothConnection,
  checkChannel,
  checkLocalAddress,
  checkProtocol,
  checkPsm,
  checkSecurity,
  FAMILY,
  setSecurity,
  toAddr,
} from "./_bluetooth_protocol.ts";
import { publishRecord } from "./_bluetooth_sdp_server.ts";
import type { FfiSocket } from "./_bluetooth_socket.ts";
import { EACCES, EADDRINUSE, PSM_SDP, SystemError } from "./_bluetooth_sys.ts";
import type { BluetoothProtocol, BluetoothSecurity, BluetoothTransport } from "./bluetooth.ts";
import { BLUETOOTH_ANY } from "./bluetooth_address.ts";
import { bluetoothUuid } from "./bluetooth_uuid.ts";
import { NetError } from "./errors.ts";
import { serviceRecord } from "./sdp_service.ts";
import type { OtherAddr } from "./transport.ts";
import type { WaitOptions } from "./wait.ts";

/** Options of {@linkcode listenBluetooth}. */
export interface ListenBluetoothOptions {
  /**
   * What carries the connections.
   *
   * @default {"l2cap" with `psm`, else "rfcomm"}
   */
  protocol?: BluetoothProtocol;
  /**
   * The RFCOMM channel, 1 to 30.
   *
   * @default {the system's choice}
   */
  channel?: number;
  /**
   * The L2CAP PSM; below 0x1001 it takes a privileged user.
   *
   * @default {the system's choice}
   */
  psm?: number;
  /**
   * The service's UUID, in any form that {@linkcode bluetoothUuid} takes. With it the service can be found: this process
   * answers SDP requests (PSM 1) as long as the listener is open, which takes a privileged user (CAP_NET_BIND_SERVICE) and no
   * other SDP server, such as bluetoothd, on this machine.
   *
   * @default {undefined, not published}
   */
  uuid?: string | number;
  /** The service's name in its record; needs `uuid`. */
  name?: string;
  /** What the service does, in its record; needs `uuid`. */
  description?: string;
  /**
   * The address of the adapter to listen on.
   *
   * @default {all adapters}
   */
  localAddress?: string;
  /**
   * How far a link must be secured before it is accepted.
   *
   * @default {the system's: "low"}
   */
  security?: BluetoothSecurity;
  /**
   * How many connections may wait for `accept`.
   *
   * @default {16}
   */
  backlog?: number;
}

/** Accepts Bluetooth connections; made by {@linkcode listenBluetooth}. */
export interface BluetoothListener
  extends AsyncIterable<BluetoothTransport>, Disposable, AsyncDisposable {
  /** The adapter's address (zeros: all) and the channel or PSM. */
  readonly addr: OtherAddr;
  /**
   * The next connection.
   *
   * @throws {NetError} `ERR_SOCKET_CLOSED` after close, `ETIMEDOUT`, `ABORT_ERR`.
   */
  accept(options?: WaitOptions): Promise<BluetoothTransport>;
  /** The connections as they come, until close; leaving the loop closes the listener. */
  [Symbol.asyncIterator](): AsyncIterator<BluetoothTransport>;
  /** Accepts no more, takes the service record back, and lets an `accept` that waits fail. Connections stay open. */
  close(): void;
  /** Closes. */
  [Symbol.dispose](): void;
  /** Closes, and waits until the system has let go. */
  [Symbol.asyncDispose](): Promise<void>;
}

function bindAndListen(
  protocol: BluetoothProtocol,
  options: { port: number; localAddress: string; security?: BluetoothSecurity; backlog: number },
  what: string,
): FfiSocket {
  const { encode, type, protocol: number } = FAMILY[protocol];
  const socket = openSocket(type, number, what);
  try {
    if (options.localAddress !== BLUETOOTH_ANY) checkAdapter(options.localAddress, what);
    setSecurity(socket, options.security);
    socket.bind(encode({ address: options.localAddress, port: options.port }));
    socket.listen(options.backlog);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

function wrap(
  socket: FfiSocket,
  protocol: BluetoothProtocol,
  closed?: () => void,
): FfiListener<BluetoothConnection> {
  const { decode, addressSize } = FAMILY[protocol];
  return new FfiListener(socket, {
    addr: toAddr(decode(socket.localAddress(addressSize))),
    addressSize,
    what: "a Bluetooth connection",
    connection: (peer, address) => new BluetoothConnection(peer, protocol, decode(address)),
    closed,
  });
}

/** Opens the SDP server's own listener. */
function listenForSdp(what: string): FfiListener<BluetoothConnection> {
  try {
    const place = { port: PSM_SDP, localAddress: BLUETOOTH_ANY, backlog: 16 };
    return wrap(bindAndListen("l2cap", place, what), "l2cap");
  } catch (error) {
    const why = error instanceof SystemError && error.errno === EADDRINUSE
      ? "EADDRINUSE, another SDP server (bluetoothd?) answers"
      : error instanceof SystemError && error.errno === EACCES
      ? "EACCES, answering SDP requests (PSM 1) takes a privileged user"
      : undefined;
    const explained = explain(error, what, { port: PSM_SDP });
    if (why === undefined || !(explained instanceof NetError)) throw explained;
    throw new NetError(`${what}: ${why}; without a uuid it can listen unpublished`, {
      code: explained.code,
      syscall: "bind",
      port: PSM_SDP,
      cause: error,
    });
  }
}

function checkPort(options: ListenBluetoothOptions, protocol: BluetoothProtocol): number {
  const { channel, psm } = options;
  if (channel !== undefined && (psm !== undefined || protocol === "l2cap")) {
    throw new TypeError("A channel belongs to RFCOMM");
  }
  if (psm !== undefined && protocol === "rfcomm") throw new TypeError("A psm belongs to L2CAP");
  if (channel !== undefined) return checkChannel(channel);
  return psm === undefined ? 0 : checkPsm(psm);
}

/**
 * Listens for Bluetooth connections (Linux; takes `--allow-ffi` and nothing else). The device must be connectable, which
 * is a setting of the adapter, not of the socket.
 *
 * @throws {TypeError} if options don't go together, or an address or UUID is none.
 * @throws {RangeError} if the channel or PSM can't be.
 * @throws {NetError} `EAFNOSUPPORT` (no Bluetooth on this system), `EPERM` (no `--allow-ffi`), `EADDRINUSE` (the channel is
 * taken, or with `uuid` another SDP server runs), `EADDRNOTAVAIL` (no such adapter), `EACCES` (a privileged PSM), and others.
 *
 * @example An echo service
 * ```ts ignore
 * import { listenBluetooth } from "@sluice/sockets/net";
 *
 * for await (const conn of listenBluetooth({ uuid: "SerialPort", name: "Echo" })) {
 *   (async () => {
 *     using end = conn;
 *     const buffer = new Uint8Array(1024);
 *     for (let n; (n = await end.read(buffer)) !== null;) {
 *       for (let at = 0; at < n;) at += await end.write(buffer.subarray(at, n));
 *     }
 *   })().catch(console.error);
 * }
 * ```
 */
export function listenBluetooth(options: ListenBluetoothOptions = {}): BluetoothListener {
  const protocol = checkProtocol(
    options.protocol ?? (options.psm === undefined ? "rfcomm" : "l2cap"),
  );
  const port = checkPort(options, protocol);
  const security = checkSecurity(options.security);
  const localAddress = checkLocalAddress(options.localAddress);
  const { backlog = 16, uuid, name, description } = options;
  if (!Number.isInteger(backlog) || backlog < 1) {
    throw new RangeError(`A backlog is at least 1, not ${backlog}`);
  }
  if (uuid === undefined && (name !== undefined || description !== undefined)) {
    throw new TypeError("A name or description goes into the service record, which needs a uuid");
  }
  const service = uuid === undefined ? undefined : bluetoothUuid(uuid);
  const at = port === 0 ? "" : ` on ${FAMILY[protocol].port} ${port}`;
  const what = `Cannot listen for Bluetooth connections${at}`;
  let socket: FfiSocket | undefined;
  let unpublish: (() => void) | undefined;
  try {
    socket = bindAndListen(protocol, { port, localAddress, security, backlog }, what);
    const listener = wrap(socket, protocol, () => unpublish?.());
    if (service !== undefined) {
      const record = serviceRecord({
        uuid: service,
        protocol,
        port: listener.addr.port!,
        name,
        description,
      });
      unpublish = publishRecord(localAddress, record, () => listenForSdp(what));
    }
    return listener;
  } catch (error) {
    socket?.close();
    throw explain(error, what, { port: port === 0 ? undefined : port });
  }
}
