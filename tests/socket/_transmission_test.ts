import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteQueue } from "../../buffer/byte_queue.ts";
import { frameMessage } from "../../net/framer.ts";
import { FramingError } from "../../net/framing_error.ts";
import {
  type Transmission,
  transmission,
  TransmissionDecoder,
} from "../../socket/_transmission.ts";
import { TransmissionMode } from "../../socket/constants.ts";

const { END_MARKER, END_MARKER_BUFFERED, NO_MARKER, SIZE_HEADER } = TransmissionMode;

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);

function decoder(maxLength = 100): { queue: ByteQueue; decoder: TransmissionDecoder } {
  const queue = new ByteQueue();
  return { queue, decoder: new TransmissionDecoder(queue, maxLength) };
}

/** All messages in the pieces. */
function decodeAll(mode: Transmission, pieces: Uint8Array[], maxLength?: number): string[] {
  const { queue, decoder: d } = decoder(maxLength);
  const messages: string[] = [];
  for (const piece of pieces) {
    queue.push(piece);
    for (let message; (message = d.next(mode)) !== undefined;) messages.push(text(message));
  }
  d.end(mode);
  return messages;
}

/** The wire formats as the manual has them, one row for each mode. */
const ROWS: { name: string; mode: Transmission; message: string; wire: string }[] = [
  {
    name: "size header",
    mode: transmission(SIZE_HEADER),
    message: "Hello World",
    wire: "11\r\nHello World",
  },
  {
    name: "end marker, the default one",
    mode: transmission(END_MARKER),
    message: "Hello World",
    wire: "Hello World\x1a",
  },
  {
    name: "end marker CRLF",
    mode: transmission(END_MARKER, "\r\n"),
    message: "Hello World",
    wire: "Hello World\r\n",
  },
  {
    name: "end marker, buffered",
    mode: transmission(END_MARKER_BUFFERED, "\r\n.\r\n"),
    message: "Hello World",
    wire: "Hello World\r\n.\r\n",
  },
  { name: "no marker", mode: transmission(NO_MARKER), message: "\0\x1a\r\n", wire: "\0\x1a\r\n" },
];

for (const { name, mode, message, wire } of ROWS) {
  Deno.test(`transmission mode ${name}: the wire format`, () => {
    assertEquals(text(frameMessage(mode.framer, latin1(message))), wire);
    if (mode.mode !== NO_MARKER) assertEquals(decodeAll(mode, [latin1(wire)]), [message]);
  });
}

Deno.test("transmission modes refuse markers that can't be", () => {
  assertThrows(() => transmission(SIZE_HEADER, "x"), TypeError, "no marker");
  assertThrows(() => transmission(NO_MARKER, "x"), TypeError, "no marker");
  assertThrows(() => transmission(END_MARKER, ""), TypeError, "at least one byte");
  assertThrows(() => transmission(7 as TransmissionMode), TypeError, "no transmission mode 7");
});

Deno.test("a marker given as bytes is copied", () => {
  const marker = latin1(";");
  const mode = transmission(END_MARKER, marker);
  marker[0] = 0;
  assertEquals(decodeAll(mode, [latin1("a;b;")]), ["a", "b"]);
});

Deno.test("a message that holds the marker is sent as it is and is cut there", () => {
  const mode = transmission(END_MARKER, ";");
  const wire = frameMessage(mode.framer, latin1("one;two"));
  assertEquals(decodeAll(mode, [wire]), ["one", "two"]);
});

Deno.test("any messages in any pieces come out the same, in every mode that has messages", () => {
  const modes = [
    transmission(SIZE_HEADER),
    transmission(END_MARKER),
    transmission(END_MARKER, "\r\n"),
    transmission(END_MARKER_BUFFERED, "aab"),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...modes),
      fc.array(fc.string({ maxLength: 40, unit: fc.constantFrom("a", "\r", "\n", "1", "x") })),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 }),
      (mode, all, steps) => {
        const marker = text(mode.marker);
        // What holds the marker, alone or with the marker behind it, is cut too early.
        const messages = all.filter((message) =>
          marker === "" || (message + marker).indexOf(marker) === message.length
        );
        const wire = messages.flatMap((message) => [...frameMessage(mode.framer, latin1(message))]);
        const pieces: Uint8Array[] = [];
        for (let at = 0, i = 0; at < wire.length; i++) {
          const step = steps[i % steps.length];
          pieces.push(Uint8Array.from(wire.slice(at, at + step)));
          at += step;
        }
        assertEquals(decodeAll(mode, pieces), messages);
      },
    ),
  );
});

Deno.test("what is no size is an error, and stays until the mode is changed", () => {
  for (
    const wire of [
      "HTTP/1.1 200 OK\r\n",
      "\r\n",
      "12x",
      "1:\r\n",
      "1/\r\n",
      "1\rx",
      "-1\r\n",
      " 1\r\n",
    ]
  ) {
    const { queue, decoder: d } = decoder();
    queue.push(latin1(wire));
    const error = assertThrows(() => d.next(transmission(SIZE_HEADER)), FramingError);
    assertEquals(error.fault, "malformed");
    assertThrows(() => d.next(transmission(SIZE_HEADER)), FramingError);
    assertEquals(queue.length, wire.length);
  }
});

Deno.test("a message that is too long is an error as soon as that is known", () => {
  const cases: [Transmission, string][] = [
    [transmission(SIZE_HEADER), "101"],
    [transmission(SIZE_HEADER), "99999999999999999999"],
    [transmission(END_MARKER, ";"), "x".repeat(101)],
    [transmission(END_MARKER, ";;"), "x".repeat(102)],
    [transmission(END_MARKER, ";"), `${"x".repeat(101)};`],
  ];
  for (const [mode, wire] of cases) {
    const { queue, decoder: d } = decoder(100);
    queue.push(latin1(wire));
    const error = assertThrows(() => d.next(mode), FramingError);
    assertEquals(error.fault, "too-long");
  }
  const longest = "x".repeat(100);
  assertEquals(decodeAll(transmission(END_MARKER, ";"), [latin1(`${longest};`)]), [longest]);
  assertEquals(decodeAll(transmission(SIZE_HEADER), [latin1(`100\r\n${longest}`)]), [longest]);
});

Deno.test("zeros before a size are taken, up to sixteen digits", () => {
  assertEquals(decodeAll(transmission(SIZE_HEADER), [latin1("0002\r\nab0\r\n")]), ["ab", ""]);
  const { queue, decoder: d } = decoder();
  queue.push(latin1(`${"0".repeat(17)}\r\n`));
  assertThrows(() => d.next(transmission(SIZE_HEADER)), FramingError, "no decimal number");
});

Deno.test("an end in the middle of a message tells what is missing", () => {
  const cases: [Transmission, string, string][] = [
    [transmission(SIZE_HEADER), "5\r\nab", "ended 5 bytes into it, 3 missing"],
    [transmission(SIZE_HEADER), "5", "ended 1 byte into it, its size not whole yet"],
    [transmission(END_MARKER, ";"), "ab", "ended 2 bytes into it, its end marker missing"],
  ];
  for (const [mode, wire, message] of cases) {
    const { queue, decoder: d } = decoder();
    queue.push(latin1(wire));
    assertEquals(d.next(mode), undefined);
    const error = assertThrows(() => d.end(mode), FramingError, message);
    assertEquals(error.fault, "truncated");
  }
  decoder().decoder.end(transmission(SIZE_HEADER));
});

Deno.test("the mode can be changed between two messages that came together", () => {
  const { queue, decoder: d } = decoder();
  queue.push(latin1("2\r\nabcd;ef\r\n"));
  assertEquals(text(d.next(transmission(SIZE_HEADER))!), "ab");
  assertEquals(text(d.next(transmission(END_MARKER, ";"))!), "cd");
  assertEquals(d.next(transmission(END_MARKER, ";")), undefined);
  d.reset();
  assertEquals(text(d.next(transmission(END_MARKER, "\r\n"))!), "ef");
});

Deno.test("a marker is found that lies before where another marker was looked for", () => {
  const { queue, decoder: d } = decoder();
  queue.push(latin1("a,bcd"));
  assertEquals(d.next(transmission(END_MARKER, ";")), undefined);
  d.reset();
  assertEquals(text(d.next(transmission(END_MARKER, ","))!), "a");
  d.reset();
  assertEquals(d.next(transmission(END_MARKER, ";")), undefined);
  d.reset();
  assertEquals(text(d.next(transmission(END_MARKER, "b"))!), "");
});
