import { assertEquals } from "@std/assert";
import { PcapEncoder } from "../../trace/pcap.ts";
import type { TraceEvent, TraceSide } from "../../trace/trace_event.ts";

const base = { time: 1_700_000_000_123.456, connection: 1 };
const client = { transport: "tcp", hostname: "192.0.2.1", port: 5000 } as const;
const server = { transport: "tcp", hostname: "192.0.2.2", port: 80 } as const;
const OPEN: TraceEvent = { ...base, type: "open", transport: "tcp", client, server: "h:80" };
const CONNECT: TraceEvent = { ...base, type: "connect", server };
const CLOSE: TraceEvent = { ...base, type: "close", clientBytes: 0, serverBytes: 0 };

function data(from: TraceSide, size: number, connection = 1): TraceEvent {
  const bytes = new Uint8Array(size).fill(65);
  return { ...base, connection, type: "data", from, bytes, offset: 0, decoded: false };
}

/** The packets of encoded records, in short: `port>port flags seq ack size`. */
function packets(encoded: Uint8Array): string[] {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  const found: string[] = [];
  for (let at = 0; at < encoded.length;) {
    assertEquals(view.getUint32(at, true), 1_700_000_000);
    assertEquals(view.getUint32(at + 4, true), 123_456);
    const size = view.getUint32(at + 8, true);
    const ip = at + 16;
    const ports = `${view.getUint16(ip + 20)}>${view.getUint16(ip + 22)}`;
    if (encoded[ip + 9] === 17) found.push(`${ports} udp ${size - 28}`);
    else {
      const bits = encoded[ip + 33];
      const flags = [..."FSRPA"].filter((_, i) => bits & 1 << i).join("");
      const numbers = `${view.getUint32(ip + 24)} ${view.getUint32(ip + 28)}`;
      found.push(`${ports} ${flags} ${numbers} ${size - 40}`);
    }
    at += 16 + size;
  }
  return found;
}

Deno.test("a capture file begins with its head", () => {
  const head = new PcapEncoder().header();
  assertEquals([...head.subarray(0, 8)], [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
  assertEquals(head[20], 101);
});

Deno.test("a conversation has a handshake, its data and an end, with numbers that fit", () => {
  const pcap = new PcapEncoder();
  assertEquals(packets(pcap.encode(OPEN)), []);
  assertEquals(packets(pcap.encode(CONNECT)), [
    "5000>80 S 0 0 0",
    "80>5000 SA 0 1 0",
    "5000>80 A 1 1 0",
  ]);
  assertEquals(packets(pcap.encode(data("client", 10))), ["5000>80 PA 1 1 10", "80>5000 A 1 11 0"]);
  assertEquals(packets(pcap.encode(data("server", 3))), ["80>5000 PA 1 11 3", "5000>80 A 11 4 0"]);
  assertEquals(packets(pcap.encode({ ...base, type: "end", from: "client" })), [
    "5000>80 FA 11 4 0",
    "80>5000 A 4 12 0",
  ]);
  assertEquals(packets(pcap.encode({ ...base, type: "reset", from: "server", passedOn: true })), [
    "80>5000 RA 4 12 0",
  ]);
  assertEquals(packets(pcap.encode(data("client", 1))), []);
  assertEquals(packets(pcap.encode(CLOSE)), []);
  assertEquals(packets(pcap.encode(data("client", 1))), []);
});

Deno.test("what was cut off without an end gets one", () => {
  const pcap = new PcapEncoder();
  pcap.encode(OPEN);
  pcap.encode(CONNECT);
  assertEquals(packets(pcap.encode({ ...base, type: "end", from: "server" })).length, 2);
  assertEquals(packets(pcap.encode(CLOSE)), ["5000>80 FA 1 2 0", "80>5000 A 2 2 0"]);
});

Deno.test("large pieces become several packets", () => {
  const pcap = new PcapEncoder();
  pcap.encode(OPEN);
  pcap.encode(CONNECT);
  const found = packets(pcap.encode(data("client", 200_000)));
  assertEquals(found.length, 5);
  const sizes = found.slice(0, 4).map((packet) => Number(packet.split(" ").at(-1)));
  assertEquals(sizes.reduce((a, b) => a + b), 200_000);
  assertEquals(found[4], "80>5000 A 1 200001 0");
});

Deno.test("sequence numbers go round", () => {
  const pcap = new PcapEncoder();
  pcap.encode(OPEN);
  pcap.encode(CONNECT);
  const chunk = data("client", 65_475 * 200);
  for (let sent = 0; sent < 2 ** 32; sent += 65_475 * 200) pcap.encode({ ...chunk });
  const at = (65_475 * 200 * Math.ceil(2 ** 32 / (65_475 * 200)) + 1) % 2 ** 32;
  assertEquals(packets(pcap.encode(data("client", 1)))[0], `5000>80 PA ${at} 1 1`);
});

Deno.test("a port that is used again begins with other sequence numbers", () => {
  const pcap = new PcapEncoder();
  const first = [1, 2, 3, 64_001].map((connection) => {
    pcap.encode({ ...OPEN, connection });
    const [syn, answer, ack] = packets(pcap.encode({ ...CONNECT, connection }));
    const number = Number(syn.split(" ")[2]);
    assertEquals(answer, `80>5000 SA ${number} ${number + 1} 0`);
    assertEquals(ack, `5000>80 A ${number + 1} ${number + 1} 0`);
    pcap.encode({ ...CLOSE, connection });
    return number;
  });
  assertEquals(new Set(first).size, 4);
});

Deno.test("datagrams are packets of their own", () => {
  const pcap = new PcapEncoder();
  pcap.encode({ ...OPEN, transport: "udp" } as TraceEvent);
  pcap.encode(CONNECT);
  assertEquals(packets(pcap.encode(data("client", 0))), ["5000>80 udp 0"]);
  assertEquals(packets(pcap.encode(data("server", 9))), ["80>5000 udp 9"]);
});

Deno.test("a connection that failed, or was never opened, leaves no packets", () => {
  const pcap = new PcapEncoder();
  pcap.encode(OPEN);
  assertEquals(packets(pcap.encode({ ...base, type: "end", from: "client" })), []);
  assertEquals(packets(pcap.encode(data("client", 1, 9))), []);
});

Deno.test("ends without IP addresses get addresses of the loopback", () => {
  const pcap = new PcapEncoder();
  const unix = { transport: "unix", path: "/x" } as const;
  pcap.encode({ ...OPEN, client: unix } as TraceEvent);
  assertEquals(
    packets(pcap.encode({ ...CONNECT, server: unix } as TraceEvent))[0],
    "1025>1 S 0 0 0",
  );
});
