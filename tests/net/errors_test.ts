import { assert, assertEquals, assertFalse } from "@std/assert";
import { NetError } from "../../net/errors.ts";

Deno.test("net error carries its code, and only the facts it was given", () => {
  const error = new NetError("Cannot read: gone", { code: "ECONNRESET", syscall: "read" });
  assert(error instanceof Error);
  assertEquals([error.name, error.code, error.syscall], ["NetError", "ECONNRESET", "read"]);
  assertFalse("cause" in error);
  assertEquals(Object.keys(error), ["name", "code", "syscall"]);
});

Deno.test("net error keeps its cause, and where it happened", () => {
  const cause = new Error("below");
  const error = new NetError("Cannot connect", {
    code: "ECONNREFUSED",
    cause,
    address: "::1",
    port: 9,
  });
  assertEquals([error.cause, error.address, error.port], [cause, "::1", 9]);
});
