/** Fuzz targets of the net module: framing, proxies, hosts, Bluetooth's SDP; and the transmission modes of the socket module. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { ByteQueue } from "../../../buffer/byte_queue.ts";
import { encodeUtf8 } from "../../../buffer/utf8.ts";
import { cobsFramer } from "../../../net/cobs_framer.ts";
import { contentLengthFramer } from "../../../net/content_length_framer.ts";
import { delimiterFramer, nulFramer } from "../../../net/delimiter_framer.ts";
import { NetError } from "../../../net/errors.ts";
import { fixedSizeFramer } from "../../../net/fixed_size_framer.ts";
import { frameMessage, type Framer, unframeMessages } from "../../../net/framer.ts";
import { FramingError } from "../../../net/framing_error.ts";
import { parseHost } from "../../../net/host.ts";
import { HttpConnectHandshake } from "../../../net/http_connect_handshake.ts";
import { classifyIp, formatIp, parseAnyIp, parseIp, parseIpBlock } from "../../../net/ip.ts";
import { jsonLinesFramer } from "../../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../../net/length_prefix_framer.ts";
import { lineFramer } from "../../../net/line_framer.ts";
import { netstringFramer } from "../../../net/netstring_framer.ts";
import { matchesNoProxy } from "../../../net/no_proxy.ts";
import {
  decodeProxyProtocolSsl,
  PROXY_PROTOCOL_TLV,
  type ProxyProtocolHeader,
} from "../../../net/proxy_protocol.ts";
import { encodeProxyProtocol } from "../../../net/proxy_protocol_encoder.ts";
import { ProxyProtocolParser } from "../../../net/proxy_protocol_parser.ts";
import { parseProxyUrl } from "../../../net/proxy_url.ts";
import { rawFramer } from "../../../net/raw_framer.ts";
import { decodeSdpElement, encodeSdpElement, type SdpElement } from "../../../net/sdp.ts";
import { SdpDatabase } from "../../../net/sdp_database.ts";
import { decodeSdpPdu, encodeSdpPdu, type SdpPdu } from "../../../net/sdp_pdu.ts";
import { SdpQuery } from "../../../net/sdp_query.ts";
import { sdpRecordFromElement } from "../../../net/sdp_record.ts";
import { serviceRecord } from "../../../net/sdp_service.ts";
import { sizeHeaderFramer } from "../../../net/size_header_framer.ts";
import { Socks5ClientHandshake } from "../../../net/socks5_client_handshake.ts";
import {
  decodeSocks5Datagram,
  encodeSocks5Address,
  encodeSocks5Datagram,
} from "../../../net/socks5_codec.ts";
import { Socks5ServerHandshake } from "../../../net/socks5_server_handshake.ts";
import { transmission, TransmissionDecoder } from "../../../socket/_transmission.ts";
import { TransmissionMode } from "../../../socket/constants.ts";
import {
  attempt,
  damagedBytes,
  damagedText,
  type FuzzTarget,
  fuzzTarget,
  joinBytes,
  latin1Bytes,
  payload,
  pieces,
  sameForEverySplit,
  tell,
} from "../../_support/fuzz.ts";

// --- framing ---------------------------------------------------------------------------------------------------------

/** The limit of all decoders here; small, so that it is met. */
const LIMIT = 40;
/** What a decoder may hold beside a message: a length, or a marker that is not whole; COBS and its like hold the message as it came. */
const SLACK = 24;

function framing<T>(
  name: string,
  framer: Framer<T>,
  message: fc.Arbitrary<T>,
  often: readonly number[],
  options: { cutsAnywhere?: boolean; slack?: number; sendable?(message: T): boolean } = {},
): FuzzTarget {
  const valid = fc.array(message, { maxLength: 6 }).map((messages) =>
    joinBytes(...messages.map((one) => frameMessage(framer, one)))
  );
  const input = fc.tuple(damagedBytes(valid, often), pieces);
  const { cutsAnywhere, slack = SLACK, sendable = () => true } = options;
  return fuzzTarget(`net: framing, ${name}`, input, ([bytes, sizes]) => {
    const decode = (chunks: Uint8Array[]): T[] => {
      const decoder = framer.createDecoder();
      const messages: T[] = [];
      const drain = (): void => {
        for (let one; (one = decoder.next()) !== undefined;) messages.push(one);
        assert(decoder.buffered <= LIMIT + slack, `${decoder.buffered} bytes are held`);
      };
      for (const chunk of chunks) {
        decoder.push(chunk);
        drain();
      }
      decoder.end();
      drain();
      last = decoder.error === undefined ? "" : tell([decoder.error, decoder.error.fault]);
      if (decoder.error !== undefined) assertStrictEquals(decoder.buffered, 0);
      return messages;
    };
    let last = "";
    if (cutsAnywhere) {
      assertEquals(joinBytes(...decode([bytes]) as Uint8Array[]), Uint8Array.from(bytes));
      return;
    }
    sameForEverySplit(bytes, sizes, (chunks) => tell([decode(chunks), last]));
    // What was taken can be sent, and is taken again.
    const messages = decode([bytes.slice()]).filter(sendable);
    const again = joinBytes(...messages.map((one) => frameMessage(framer, one)));
    assertStrictEquals(tell(unframeMessages(framer, again)), tell(messages));
  });
}

const line = fc.string({ unit: "binary", maxLength: 14 }).map((text) =>
  text.toWellFormed().replace(/[\r\n]/g, "")
);
const maxLength = LIMIT;
const marker = new Uint8Array([0x3b, 0x3b, 0x0a]);
const withoutMarker = payload(30).map((bytes) => bytes.map((byte) => byte === 0x3b ? 0x3a : byte));
const nonZero = payload(30).map((bytes) => bytes.map((byte) => byte === 0 ? 1 : byte));
const small = fc.uint8Array({ maxLength: 30 }).map((bytes) => Uint8Array.from(bytes));
const json = fc.json({ maxDepth: 2 }).filter((text) => encodeUtf8(text).length <= LIMIT)
  // Once through JSON: it has no negative zero.
  .map((text) => JSON.parse(JSON.stringify(JSON.parse(text))) as unknown);

const FRAMING: readonly FuzzTarget[] = [
  framing("raw", rawFramer(), payload(), [], { cutsAnywhere: true }),
  framing("lines, LF", lineFramer({ maxLength }), line, [0x0a, 0x0d, 0x80], {
    // A line may hold a CR alone, and is taken, but never sent.
    sendable: (text) => !text.includes("\r"),
  }),
  framing(
    "lines, CRLF alone",
    lineFramer({ maxLength, accept: "crlf", ending: "\r\n" }),
    line,
    [0x0a, 0x0d],
    // Such a line may hold an LF or a CR alone, and is taken, but never sent.
    { sendable: (text) => !/[\r\n]/.test(text) },
  ),
  framing(
    "lines, any ending, the last one open",
    lineFramer({ maxLength, accept: "any", unterminated: "message" }),
    line,
    [0x0a, 0x0d],
  ),
  framing("end marker", delimiterFramer({ maxLength, marker }), withoutMarker, [0x3b, 0x0a]),
  framing(
    "end marker that overlaps itself",
    delimiterFramer({ maxLength, marker: "aab", allowMarkerInside: true }),
    payload(30).map((bytes) => bytes.map((byte) => byte % 2 === 0 ? 0x61 : byte)),
    [0x61, 0x62],
  ),
  framing("NUL", nulFramer({ maxLength, unterminated: "message" }), nonZero, [0]),
  framing(
    "fixed size",
    fixedSizeFramer(7),
    fc.uint8Array({ minLength: 7, maxLength: 7 }).map((bytes) => Uint8Array.from(bytes)),
    [],
  ),
  ...(["u8", "u16", "u32"] as const).map((prefix) =>
    framing(`length prefix, ${prefix}`, lengthPrefixFramer({ prefix, maxLength }), small, [
      0,
      40,
      41,
    ])
  ),
  framing(
    "length prefix, little-endian and with itself",
    lengthPrefixFramer({ prefix: "u16", littleEndian: true, includesPrefix: true, maxLength }),
    small,
    [0, 1, 2, 3],
  ),
  framing(
    "length prefix, varint",
    lengthPrefixFramer({ prefix: "varint", maxLength }),
    small,
    [0, 0x7f, 0x80],
  ),
  framing(
    "length prefix, varint with itself",
    lengthPrefixFramer({ prefix: "varint", includesPrefix: true, maxLength }),
    small,
    [0, 1, 2, 0x80],
  ),
  framing("netstring", netstringFramer({ maxLength }), small, [0x30, 0x31, 0x39, 0x3a, 0x2c]),
  framing("size header", sizeHeaderFramer({ maxLength }), small, [0x30, 0x31, 0x39, 0x0d, 0x0a]),
  framing(
    "Content-Length",
    contentLengthFramer({ maxLength }),
    small,
    [0x0d, 0x0a, 0x30, 0x3a, 0x20],
    { slack: 4096 },
  ),
  framing("COBS", cobsFramer({ maxLength }), payload(30), [0, 1, 2, 0xff]),
  framing("JSON lines", jsonLinesFramer({ maxLength }), json, [0x0a, 0x22, 0x5b, 0x5d, 0x20], {
    // What JSON can say, but JavaScript's numbers can't.
    sendable: (value) => !/number (?:-?Infinity|-0)/.test(tell(value)),
  }),
];

const transmissions: readonly FuzzTarget[] = [
  { name: "size header", mode: transmission(TransmissionMode.SIZE_HEADER) },
  { name: "end marker", mode: transmission(TransmissionMode.END_MARKER, ";;\n") },
  { name: "end marker, buffered", mode: transmission(TransmissionMode.END_MARKER_BUFFERED) },
].map(({ name, mode }) =>
  fuzzTarget(
    `socket: transmission mode, ${name}`,
    fc.tuple(
      damagedBytes(
        fc.array(small, { maxLength: 6 }).map((all) =>
          joinBytes(...all.map((one) => frameMessage(mode.framer, one)))
        ),
        [0x0d, 0x0a, 0x30, 0x31, 0x39, 0x3b],
      ),
      pieces,
    ),
    ([bytes, sizes]) => {
      sameForEverySplit(bytes, sizes, (chunks) => {
        const queue = new ByteQueue();
        const decoder = new TransmissionDecoder(queue, LIMIT);
        const messages: Uint8Array[] = [];
        const done = attempt(() => {
          for (const chunk of chunks) {
            queue.push(chunk);
            for (let one; (one = decoder.next(mode)) !== undefined;) {
              assert(one.length <= LIMIT);
              messages.push(one);
            }
            assert(queue.length <= LIMIT + SLACK);
          }
          decoder.end(mode);
        }, FramingError);
        return tell([messages, done]);
      });
    },
  )
);

// --- proxies ---------------------------------------------------------------------------------------------------------

const ipv4 = fc.ipV4();
const ipv6 = fc.ipV6().map((text) => formatIp(parseIp(text)!));
const port = fc.integer({ min: 0, max: 65535 });
const host = fc.oneof(ipv4, ipv6, fc.domain(), fc.constantFrom("localhost", "a.b.", "x"));
const address = fc.record({ hostname: host, port });

/** What a driver of a handshake sees. */
interface Handshake {
  readonly done: boolean;
  readonly error: Error | undefined;
  readonly leftover: Uint8Array;
  receive(chunk: Uint8Array): void;
  takeOutput(): Uint8Array;
  end(): void;
}

function settle(handshake: Handshake): void {
  assert(!(handshake.done && handshake.error !== undefined), "done, and failed");
  if (handshake.error !== undefined) assert(handshake.error instanceof NetError);
}

/** Gives it the chunks, and tells all that came of them. What follows a failure means nothing. */
function runHandshake(
  handshake: Handshake,
  chunks: readonly Uint8Array[],
  facts: () => unknown,
  answer: () => void = () => {},
): string {
  let sent = new Uint8Array(0);
  const turn = (): void => {
    answer();
    sent = joinBytes(sent, handshake.takeOutput()) as Uint8Array<ArrayBuffer>;
    settle(handshake);
  };
  turn();
  for (const chunk of chunks) {
    handshake.receive(chunk);
    turn();
  }
  const rest = handshake.error === undefined ? handshake.leftover : undefined;
  handshake.end();
  settle(handshake);
  assert(handshake.done || handshake.error !== undefined, "neither done nor failed at the end");
  return tell([sent, handshake.done, handshake.error, rest, facts()]);
}

const socksReply = fc.tuple(
  fc.constantFrom(0, 0, 2),
  fc.constantFrom(0, 0, 0, 1, 5, 9),
  address,
  payload(6),
).map(([method, reply, bound, rest]) =>
  joinBytes(
    new Uint8Array([5, method]),
    new Uint8Array(method === 2 ? [1, 0] : []),
    new Uint8Array([5, reply, 0]),
    encodeSocks5Address(bound),
    rest,
  )
);

const socksClient = fuzzTarget(
  "net: SOCKS5 client",
  fc.tuple(damagedBytes(socksReply, [0, 1, 2, 3, 4, 5, 0xff]), pieces, fc.boolean()),
  ([bytes, sizes, login]) => {
    sameForEverySplit(bytes, sizes, (chunks) => {
      const handshake = new Socks5ClientHandshake(
        { hostname: "example.org", port: 80 },
        login ? { username: "user", password: "secret" } : {},
      );
      const told = runHandshake(handshake, chunks, () => handshake.bound);
      assert(!(handshake.error?.message ?? "").includes("secret"));
      return told;
    });
  },
);

const socksRequest = fc.tuple(
  fc.uint8Array({ maxLength: 4 }),
  fc.option(fc.tuple(payload(12), payload(12)), { nil: undefined }),
  fc.constantFrom(1, 2, 3),
  address,
  payload(6),
).map(([methods, login, command, to, rest]) =>
  joinBytes(
    new Uint8Array([5, methods.length + 2, 0, 2, ...methods]),
    login === undefined ? new Uint8Array(0) : joinBytes(
      new Uint8Array([1, login[0].length]),
      login[0],
      new Uint8Array([login[1].length]),
      login[1],
    ),
    new Uint8Array([5, command, 0]),
    encodeSocks5Address(to),
    rest,
  )
);

const socksServer = fuzzTarget(
  "net: SOCKS5 server",
  fc.tuple(
    damagedBytes(socksRequest, [0, 1, 2, 3, 4, 5, 0xff]),
    pieces,
    fc.boolean(),
    fc.constantFrom(0, 0, 5),
  ),
  ([bytes, sizes, authentication, reply]) => {
    sameForEverySplit(bytes, sizes, (chunks) => {
      const handshake = new Socks5ServerHandshake({ authentication });
      const events: unknown[] = [];
      return runHandshake(handshake, chunks, () => events, () => {
        for (let event; (event = handshake.event) !== undefined;) {
          events.push(event);
          if (event.type === "credentials") handshake.login(event.password.length % 3 !== 0);
          else handshake.reply(reply);
        }
      });
    });
  },
);

const socksDatagram = fuzzTarget(
  "net: SOCKS5 datagrams",
  damagedBytes(
    fc.tuple(address, payload()).map(([to, data]) => encodeSocks5Datagram(to, data)),
    [0, 1, 3, 4],
  ),
  (bytes) => {
    const datagram = decodeSocks5Datagram(bytes);
    if (datagram === undefined) return;
    const again = decodeSocks5Datagram(encodeSocks5Datagram(datagram.address, datagram.data));
    assertStrictEquals(tell(again), tell({ ...datagram, fragment: 0 }));
  },
);

const fieldLine = fc.tuple(
  fc.constantFrom("Server", "Via", "Content-Length", "Proxy-Authenticate", "x-Y_z"),
  fc.string({ maxLength: 12 }),
).map(([name, value]) => `${name}: ${value}`);

const connectAnswer = fc.tuple(
  fc.array(fc.constantFrom(100, 102, 199), { maxLength: 2 }),
  fc.constantFrom(200, 200, 204, 407, 403, 502, 101),
  fc.array(fieldLine, { maxLength: 4 }),
  payload(8),
).map(([interim, status, lines, rest]) =>
  joinBytes(
    latin1Bytes([
      ...interim.map((code) => `HTTP/1.1 ${code} Wait\r\n\r\n`),
      `HTTP/1.1 ${status} Yes\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n`,
    ].join("")),
    rest,
  )
);

const httpConnect = fuzzTarget(
  "net: HTTP CONNECT",
  fc.tuple(damagedBytes(connectAnswer, [0x0d, 0x0a, 0x20, 0x3a, 0x31]), pieces, fc.boolean()),
  ([bytes, sizes, login]) => {
    sameForEverySplit(bytes, sizes, (chunks) => {
      const handshake = new HttpConnectHandshake(
        { hostname: "example.org", port: 443 },
        { maxHeadLength: 200, ...(login && { username: "user", password: "secret" }) },
      );
      const told = runHandshake(handshake, chunks, () => undefined);
      assert(!(handshake.error?.message ?? "").includes("secret"));
      return told;
    });
  },
);

const inet = (transport: "tcp" | "udp", of: fc.Arbitrary<string>) =>
  fc.tuple(of, of, port, port).map(([from, to, fromPort, toPort]) => ({
    source: { transport, hostname: from, port: fromPort },
    destination: { transport, hostname: to, port: toPort },
  }));
const unix = fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 })).map((paths) => {
  const [from, to] = paths.map((path) => path.replaceAll("\0", "/"));
  return {
    source: { transport: "unix" as const, path: from },
    destination: { transport: "unix" as const, path: to },
  };
});
const tlvs = fc.array(
  fc.record({
    type: fc.constantFrom(...Object.values(PROXY_PROTOCOL_TLV), 0xe0)
      .filter((type) => type !== PROXY_PROTOCOL_TLV.crc32c),
    value: payload(12),
  }),
  { maxLength: 4 },
);

const proxyHeader = fc.oneof(
  fc.oneof(inet("tcp", ipv4), inet("tcp", ipv6)).map((addresses) =>
    encodeProxyProtocol(addresses, { version: 1 })
  ),
  fc.constant(encodeProxyProtocol({}, { version: 1 })),
  fc.tuple(
    fc.oneof(inet("tcp", ipv4), inet("udp", ipv6), unix),
    tlvs,
    fc.boolean(),
  ).map(([addresses, tlvs, checksum]) => encodeProxyProtocol({ ...addresses, tlvs }, { checksum })),
  fc.constant(encodeProxyProtocol({ command: "local" })),
);

const proxyProtocol = fuzzTarget(
  "net: PROXY protocol",
  fc.tuple(
    damagedBytes(
      fc.tuple(proxyHeader, payload(8)).map(([header, rest]) => joinBytes(header, rest)),
      [0, 0x0a, 0x0d, 0x20, 0x21, 0x31],
    ),
    pieces,
  ),
  ([bytes, sizes]) => {
    let header: ProxyProtocolHeader | undefined;
    sameForEverySplit(bytes, sizes, (chunks) => {
      const parser = new ProxyProtocolParser({ maxLength: 400 });
      for (const chunk of chunks) {
        parser.receive(chunk);
        assert(!(parser.done && parser.error !== undefined));
        assert(parser.needed <= 400);
      }
      const rest = parser.done ? parser.leftover : undefined;
      parser.end();
      assert(parser.done || parser.error !== undefined);
      header = parser.header;
      // Where a line breaks off does not matter: it is cut short, or it is malformed.
      const error = parser.error?.message.replace(/the connection ended \d+ bytes into it/, "cut");
      return tell([header, error, rest]);
    });
    if (header === undefined) return;
    for (const { type, value } of header.tlvs) {
      if (type === PROXY_PROTOCOL_TLV.ssl) decodeProxyProtocolSsl(value);
    }
    if (header.source === undefined) return;
    const again = new ProxyProtocolParser({ maxLength: 65_551 });
    again.receive(encodeProxyProtocol(header, { version: header.version }));
    const kept = header.tlvs.filter(({ type }) => type !== PROXY_PROTOCOL_TLV.crc32c);
    // Paths that are not UTF-8 do not come back.
    const garbled = [header.source, header.destination].some((end) =>
      end !== undefined && "path" in end && end.path?.includes("\ufffd")
    );
    // Two that are v4-mapped come back as IPv4.
    const hosts = [header.source, header.destination].map((end) =>
      end !== undefined && "hostname" in end ? end.hostname : ""
    );
    const mapped = hosts.some((host) => /^::ffff:\d+\./.test(host)) &&
      hosts.every((host) => /^(::ffff:)?\d+\./.test(host));
    if (!garbled && !mapped) {
      assertStrictEquals(tell(again.header), tell({ ...header, tlvs: kept }));
    }
  },
);

const proxySsl = fuzzTarget(
  "net: PROXY protocol, TLS information",
  damagedBytes(
    fc.array(fc.tuple(fc.constantFrom(0x21, 0x22, 0x23, 0x24), payload(10)), { maxLength: 4 })
      .map((all) =>
        joinBytes(
          new Uint8Array([7, 0, 0, 0, 0]),
          ...all.map(([type, value]) => joinBytes(new Uint8Array([type, 0, value.length]), value)),
        )
      ),
  ),
  (bytes) => void decodeProxyProtocolSsl(bytes),
);

const proxyUrls = fuzzTarget(
  "net: proxy URLs and NO_PROXY lists",
  fc.record({
    url: damagedText(
      fc.tuple(fc.constantFrom("socks5", "socks5h", "http", "https"), host, port).map(
        ([scheme, name, number]) =>
          `${scheme}://us%20er:pa%3Ass@${name.includes(":") ? `[${name}]` : name}:${number}`,
      ),
      "%:@/[]\\\r\n",
    ),
    list: damagedText(
      fc.array(fc.oneof(host, fc.constantFrom("*", ".x", "10.0.0.0/8", "[::1]:80", "*.b")), {
        maxLength: 5,
      }).map((all) => all.join(",")),
      ",.*:/[] ",
    ),
    hostname: fc.oneof(host, damagedText(host, ".:[]%")),
    port,
  }),
  ({ url, list, hostname, port }) => {
    const done = attempt(() => parseProxyUrl(url), TypeError, RangeError);
    if ("value" in done) {
      const again = parseProxyUrl(done.value.toString());
      assertStrictEquals(again.hostname, done.value.hostname);
      assert(!`${done.value}`.includes("pa%3Ass"), "a password is shown");
    } else assert(!done.error.message.includes("pa%3Ass"), "a password is shown");
    attempt(() => matchesNoProxy(list, hostname, port), TypeError, RangeError);
  },
);

const hosts = fuzzTarget(
  "net: hosts and IP addresses",
  fc.oneof(
    damagedText(host, ".:[]%xX0123456789\u3002\u00ad"),
    damagedText(
      fc.oneof(
        ipv6.map((text) => `[${text}]`),
        fc.tuple(ipv4, fc.integer({ min: 0, max: 40 })).map(([ip, bits]) => `${ip}/${bits}`),
        fc.constantFrom("0x7f.1", "017700000001", "2130706433", "::ffff:1.2.3.4", "64:ff9b::1"),
      ),
      ".:/[]%xX01234567",
    ),
  ),
  (text) => {
    const ip = parseAnyIp(text);
    if (ip !== undefined) {
      assertStrictEquals(tell(parseIp(formatIp(ip))), tell(ip));
      classifyIp(ip);
    }
    parseIpBlock(text);
    const done = attempt(() => parseHost(text), TypeError);
    if ("error" in done) return;
    const { value } = done;
    const again = parseHost(value.hostname);
    assertStrictEquals(again.hostname, value.hostname);
    assertStrictEquals(again.ip === undefined, value.ip === undefined);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x20\x7f@/\\#?]/.test(value.hostname), "a host with a separator in it");
  },
);

// --- SDP -------------------------------------------------------------------------------------------------------------

const uuid = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((n) => ({ size: 2 as const, n: BigInt(n) })),
  fc.integer({ min: 0, max: 0xffffffff }).map((n) => ({ size: 4 as const, n: BigInt(n) })),
).map(({ size, n }) => ({
  type: "uuid" as const,
  size,
  value: `${n.toString(16).padStart(8, "0")}-0000-1000-8000-00805f9b34fb`,
}));

const { element } = fc.letrec<{ element: SdpElement }>((tie) => ({
  element: fc.oneof(
    { maxDepth: 4, depthIdentifier: "sdp" },
    fc.constant<SdpElement>({ type: "nil" }),
    fc.boolean().map((value): SdpElement => ({ type: "bool", value })),
    fc.integer({ min: 0, max: 0xffff }).map((value): SdpElement => ({
      type: "uint",
      size: 2,
      value,
    })),
    fc.integer().map((value): SdpElement => ({ type: "int", size: 4, value })),
    fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value): SdpElement => ({
      type: "uint",
      size: 16,
      value,
    })),
    uuid,
    payload(12).map((value): SdpElement => ({ type: "text", value })),
    fc.webUrl({ size: "xsmall" }).map((value): SdpElement => ({ type: "url", value })),
    fc.tuple(
      fc.constantFrom("sequence" as const, "alternative" as const),
      fc.array(tie("element"), { maxLength: 4 }),
    ).map(([type, value]): SdpElement => ({ type, value })),
  ),
}));

const sdp = fuzzTarget(
  "net: SDP elements",
  damagedBytes(element.map(encodeSdpElement), [0x00, 0x08, 0x19, 0x25, 0x35, 0x36, 0x37, 0xff]),
  (bytes) => {
    const limits = { maxDepth: 6, maxElements: 64 };
    const done = attempt(() => decodeSdpElement(bytes, limits), NetError);
    if ("error" in done) return;
    let count = 0;
    const walk = (element: SdpElement, depth: number): void => {
      assert(++count <= 64 && depth <= 6, "past a limit");
      if (element.type === "sequence" || element.type === "alternative") {
        for (const child of element.value) walk(child, depth + 1);
      }
    };
    walk(done.value, 0);
    const again = decodeSdpElement(encodeSdpElement(done.value), limits);
    assertStrictEquals(tell(again), tell(done.value));
    attempt(() => sdpRecordFromElement(done.value), NetError);
  },
);

const continuation = payload(16);
const transaction = fc.integer({ min: 0, max: 0xffff });
const uuids = fc.array(uuid.map(({ value }) => value), { minLength: 1, maxLength: 3 });
const ranges = fc.array(
  fc.tuple(transaction, transaction).map(([a, b]): [number, number] => [a, b]),
  { maxLength: 3 },
);
const pdu: fc.Arbitrary<SdpPdu> = fc.oneof(
  fc.record({ kind: fc.constant("error" as const), transaction, code: transaction }),
  fc.record({
    kind: fc.constant("search" as const),
    transaction,
    uuids,
    maxRecords: transaction,
    continuation,
  }),
  fc.record({
    kind: fc.constant("searchResult" as const),
    transaction,
    total: transaction,
    handles: fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 4 }),
    continuation,
  }),
  fc.record({
    kind: fc.constant("attribute" as const),
    transaction,
    handle: fc.constantFrom(0, 0x10000, 0x10001),
    maxBytes: transaction,
    ranges,
    continuation,
  }),
  fc.record({
    kind: fc.constantFrom("attributeResult" as const, "searchAttributeResult" as const),
    transaction,
    attributes: element.map(encodeSdpElement),
    continuation,
  }),
  fc.record({
    kind: fc.constant("searchAttribute" as const),
    transaction,
    uuids: fc.oneof(uuids, fc.constant(["00001101-0000-1000-8000-00805f9b34fb"])),
    maxBytes: transaction,
    ranges,
    continuation: fc.oneof(continuation, fc.constant(new Uint8Array(0))),
  }),
);

const sdpPdus = fuzzTarget(
  "net: SDP packets, server and client",
  damagedBytes(pdu.map(encodeSdpPdu), [0, 1, 2, 3, 6, 7, 0x35, 0x19]),
  (bytes) => {
    const done = attempt(() => decodeSdpPdu(bytes), NetError);
    if ("value" in done) {
      const again = decodeSdpPdu(encodeSdpPdu(done.value));
      assertStrictEquals(tell(again), tell(done.value));
    }
    // A server answers anything, with a packet that it could read itself and that fits.
    const database = new SdpDatabase();
    database.add(serviceRecord({ uuid: "SerialPort", protocol: "rfcomm", port: 3, name: "Port" }));
    const answer = database.answer(bytes, 64);
    assert(answer.length <= 64, `an answer of ${answer.length} bytes`);
    decodeSdpPdu(answer);
    // A client takes nothing for an answer that is none.
    const query = new SdpQuery({ uuids: ["SerialPort"], transaction: bytes[1] << 8 | bytes[2] });
    attempt(() => query.receive(bytes), NetError);
  },
);

/** All of them. */
export const NET_TARGETS: readonly FuzzTarget[] = [
  ...FRAMING,
  ...transmissions,
  socksClient,
  socksServer,
  socksDatagram,
  httpConnect,
  proxyProtocol,
  proxySsl,
  proxyUrls,
  hosts,
  sdp,
  sdpPdus,
];
