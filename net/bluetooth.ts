// Floor 3: driver.
import {
  checkChannel,
  checkLocalAddress,
  checkProtocol,
  checkPsm,
  checkSecurity,
  dial,
} from "./_bluetooth_protocol.ts";
import { querySdp } from "./_bluetooth_sdp_client.ts";
import { BLUETOOTH_ANY, bluetoothAddress } from "./bluetooth_address.ts";
import { bluetoothUuid } from "./bluetooth_uuid.ts";
import { NetError } from "./errors.ts";
import { SDP_ATTRIBUTE } from "./sdp_record.ts";
import { describeService } from "./sdp_service.ts";
import type { OtherAddr, Transport } from "./transport.ts";
import { type Deadline, deadlineSignal, type WaitOptions } from "./wait.ts";

/** What carries a Bluetooth connection: `"rfcomm"` a stream of bytes, `"l2cap"` packets. */
export type BluetoothProtocol = "rfcomm" | "l2cap";

/**
 * How far a Bluetooth link must be secured: `"low"` not at all where the devices allow it, `"medium"` encrypted (pairing,
 * perhaps without a question), `"high"` encrypted with a pairing that someone confirmed.
 */
export type BluetoothSecurity = "low" | "medium" | "high";

/**
 * A Bluetooth connection.
 *
 * Bluetooth has no half close: `closeWrite` ends both directions once what was written is sent; what had arrived by then
 * can still be read.
 *
 * L2CAP carries packets. A `write` sends one packet, of at most `mtu` bytes; a `read` gives bytes of one packet, and all of it
 * if the buffer has room (64 KiB always has). Empty packets are skipped.
 */
export interface BluetoothTransport extends Transport, Disposable, AsyncDisposable {
  /** What carries the connection. */
  readonly protocol: BluetoothProtocol;
  /** L2CAP: the largest packet that the other end takes, in bytes. RFCOMM: `undefined`. */
  readonly mtu: number | undefined;
  /** The adapter's address and the channel (or PSM) of this end. */
  readonly localAddr: OtherAddr;
  /** The device's address and its channel (or PSM). */
  readonly remoteAddr: OtherAddr;
  /** Closes. */
  [Symbol.dispose](): void;
  /** Closes, and waits until the system has let go. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The other end of a Bluetooth connection: a device, and one of `channel`, `psm` and `uuid`. */
export interface BluetoothTarget {
  /** The device's address: `"00:1A:7D:DA:71:13"`. */
  address: string;
  /** The RFCOMM channel, 1 to 30. */
  channel?: number;
  /** The L2CAP PSM: odd, and its bit 0x100 clear. */
  psm?: number;
  /** The service's UUID, in any form that {@linkcode bluetoothUuid} takes; the device is asked for its channel or PSM. */
  uuid?: string | number;
  /**
   * What carries the connection.
   *
   * @default {"l2cap" with `psm`, else "rfcomm"}
   */
  protocol?: BluetoothProtocol;
  /**
   * The address of the adapter to use.
   *
   * @default {the system's choice}
   */
  localAddress?: string;
}

/** Options of {@linkcode connectBluetooth}. */
export interface ConnectBluetoothOptions extends WaitOptions {
  /**
   * Gives up after so many milliseconds, all steps together; no limit with 0.
   *
   * @default {30000}
   */
  timeout?: number;
  /**
   * How far the link must be secured.
   *
   * @default {the system's: "low"}
   */
  security?: BluetoothSecurity;
}

/** What is asked for, checked: a port, or the UUID of a service. */
interface Wanted {
  address: string;
  localAddress: string;
  protocol: BluetoothProtocol;
  port?: number;
  uuid?: string;
}

function checkTarget(target: BluetoothTarget): Wanted {
  const { channel, psm, uuid } = target;
  if ([channel, psm, uuid].filter((value) => value !== undefined).length !== 1) {
    throw new TypeError("A Bluetooth target has one of channel, psm and uuid");
  }
  const address = bluetoothAddress(target.address);
  if (address === BLUETOOTH_ANY) throw new TypeError(`Cannot connect to ${address}: no device`);
  const protocol = checkProtocol(target.protocol ?? (psm === undefined ? "rfcomm" : "l2cap"));
  if (
    (channel !== undefined && protocol === "l2cap") || (psm !== undefined && protocol === "rfcomm")
  ) {
    throw new TypeError("A channel belongs to RFCOMM, a psm to L2CAP");
  }
  const wanted: Wanted = {
    address,
    protocol,
    localAddress: checkLocalAddress(target.localAddress),
  };
  if (channel !== undefined) wanted.port = checkChannel(channel);
  if (psm !== undefined) wanted.port = checkPsm(psm);
  if (uuid !== undefined) wanted.uuid = bluetoothUuid(uuid);
  return wanted;
}

/** The channel or PSM of the service, as the device's SDP server tells. */
async function lookUpPort(wanted: Wanted, uuid: string, deadline: Deadline): Promise<number> {
  const records = await querySdp(wanted, {
    uuids: [uuid],
    ranges: [
      [SDP_ATTRIBUTE.ServiceClassIDList, SDP_ATTRIBUTE.ServiceClassIDList],
      [SDP_ATTRIBUTE.ProtocolDescriptorList, SDP_ATTRIBUTE.ProtocolDescriptorList],
    ],
  }, deadline);
  for (const service of records.map(describeService)) {
    if (service.protocol === wanted.protocol && service.port !== undefined) return service.port;
  }
  throw new NetError(
    `Cannot connect to Bluetooth "${wanted.address}": it has no ${wanted.protocol.toUpperCase()} ` +
      `service with UUID ${uuid}`,
    { code: "ENOTFOUND", syscall: "connect", address: wanted.address },
  );
}

/**
 * Connects to a Bluetooth device (Linux; takes `--allow-ffi` and nothing else).
 *
 * @throws {TypeError} if the target names no port, or more than one, or an address or UUID that is none.
 * @throws {RangeError} if the channel or PSM can't be.
 * @throws {NetError} `EAFNOSUPPORT` (no Bluetooth on this system), `EPERM` (no `--allow-ffi`), `EHOSTUNREACH` (no adapter),
 * `EHOSTDOWN` (no answer from the device), `ECONNREFUSED` (nobody listens there), `ENOTFOUND` (no service with that UUID),
 * `ETIMEDOUT`, `ABORT_ERR`, and others.
 *
 * @example A serial port
 * ```ts ignore
 * import { connectBluetooth } from "@sluice/sockets/net";
 *
 * await using printer = await connectBluetooth({
 *   address: "00:1A:7D:DA:71:13",
 *   uuid: "SerialPortServiceClass_UUID",
 * }, { timeout: 10_000 });
 * await printer.write(new TextEncoder().encode("Hello\r\n"));
 * ```
 */
export async function connectBluetooth(
  target: BluetoothTarget,
  options: ConnectBluetoothOptions = {},
): Promise<BluetoothTransport> {
  const wanted = checkTarget(target);
  const security = checkSecurity(options.security);
  const deadline = deadlineSignal(`connect to Bluetooth "${wanted.address}"`, {
    timeout: options.timeout ?? 30_000,
    signal: options.signal,
  });
  try {
    const port = wanted.port ?? await lookUpPort(wanted, wanted.uuid!, deadline);
    return await dial({ ...wanted, port, security }, deadline);
  } finally {
    deadline.clear();
  }
}
