import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { TraceError } from "../../trace/errors.ts";

Deno.test("a trace error tells its name, its code and its cause", () => {
  const cause = new Error("because");
  const error = new TraceError("Cannot do it: because", "ERR_TRACE_SINK", { cause });
  assertInstanceOf(error, Error);
  assertEquals([error.name, error.code], ["TraceError", "ERR_TRACE_SINK"]);
  assertStrictEquals(error.cause, cause);
});
