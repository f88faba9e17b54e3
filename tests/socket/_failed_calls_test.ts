import { assert, assertEquals } from "@std/assert";
import { FailedCalls } from "../../socket/_failed_calls.ts";

Deno.test("failed calls: each 64th waits for a turn of the event loop", async () => {
  const failed = new FailedCalls();
  for (let round = 0; round < 2; round++) {
    for (let i = 1; i < 64; i++) assertEquals(failed.add(), undefined);
    let turned = false;
    setTimeout(() => turned = true);
    await failed.add();
    assert(turned);
  }
});
