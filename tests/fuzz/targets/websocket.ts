/** Fuzz targets of the websocket module: frames, compression, heads, handshakes. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { createCompression, deflateAlone } from "../../../websocket/_compression.ts";
import { isWebSocketCloseCode } from "../../../websocket/close_code.ts";
import { WebSocketHandshakeError } from "../../../websocket/errors.ts";
import { formatExtension, parseExtensions } from "../../../websocket/extensions.ts";
import { decodeFrame, encodeFrame } from "../../../websocket/frame.ts";
import {
  buildClientHandshake,
  buildServerHandshake,
  checkClientHandshake,
  checkServerHandshake,
} from "../../../websocket/handshake.ts";
import {
  type HttpHeadLimits,
  HttpHeadReader,
  parseRequestHead,
  parseResponseHead,
} from "../../../websocket/http_head.ts";
import {
  acceptDeflate,
  checkDeflateResponse,
  offerDeflate,
  type PerMessageDeflateOptions,
  type PerMessageDeflateParameters,
} from "../../../websocket/permessage_deflate.ts";
import type { WebSocketProtocolOptions } from "../../../websocket/protocol_types.ts";
import type { WebSocketRole } from "../../../websocket/types.ts";
import { parseWebSocketUrl } from "../../../websocket/url.ts";
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
  tell,
} from "../../_support/fuzz.ts";
import { Rig, toBytes } from "../../_support/websocket_rig.ts";

// --- frames ----------------------------------------------------------------------------------------------------------

/** The limits of the connections here; small, so that they are met. */
export const FRAME_LIMITS = { maxMessageSize: 300, maxFragments: 8 } as const;

const text = fc.string({ unit: "binary", maxLength: 30 }).map((value) => value.toWellFormed());
const closePayload = fc.oneof(
  fc.constant(new Uint8Array(0)),
  fc.tuple(fc.constantFrom(1000, 1001, 1003, 1005, 1007, 1014, 1015, 3000, 4999, 5000, 0), text)
    .map(([code, reason]) => joinBytes(new Uint8Array([code >> 8, code & 255]), toBytes(reason))),
);
const payloads = fc.oneof(
  payload(30),
  text.map(toBytes),
  fc.constantFrom(new Uint8Array(126), new Uint8Array(200).fill(0x41)),
);

/** How a message is compressed: not at all, or as one that refers to nothing before it, cut where the fragments are. */
type Compress = (bytes: Uint8Array) => Uint8Array;

interface Message {
  opcode: number;
  bytes: Uint8Array;
  fragments: number;
  compressed: boolean;
  /** A control frame in between. */
  between: { opcode: number; bytes: Uint8Array } | undefined;
}

const message: fc.Arbitrary<Message> = fc.record({
  opcode: fc.constantFrom(1, 2),
  bytes: payloads,
  fragments: fc.constantFrom(1, 1, 1, 2, 3, 9),
  compressed: fc.boolean(),
  between: fc.option(
    fc.record({ opcode: fc.constantFrom(9, 10), bytes: payload(10) }),
    { nil: undefined },
  ),
}).chain((value) =>
  value.opcode === 2
    ? fc.constant(value)
    : text.map((words) => ({ ...value, bytes: toBytes(words) }))
);

function framesOf(message: Message, maskKey: number | undefined, compress?: Compress): Uint8Array {
  const { opcode, fragments, between } = message;
  const compressed = message.compressed && compress !== undefined;
  const bytes = compressed ? compress!(message.bytes) : message.bytes;
  const parts: Uint8Array[] = [];
  for (let i = 0; i < fragments; i++) {
    const from = Math.floor(bytes.length * i / fragments);
    const to = Math.floor(bytes.length * (i + 1) / fragments);
    parts.push(encodeFrame(bytes.subarray(from, to), {
      opcode: i === 0 ? opcode : 0,
      fin: i === fragments - 1,
      rsv: compressed && i === 0 ? 0x40 : 0,
      maskKey,
    }));
    if (i === 0 && between !== undefined) {
      parts.push(encodeFrame(between.bytes, { opcode: between.opcode, maskKey }));
    }
  }
  return joinBytes(...parts);
}

/** What comes to one side: messages, and perhaps a close frame. */
export function validFrames(role: WebSocketRole, compress?: Compress): fc.Arbitrary<Uint8Array> {
  const key = role === "server" ? fc.integer() : fc.constant(undefined);
  return fc.tuple(
    fc.array(fc.tuple(message, key), { maxLength: 4 }),
    fc.option(fc.tuple(closePayload, key), { nil: undefined }),
  ).map(([messages, close]) =>
    joinBytes(
      ...messages.map(([each, maskKey]) => framesOf(each, maskKey, compress)),
      close === undefined
        ? new Uint8Array(0)
        : encodeFrame(close[0], { opcode: 8, maskKey: close[1] }),
    )
  );
}

/** {@linkcode validFrames}, or what damage made of them. */
export function frameBytes(role: WebSocketRole, compress?: Compress): fc.Arbitrary<Uint8Array> {
  return damagedBytes(validFrames(role, compress), [
    0,
    1,
    2,
    0x7e,
    0x7f,
    0x80,
    0x81,
    0x82,
    0x88,
    0x89,
    0xc1,
    0xfe,
    0xff,
  ]);
}

/** Gives a protocol the chunks, and checks what must hold for any. */
function runProtocol(
  role: WebSocketRole,
  chunks: readonly Uint8Array[],
  options: WebSocketProtocolOptions,
  streaming = false,
): Rig {
  const rig = new Rig(role, { ...FRAME_LIMITS, ...options });
  rig.protocol.streaming = streaming;
  try {
    for (const chunk of chunks) rig.protocol.receive(chunk);
    const { events, protocol } = rig;
    const ends = events.filter(([kind]) => kind === "close" || kind === "fail");
    assert(ends.length <= 1, "it ended twice");
    if (ends.length === 1) {
      assertStrictEquals(events.at(-1), ends[0], "something came after the end");
    }
    assertStrictEquals(protocol.done, ends.length === 1);
    for (const event of events) {
      if (event[0] === "binary") assert(event[1].length / 2 <= FRAME_LIMITS.maxMessageSize);
      if (event[0] === "text") assert(event[1].length <= FRAME_LIMITS.maxMessageSize);
    }
    // It answers each ping, and the end with a close frame of the code that goes with it; and its frames are right.
    const sent = rig.sent();
    for (const frame of sent) assertStrictEquals(frame.masked, role === "client");
    const pings = events.filter(([kind]) => kind === "ping");
    assertEquals(sent.filter(({ opcode }) => opcode === 10).length, pings.length);
    const close = sent.find(({ opcode }) => opcode === 8);
    assertStrictEquals(close !== undefined, ends.length === 1);
    const code = close === undefined || close.payload.length === 0
      ? undefined
      : close.payload[0] << 8 | close.payload[1];
    if (code !== undefined) assert(isWebSocketCloseCode(code));
    if (ends[0]?.[0] === "fail") assertStrictEquals(code, ends[0][2]);
  } finally {
    rig.protocol.dispose();
  }
  return rig;
}

const frames = (["server", "client"] as const).map((role) =>
  fuzzTarget(
    `websocket: frames that come to a ${role}`,
    fc.tuple(frameBytes(role), pieces),
    ([bytes, sizes]) => {
      sameForEverySplit(bytes, sizes, (chunks) => tell(runProtocol(role, chunks, {}).events));
    },
  )
);

const streamed = fuzzTarget(
  "websocket: frames, handed on in pieces",
  fc.tuple(frameBytes("server"), pieces),
  ([bytes, sizes]) => {
    sameForEverySplit(bytes, sizes, (chunks) => {
      const { events } = runProtocol("server", chunks, {}, true);
      // How the pieces are cut follows from how the bytes came: joined they are the same.
      const joined: unknown[] = [];
      let open: { opcode: number; hex: string; last: boolean } | undefined;
      for (const event of events) {
        if (event[0] !== "piece") {
          if (event[0] === "fail") open = undefined; // what came of a message that failed depends on the pieces
          joined.push(event);
          continue;
        }
        if (open === undefined || open.last) {
          joined.push(open = { opcode: event[1], hex: "", last: false });
        }
        open.hex += event[2];
        open.last = event[3];
      }
      const failed = events.at(-1)?.[0] === "fail";
      return tell(
        failed
          ? joined.filter((each) => Array.isArray(each) || (each as { last: boolean }).last)
          : joined,
      );
    });
  },
);

const ALONE: Compress = (bytes) => deflateAlone(bytes, 15);

/** Parameters of permessage-deflate as a handshake may agree on them. */
const agreedParameters: fc.Arbitrary<PerMessageDeflateParameters> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: fc.constant(15),
  clientMaxWindowBits: fc.constant(15),
});

const compressed = fuzzTarget(
  "websocket: compressed frames",
  fc.tuple(frameBytes("server", ALONE), pieces, agreedParameters),
  ([bytes, sizes, agreed]) => {
    sameForEverySplit(bytes, sizes, (chunks) => {
      const rig = runProtocol("server", chunks, {
        compression: createCompression("server", agreed),
      });
      // A message may break several rules at once; which of them is seen first follows from how the bytes came.
      return tell(
        rig.events.map((event) =>
          event[0] === "fail" && ["COMPRESSION", "UTF8", "MESSAGE_TOO_BIG"].includes(event[1])
            ? "the message is refused"
            : event
        ),
      );
    });
  },
);

const frameRoundTrip = fuzzTarget(
  "websocket: frames as tools take them apart",
  frameBytes("server"),
  (bytes) => {
    const done = attempt(() => decodeFrame(bytes), RangeError);
    if ("error" in done) return;
    const frame = done.value;
    if (!("payload" in frame)) {
      assert(frame.missing > 0);
      return;
    }
    const again = decodeFrame(encodeFrame(frame.payload, frame));
    assert("payload" in again);
    assertEquals([again.fin, again.rsv, again.opcode], [frame.fin, frame.rsv, frame.opcode]);
    assertEquals(again.payload, frame.payload);
  },
);

// --- extensions ------------------------------------------------------------------------------------------------------

const parameter = fc.oneof(
  fc.constantFrom(
    "server_no_context_takeover",
    "client_no_context_takeover",
    "client_max_window_bits",
    "x=constructor",
    '__proto__="a\\"b"',
  ),
  fc.tuple(
    fc.constantFrom("server_max_window_bits", "client_max_window_bits"),
    fc.oneof(fc.integer({ min: 6, max: 17 }).map(String), fc.constantFrom('"10"', "08", "")),
  ).map(([name, value]) => `${name}=${value}`),
);
const extensionList = fc.array(
  fc.tuple(
    fc.constantFrom("permessage-deflate", "permessage-deflate", "permessage-bzip2", "constructor"),
    fc.array(parameter, { maxLength: 4 }),
  ).map(([name, params]) => [name, ...params].join("; ")),
  { minLength: 1, maxLength: 3 },
).map((all) => all.join(", "));
const damagedExtensions = damagedText(extensionList, ';,="\\ \t');

const deflateOptions: fc.Arbitrary<PerMessageDeflateOptions> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: fc.integer({ min: 8, max: 15 }),
  clientMaxWindowBits: fc.integer({ min: 8, max: 15 }),
}, { requiredKeys: [] });

const extensions = fuzzTarget(
  "websocket: extension headers and permessage-deflate parameters",
  fc.tuple(damagedExtensions, deflateOptions),
  ([header, options]) => {
    const parsed = parseExtensions(header);
    if (parsed === undefined) return;
    const again = parseExtensions(parsed.map(formatExtension).join(", "));
    assertEquals(again, parsed);
    // A server that takes an offer keeps to it: a client that made it finds nothing wrong.
    const answer = acceptDeflate(parsed, options);
    if (answer !== undefined) {
      const { serverMaxWindowBits, clientMaxWindowBits } = answer.parameters;
      for (const bits of [serverMaxWindowBits, clientMaxWindowBits]) {
        assert(bits >= 8 && bits <= 15);
      }
      assertStrictEquals(
        typeof checkDeflateResponse(answer.response, { clientMaxWindowBits: 15 }),
        "object",
      );
    }
    // A client looks at whatever a server says.
    for (const each of parsed) checkDeflateResponse(each, options);
  },
);

const negotiation = fuzzTarget(
  "websocket: permessage-deflate between two of us",
  fc.tuple(deflateOptions, deflateOptions),
  ([client, server]) => {
    const offers = parseExtensions(formatExtension(offerDeflate(client)))!;
    const answer = acceptDeflate(offers, server);
    assert(answer !== undefined);
    const [response] = parseExtensions(formatExtension(answer.response))!;
    const agreed = checkDeflateResponse(response, client);
    assert(typeof agreed === "object", String(agreed));
    // Each may forget its window, or take a smaller one, where the other expects more; never the reverse.
    assertStrictEquals(agreed.serverNoContextTakeover, answer.parameters.serverNoContextTakeover);
    assertStrictEquals(agreed.serverMaxWindowBits, answer.parameters.serverMaxWindowBits);
    assert(agreed.clientMaxWindowBits <= answer.parameters.clientMaxWindowBits);
    assert(agreed.clientNoContextTakeover || !answer.parameters.clientNoContextTakeover);
  },
);

// --- heads -----------------------------------------------------------------------------------------------------------

/** The limits of the heads here; small, so that they are met. */
const HEAD_LIMITS: Required<HttpHeadLimits> = {
  maxHeadSize: 600,
  maxLineSize: 200,
  maxHeaderCount: 14,
};
const HEAD_OFTEN = [0x0a, 0x0d, 0x20, 0x09, 0x3a, 0x2c, 0x00, 0x80];

const header = fc.tuple(
  fc.constantFrom("Host", "Upgrade", "Connection", "Cookie", "X-A", "__proto__", "constructor"),
  fc.constantFrom("websocket", "keep-alive, Upgrade", "example.org:80", "", "a=b; c", "\xe9t\xe9"),
).map(([name, value]) => `${name}: ${value}\r\n`);

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const request = fc.tuple(
  fc.constantFrom("/", "/chat?a=%20", "*", "http://example.org/x", "http://other.org"),
  fc.array(header, { maxLength: 4 }),
  fc.option(extensionList, { nil: undefined }),
  fc.constantFrom("", "Sec-WebSocket-Protocol: a, b\r\n", "Origin: null\r\n"),
).map(([target, lines, extension, more]) =>
  `GET ${target} HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${more}${lines.join("")}` +
  `${extension === undefined ? "" : `Sec-WebSocket-Extensions: ${extension}\r\n`}\r\n`
);

const response = fc.tuple(
  fc.constantFrom("101 Switching Protocols", "101", "200 OK", "400 ", "302 Found"),
  fc.array(header, { maxLength: 4 }),
  fc.option(extensionList, { nil: undefined }),
).map(([status, lines, extension]) =>
  `HTTP/1.1 ${status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Accept: ${ACCEPT}\r\nSec-WebSocket-Protocol: a\r\n${lines.join("")}` +
  `${extension === undefined ? "" : `Sec-WebSocket-Extensions: ${extension}\r\n`}\r\n`
);

/** A head, and bytes behind it that are not part of it. */
function withRest(head: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  return damagedBytes(
    fc.tuple(head, payload(6)).map(([words, rest]) => joinBytes(latin1Bytes(words), rest)),
    HEAD_OFTEN,
  );
}

function readHead(
  kind: "request" | "response",
  chunks: readonly Uint8Array[],
): { text: string | undefined; told: string } {
  const reader = new HttpHeadReader(kind, HEAD_LIMITS);
  let used = 0;
  for (const chunk of chunks) {
    const n = reader.push(chunk);
    assert(reader.size <= HEAD_LIMITS.maxHeadSize + 1);
    if (n >= 0) {
      used += n;
      assertStrictEquals(reader.fault, undefined);
      return { text: reader.text, told: tell(["head", used, reader.text]) };
    }
    if (reader.fault !== undefined) return { text: undefined, told: tell(["fault", reader.fault]) };
    used += chunk.length;
  }
  return { text: undefined, told: tell(["open", reader.size]) };
}

const requestHeads = fuzzTarget(
  "websocket: HTTP heads that come to a server",
  fc.tuple(withRest(request), pieces, deflateOptions),
  ([bytes, sizes, options]) => {
    let head: string | undefined;
    const told = sameForEverySplit(bytes, sizes, (chunks) => {
      const read = readHead("request", chunks);
      head = read.text;
      return read.told;
    });
    if (head === undefined) return;
    assert(told.startsWith('["head"') && latin1Text(bytes).startsWith(head));
    const parsed = parseRequestHead(head);
    if ("message" in parsed) return;
    assert(parsed.fields.size <= HEAD_LIMITS.maxHeaderCount);
    for (const [name, value] of parsed.fields) {
      assert(/^[!-9;-~]+$/.test(name) && !/[\r\n\0]/.test(value), "a header with a line end in it");
    }
    const asked = checkClientHandshake(parsed);
    if ("status" in asked) {
      assert(asked.status >= 400 && asked.status < 500);
      return;
    }
    assert(parsed.target.startsWith("/"));
    // The answer can be written whatever was asked, and is one that the client could read.
    const answer = acceptDeflate(asked.extensions, options);
    const reply = buildServerHandshake({
      accept: ACCEPT,
      protocol: asked.protocols[0],
      extension: answer?.response,
    });
    const read = readHead("response", [latin1Bytes(reply)]);
    if (read.text !== undefined) assert(!("message" in parseResponseHead(read.text)));
  },
);

const responseHeads = fuzzTarget(
  "websocket: HTTP heads that come to a client",
  fc.tuple(withRest(response), pieces, deflateOptions),
  ([bytes, sizes, deflate]) => {
    let head: string | undefined;
    sameForEverySplit(bytes, sizes, (chunks) => {
      const read = readHead("response", chunks);
      head = read.text;
      return read.told;
    });
    if (head === undefined) return;
    const parsed = parseResponseHead(head);
    if ("message" in parsed) return;
    const agreed = checkServerHandshake(parsed, { accept: ACCEPT, protocols: ["a", "b"], deflate });
    if (agreed instanceof WebSocketHandshakeError) {
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x1f]/.test(agreed.message), "the text has control characters");
      return;
    }
    assertStrictEquals(parsed.status, 101);
    assert(["", "a", "b"].includes(agreed.protocol));
  },
);

const urls = fuzzTarget(
  "websocket: URLs, and the handshake that they make",
  damagedText(
    fc.oneof(
      fc.webUrl({ withQueryParameters: true, size: "xsmall" }).map((url) =>
        url.replace(/^http/, "ws")
      ),
      fc.webUrl({ authoritySettings: { withUserInfo: true, withPort: true }, size: "xsmall" }),
      fc.constantFrom("ws+unix:///run/a%20b:/chat?x", "wss+unix:/run/x:/", "ws://a%3Ab:c@[::1]:8/"),
    ),
    "\r\n\t\\#?@:/% \u2028",
  ),
  (url) => {
    const done = attempt(() => parseWebSocketUrl(url), TypeError);
    if ("error" in done) return;
    const { target, host } = done.value;
    const head = buildClientHandshake({ target, host, key: KEY });
    const read = new HttpHeadReader("request", { maxLineSize: 16_384, maxHeadSize: 65_536 });
    assertStrictEquals(read.push(latin1Bytes(head)), head.length, "the head holds another head");
    const parsed = parseRequestHead(read.text);
    assert(!("message" in parsed));
    assertStrictEquals(parsed.target, target);
    assertEquals(parsed.fields.getAll("host"), [host]);
  },
);

/** All of them. */
export const WEBSOCKET_TARGETS: readonly FuzzTarget[] = [
  ...frames,
  streamed,
  compressed,
  frameRoundTrip,
  extensions,
  negotiation,
  requestHeads,
  responseHeads,
  urls,
];
