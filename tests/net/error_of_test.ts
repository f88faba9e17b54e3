import { assertEquals, assertStrictEquals } from "@std/assert";
import { errorOf } from "../../net/error_of.ts";

Deno.test("what was thrown is an error, whatever it is", () => {
  const error = new RangeError("x");
  assertStrictEquals(errorOf(error), error);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const silent = new Error();
  Object.defineProperty(silent, "message", { value: Object.create(null) });
  const hostile = new Error();
  Object.defineProperty(hostile, "message", {
    get() {
      throw new Error("no");
    },
  });
  const none = "what was thrown has no text";
  for (
    const [thrown, text] of [
      ["x", "x"],
      [undefined, "undefined"],
      [1n, "1"],
      [Symbol("x"), "Symbol(x)"],
      [Object.create(null), none],
      [proxy, none],
      [silent, none],
      [hostile, none],
    ] as const
  ) assertEquals(errorOf(thrown).message, text);
});
