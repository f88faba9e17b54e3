// Known classes of attacks on streams of messages and on datagrams: framings, floods and forged senders.
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { byteServer, growthDuring, latin1, repeated } from "../_support/attack.ts";
import { hex } from "../_support/hex.ts";
import { delay, linePort, textOf, within } from "../_support/ports.ts";
import { until } from "../_support/websocket_server.ts";
import { cobsFramer } from "../../net/cobs_framer.ts";
import { createServer } from "../../net/create_server.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { delimiterFramer, nulFramer } from "../../net/delimiter_framer.ts";
import { dial } from "../../net/dial.ts";
import type { Framer } from "../../net/framer.ts";
import { FramingError, type FramingFault } from "../../net/framing_error.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { sizeHeaderFramer } from "../../net/size_header_framer.ts";
import { TransmissionMode } from "../../socket/constants.ts";
import { SocketBook } from "../../socket/socket_book.ts";

const MIB = 1_048_576;

/** Has a peer send bytes, and reads messages until the end or a fault. */
async function receive(
  framer: Framer<unknown>,
  bytes: Uint8Array,
  times = 1,
): Promise<{ messages: unknown[]; fault?: FramingFault; most: number }> {
  await using server = byteServer(async (wire) => {
    for (let i = 0; i < times && await wire.write(bytes); i++);
    wire.close();
  });
  const transport = await dial({ hostname: "127.0.0.1", port: server.port });
  await using socket = new MessageSocket<unknown>(transport, framer);
  const messages: unknown[] = [];
  let most = 0;
  try {
    for (;;) {
      const message = await socket.read({ timeout: 20_000 });
      most = Math.max(most, socket.received);
      if (message === undefined) return { messages, most };
      messages.push(message);
    }
  } catch (error) {
    if (error instanceof FramingError) return { messages, fault: error.fault, most };
    throw error;
  }
}

// Framing modes.

const ENDLESS: readonly (readonly [name: string, framer: Framer<unknown>, bytes: Uint8Array])[] = [
  ["a line", lineFramer() as unknown as Framer<unknown>, latin1("x".repeat(65_536))],
  [
    "a line of another ending",
    lineFramer({ accept: "crlf" }) as unknown as Framer<unknown>,
    latin1("xx\n".repeat(20_000)),
  ],
  [
    "a marked message",
    delimiterFramer({ marker: "||" }) as unknown as Framer<unknown>,
    latin1("x|".repeat(32_768)),
  ],
  ["a message up to NUL", nulFramer() as unknown as Framer<unknown>, latin1("x".repeat(65_536))],
  [
    "a line of JSON",
    jsonLinesFramer() as unknown as Framer<unknown>,
    latin1(`"${"x".repeat(65_536)}`),
  ],
  ["a COBS block", cobsFramer() as unknown as Framer<unknown>, latin1("\x02x".repeat(32_768))],
];

for (const [name, framer, bytes] of ENDLESS) {
  Deno.test(`framing: ${name} whose end never comes is refused at the limit, in bounded memory`, async () => {
    let result: Awaited<ReturnType<typeof receive>> | undefined;
    const growth = await growthDuring(async () => {
      result = await receive(framer, bytes, 1000);
    });
    assertEquals([result!.messages, result!.fault], [[], "too-long"]);
    assertLess(growth, 48 * MIB);
  });
}

Deno.test("framing: lengths at and above the limit are refused at the prefix, negative and overflowing ones too", async () => {
  const cases: [Framer<unknown>, string | Uint8Array, FramingFault | undefined][] = [
    [lengthPrefixFramer() as unknown as Framer<unknown>, hex("ffffffff"), "too-long"],
    [lengthPrefixFramer() as unknown as Framer<unknown>, hex("80000000"), "too-long"],
    [lengthPrefixFramer() as unknown as Framer<unknown>, hex("00100001"), "too-long"],
    [
      lengthPrefixFramer({ prefix: "u16", maxLength: 10 }) as unknown as Framer<unknown>,
      hex("ffff"),
      "too-long",
    ],
    [
      lengthPrefixFramer({ includesPrefix: true }) as unknown as Framer<unknown>,
      hex("00000000"),
      "malformed",
    ],
    [
      lengthPrefixFramer({ includesPrefix: true }) as unknown as Framer<unknown>,
      hex("00000003"),
      "malformed",
    ],
    // CVE-2026-54466 (websocket-driver): a length of seven bits a byte, without end or above 2^53.
    [
      lengthPrefixFramer({ prefix: "varint" }) as unknown as Framer<unknown>,
      hex("ffffffffffffffffff7f"),
      "malformed",
    ],
    [
      lengthPrefixFramer({ prefix: "varint" }) as unknown as Framer<unknown>,
      hex("8080808080808080808001"),
      "malformed",
    ],
    [
      lengthPrefixFramer({ prefix: "varint" }) as unknown as Framer<unknown>,
      hex("ffffffff0f"),
      "too-long",
    ],
    [
      lengthPrefixFramer({ prefix: "varint" }) as unknown as Framer<unknown>,
      hex("808080808000"),
      "malformed",
    ],
    [netstringFramer() as unknown as Framer<unknown>, "9007199254740993:x", "too-long"],
    [netstringFramer() as unknown as Framer<unknown>, "-1:x,", "malformed"],
    [netstringFramer() as unknown as Framer<unknown>, "+1:x,", "malformed"],
    [netstringFramer() as unknown as Framer<unknown>, "00001:x,", "malformed"],
    [netstringFramer() as unknown as Framer<unknown>, "1:xy,", "malformed"],
    [netstringFramer() as unknown as Framer<unknown>, `${"1".repeat(100_000)}:`, "too-long"],
    [sizeHeaderFramer() as unknown as Framer<unknown>, "9007199254740993\r\n", "too-long"],
    [sizeHeaderFramer() as unknown as Framer<unknown>, "-1\r\n", "malformed"],
    [sizeHeaderFramer() as unknown as Framer<unknown>, "0x10\r\n", "malformed"],
    [sizeHeaderFramer() as unknown as Framer<unknown>, "1e3\r\n", "malformed"],
    [sizeHeaderFramer() as unknown as Framer<unknown>, "\r\n", "malformed"],
  ];
  for (const [framer, bytes, fault] of cases) {
    const sent = typeof bytes === "string" ? latin1(bytes) : bytes;
    const result = await receive(framer, sent);
    const known = result.fault === "malformed" || result.fault === "too-long";
    assert(known, `${sent.toHex()}: ${result.fault}`);
    assertEquals(result.messages, []);
    if (fault === "too-long" && sent.length < 20) assertEquals(result.fault, fault, textOf(sent));
  }
});

Deno.test("framing: a length that is promised and not kept takes no memory for it", async () => {
  const held: MessageSocket<Uint8Array>[] = [];
  await using server = byteServer(async (wire) => {
    await wire.write(hex("04000000 61"));
    await wire.readAll();
  });
  const growth = await growthDuring(async () => {
    for (let i = 0; i < 20; i++) {
      const transport = await dial({ hostname: "127.0.0.1", port: server.port });
      held.push(new MessageSocket(transport, lengthPrefixFramer({ maxLength: 64 * MIB })));
    }
    await until(() => held.every(({ received }) => received === 5));
  });
  // 20 times 64 MiB were promised.
  assertLess(growth, 64 * MIB);
  for (const socket of held) await socket.close();
});

Deno.test("framing: messages of no bytes are messages, and a flood of them is read at the reader's pace", async () => {
  for (
    const [framer, empty] of [
      [lengthPrefixFramer(), hex("00000000")],
      [lengthPrefixFramer({ prefix: "u8" }), hex("00")],
      [netstringFramer(), latin1("0:,")],
      [nulFramer(), hex("00")],
    ] as const
  ) {
    const result = await receive(framer as unknown as Framer<unknown>, repeated(empty, 50_000));
    assertEquals([result.messages.length, result.fault], [50_000, undefined]);
    // What nobody has read yet is not turned into messages, and bounded in bytes.
    assertLess(result.most, 400_000);
  }
});

Deno.test("framing: a marker is found wherever it is cut, and half of one is none", async () => {
  for (
    const [framer, bytes, expected] of [
      [delimiterFramer({ marker: "||||" }), "a|||b||||c||||", ["a|||b", "c"]],
      [delimiterFramer({ marker: "aab" }), "aaab|aaaab", ["a", "|aa"]],
      [lineFramer({ accept: "crlf" }), "a\rb\nc\r\nd\r\n", ["a\rb\nc", "d"]],
      [lineFramer({ accept: "any" }), "a\rb\r\nc\n\r\n", ["a", "b", "c", ""]],
    ] as const
  ) {
    for (let at = 1; at < bytes.length; at++) {
      await using server = byteServer(async (wire) => {
        await wire.write(bytes.slice(0, at));
        await wire.read(1);
        await wire.write(bytes.slice(at));
        wire.close();
      });
      const transport = await dial({ hostname: "127.0.0.1", port: server.port });
      await using socket = new MessageSocket<unknown>(
        transport,
        framer as unknown as Framer<unknown>,
      );
      await until(() => socket.received >= Math.min(at, 1));
      await transport.write(new Uint8Array(1));
      const messages: string[] = [];
      for await (const message of socket) {
        messages.push(typeof message === "string" ? message : textOf(message as Uint8Array));
      }
      assertEquals(messages, [...expected], `cut at ${at}`);
    }
  }
});

Deno.test("framing: a carriage return alone ends a line only where that is asked for", async () => {
  const bytes = latin1("a\rb\rc\n");
  assertEquals((await receive(lineFramer() as unknown as Framer<unknown>, bytes)).messages, [
    "a\rb\rc",
  ]);
  const any = lineFramer({ accept: "any" }) as unknown as Framer<unknown>;
  assertEquals((await receive(any, bytes)).messages, ["a", "b", "c"]);
  // One that waits to see whether a line feed follows is bounded and delivered at the end.
  assertEquals((await receive(any, latin1("a\r"))).messages, ["a"]);
});

Deno.test("framing: a server of lines ends who sends a line without end, and serves the next", async () => {
  await using port = await linePort();
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: port.port });
  const flood = latin1("x".repeat(65_536));
  const writing = (async () => {
    try {
      for (;;) await conn.write(flood);
    } catch {
      // cut off
    }
  })();
  await within("the end", writing);
  await port.visit();
});

Deno.test("framing: named sockets refuse messages without end, in every mode that has messages", async () => {
  await using book = new SocketBook({ maxMessageBytes: 100_000 });
  for (
    const [name, mode, bytes] of [
      ["A", TransmissionMode.SIZE_HEADER, "100001\r\n"],
      ["B", TransmissionMode.SIZE_HEADER, "99999999999999999999\r\n"],
      ["C", TransmissionMode.SIZE_HEADER, "-5\r\n"],
      ["D", TransmissionMode.END_MARKER, "x".repeat(65_536)],
      ["E", TransmissionMode.END_MARKER_BUFFERED, "x".repeat(65_536)],
    ] as const
  ) {
    await using server = byteServer(async (wire) => {
      while (await wire.write(bytes) && bytes.length > 100);
      await wire.readAll();
    });
    assert(await book.connect(name, server.port, "127.0.0.1"));
    assert(book.changeTransmissionMode(name, mode));
    assertEquals(await book.read(name, { timeout: 20_000 }), "");
    assertEquals(book.lastError?.kind, "BAD_MESSAGE");
    await book.close(name);
  }
});

// A peer that sends and does not read, or the reverse.

Deno.test("slow reader: a socket that writes to a peer that does not read is destroyed at its limit", async () => {
  const errors: string[] = [];
  await using server = createServer({ maxSendQueueBytes: MIB }, (socket) => {
    socket.on("error", (error) => errors.push((error as { code?: string }).code ?? ""));
    const chunk = new Uint8Array(65_536);
    const timer = setInterval(() => socket.write(chunk), 0);
    socket.on("close", () => clearInterval(timer));
  });
  await server.listen(0, "127.0.0.1");
  using _silent = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await within("the end", until(() => errors.length === 1 && server.connections.size === 0));
  assertEquals(errors, ["ERR_BUFFER_LIMIT"]);
});

Deno.test("slow reader: a socket that nobody reads here stops its peer", async () => {
  await using server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
  });
  await server.listen(0, "127.0.0.1");
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const chunk = new Uint8Array(MIB);
  let written = 0;
  const growth = await growthDuring(async () => {
    const writing = (async () => {
      try {
        for (;;) written += await conn.write(chunk);
      } catch {
        // closed below
      }
    })();
    // Nothing more goes out once the system's buffers are full.
    for (let before = -1; before !== written;) {
      before = written;
      await delay(100);
    }
    server.closeAllConnections();
    await within("the end of the writer", writing);
  });
  assertLess(growth, 32 * MIB);
  assertLess(server.metrics().bytesRead, 4 * MIB);
});

// Datagrams.

Deno.test("UDP: nothing is answered by itself, so nothing is amplified", async () => {
  await using socket = createDatagramSocket();
  await socket.bind({ address: "127.0.0.1" });
  await using forged = createDatagramSocket();
  const { port } = socket.address();
  for (const size of [0, 1, 512, 65_507]) {
    await forged.send(new Uint8Array(size), { address: "127.0.0.1", port });
    await socket.receive({ timeout: 10_000 });
  }
  assertEquals([socket.metrics().sent, forged.metrics().received], [0, 0]);
});

Deno.test("UDP: a connected socket takes datagrams of its peer alone, and counts the others", async () => {
  await using peer = createDatagramSocket();
  await peer.bind({ address: "127.0.0.1" });
  await using socket = createDatagramSocket();
  await socket.connect(peer.address().port, "127.0.0.1");
  const to = { address: "127.0.0.1", port: socket.address().port };
  await using forger = createDatagramSocket();
  for (let i = 0; i < 10; i++) await forger.send(latin1("forged"), to);
  await peer.send(latin1("real"), to);
  assertEquals(textOf((await socket.receive({ timeout: 10_000 })).data), "real");
  assertEquals(socket.metrics().queued, 0);
});

Deno.test("UDP: datagrams above the limit, and more than the queue holds, are dropped and counted", async () => {
  await using socket = createDatagramSocket({
    maxDatagramSize: 1000,
    maxQueue: 5,
    maxQueueBytes: 3000,
  });
  await socket.bind({ address: "127.0.0.1" });
  await using sender = createDatagramSocket();
  const to = { address: "127.0.0.1", port: socket.address().port };
  await sender.send(new Uint8Array(1001), to);
  await sender.send(new Uint8Array(65_507), to);
  for (let i = 0; i < 20; i++) await sender.send(new Uint8Array(i < 10 ? 1000 : 10), to);
  await until(() => socket.metrics().received === 22);
  const { oversize, queued, queuedBytes, dropped } = socket.metrics();
  assertEquals(oversize, 2);
  assert(queued <= 5 && queuedBytes <= 3000, `${queued} with ${queuedBytes} bytes`);
  assertEquals(queued + dropped, 20);
  await assertRejects(() => sender.send(new Uint8Array(65_508), to), Error);
});

Deno.test("UDP: a small datagram keeps no large buffer alive", async () => {
  await using socket = createDatagramSocket();
  await socket.bind({ address: "127.0.0.1" });
  await using sender = createDatagramSocket();
  for (let i = 0; i < 100; i++) {
    await sender.send(latin1("x"), { address: "127.0.0.1", port: socket.address().port });
    const { data } = await socket.receive({ timeout: 10_000 });
    assertLess(data.buffer.byteLength, 4096);
  }
});
