import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { TraceError } from "../../trace/errors.ts";
import {
  type RecordedStep,
  RecordingDecoder,
  RecordingEncoder,
  type RecordingHeader,
} from "../../trace/recording.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";

const HEADER: RecordingHeader = {
  started: 1000,
  transport: "tcp",
  server: "example.org:80",
  masked: false,
};

const bytes = Uint8Array.of(0, 255, 10);
const client = { transport: "tcp", hostname: "::1", port: 5 } as const;
const EVENTS: TraceEvent[] = [
  { time: 1001, connection: 1, type: "open", transport: "tcp", client, server: "x" },
  { time: 1002, connection: 1, type: "connect", server: client },
  { time: 1003.25, connection: 1, type: "data", from: "client", bytes, offset: 0, decoded: true },
  { time: 1004, connection: 1, type: "end", from: "server" },
  { time: 1005, connection: 1, type: "reset", from: "client", passedOn: true },
  { time: 1006, connection: 1, type: "close", clientBytes: 3, serverBytes: 0 },
];
const STEPS: RecordedStep[] = [
  { time: 1, connection: 1, type: "open" },
  { time: 3.25, connection: 1, type: "data", from: "client", bytes },
  { time: 4, connection: 1, type: "end", from: "server" },
  { time: 5, connection: 1, type: "reset", from: "client" },
  { time: 6, connection: 1, type: "close" },
];

function record(header = HEADER, events = EVENTS): string {
  const encoder = new RecordingEncoder(header);
  return encoder.header() + events.map((event) => encoder.encode(event)).join("");
}

function fails(text: string, why: string): void {
  const decoder = new RecordingDecoder();
  const error = assertThrows(
    () => {
      decoder.push(text);
      decoder.finish();
    },
    TraceError,
    why,
  );
  assertEquals(error.code, "ERR_TRACE_RECORDING");
}

Deno.test("a recording gives back what was recorded, in any pieces", () => {
  const text = record();
  fc.assert(fc.property(fc.integer({ min: 1, max: 200 }), (size) => {
    const decoder = new RecordingDecoder();
    const steps: RecordedStep[] = [];
    for (let at = 0; at < text.length; at += size) {
      steps.push(...decoder.push(text.slice(at, at + size)));
    }
    steps.push(...decoder.finish());
    assertEquals(decoder.header, HEADER);
    assertEquals(steps, STEPS);
  }));
});

Deno.test("a recording is text that tells the client's address", () => {
  const line = record().split("\n")[1];
  assertEquals(JSON.parse(line), { time: 1, connection: 1, type: "open", client: "[::1]:5" });
});

Deno.test("long data is written in several lines, a datagram in one", () => {
  const long = new Uint8Array(200_000).map((_, i) => i);
  const event = { ...EVENTS[2], bytes: long } as TraceEvent;
  const read = (text: string): RecordedStep[] => new RecordingDecoder().push(text);
  const steps = read(record(HEADER, [event]));
  assertEquals(steps.length, 4);
  assertEquals(Uint8Array.from(steps.flatMap((step) => [...step.bytes!])), long);
  assertEquals(read(record({ ...HEADER, transport: "udp" }, [event])).length, 1);
  const empty = { ...EVENTS[2], bytes: new Uint8Array(0) } as TraceEvent;
  assertEquals(read(record({ ...HEADER, transport: "udp" }, [empty]))[0].bytes?.length, 0);
});

Deno.test("a recording that was cut off is read up to there", () => {
  const text = record().slice(0, -10);
  const decoder = new RecordingDecoder();
  assertEquals([...decoder.push(text), ...decoder.finish()], STEPS.slice(0, -1));
});

Deno.test("a recording without a last line end is complete", () => {
  const decoder = new RecordingDecoder();
  assertEquals([...decoder.push(record().trimEnd()), ...decoder.finish()], STEPS);
});

const [HEAD] = record().split("\n");
for (
  const [text, why] of [
    ["", "line 1 is missing"],
    ["\n\n", "line 1 is missing"],
    ["hello\n", "line 1 is no JSON"],
    ["hello", "line 1 is no JSON"],
    ["1\n", "line 1 is no object"],
    ["{}\n", "line 1 is not that of a recording"],
    [HEAD.replace('"version":1', '"version":2') + "\n", "line 1 is of version 2"],
    [HEAD.replace("tcp", "sctp") + "\n", "line 1 lacks a field"],
    [`${HEAD}\n{"time":1,"connection":1,"type":"odd"}\n`, "line 2 is no step"],
    [`${HEAD}\n{"time":1,"connection":1,"type":"data"}\n`, "line 2 does not tell who"],
    [`${HEAD}\n{"time":1,"connection":1,"type":"data","from":"client"}\n`, "line 2 has no bytes"],
    [
      `${HEAD}\n{"time":1,"connection":1,"type":"data","from":"client","bytes":"!"}\n`,
      "line 2 has no bytes in Base64",
    ],
    ["x".repeat(1_100_000), "line 1 is too long"],
    ["x".repeat(1_100_000) + "\n", "line 1 is too long"],
  ]
) {
  Deno.test(`a recording is refused: ${why}, ${text.length} characters`, () => fails(text, why));
}

Deno.test("a recording decoder takes any text or refuses it in its own words", () => {
  fc.assert(fc.property(fc.array(fc.string()), (pieces) => {
    const decoder = new RecordingDecoder();
    try {
      decoder.push(`${HEAD}\n`);
      for (const piece of pieces) decoder.push(piece);
      decoder.finish();
    } catch (error) {
      assert(error instanceof TraceError);
    }
  }));
});
