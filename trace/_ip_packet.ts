// Floor 1: codec.

/** One end of a packet: its IP address (4 or 16 bytes) and its port. */
export interface PacketEnd {
  ip: Uint8Array;
  port: number;
}

/** The flags of a TCP segment (RFC 9293 §3.1). */
export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

/** What a TCP segment says beside its bytes. */
export interface TcpFields {
  seq: number;
  ack: number;
  flags: number;
}

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const TCP_HEAD = 20;
const UDP_HEAD = 8;
/** A window that is never in the way. */
const WINDOW = 65_535;

/** Whether words in memory have their low byte first, as they have on all machines that Deno runs on. */
const LOW_FIRST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
/** From so many bytes on it pays to go by words. */
const LONG = 256;

/** The sum of RFC 1071 over 16-bit words in network order, not yet complemented. */
function sum16(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let sum = seed;
  let i = start;
  if (end - start >= LONG && LOW_FIRST && (bytes.byteOffset + start & 3) === 0) {
    const count = (end - start) >> 2;
    sum += sumWords(new Uint32Array(bytes.buffer, bytes.byteOffset + start, count));
    i += count * 4;
  }
  for (; i + 1 < end; i += 2) sum += bytes[i] << 8 | bytes[i + 1];
  if (i < end) sum += bytes[i] << 8;
  return sum;
}

/** "The sum of 16-bit integers can be computed in either byte order": only the result is turned. RFC 1071 §2 (B) */
function sumWords(words: Uint32Array): number {
  const { length } = words;
  let low = 0;
  let high = 0;
  for (let i = 0; i < length;) {
    // So many halves have a sum that fits 31 bits, which the machine adds fastest.
    const stop = Math.min(length, i + 16_384);
    let a = 0;
    let b = 0;
    for (; i < stop; i++) {
      const word = words[i];
      a = a + (word & 0xffff) | 0;
      b = b + (word >>> 16) | 0;
    }
    low += a;
    high += b;
  }
  const folded = ~fold(low + high) & 0xffff;
  return (folded & 0xff) << 8 | folded >>> 8;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** Both addresses of one family: an IPv4 address among IPv6 ones is mapped (RFC 4291 §2.5.5.2). */
function sameFamily(a: Uint8Array, b: Uint8Array): [Uint8Array, Uint8Array] {
  if (a.length === b.length) return [a, b];
  return [mapped(a), mapped(b)];
}

function mapped(ip: Uint8Array): Uint8Array {
  if (ip.length === 16) return ip;
  const wide = new Uint8Array(16);
  wide.set([0xff, 0xff], 10);
  wide.set(ip, 12);
  return wide;
}

/** A packet with room for the transport's head, and where that begins. */
function makePacket(
  from: PacketEnd,
  to: PacketEnd,
  protocol: number,
  size: number,
): { packet: Uint8Array; view: DataView; at: number; pseudo: number } {
  const [source, target] = sameFamily(from.ip, to.ip);
  const v6 = source.length === 16;
  const at = v6 ? 40 : 20;
  const packet = new Uint8Array(at + size);
  const view = new DataView(packet.buffer);
  if (v6) {
    packet[0] = 0x60;
    view.setUint16(4, size);
    packet[6] = protocol;
    packet[7] = 64;
    packet.set(source, 8);
    packet.set(target, 24);
  } else {
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet[6] = 0x40; // don't fragment
    packet[8] = 64;
    packet[9] = protocol;
    packet.set(source, 12);
    packet.set(target, 16);
    view.setUint16(10, fold(sum16(packet, 0, 20, 0)));
  }
  // The pseudo-header: both addresses, the protocol and the size (RFC 9293 §3.1, RFC 8200 §8.1).
  let pseudo = sum16(source, 0, source.length, protocol + size);
  pseudo = sum16(target, 0, target.length, pseudo);
  view.setUint16(at, from.port);
  view.setUint16(at + 2, to.port);
  return { packet, view, at, pseudo };
}

/** The most payload that a segment carries, of either family. */
export const MAX_PAYLOAD = 65_535 - 40 - TCP_HEAD;

/** An IP packet with a TCP segment in it, checksums included. */
export function tcpPacket(
  from: PacketEnd,
  to: PacketEnd,
  { seq, ack, flags }: TcpFields,
  payload: Uint8Array,
): Uint8Array {
  const size = TCP_HEAD + payload.length;
  const { packet, view, at, pseudo } = makePacket(from, to, PROTOCOL_TCP, size);
  view.setUint32(at + 4, seq >>> 0);
  view.setUint32(at + 8, ack >>> 0);
  packet[at + 12] = (TCP_HEAD / 4) << 4;
  packet[at + 13] = flags;
  view.setUint16(at + 14, WINDOW);
  packet.set(payload, at + TCP_HEAD);
  view.setUint16(at + 16, fold(sum16(packet, at, packet.length, pseudo)));
  return packet;
}

/** An IP packet with a UDP datagram in it, checksums included. */
export function udpPacket(from: PacketEnd, to: PacketEnd, payload: Uint8Array): Uint8Array {
  const size = UDP_HEAD + payload.length;
  const { packet, view, at, pseudo } = makePacket(from, to, PROTOCOL_UDP, size);
  view.setUint16(at + 4, size);
  packet.set(payload, at + UDP_HEAD);
  // 0 would mean that there is none (RFC 768).
  view.setUint16(at + 6, fold(sum16(packet, at, packet.length, pseudo)) || 0xffff);
  return packet;
}
