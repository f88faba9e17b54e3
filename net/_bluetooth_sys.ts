// Floor 1: codec.
// The numbers and structures of Linux's socket interface that Bluetooth and infrared need (<linux/socket.h>,
// <net/bluetooth/bluetooth.h>, <linux/irda.h>); all integers are little-endian, as are the machines Deno runs on.
import { NetError, type NetErrorCode, type NetErrorOptions } from "./errors.ts";

export const AF_IRDA = 23;
export const AF_BLUETOOTH = 31;
export const SOCK_STREAM = 1;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const BTPROTO_L2CAP = 0;
export const BTPROTO_HCI = 1;
export const BTPROTO_RFCOMM = 3;
export const SHUT_WR = 1;
export const SOL_SOCKET = 1;
export const SO_ERROR = 4;
export const SOL_HCI = 0;
export const HCI_FILTER = 2;
export const SOL_L2CAP = 6;
export const L2CAP_OPTIONS = 1;
export const SOL_BLUETOOTH = 274;
export const BT_SECURITY = 4;

/** The L2CAP port that service discovery listens on. */
export const PSM_SDP = 1;

/** The errno values of Linux that this package meets: name and text. */
const ERRNO: Readonly<Record<number, [name: string, text: string]>> = {
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such file"],
  4: ["EINTR", "interrupted"],
  5: ["EIO", "input/output error"],
  6: ["ENXIO", "no such device"],
  9: ["EBADF", "bad file descriptor"],
  11: ["EAGAIN", "try again"],
  12: ["ENOMEM", "out of memory"],
  13: ["EACCES", "permission denied"],
  16: ["EBUSY", "device busy"],
  19: ["ENODEV", "no such adapter"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files in the system"],
  24: ["EMFILE", "too many open files"],
  32: ["EPIPE", "broken pipe"],
  52: ["EBADE", "invalid exchange"],
  71: ["EPROTO", "protocol error"],
  77: ["EBADFD", "the socket is in the wrong state"],
  88: ["ENOTSOCK", "not a socket"],
  90: ["EMSGSIZE", "message too long"],
  92: ["ENOPROTOOPT", "no such option"],
  93: ["EPROTONOSUPPORT", "protocol not supported"],
  94: ["ESOCKTNOSUPPORT", "socket type not supported"],
  95: ["EOPNOTSUPP", "operation not supported"],
  97: ["EAFNOSUPPORT", "address family not supported"],
  98: ["EADDRINUSE", "address in use"],
  99: ["EADDRNOTAVAIL", "address not available"],
  100: ["ENETDOWN", "the adapter is down"],
  101: ["ENETUNREACH", "network unreachable"],
  103: ["ECONNABORTED", "connection aborted"],
  104: ["ECONNRESET", "connection reset by the peer"],
  105: ["ENOBUFS", "out of buffers"],
  106: ["EISCONN", "already connected"],
  107: ["ENOTCONN", "not connected"],
  108: ["ESHUTDOWN", "shut down already"],
  110: ["ETIMEDOUT", "timed out"],
  111: ["ECONNREFUSED", "refused"],
  112: ["EHOSTDOWN", "the device does not answer"],
  113: ["EHOSTUNREACH", "no way to the device (no adapter?)"],
  114: ["EALREADY", "already under way"],
  115: ["EINPROGRESS", "under way"],
  125: ["ECANCELED", "canceled"],
};

export const EINTR = 4;
export const EAGAIN = 11;
export const EACCES = 13;
export const ENODEV = 19;
export const EPIPE = 32;
export const EADDRINUSE = 98;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENETDOWN = 100;
export const ENOTCONN = 107;
export const EINPROGRESS = 115;

/** Which of {@linkcode NetErrorCode} stands for an errno that is none of them itself. */
const CODE: Readonly<Record<string, NetErrorCode>> = {
  EBADF: "ERR_SOCKET_CLOSED",
  ENODEV: "EADDRNOTAVAIL",
  ENXIO: "EADDRNOTAVAIL",
  EPROTONOSUPPORT: "EAFNOSUPPORT",
  ESOCKTNOSUPPORT: "EAFNOSUPPORT",
  ESHUTDOWN: "EPIPE",
  ENOENT: "EIO",
  EAGAIN: "EIO",
  EINTR: "EIO",
  ENOMEM: "EIO",
  EBUSY: "EIO",
  EBADE: "EIO",
  EBADFD: "EIO",
  ENOTSOCK: "EIO",
  ENOPROTOOPT: "EIO",
  EOPNOTSUPP: "EIO",
  ENOBUFS: "EIO",
  EISCONN: "EIO",
  EALREADY: "EIO",
  EINPROGRESS: "EIO",
  ECANCELED: "EIO",
};

/** A call of the system that failed. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  constructor(readonly syscall: string, readonly errno: number) {
    const [name, text] = ERRNO[errno] ?? [`errno ${errno}`, "unknown error"];
    super(`${syscall}: ${name}, ${text}`);
  }
}

/** A {@linkcode NetError} with the text `what: why`, from a failed call; anything else comes back as it is. */
export function systemToNetError(
  error: unknown,
  what: string,
  facts: Omit<NetErrorOptions, "code" | "cause"> = {},
): unknown {
  if (!(error instanceof SystemError)) return error;
  const [name, text] = ERRNO[error.errno] ?? [`errno ${error.errno}`, "unknown error"];
  const code = CODE[name] ?? (ERRNO[error.errno] ? name as NetErrorCode : "EIO");
  return new NetError(`${what}: ${name}, ${text}`, {
    syscall: error.syscall,
    ...facts,
    code,
    cause: error,
  });
}

// --- socket addresses -----------------------------------------------------------------------------------------------

/** The six bytes of a canonical address as they go over the air: last byte first. */
export function addressToBytes(address: string): Uint8Array {
  return Uint8Array.from(address.split(":").reverse(), (byte) => parseInt(byte, 16));
}

/** The canonical text of the six bytes at `offset`. */
export function addressFromBytes(bytes: Uint8Array, offset: number): string {
  return Array.from(
    bytes.subarray(offset, offset + 6),
    (byte) => byte.toString(16).padStart(2, "0"),
  )
    .reverse().join(":").toUpperCase();
}

function sockaddr(size: number, family: number): [Uint8Array<ArrayBuffer>, DataView] {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family, true);
  return [bytes, view];
}

/** One end of a Bluetooth socket. */
export interface BluetoothEnd {
  address: string;
  /** RFCOMM channel or L2CAP PSM. */
  port: number;
}

export const SOCKADDR_RC = 10;
export const SOCKADDR_L2 = 14;
export const SOCKADDR_IRDA = 36;

/** struct sockaddr_rc: family, address @2, channel @8. */
export function encodeRfcommAddr(end: BluetoothEnd): Uint8Array<ArrayBuffer> {
  const [bytes] = sockaddr(SOCKADDR_RC, AF_BLUETOOTH);
  bytes.set(addressToBytes(end.address), 2);
  bytes[8] = end.port;
  return bytes;
}

export function decodeRfcommAddr(bytes: Uint8Array): BluetoothEnd {
  return { address: addressFromBytes(bytes, 2), port: bytes[8] };
}

/** struct sockaddr_l2: family, PSM @2, address @4, channel id @10, address type @12 (0: BR/EDR). */
export function encodeL2capAddr(end: BluetoothEnd): Uint8Array<ArrayBuffer> {
  const [bytes, view] = sockaddr(SOCKADDR_L2, AF_BLUETOOTH);
  view.setUint16(2, end.port, true);
  bytes.set(addressToBytes(end.address), 4);
  return bytes;
}

export function decodeL2capAddr(bytes: Uint8Array): BluetoothEnd {
  return { address: addressFromBytes(bytes, 4), port: bytes[2] | bytes[3] << 8 };
}

/** struct sockaddr_hci: family, device @2, channel @4 (0: raw). */
export function encodeHciAddr(device: number): Uint8Array<ArrayBuffer> {
  const [bytes, view] = sockaddr(6, AF_BLUETOOTH);
  view.setUint16(2, device, true);
  return bytes;
}

/** ioctl HCIGETDEVINFO. */
export const HCI_GET_DEVICE_INFO = 0x800448d3;

/** An adapter of this machine. */
export interface AdapterInfo {
  index: number;
  address: string;
  up: boolean;
}

/** What to ask with: struct hci_dev_info (92 bytes), with nothing but the number of the adapter. */
export function encodeDeviceInfo(index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(128);
  new DataView(bytes.buffer).setUint16(0, index, true);
  return bytes;
}

/** struct hci_dev_info: number, name[8] @2, address @10, flags @16 (bit 0: up), and more. */
export function decodeDeviceInfo(bytes: Uint8Array): AdapterInfo {
  return {
    index: bytes[0] | bytes[1] << 8,
    address: addressFromBytes(bytes, 10),
    up: (bytes[16] & 1) !== 0,
  };
}

/** One end of an infrared socket: a 32-bit device address (0: any), and a service name. */
export interface InfraredEnd {
  device: number;
  service: string;
}

/** The most bytes of an infrared service name: 25 in the structure, with a NUL. */
export const IRDA_NAME_MAX = 24;

/** struct sockaddr_irda: family, selector @2 (0xff: by name), device @4, name[25] @8. */
export function encodeIrdaAddr(end: InfraredEnd): Uint8Array<ArrayBuffer> {
  const [bytes, view] = sockaddr(SOCKADDR_IRDA, AF_IRDA);
  bytes[2] = 0xff;
  view.setUint32(4, end.device, true);
  new TextEncoder().encodeInto(end.service, bytes.subarray(8, 8 + IRDA_NAME_MAX));
  return bytes;
}

export function decodeIrdaAddr(bytes: Uint8Array): InfraredEnd {
  const name = bytes.subarray(8, 33);
  const end = name.indexOf(0);
  return {
    device: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true),
    service: new TextDecoder().decode(end < 0 ? name : name.subarray(0, end)),
  };
}

// --- options --------------------------------------------------------------------------------------------------------

/** struct l2cap_options (12 bytes) as far as it matters: the largest packet out and in. */
export function decodeL2capOptions(bytes: Uint8Array): { outgoing: number; incoming: number } {
  return { outgoing: bytes[0] | bytes[1] << 8, incoming: bytes[2] | bytes[3] << 8 };
}
