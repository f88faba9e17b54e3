import { assertEquals, assertThrows } from "@std/assert";
import { EventEmitter } from "node:events";
import process from "node:process";
import { Pipes } from "../../net/_pipe.ts";

class Source extends EventEmitter {
  readonly told: string[] = [];
  pause(): void {
    this.told.push("pause");
  }
  resume(): void {
    this.told.push("resume");
  }
  isPaused(): boolean {
    return this.told.at(-1) === "pause";
  }
  destroy(error: Error): void {
    this.told.push(`destroy ${error.message}`);
  }
}

class Sink extends EventEmitter {
  readonly got: number[] = [];
  full = false;
  ended = 0;
  write(chunk: Uint8Array): boolean {
    this.got.push(...chunk);
    return !this.full;
  }
  end(): void {
    this.ended++;
  }
}

function rig(): { source: Source; sink: Sink; pipes: Pipes } {
  const source = new Source();
  return { source, sink: new Sink(), pipes: new Pipes(source) };
}

Deno.test("pipe passes chunks on, pauses while the destination is full, and ends it once", () => {
  const { source, sink, pipes } = rig();
  pipes.add(sink);
  source.emit("data", new Uint8Array([1]));
  sink.full = true;
  source.emit("data", new Uint8Array([2]));
  sink.emit("drain");
  sink.emit("drain");
  source.emit("end");
  source.emit("end");
  sink.emit("finish");
  assertEquals([sink.got, source.told, sink.ended], [[1, 2], ["pause", "resume", "pause"], 1]);
  assertEquals([source.listenerCount("data"), sink.listenerCount("drain")], [0, 0]);
});

Deno.test("pipe leaves the destination open with end: false", () => {
  const { source, sink, pipes } = rig();
  pipes.add(sink, { end: false });
  source.emit("end");
  assertEquals(sink.ended, 0);
});

Deno.test("pipes end by unpipe, one or all, and when the destination closes", () => {
  const { source, sink, pipes } = rig();
  const other = new Sink();
  pipes.add(sink);
  pipes.add(other);
  pipes.remove(sink);
  pipes.remove(sink);
  source.emit("data", new Uint8Array([1]));
  assertEquals([sink.got, other.got], [[], [1]]);
  other.emit("close");
  source.emit("data", new Uint8Array([2]));
  assertEquals([other.got, source.listenerCount("data")], [[1], 0]);
  pipes.add(sink);
  pipes.remove();
  assertEquals(source.listenerCount("data"), 0);
});

Deno.test("pipe into a destination that fails, unheard, ends the source with its error", () => {
  const { source, sink, pipes } = rig();
  pipes.add(sink);
  sink.emit("error", new Error("full disk"));
  assertEquals(source.told, ["pause", "destroy full disk"]);
});

Deno.test("pipes into two destinations keep to the pace of the slower one", () => {
  const { source, sink, pipes } = rig();
  const other = new Sink();
  pipes.add(sink);
  pipes.add(other);
  sink.full = other.full = true;
  source.emit("data", new Uint8Array([1]));
  sink.emit("drain");
  assertEquals(source.told, ["pause", "pause"]);
  other.emit("drain");
  assertEquals(source.told, ["pause", "pause", "resume"]);
  source.emit("data", new Uint8Array([2]));
  sink.emit("drain");
  // The one that holds everything up goes: the rest goes on.
  pipes.remove(other);
  assertEquals(source.told.slice(3), ["pause", "pause", "resume"]);
});

Deno.test("pipe leaves no listener behind, and a failure that others hear to them", () => {
  const { source, sink, pipes } = rig();
  const heard: unknown[] = [];
  sink.on("error", (error) => heard.push(error.message));
  pipes.add(sink);
  sink.emit("error", new Error("full disk"));
  assertEquals([source.told, heard], [["pause"], ["full disk"]]);
  assertEquals(
    [...sink.eventNames(), ...source.eventNames()].filter((name) => name !== "error"),
    [],
  );
});

Deno.test("pipe to the same destination twice is one pipe", () => {
  const { source, sink, pipes } = rig();
  pipes.add(sink, { end: false });
  pipes.add(sink);
  source.emit("data", new Uint8Array([1]));
  source.emit("end");
  assertEquals([sink.got, sink.ended], [[1], 1]);
});

Deno.test("pipe sets a paused source going, unless another destination is full", () => {
  const { source, sink, pipes } = rig();
  source.pause();
  pipes.add(sink);
  pipes.remove(sink);
  pipes.add(sink);
  assertEquals(source.told, ["pause", "resume", "pause", "resume"]);
  sink.full = true;
  source.emit("data", new Uint8Array([1]));
  pipes.add(new Sink());
  assertEquals(source.told.slice(4), ["pause"]);
});

Deno.test("pipe that a listener ends while its chunk is passed on holds up no other pipe", () => {
  const { source, sink, pipes } = rig();
  const next = new Sink();
  source.once("data", () => {
    pipes.remove(sink);
    pipes.add(next);
  });
  pipes.add(sink);
  sink.full = true;
  source.emit("data", new Uint8Array([1]));
  assertEquals(source.isPaused(), false);
  source.emit("data", new Uint8Array([2]));
  assertEquals([sink.got, next.got], [[1], [2]]);
  next.full = true;
  source.emit("data", new Uint8Array([3]));
  assertEquals(source.isPaused(), true);
  next.emit("drain");
  assertEquals(source.isPaused(), false);
});

Deno.test("pipe does not end the program's own output", () => {
  const { source, pipes } = rig();
  for (const output of [process.stdout, process.stderr]) {
    pipes.add(output);
    source.emit("end");
    assertEquals([output.writableEnded, source.listenerCount("data")], [false, 0]);
  }
});

Deno.test("pipe from a source that can't be read leaves no listener behind", () => {
  const { source, sink, pipes } = rig();
  source.on("newListener", (event) => {
    if (event === "data") throw new TypeError("it is read in another way");
  });
  assertThrows(() => pipes.add(sink), TypeError);
  assertEquals([sink.eventNames(), source.eventNames()], [[], ["newListener"]]);
});
