import { assert } from "@std/assert";
import { pauseUnseen } from "../../net/_pause_unseen.ts";

Deno.test("unseen pause takes its time and keeps no test waiting", async () => {
  const start = performance.now();
  let passed = 0;
  pauseUnseen(30).then(() => passed = performance.now() - start);
  // It keeps no program running, so that something else has to.
  while (passed === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert(passed >= 25, `${passed}`);
  pauseUnseen(60_000);
});
