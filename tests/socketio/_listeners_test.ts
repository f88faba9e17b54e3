import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { callListener, Listeners } from "../../socketio/_listeners.ts";

function ignore(): void {}

Deno.test("listeners are called in order, with their arguments and their emitter", () => {
  const listeners = new Listeners();
  const calls: unknown[] = [];
  const self = { name: "emitter" };
  listeners.add("a", function (this: unknown, ...args: unknown[]) {
    calls.push([this, ...args]);
  }, false);
  listeners.add("a", (...args: unknown[]) => calls.push(args), false);
  listeners.add("a", () => calls.push("first"), false, true);
  assert(listeners.emit("a", self, [1, 2], ignore));
  assertEquals(calls, ["first", [self, 1, 2], [1, 2]]);
  assertFalse(listeners.emit("b", self, [], ignore));
});

Deno.test("listeners are removed by the number of arguments", () => {
  const listeners = new Listeners();
  const fill = () => {
    listeners.clear();
    for (const event of ["a", "b"]) listeners.add(event, ignore, false);
  };
  for (
    const [args, left] of [
      [[], []],
      [[undefined], ["a", "b"]],
      [[undefined, ignore], ["a", "b"]],
      [["a"], ["b"]],
      [["a", undefined], ["a", "b"]],
      [["a", () => {}], ["a", "b"]],
      [["a", ignore], ["b"]],
    ] as [[event?: string, listener?: () => void], string[]][]
  ) {
    fill();
    listeners.off(args);
    assertEquals(listeners.events(), left);
  }
});

Deno.test("a listener of once is called once, even if it emits the event again", () => {
  const listeners = new Listeners();
  let calls = 0;
  const again = () => {
    calls++;
    listeners.emit("a", null, [], ignore);
  };
  listeners.add("a", again, true);
  listeners.add("a", () => calls++, true);
  listeners.emit("a", null, [], ignore);
  assertEquals(calls, 2);
  assert(listeners.empty);
});

Deno.test("a listener that is removed while others are called is called for the last time", () => {
  const listeners = new Listeners();
  const calls: string[] = [];
  const second = () => calls.push("second");
  listeners.add("a", () => {
    calls.push("first");
    listeners.remove("a", second);
  }, false);
  listeners.add("a", second, false);
  listeners.emit("a", null, [], ignore);
  listeners.emit("a", null, [], ignore);
  assertEquals(calls, ["first", "second", "first"]);
});

Deno.test("a listener that throws, or rejects, does not stop the others", async () => {
  const listeners = new Listeners();
  const failures: unknown[] = [];
  const self = {};
  const fail = (error: unknown, of: unknown) => failures.push([error, of]);
  let last = false;
  listeners.add("a", () => {
    throw "thrown";
  }, false);
  listeners.add("a", () => Promise.reject("rejected"), false);
  listeners.add("a", () => last = true, false);
  listeners.emit("a", self, [], fail);
  assert(last);
  await Promise.resolve();
  assertEquals(failures, [["thrown", self], ["rejected", self]]);
});

Deno.test("event names of Object.prototype are names as any other", () => {
  const listeners = new Listeners();
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assertEquals(listeners.count(name), 0);
    assertFalse(listeners.emit(name, null, [], ignore));
    listeners.add(name, ignore, false);
    assertEquals(listeners.list(name), [ignore]);
  }
});

Deno.test("what is no function can't be a listener", () => {
  assertThrows(() => new Listeners().add("a", undefined as never, false), TypeError, '"a"');
});

Deno.test("callListener hands out what a listener that is called by it throws", () => {
  const failures: unknown[] = [];
  callListener(
    () => callListener(() => undefined, 1, [], ignore),
    1,
    [],
    (error) => failures.push(error),
  );
  assertEquals(failures, []);
});

// Few events are kept in a list, many in a map: both must behave as a plain model does.
const operation = fc.oneof(
  fc.record({
    kind: fc.constantFrom("add", "once", "front", "remove", "emit"),
    event: fc.integer({ min: 0, max: 20 }),
    listener: fc.integer({ min: 0, max: 3 }),
  }),
  fc.record({
    kind: fc.constant("clear"),
    event: fc.integer({ min: 0, max: 20 }),
    listener: fc.constant(0),
  }),
);

Deno.test("listeners of few and of many events behave as a list of each event", () => {
  fc.assert(fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
    const listeners = new Listeners();
    const model = new Map<string, { id: number; once: boolean }[]>();
    const calls: number[] = [];
    const functions = [0, 1, 2, 3].map((id) => () => calls.push(id));
    for (const { kind, event: number, listener: id } of operations) {
      const event = `event ${number}`;
      const list = model.get(event) ?? [];
      if (kind === "remove") {
        const at = list.findLastIndex((entry) => entry.id === id);
        if (at !== -1) list.splice(at, 1);
        listeners.remove(event, functions[id]);
      } else if (kind === "clear") {
        list.length = 0;
        listeners.clear(event);
      } else if (kind === "emit") {
        calls.length = 0;
        listeners.emit(event, null, [], ignore);
        assertEquals(calls, list.map((entry) => entry.id));
        model.set(event, list.filter((entry) => !entry.once));
        continue;
      } else {
        const entry = { id, once: kind === "once" };
        if (kind === "front") list.unshift(entry);
        else list.push(entry);
        listeners.add(event, functions[id], kind === "once", kind === "front");
      }
      model.set(event, list);
      assertEquals(listeners.count(event), list.length);
      assertEquals(listeners.list(event), list.map((entry) => functions[entry.id]));
    }
    const names = [...model].filter(([, list]) => list.length > 0).map(([name]) => name);
    assertEquals(new Set(listeners.events()), new Set(names));
    assertStrictEquals(listeners.empty, names.length === 0);
    listeners.clear();
    assert(listeners.empty);
  }));
});
