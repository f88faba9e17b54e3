// Floor 1: codec.
import { type IpAddress, parseIp } from "./ip.ts";
import { zoneOf } from "./_zone.ts";

/** The one peer of a datagram socket that is connected. */
export class DatagramPeer {
  /** Its IP address. */
  readonly address: string;
  /** Its port. */
  readonly port: number;
  /** The zone of its address, if that needs one. */
  readonly zone: string | undefined;
  readonly #ip: IpAddress;

  constructor(address: string, port: number) {
    this.address = address;
    this.port = port;
    this.zone = zoneOf(address);
    this.#ip = parseIp(address)!;
  }

  /** Whether a datagram comes from the peer. An address may be written in several ways, and a zone may be left out. */
  isSender(from: { address: string; port: number }): boolean {
    if (this.port !== from.port) return false;
    if (this.address === from.address) return true;
    const ip = this.#ip;
    const other = parseIp(from.address);
    return other !== undefined && other.bytes.length === ip.bytes.length &&
      (other.zone === undefined || ip.zone === undefined || other.zone === ip.zone) &&
      other.bytes.every((byte, i) => byte === ip.bytes[i]);
  }
}
