// Floor 3: driver.
import { Adapter, listAdapters } from "./_bluetooth_adapter.ts";
import type { HciInquiryResult } from "./_bluetooth_hci.ts";
import { explain, openSocket } from "./_bluetooth_open.ts";
import { checkLocalAddress } from "./_bluetooth_protocol.ts";
import { querySdp } from "./_bluetooth_sdp_client.ts";
import { BTPROTO_HCI, encodeHciAddr, SOCK_RAW } from "./_bluetooth_sys.ts";
import { BLUETOOTH_ANY, bluetoothAddress } from "./bluetooth_address.ts";
import { NetError } from "./errors.ts";
import { type BluetoothService, describeService } from "./sdp_service.ts";
import type { SdpRecord } from "./sdp_record.ts";
import { deadlineSignal, type WaitOptions } from "./wait.ts";

/** A device that {@linkcode discoverBluetooth} found. */
export interface BluetoothDevice {
  /** Its address. */
  address: string;
  /** Its name, if it told. */
  name?: string;
  /** What kind of device it is: 24 bits (Assigned Numbers, "Class of Device"). */
  deviceClass: number;
  /** How strong its signal is, in dBm, if the adapter measures that. */
  rssi?: number;
}

/** Options of {@linkcode discoverBluetooth}. */
export interface DiscoverBluetoothOptions extends WaitOptions {
  /**
   * Gives up (with an error, and nothing found) after so many milliseconds, names included.
   *
   * @default {0: no limit but the search's own}
   */
  timeout?: number;
  /**
   * How long to search, in units of 1.28 s: 1 to 48.
   *
   * @default {8: 10.24 s}
   */
  inquiryLength?: number;
  /**
   * Ends the search when so many devices are found: 1 to 255.
   *
   * @default {255}
   */
  maxDevices?: number;
  /**
   * Asks each device for its name that didn't send it along, which takes a second or so each.
   *
   * @default {true}
   */
  names?: boolean;
  /**
   * The address of the adapter to search with.
   *
   * @default {the first that is up}
   */
  localAddress?: string;
}

const WHAT = "Cannot discover Bluetooth devices";

/** Opens the first adapter that is up, or the one at `localAddress`. */
function openAdapter(localAddress: string): Adapter {
  const any = localAddress === BLUETOOTH_ANY;
  const found = listAdapters(WHAT).find(({ address, up }) =>
    up && (any || address === localAddress)
  );
  if (found === undefined) {
    throw new NetError(`${WHAT}: EADDRNOTAVAIL, no adapter${any ? "" : ` ${localAddress}`} is up`, {
      code: "EADDRNOTAVAIL",
      syscall: "bind",
      address: any ? undefined : localAddress,
    });
  }
  const socket = openSocket(SOCK_RAW, BTPROTO_HCI, WHAT);
  try {
    socket.bind(encodeHciAddr(found.index));
    return new Adapter(socket);
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * Looks for Bluetooth devices in reach that let themselves be found (Linux; takes `--allow-ffi` and nothing else).
 *
 * @throws {RangeError} if `inquiryLength` or `maxDevices` is out of range.
 * @throws {NetError} `EAFNOSUPPORT` (no Bluetooth on this system), `EPERM` (no `--allow-ffi`), `EADDRNOTAVAIL` (no such adapter
 * is up), `EIO` (the adapter refuses, perhaps because a search is under way), `ETIMEDOUT`, `ABORT_ERR`.
 *
 * @example
 * ```ts ignore
 * import { discoverBluetooth } from "@sluice/sockets/net";
 *
 * for (const { address, name } of await discoverBluetooth({ inquiryLength: 4 })) {
 *   console.log(address, name ?? "(no name)");
 * }
 * ```
 */
export async function discoverBluetooth(
  options: DiscoverBluetoothOptions = {},
): Promise<BluetoothDevice[]> {
  const { inquiryLength = 8, maxDevices = 255, names = true } = options;
  if (!Number.isInteger(inquiryLength) || inquiryLength < 1 || inquiryLength > 48) {
    throw new RangeError(`The inquiry length is 1 to 48, not ${inquiryLength}`);
  }
  if (!Number.isInteger(maxDevices) || maxDevices < 1 || maxDevices > 255) {
    throw new RangeError(`The number of devices is 1 to 255, not ${maxDevices}`);
  }
  const localAddress = checkLocalAddress(options.localAddress);
  const deadline = deadlineSignal("discover Bluetooth devices", options);
  const found = new Map<string, HciInquiryResult>();
  try {
    if (deadline.fired) throw deadline.fired;
    await using adapter = openAdapter(localAddress);
    await adapter.inquire(inquiryLength, (device) => {
      // A device answers more than once, and perhaps only once with its name.
      if (found.has(device.address) || found.size < maxDevices) {
        found.set(device.address, { ...found.get(device.address), ...device });
      }
      return found.size >= maxDevices;
    }, deadline);
    for (const device of names ? found.values() : []) {
      device.name ??= await adapter.name(device, deadline);
    }
  } catch (error) {
    throw explain(error, WHAT);
  } finally {
    deadline.clear();
  }
  return [...found.values()].map(({ address, name, deviceClass, rssi }) => ({
    address,
    ...(name === undefined ? {} : { name }),
    deviceClass,
    ...(rssi === undefined ? {} : { rssi }),
  }));
}

/** The device to ask for its services. */
export interface BluetoothServicesTarget {
  /** The device's address. */
  address: string;
  /**
   * Only services with this UUID.
   *
   * @default {all that are open to browsing}
   */
  uuid?: string | number;
  /**
   * The address of the adapter to use.
   *
   * @default {the system's choice}
   */
  localAddress?: string;
}

/** Options of {@linkcode discoverBluetoothServices}. */
export interface DiscoverBluetoothServicesOptions extends WaitOptions {
  /**
   * Gives up after so many milliseconds; no limit with 0.
   *
   * @default {30000}
   */
  timeout?: number;
  /**
   * The most bytes that the device's answers may have together.
   *
   * @default {64 KiB}
   */
  maxBytes?: number;
}

/** A service of a device: what is needed to reach it, and its whole record. */
export interface DiscoveredBluetoothService extends BluetoothService {
  /** The whole record. */
  record: SdpRecord;
}

/**
 * Asks a device for its services (SDP).
 *
 * @throws {TypeError} if the address or the UUID is none.
 * @throws {NetError} as {@linkcode connectBluetooth}, and `EPROTO` if the device doesn't keep to the protocol.
 *
 * @example
 * ```ts ignore
 * import { discoverBluetoothServices } from "@sluice/sockets/net";
 *
 * const services = await discoverBluetoothServices({ address: "00:1A:7D:DA:71:13" });
 * for (const { name, protocol, port } of services) console.log(name, protocol, port);
 * ```
 */
export async function discoverBluetoothServices(
  target: BluetoothServicesTarget,
  options: DiscoverBluetoothServicesOptions = {},
): Promise<DiscoveredBluetoothService[]> {
  const address = bluetoothAddress(target.address);
  const localAddress = checkLocalAddress(target.localAddress);
  const query = { uuids: [target.uuid ?? "PublicBrowseGroup"], maxBytes: options.maxBytes };
  const deadline = deadlineSignal(`ask Bluetooth "${address}" for its services`, {
    timeout: options.timeout ?? 30_000,
    signal: options.signal,
  });
  try {
    const records = await querySdp({ address, localAddress }, query, deadline);
    return records.map((record) => ({ ...describeService(record), record }));
  } finally {
    deadline.clear();
  }
}
