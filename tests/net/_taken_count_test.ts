import { assertEquals, assertThrows } from "@std/assert";
import { takenCount } from "../../net/_taken_count.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("count of bytes that a transport took is from 1 to all of them, or 0 of none", () => {
  assertEquals([takenCount(1, 5), takenCount(5, 5), takenCount(0, 0)], [1, 5, 0]);
  for (const n of [0, -1, 6, NaN, undefined as unknown as number]) {
    const error = assertThrows(() => takenCount(n, 5), NetError);
    assertEquals([error.code, error.syscall], ["EIO", "write"]);
  }
});
