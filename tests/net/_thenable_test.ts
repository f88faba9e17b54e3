import { assertEquals } from "@std/assert";
import { isThenable } from "../../net/_thenable.ts";
import { foreignPromise } from "../_support/foreign_promise.ts";

Deno.test("a promise is one of any library or realm", () => {
  const promises = [Promise.resolve(), foreignPromise(1), { then: () => {} }];
  assertEquals(promises.map(isThenable), [true, true, true]);
  const others = [undefined, null, 0, "then", {}, { then: 1 }, () => {}];
  assertEquals(others.some(isThenable), false);
});
