import { assert, assertEquals } from "@std/assert";
import { BufferUnderflowError } from "../../buffer/errors.ts";

Deno.test("buffer underflow error is a RangeError with a name, a code, a cause and what is missing", () => {
  const cause = new Error("why");
  const error = new BufferUnderflowError("Cannot read 4 bytes: 1 are left", 3, { cause });
  assert(error instanceof RangeError);
  assertEquals(error.name, "BufferUnderflowError");
  assertEquals(error.code, "ERR_BUFFER_UNDERFLOW");
  assertEquals(error.message, "Cannot read 4 bytes: 1 are left");
  assertEquals(error.missing, 3);
  assertEquals(error.cause, cause);
});
