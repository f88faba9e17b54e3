import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Comparison, makeScripts } from "../../trace/_replay_script.ts";
import type { RecordedStep } from "../../trace/recording.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const STEPS: RecordedStep[] = [
  { time: 10, connection: 1, type: "open" },
  { time: 11, connection: 1, type: "data", from: "client", bytes: bytes("hi") },
  { time: 12, connection: 2, type: "open" },
  { time: 13, connection: 1, type: "data", from: "server", bytes: bytes("hello") },
  { time: 14, connection: 2, type: "reset", from: "client" },
  { time: 15, connection: 1, type: "end", from: "server" },
  { time: 16, connection: 1, type: "end", from: "client" },
  { time: 17, connection: 1, type: "close" },
];

Deno.test("a script has what its side did, and what had come by then", () => {
  const [one, two] = makeScripts(STEPS, "client", false);
  assertEquals([one.connection, one.start, two.connection, two.start], [1, 10, 2, 12]);
  assertEquals(
    one.actions.map(({ time, kind, after, afterEnd }) => [time, kind, after, afterEnd]),
    [[1, "send", 0, false], [6, "end", 5, true]],
  );
  assertEquals([one.expected, one.expectedUnits, one.expectsEnd], [[bytes("hello")], 5, true]);
  assertEquals(two.actions.map(({ kind }) => kind), ["reset"]);
});

Deno.test("a script of the other side is the other half", () => {
  const [one, two] = makeScripts(STEPS, "server", false);
  assertEquals(one.actions.map(({ kind, after }) => [kind, after]), [["send", 2], ["end", 2]]);
  assertEquals([two.actions, two.expectsEnd], [[], true]);
});

Deno.test("datagrams are counted, not their bytes", () => {
  const [one] = makeScripts(STEPS, "client", true);
  assertEquals([one.expectedUnits, one.actions[1].after], [1, 1]);
});

Deno.test("a comparison of streams finds the first byte that differs, in any pieces", () => {
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 1, maxLength: 60 }),
    fc.nat(),
    fc.boolean(),
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    (recorded, where, differ, a, b) => {
      const at = where % recorded.length;
      const came = recorded.slice();
      if (differ) came[at] ^= 1;
      const pieces: Uint8Array[] = [];
      for (let i = 0; i < recorded.length; i += a) pieces.push(recorded.subarray(i, i + a));
      const comparison = new Comparison(pieces, false);
      for (let i = 0; i < came.length; i += b) comparison.push(came.subarray(i, i + b));
      assertEquals(comparison.difference, differ ? at : undefined);
      assertEquals([comparison.bytes, comparison.units], [came.length, came.length]);
    },
  ));
});

Deno.test("a comparison tells when more comes than was recorded", () => {
  const comparison = new Comparison([bytes("ab")], false);
  comparison.push(bytes("abc"));
  comparison.push(bytes("d"));
  assertEquals([comparison.difference, comparison.bytes], [2, 4]);
});

Deno.test("a comparison of datagrams compares each by itself", () => {
  const differences = [["ab", "cd"], ["abcd"], ["ab", "c"], ["ab", "cx"], ["ab", "cd", "e"]].map(
    (came) => {
      const comparison = new Comparison([bytes("ab"), bytes("cd")], true);
      for (const each of came) comparison.push(bytes(each));
      return [comparison.units, comparison.difference];
    },
  );
  assertEquals(differences, [[2, undefined], [1, 2], [2, 3], [2, 3], [3, 4]]);
});
