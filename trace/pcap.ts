// Floor 1: codec.
import { parseIp } from "../net/ip.ts";
import type { TransportAddr } from "../net/transport.ts";
import { MAX_PAYLOAD, type PacketEnd, TCP, tcpPacket, udpPacket } from "./_ip_packet.ts";
import type { TraceDataEvent, TraceEvent, TraceOpenEvent, TraceSide } from "./trace_event.ts";

/** The most bytes of a packet, as the file's head says. */
const SNAP_LENGTH = 262_144;
/** The packets begin with an IP head, of either version. */
const LINKTYPE_RAW = 101;
const RECORD_HEAD = 16;
const NOTHING: Uint8Array = new Uint8Array(0);
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
/** Odd, so that each connection has another first sequence number; the golden ratio's, so that they lie far apart. */
const SEQUENCE_STEP = 0x9e3779b1;

/** What is remembered of a connection: who is who, and how far the sequence numbers are. */
interface Flow {
  udp: boolean;
  ends: Record<TraceSide, PacketEnd>;
  next: Record<TraceSide, number>;
  connected: boolean;
  over: boolean;
  ended: Set<TraceSide>;
}

function other(side: TraceSide): TraceSide {
  return side === "client" ? "server" : "client";
}

/** A place in a packet for an address; what is no IP address gets one of the loopback. */
function endOf(addr: TransportAddr, port: number): PacketEnd {
  if (!("hostname" in addr)) return { ip: LOOPBACK, port };
  return { ip: parseIp(addr.hostname)?.bytes ?? LOOPBACK, port: addr.port };
}

/**
 * Writes events as a capture file of the classic pcap format, which Wireshark, tshark and tcpdump open.
 *
 * What is written is a conversation between client and server as it would have been without the tracer: the packets, the handshake and the
 * sequence numbers are made up, the addresses, the times and the bytes are real. Of TLS it holds what was inside. Secrets are masked when
 * the events are.
 *
 * @example
 * ```ts
 * import { PcapEncoder } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const pcap = new PcapEncoder();
 * assertEquals(pcap.header().length, 24);
 * const addr = { transport: "udp", hostname: "192.0.2.1", port: 5000 } as const;
 * const base = { time: 0, connection: 1 };
 * pcap.encode({ ...base, type: "open", transport: "udp", client: addr, server: "192.0.2.2:53" });
 * pcap.encode({ ...base, type: "connect", server: { ...addr, hostname: "192.0.2.2", port: 53 } });
 * const bytes = new Uint8Array(4);
 * const data = { ...base, type: "data", from: "client", bytes, offset: 0, decoded: false } as const;
 * assertEquals(pcap.encode(data).length, 16 + 20 + 8 + 4);
 * ```
 */
export class PcapEncoder {
  readonly #flows = new Map<number, Flow>();

  /** The head of the file. */
  header(): Uint8Array {
    const head = new Uint8Array(24);
    const view = new DataView(head.buffer);
    view.setUint32(0, 0xa1b2c3d4, true); // times in microseconds
    view.setUint16(4, 2, true);
    view.setUint16(6, 4, true);
    view.setUint32(16, SNAP_LENGTH, true);
    view.setUint32(20, LINKTYPE_RAW, true);
    return head;
  }

  /** The packets of an event; often none. It has to be given all events of a connection, in order. */
  encode(event: TraceEvent): Uint8Array {
    if (event.type === "open") this.#open(event);
    const flow = this.#flows.get(event.connection);
    if (flow === undefined) return NOTHING;
    const packets = flow.udp ? datagrams(event, flow) : segments(event, flow);
    if (event.type === "close") this.#flows.delete(event.connection);
    return records(event.time, packets);
  }

  #open({ connection, transport, client }: TraceOpenEvent): void {
    const end = endOf(client, 1024 + connection % 64_000);
    this.#flows.set(connection, {
      udp: transport === "udp",
      ends: { client: end, server: { ip: LOOPBACK, port: 1 } },
      next: { client: 1, server: 1 },
      connected: false,
      over: false,
      ended: new Set(),
    });
  }
}

function datagrams(event: TraceEvent, flow: Flow): Uint8Array[] {
  if (event.type === "connect") flow.ends.server = endOf(event.server, 1);
  if (event.type !== "data") return [];
  const { client, server } = flow.ends;
  const [from, to] = event.from === "client" ? [client, server] : [server, client];
  return [udpPacket(from, to, event.bytes)];
}

function segment(
  flow: Flow,
  from: TraceSide,
  flags: number,
  payload: Uint8Array = NOTHING,
): Uint8Array {
  const to = other(from);
  const fields = { seq: flow.next[from], ack: flags & TCP.ACK ? flow.next[to] : 0, flags };
  const packet = tcpPacket(flow.ends[from], flow.ends[to], fields, payload);
  // SYN and FIN take a number, too.
  const step = payload.length + (flags & (TCP.SYN | TCP.FIN) ? 1 : 0);
  flow.next[from] = (flow.next[from] + step) >>> 0;
  return packet;
}

function segments(event: TraceEvent, flow: Flow): Uint8Array[] {
  if (event.type === "connect") {
    flow.ends.server = endOf(event.server, 1);
    flow.connected = true;
    // A port that is used again is another conversation only when it begins with another number.
    const first = Math.imul(event.connection - 1, SEQUENCE_STEP) >>> 0;
    flow.next = { client: first, server: first };
    return [
      segment(flow, "client", TCP.SYN),
      segment(flow, "server", TCP.SYN | TCP.ACK),
      segment(flow, "client", TCP.ACK),
    ];
  }
  if (!flow.connected || flow.over) return [];
  switch (event.type) {
    case "data":
      return dataSegments(event, flow);
    case "end":
      return endSegments(event.from, flow);
    case "close":
      // Sides that were cut off get an end all the same.
      return [...endSegments("client", flow), ...endSegments("server", flow)];
    case "reset":
    case "fault":
      flow.over = true;
      return [segment(flow, event.from, TCP.RST | TCP.ACK)];
    default:
      return [];
  }
}

function endSegments(from: TraceSide, flow: Flow): Uint8Array[] {
  if (flow.ended.has(from)) return [];
  flow.ended.add(from);
  return [segment(flow, from, TCP.FIN | TCP.ACK), segment(flow, other(from), TCP.ACK)];
}

function dataSegments({ from, bytes }: TraceDataEvent, flow: Flow): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += MAX_PAYLOAD) {
    const part = bytes.subarray(at, at + MAX_PAYLOAD);
    packets.push(segment(flow, from, TCP.PSH | TCP.ACK, part));
  }
  packets.push(segment(flow, other(from), TCP.ACK));
  return packets;
}

/** Packets as the file holds them: each with a head that tells its time and its size. */
function records(time: number, packets: Uint8Array[]): Uint8Array {
  const size = packets.reduce((sum, packet) => sum + RECORD_HEAD + packet.length, 0);
  if (size === 0) return NOTHING;
  const all = new Uint8Array(size);
  const view = new DataView(all.buffer);
  const micros = Math.round(time * 1000);
  let at = 0;
  for (const packet of packets) {
    view.setUint32(at, Math.floor(micros / 1e6), true);
    view.setUint32(at + 4, micros % 1e6, true);
    view.setUint32(at + 8, packet.length, true);
    view.setUint32(at + 12, packet.length, true);
    all.set(packet, at + RECORD_HEAD);
    at += RECORD_HEAD + packet.length;
  }
  return all;
}
