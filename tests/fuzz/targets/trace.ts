/** Fuzz targets of the trace module: captures, recordings, and what looks into connections. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { Dissector } from "../../../trace/_dissector.ts";
import { inflateRaw } from "../../../trace/_inflate.ts";
import { secretNames } from "../../../trace/_secrets.ts";
import { SocketIoText } from "../../../trace/_socketio_text.ts";
import { TraceError } from "../../../trace/errors.ts";
import { PcapEncoder } from "../../../trace/pcap.ts";
import { RecordingDecoder, RecordingEncoder } from "../../../trace/recording.ts";
import type { TraceEvent, TraceSide } from "../../../trace/trace_event.ts";
import {
  attempt,
  damagedBytes,
  damagedText,
  type FuzzTarget,
  fuzzTarget,
  joinBytes,
  latin1Bytes,
  latin1Text,
  payload,
  pieces,
  sameForEverySplit,
  sameForEveryTextSplit,
  tell,
} from "../../_support/fuzz.ts";
import { frameBytes } from "./websocket.ts";

const side = fc.constantFrom<TraceSide>("client", "server");
const hostname = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("not-an-address"));
const port = fc.integer({ min: 1, max: 65535 });
const addr = fc.oneof(
  fc.record({ transport: fc.constantFrom("tcp" as const, "udp" as const), hostname, port }),
  fc.record({ transport: fc.constant("unix" as const), path: fc.constant("/run/x") }),
);
const connection = fc.integer({ min: 1, max: 3 });
const time = fc.double({ min: 0, max: 4e12, noNaN: true });

/** Events in any order, sensible or not. */
const event: fc.Arbitrary<TraceEvent> = fc.oneof(
  fc.record({
    type: fc.constant("open" as const),
    time,
    connection,
    transport: fc.constantFrom("tcp" as const, "tls" as const, "unix" as const, "udp" as const),
    client: addr,
    server: fc.constant("example.org:80"),
  }),
  fc.record({ type: fc.constant("connect" as const), time, connection, server: addr }),
  fc.record({
    type: fc.constant("data" as const),
    time,
    connection,
    from: side,
    bytes: fc.oneof(payload(), fc.constant(new Uint8Array(40_000))),
    offset: fc.nat(),
    decoded: fc.boolean(),
  }),
  fc.record({ type: fc.constant("end" as const), time, connection, from: side }),
  fc.record({
    type: fc.constant("reset" as const),
    time,
    connection,
    from: side,
    passedOn: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("close" as const),
    time,
    connection,
    clientBytes: fc.nat(),
    serverBytes: fc.nat(),
  }),
);
const events = fc.array(event, { maxLength: 14 });

function sumOf(bytes: Uint8Array, seed: number): number {
  let sum = seed;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** Reads a packet as an analyser would, checksums included; returns the payload of its segment or datagram. */
function readPacket(packet: Uint8Array): Uint8Array {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const v6 = packet[0] >> 4 === 6;
  const head = v6 ? 40 : 20;
  if (v6) assertStrictEquals(view.getUint16(4), packet.length - 40);
  else {
    assertStrictEquals(view.getUint16(2), packet.length);
    assertStrictEquals(sumOf(packet.subarray(0, 20), 0), 0xffff, "checksum of the IP head");
  }
  const protocol = packet[v6 ? 6 : 9];
  const addresses = v6 ? packet.subarray(8, 40) : packet.subarray(12, 20);
  const body = packet.subarray(head);
  const sum = sumOf(body, sumOf(addresses, protocol + body.length));
  assertStrictEquals(sum, 0xffff, "checksum of the body");
  return body.subarray(protocol === 6 ? body[12] >> 4 << 2 : 8);
}

const captures = fuzzTarget("trace: captures (pcap)", events, (all) => {
  const pcap = new PcapEncoder();
  assertStrictEquals(pcap.header().length, 24);
  for (const each of all) {
    const bytes = pcap.encode(each);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      assert(view.getUint32(at + 4, true) < 1_000_000, "microseconds of a second or more");
      const size = view.getUint32(at + 8, true);
      assertStrictEquals(view.getUint32(at + 12, true), size);
      assert(
        size <= 262_144 && at + 16 + size <= bytes.length,
        "a record ends outside of the file",
      );
      parts.push(readPacket(bytes.subarray(at + 16, at + 16 + size)));
      at += 16 + size;
    }
    if (each.type === "data" && parts.length > 0) assertEquals(joinBytes(...parts), each.bytes);
  }
});

const HEADER = { started: 0, transport: "tcp" as const, server: "example.org:80", masked: true };

const recordings = fuzzTarget(
  "trace: recordings",
  fc.tuple(
    damagedText(
      events.map((all) => {
        const encoder = new RecordingEncoder(HEADER);
        const short = all.map((each) =>
          each.type === "data" ? { ...each, bytes: each.bytes.slice(0, 40) } : each
        );
        return encoder.header() + short.map((each) => encoder.encode(each)).join("");
      }),
      '{}[]",:\n0123456789',
    ),
    pieces,
  ),
  ([text, sizes]) => {
    sameForEveryTextSplit(text, sizes, (chunks) => {
      const decoder = new RecordingDecoder();
      // Steps before the bad line are given or not as the pieces have it; the verdict is the same.
      let count = 0;
      const done = attempt(() => {
        for (const chunk of chunks) count += decoder.push(chunk).length;
        count += decoder.finish().length;
        return count;
      }, TraceError);
      return tell([done, decoder.header]);
    });
  },
);

const upgrade = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n" +
  "Authorization: Bearer s3cr3t-word\r\nCookie: a=s3cr3t-word\r\nUpgrade: websocket\r\n\r\n";
const agreed = "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nSet-Cookie: b=s3cr3t-word\r\n" +
  "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const plainTalk = fc.constantFrom(
  "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n0\r\nCookie: s3cr3t-word\r\n\r\n",
  "GET / HTTP/1.1\r\nAuthorization: s3cr3t-word\r\n folded\r\n\r\n",
  "HTTP/1.1 200 OK\r\n\r\nto the end",
  "SSH-2.0-x\r\n",
);

/** What both sides send, one after the other. */
const talk: fc.Arbitrary<[TraceSide, Uint8Array][]> = fc.oneof(
  fc.tuple(
    damagedBytes(fc.constant(latin1Bytes(upgrade)), [0x0a, 0x0d, 0x3a, 0x20]),
    damagedBytes(fc.constant(latin1Bytes(agreed)), [0x0a, 0x0d, 0x3a, 0x20]),
    frameBytes("server"),
    frameBytes("client"),
  ).map(([asked, answered, up, down]): [TraceSide, Uint8Array][] => [
    ["client", asked],
    ["server", joinBytes(answered, down)],
    ["client", up],
  ]),
  fc.array(
    fc.tuple(side, damagedBytes(plainTalk.map(latin1Bytes), [0x0a, 0x0d, 0x3a, 0x20])),
    { maxLength: 4 },
  ),
);

function dissect(
  parts: readonly (readonly [TraceSide, Uint8Array])[],
): { shown: Record<TraceSide, Uint8Array>; messages: unknown[] } {
  const shown = { client: new Uint8Array(0), server: new Uint8Array(0) };
  const messages: unknown[] = [];
  const dissector = new Dissector(
    { secrets: secretNames(), decode: true, maxMessage: 64, inflate: inflateRaw },
    {
      data(from, bytes) {
        shown[from] = joinBytes(shown[from], bytes) as Uint8Array<ArrayBuffer>;
      },
      message(from, message) {
        assert(message.bytes.length <= 64, "more of a message is kept than allowed");
        messages.push([from, message]);
      },
    },
  );
  for (const [from, bytes] of parts) dissector.push(from, bytes);
  return { shown, messages };
}

const dissection = fuzzTarget(
  "trace: what is seen of a connection",
  fc.tuple(talk, pieces),
  ([parts, sizes]) => {
    const whole = dissect(parts);
    for (const from of ["client", "server"] as const) {
      const sent = joinBytes(...parts.filter(([who]) => who === from).map(([, bytes]) => bytes));
      const shown = whole.shown[from];
      assertStrictEquals(shown.length, sent.length, "bytes were lost");
      assert(shown.every((byte, i) => byte === sent[i] || byte === 0x2a), "other bytes were shown");
    }
    const cut = (size: (i: number) => number) =>
      parts.flatMap(([from, bytes]) => {
        const chunks: [TraceSide, Uint8Array][] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          chunks.push([from, bytes.slice(at, at + size(i))]);
          at += size(i);
        }
        return chunks;
      });
    for (const split of [dissect(cut(() => 1)), dissect(cut((i) => sizes[i % sizes.length]))]) {
      assertStrictEquals(tell(split.messages), tell(whole.messages));
      assertStrictEquals(split.shown.client.length, whole.shown.client.length);
      // Cut inside the word before a secret, that word is masked, too; nothing is ever masked less, but for a CR that may end the line.
      for (const from of ["client", "server"] as const) {
        const less = whole.shown[from].some((byte, i) =>
          byte === 0x2a && split.shown[from][i] !== 0x2a && split.shown[from][i] !== 0x0d
        );
        assert(!less, "a secret was shown where the bytes were cut");
      }
    }
  },
);

const secrets = fuzzTarget(
  "trace: secrets stay hidden however the bytes are cut",
  fc.tuple(
    fc.constantFrom("Authorization", "cookie", "X-API-Key", "SET-COOKIE", "Proxy-Authorization"),
    fc.constantFrom("", " ", "\t  ", "Bearer ", "basic "),
    fc.constantFrom("\r\n", "\n"),
    pieces,
  ),
  ([name, before, end, sizes]) => {
    const head = latin1Bytes(
      `GET / HTTP/1.1${end}Host: a${end}${name}:${before}s3cr3t-word${end}A: b${end}${end}`,
    );
    sameForEverySplit(head, sizes, (chunks) => {
      const { shown } = dissect(chunks.map((bytes) => ["client", bytes] as const));
      const text = latin1Text(shown.client);
      assert(!/s3cr|3t-w|word/.test(text), text);
      assert(text.includes("Host: a") && text.includes("A: b"));
      return "";
    });
  },
);

const packetWords = fuzzTarget(
  "trace: Socket.IO packets in words",
  fc.array(
    fc.tuple(
      fc.constantFrom("text", "text", "binary", "ping"),
      damagedText(
        fc.constantFrom(
          '42["a",1]',
          '451-/x,12["a",{"_placeholder":true,"num":0}]',
          "40/x,{}",
          "2probe",
        ),
        "0123456789-/,[]",
      ),
    ),
    { maxLength: 6 },
  ),
  (all) => {
    const text = new SocketIoText();
    for (const [kind, words] of all) text.describe(kind, new TextEncoder().encode(words));
  },
);

/** All of them. */
export const TRACE_TARGETS: readonly FuzzTarget[] = [
  captures,
  recordings,
  dissection,
  secrets,
  packetWords,
];
