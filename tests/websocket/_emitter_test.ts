import { assertEquals, assertThrows } from "@std/assert";
import { ListenerLists } from "../../websocket/_emitter.ts";

Deno.test("listeners are kept in order, doubles included, and taken off from the end", () => {
  const lists = new ListenerLists<"a" | "b">();
  const one = () => 1;
  const two = () => 2;
  for (const listener of [one, two, one]) lists.add("a", listener);
  assertEquals(lists.of("a"), [one, two, one]);
  const before = lists.of("a");
  lists.delete("a", one);
  assertEquals(lists.of("a"), [one, two]);
  assertEquals(before?.length, 3, "a list that is being gone through stays as it was");
  lists.delete("b", one);
  lists.delete("a", one);
  lists.delete("a", two);
  assertEquals(lists.of("a"), undefined);
});

Deno.test("listener for one time goes before it is called, and can be taken off by its own name", () => {
  const lists = new ListenerLists<"a">();
  const calls: string[] = [];
  const listener = (text: string) => {
    assertEquals(lists.of("a"), undefined);
    calls.push(text);
  };
  lists.addOnce("a", listener);
  (lists.of("a")![0] as (text: string) => void)("x");
  assertEquals(calls, ["x"]);
  lists.addOnce("a", listener);
  lists.delete("a", listener);
  assertEquals(lists.of("a"), undefined);
});

Deno.test("listener has to be a function", () => {
  const lists = new ListenerLists<"a">();
  assertThrows(() => lists.add("a", {} as () => void), TypeError);
  assertThrows(() => lists.addOnce("a", null as unknown as () => void), TypeError);
});
