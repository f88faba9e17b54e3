import { assert, assertEquals } from "@std/assert";
import { readCounts, STEPS } from "../../tools/ok.ts";
import { repositoryRoot } from "../../tools/tree.ts";

Deno.test("ok reads the counts of a run as the runner gave them", () => {
  assertEquals(readCounts("x ... ok (1ms)\n\nok | 13 passed | 0 failed (5s)\n\n"), {
    line: "13 passed | 0 failed",
    passed: 13,
    failed: 0,
  });
  assertEquals(readCounts("FAILED | 10 passed (4 steps) | 2 failed | 1 ignored (1m2s)\n"), {
    line: "10 passed (4 steps) | 2 failed | 1 ignored",
    passed: 10,
    failed: 2,
  });
});

Deno.test("ok reads the counts through colours and takes the last of several runs", () => {
  const inner = "ok | 1 passed | 0 failed (1ms)\n";
  const outer =
    "\x1b[0m\x1b[31mFAILED\x1b[0m | 7 passed | 1 failed \x1b[0m\x1b[38;5;245m(3s)\x1b[0m\n";
  assertEquals(readCounts(inner + outer), { line: "7 passed | 1 failed", passed: 7, failed: 1 });
});

Deno.test("ok finds no counts where the runner gave none", () => {
  assertEquals(readCounts("error: Type checking failed.\n"), undefined);
  assertEquals(readCounts("a test says: ok | 3 passed | 0 failed\n"), undefined);
});

Deno.test("ok runs every check that deno.json has as a task", async () => {
  const config = JSON.parse(await Deno.readTextFile(`${repositoryRoot()}/deno.json`));
  const tasks = Object.keys(config.tasks);
  const steps = STEPS.map(({ task }) => task);
  for (const step of steps) assert(tasks.includes(step), step);
  for (const task of tasks) {
    if (/^(lint|test)(:|$)|:check$|^check$|:dry$/.test(task)) assert(steps.includes(task), task);
  }
});
