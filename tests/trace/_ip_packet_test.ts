import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type PacketEnd, TCP, tcpPacket, udpPacket } from "../../trace/_ip_packet.ts";

const V4: PacketEnd = { ip: Uint8Array.of(192, 0, 2, 1), port: 0x1234 };
const V6: PacketEnd = { ip: Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Array(12).fill(1)), port: 80 };

/** The sum over 16-bit words that a receiver makes: 0xffff when all is well. */
function sum(...parts: Uint8Array[]): number {
  const bytes = parts.flatMap((part) => [...part]);
  if (bytes.length % 2 === 1) bytes.push(0);
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += bytes[i] << 8 | bytes[i + 1];
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

/** The check that a receiver makes on the part behind the IP head. */
function transportSum(packet: Uint8Array): number {
  const v6 = packet[0] >> 4 === 6;
  const at = v6 ? 40 : 20;
  const addresses = v6 ? packet.subarray(8, 40) : packet.subarray(12, 20);
  const size = packet.length - at;
  const rest = Uint8Array.of(0, v6 ? packet[6] : packet[9], size >> 8, size & 255);
  return sum(addresses, rest, packet.subarray(at));
}

Deno.test("a TCP packet over IPv4 has its fields where RFC 9293 has them", () => {
  const packet = tcpPacket(V4, { ...V4, port: 80 }, {
    seq: 0xfffffffe,
    ack: 5,
    flags: TCP.PSH | TCP.ACK,
  }, Uint8Array.of(1, 2, 3));
  const view = new DataView(packet.buffer);
  assertEquals(packet.length, 43);
  assertEquals([packet[0], view.getUint16(2), packet[9]], [0x45, 43, 6]);
  assertEquals([view.getUint16(20), view.getUint16(22)], [0x1234, 80]);
  assertEquals([view.getUint32(24), view.getUint32(28)], [0xfffffffe, 5]);
  assertEquals([packet[32], packet[33]], [0x50, 0x18]);
  assertEquals([...packet.subarray(40)], [1, 2, 3]);
  assertEquals(sum(packet.subarray(0, 20)), 0xffff);
});

Deno.test("an IPv4 address among IPv6 ones is mapped", () => {
  const packet = udpPacket(V4, V6, new Uint8Array(0));
  assertEquals(packet[0] >> 4, 6);
  assertEquals([...packet.subarray(8, 24)], [...new Array(10).fill(0), 255, 255, 192, 0, 2, 1]);
  assertEquals([...packet.subarray(24, 40)], [...V6.ip]);
});

Deno.test("all checksums are right, and that of UDP is never 0", () => {
  const end = fc.constantFrom(V4, V6);
  fc.assert(fc.property(end, end, fc.uint8Array({ maxLength: 99 }), (from, to, payload) => {
    const tcp = tcpPacket(from, to, { seq: 1, ack: 2, flags: TCP.SYN }, payload);
    assertEquals(transportSum(tcp), 0xffff);
    const udp = udpPacket(from, to, payload);
    assertEquals(transportSum(udp), 0xffff);
    const at = udp[0] >> 4 === 6 ? 46 : 26;
    assertEquals(udp[at] === 0 && udp[at + 1] === 0, false);
  }));
});

Deno.test("checksums of long payloads are right, whatever their length and alignment", () => {
  const end = fc.constantFrom(V4, V6);
  const size = fc.oneof(
    fc.integer({ min: 200, max: 300 }),
    fc.integer({ min: 60_000, max: 65_400 }),
  );
  const fill = fc.constantFrom(0, 1, 0x80, 0xff);
  fc.assert(
    fc.property(end, end, size, fill, fc.integer(), (from, to, size, fill, step) => {
      const payload = Uint8Array.from({ length: size }, (_, i) => fill ^ (i * (step % 7)));
      const tcp = tcpPacket(from, to, { seq: 1, ack: 2, flags: TCP.PSH }, payload);
      assertEquals(transportSum(tcp), 0xffff);
      assertEquals(transportSum(udpPacket(from, to, payload)), 0xffff);
    }),
    { numRuns: 40 },
  );
});
