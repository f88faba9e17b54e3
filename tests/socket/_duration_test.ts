import { assertEquals, assertThrows } from "@std/assert";
import { milliseconds } from "../../socket/_duration.ts";

Deno.test("durations are read as WLangage writes them", () => {
  assertEquals(milliseconds(1500), 1500);
  assertEquals(milliseconds(Infinity), Infinity);
  assertEquals(milliseconds("1 s"), 1000);
  assertEquals(milliseconds("250ms"), 250);
  assertEquals(milliseconds("2 CS"), 20);
  assertEquals(milliseconds("1 min 30 s"), 90_000);
  assertEquals(milliseconds("0.5 s"), 500);
  assertEquals(milliseconds("1 h"), 3_600_000);
  assertEquals(milliseconds("1 j"), milliseconds("1 d"));
});

Deno.test("what is no duration is refused", () => {
  for (const time of ["", "1", "s", "1 parsec", "1 s later", "-1 s"]) {
    assertThrows(() => milliseconds(time), RangeError, "no duration, such as 500 (ms)");
  }
  assertThrows(() => milliseconds(-1), RangeError);
  assertThrows(() => milliseconds(NaN), RangeError);
});
