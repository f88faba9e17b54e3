import { assertEquals, assertStrictEquals } from "@std/assert";
import { errorOf } from "../../net/_error_of.ts";

Deno.test("what was thrown is an error, whatever it is", () => {
  const error = new RangeError("x");
  assertStrictEquals(errorOf(error), error);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const none = "what was thrown has no text";
  for (
    const [thrown, text] of [
      ["x", "x"],
      [undefined, "undefined"],
      [1n, "1"],
      [Symbol("x"), "Symbol(x)"],
      [Object.create(null), none],
      [proxy, none],
    ] as const
  ) assertEquals(errorOf(thrown).message, text);
});
