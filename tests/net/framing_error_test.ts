import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { FramingError } from "../../net/framing_error.ts";

Deno.test("framing error is a net error with the code ERR_FRAMING", () => {
  const cause = new SyntaxError("x");
  const error = new FramingError("Cannot read message: it is no valid JSON", {
    fault: "malformed",
    cause,
  });
  assertInstanceOf(error, NetError);
  assertEquals(error.name, "FramingError");
  assertEquals(error.code, "ERR_FRAMING");
  assertEquals(error.fault, "malformed");
  assertStrictEquals(error.cause, cause);
  assertEquals([error.received, error.missing], [undefined, undefined]);
});

Deno.test("framing error tells how much had come and how much was missing", () => {
  const error = new FramingError("x", { fault: "truncated", received: 2, missing: 3 });
  assertEquals([error.received, error.missing], [2, 3]);
});
