import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { createTextSink } from "../../trace/text_sink.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";

const base = { time: 0, connection: 1 };
const END: TraceEvent = { ...base, type: "end", from: "client" };

function data(size: number, connection = 1): TraceEvent {
  const bytes = new Uint8Array(size).fill(120);
  return { ...base, connection, type: "data", from: "client", bytes, offset: 0, decoded: false };
}

class Display {
  text = "";
  #gate = Promise.resolve();
  #open: (() => void) | undefined;

  /** From now on it takes nothing, until `go`. */
  stop(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    this.#open = resolve;
  }

  go(): void {
    this.#open?.();
  }

  async write(p: Uint8Array): Promise<number> {
    await this.#gate;
    this.text += new TextDecoder().decode(p);
    return p.length;
  }
}

Deno.test("a text sink writes what fits the filter, in lines", async () => {
  const output = new Display();
  const sink = createTextSink({ output, connections: [2], serverName: "shop" });
  sink.event(data(3, 1));
  sink.event(data(3, 2));
  sink.event({ ...END, connection: 2 });
  await sink.close?.();
  assertMatch(output.text, /^\S+ #2 client -> shop {2}xxx\n\S+ #2 client ends its side\n$/);
});

Deno.test("a text sink leaves out what nobody can read, tells how much, and holds nothing back", async () => {
  const output = new Display();
  const sink = createTextSink({ output });
  for (let i = 0; i < 1000; i++) assertEquals(sink.event(data(4096)), undefined);
  sink.event(END);
  await sink.close?.();
  assertLess(output.text.length, 1_000_000);
  const told = [
    ...output.text.matchAll(/\((\d+) pieces, (\d+) bytes in all, came too fast to be shown\)/g),
  ];
  const shown = output.text.split("client -> server").length - 1;
  const pieces = told.reduce((sum, match) => sum + Number(match[1]), 0);
  const bytes = told.reduce((sum, match) => sum + Number(match[2]), 0);
  assertEquals([shown + pieces, bytes], [1000, pieces * 4096]);
  assert(output.text.includes("client ends its side"));
});

Deno.test("a text sink goes on with the next burst, after it has told what was left out", async () => {
  const output = new Display();
  const sink = createTextSink({ output });
  for (let i = 0; i < 100; i++) sink.event(data(4096));
  while (!output.text.includes("came too fast")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  output.text = "";
  sink.event(data(5));
  await sink.close?.();
  assertMatch(output.text, /xxxxx\n$/);
});

Deno.test("a text sink whose display has stopped keeps a bounded amount", async () => {
  const output = new Display();
  output.stop();
  const sink = createTextSink({ output });
  for (let i = 0; i < 300_000; i++) sink.event(END);
  output.go();
  await sink.close?.();
  assertLess(output.text.length, 5 << 20);
  assertMatch(output.text, /\(\d+ pieces, 0 bytes in all, came too fast to be shown\)\n$/);
});

Deno.test("a text sink does not wait for ever for a display that has stopped", async () => {
  const output = new Display();
  output.stop();
  const sink = createTextSink({ output });
  sink.event(END);
  const began = performance.now();
  await sink.close?.();
  assert(performance.now() - began >= 1999);
  assertEquals(output.text, "");
  output.go();
});

Deno.test("a text sink that shows everything holds the traffic back", async () => {
  const output = new Display();
  output.stop();
  const sink = createTextSink({ output, all: true, maxBytes: Infinity });
  let held: Promise<void> | void = undefined;
  let events = 0;
  while (held === undefined) {
    held = sink.event(data(65_536));
    events++;
  }
  assertEquals(events, 16);
  output.go();
  await held;
  await sink.close?.();
  assertEquals(output.text.split("\n").length - 1, 16);
});

Deno.test("a text sink throws what its output fails with, at the next event and at the end", async () => {
  const sink = createTextSink({
    output: { write: () => Promise.reject(new Error("pipe closed")) },
  });
  sink.event(END);
  await new Promise((resolve) => setTimeout(resolve));
  assertThrows(() => sink.event(END), Error, "pipe closed");
  await assertRejects(async () => await sink.close?.(), Error, "pipe closed");
});

Deno.test("text sink refuses options that there are not", () => {
  const misspelt = { maxbytes: 10 } as object;
  assertThrows(() => createTextSink(misspelt), TypeError, "but `maxBytes`");
});
