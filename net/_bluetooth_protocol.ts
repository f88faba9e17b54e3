// Floor 3: driver.
import { checkAdapter } from "./_bluetooth_adapter.ts";
import { explain, openSocket } from "./_bluetooth_open.ts";
import type { FfiSocket } from "./_bluetooth_socket.ts";
import {
  type BluetoothEnd,
  BT_SECURITY,
  BTPROTO_L2CAP,
  BTPROTO_RFCOMM,
  decodeL2capAddr,
  decodeL2capOptions,
  decodeRfcommAddr,
  ECONNRESET,
  encodeL2capAddr,
  encodeRfcommAddr,
  L2CAP_OPTIONS,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCKADDR_L2,
  SOCKADDR_RC,
  SOL_BLUETOOTH,
  SOL_L2CAP,
  SystemError,
} from "./_bluetooth_sys.ts";
import { FfiTransport } from "./_bluetooth_transport.ts";
import { BLUETOOTH_ANY, bluetoothAddress } from "./bluetooth_address.ts";
import type { OtherAddr } from "./transport.ts";
import type { Deadline } from "./wait.ts";

export type Protocol = "rfcomm" | "l2cap";
export type Security = "low" | "medium" | "high";

interface Family {
  /** What a port is called. */
  port: "channel" | "PSM";
  type: number;
  protocol: number;
  addressSize: number;
  encode(end: BluetoothEnd): Uint8Array;
  decode(bytes: Uint8Array): BluetoothEnd;
}

export const FAMILY: Record<Protocol, Family> = {
  rfcomm: {
    port: "channel",
    type: SOCK_STREAM,
    protocol: BTPROTO_RFCOMM,
    addressSize: SOCKADDR_RC,
    encode: encodeRfcommAddr,
    decode: decodeRfcommAddr,
  },
  l2cap: {
    port: "PSM",
    type: SOCK_SEQPACKET,
    protocol: BTPROTO_L2CAP,
    addressSize: SOCKADDR_L2,
    encode: encodeL2capAddr,
    decode: decodeL2capAddr,
  },
};

const SECURITY: Record<Security, number> = { low: 1, medium: 2, high: 3 };

/** @throws {RangeError} if it is not 1 to 30 */
export function checkChannel(channel: number): number {
  if (!Number.isInteger(channel) || channel < 1 || channel > 30) {
    throw new RangeError(`An RFCOMM channel is 1 to 30, not ${channel}`);
  }
  return channel;
}

/** An L2CAP PSM of two bytes: odd, and the bit 0x100 clear. @throws {RangeError} */
export function checkPsm(psm: number): number {
  if (!Number.isInteger(psm) || psm < 1 || psm > 0xffff || (psm & 0x0101) !== 1) {
    throw new RangeError(
      `An L2CAP PSM is odd, at most 0xfeff, and its bit 0x100 is clear; ${psm} is not`,
    );
  }
  return psm;
}

export function checkSecurity(security: Security | undefined): Security | undefined {
  if (security !== undefined && !Object.hasOwn(SECURITY, security)) {
    throw new TypeError(`Bluetooth security is "low", "medium" or "high", not "${security}"`);
  }
  return security;
}

export function checkProtocol(protocol: Protocol): Protocol {
  if (!Object.hasOwn(FAMILY, protocol)) {
    throw new TypeError(`The Bluetooth protocol is "rfcomm" or "l2cap", not "${protocol}"`);
  }
  return protocol;
}

/** The address of an adapter of this machine; any, when left out. */
export function checkLocalAddress(address: string | undefined): string {
  return address === undefined ? BLUETOOTH_ANY : bluetoothAddress(address);
}

export function setSecurity(socket: FfiSocket, security: Security | undefined): void {
  if (security === undefined) return;
  socket.setOption(SOL_BLUETOOTH, BT_SECURITY, Uint8Array.of(SECURITY[security], 0));
}

export function toAddr(end: BluetoothEnd): OtherAddr {
  return { transport: "bluetooth", address: end.address, port: end.port };
}

/** A connection of RFCOMM or L2CAP. */
export class BluetoothConnection extends FfiTransport {
  constructor(socket: FfiSocket, readonly protocol: Protocol, remote: BluetoothEnd) {
    const { decode, addressSize } = FAMILY[protocol];
    super(socket, {
      localAddr: toAddr(decode(socket.localAddress(addressSize))),
      remoteAddr: toAddr(remote),
      packets: protocol === "l2cap"
        ? decodeL2capOptions(socket.getOption(SOL_L2CAP, L2CAP_OPTIONS, 12))
        : undefined,
      resetIsEnd: protocol === "rfcomm",
    });
  }
}

/** What {@linkcode dial} needs. */
export interface DialTarget extends BluetoothEnd {
  protocol: Protocol;
  /** {@linkcode BLUETOOTH_ANY} for no choice. */
  localAddress: string;
  security?: Security;
}

/** @throws {NetError} */
export async function dial(target: DialTarget, deadline: Deadline): Promise<BluetoothConnection> {
  const { protocol, address, port } = target;
  const { encode, type, protocol: number, port: noun } = FAMILY[protocol];
  const what = `Cannot connect to Bluetooth "${address}", ${noun} ${port}`;
  if (deadline.fired) throw deadline.fired;
  let socket: FfiSocket | undefined;
  try {
    socket = openSocket(type, number, what);
    setSecurity(socket, target.security);
    if (target.localAddress !== BLUETOOTH_ANY) {
      checkAdapter(target.localAddress, what);
      socket.bind(encode({ address: target.localAddress, port: 0 }));
    }
    const errno = await socket.tryConnect(encode({ address, port }), deadline);
    // An RFCOMM peer that accepts, sends and closes at once: that is a connection, and what it sent can be read.
    if (errno !== 0 && !(errno === ECONNRESET && protocol === "rfcomm")) {
      throw new SystemError("connect", errno);
    }
    return new BluetoothConnection(socket, protocol, { address, port });
  } catch (error) {
    socket?.close();
    throw explain(error, what, { address, port });
  }
}
