import { assert, assertEquals } from "@std/assert";
import { readCounts, STEPS } from "../../tools/ok.ts";
import { repositoryRoot } from "../../tools/tree.ts";
import { type PeerResult, runPeer } from "../_support/peers.ts";
import { plant } from "../_support/plant.ts";

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

/** Runs ok in a tree whose tasks only print, but for those in `tasks`. */
async function runOk(tasks: Record<string, string>, args: string[] = []): Promise<PeerResult> {
  const all: Record<string, string> = {};
  for (const { task } of STEPS) all[task] = `echo "did ${task}"`;
  all.test = 'echo "ok | 3 passed | 0 failed (1s)"';
  await using folder = await plant({
    "deno.json": JSON.stringify({ tasks: { ...all, ...tasks } }),
    "counts.ts": 'console.log("ok | 5 passed | 0 failed (1s)");\n',
  });
  const script = `${repositoryRoot()}/tools/ok.ts`;
  return await runPeer(
    Deno.execPath(),
    ["run", "-A", "--quiet", "--no-lock", "--no-config", script, ...args],
    { cwd: folder.path, env: { NO_COLOR: "1" } },
  );
}

function lastLines(text: string, count: number): string[] {
  return text.trimEnd().split("\n").slice(-count);
}

Deno.test("ok runs all steps and ends with the counts", async () => {
  const { code, stdout } = await runOk({});
  assertEquals(code, 0, stdout);
  for (const { task } of STEPS) if (task !== "test") assert(stdout.includes(`did ${task}`), task);
  assertEquals(lastLines(stdout, 3), [
    "All steps passed.",
    "3 passed | 0 failed",
    "3 passed, 0 failed",
  ]);
});

Deno.test("ok stops at the first step that fails", async () => {
  const { code, stdout } = await runOk({ check: "exit 3" });
  assertEquals(code, 1, stdout);
  assert(stdout.includes("did lint"), stdout);
  assert(!stdout.includes("did publish:dry"), stdout);
  assertEquals(lastLines(stdout, 1), ["Failed: check"]);
});

Deno.test("ok can run on after a failure and tells it at the end", async () => {
  const failing = { check: "exit 3", test: 'echo "FAILED | 2 passed | 1 failed (1s)" && exit 1' };
  const { code, stdout } = await runOk(failing, ["--keep-going"]);
  assertEquals(code, 1, stdout);
  assert(stdout.includes("did coverage:report"), stdout);
  assertEquals(lastLines(stdout, 3), [
    "Failed: check, test",
    "2 passed | 1 failed",
    "2 passed, 1 failed",
  ]);
});

Deno.test("ok takes no run of the tests without counts for a success", async () => {
  const { code, stdout } = await runOk({ test: "echo nothing" });
  assertEquals(code, 1, stdout);
});

Deno.test("ok runs the tests by the command that it is given", async () => {
  const command = `--test-command=${Deno.execPath()} run --no-lock counts.ts`;
  const { code, stdout } = await runOk({ test: "exit 3" }, [command]);
  assertEquals(code, 0, stdout);
  assertEquals(lastLines(stdout, 1), ["5 passed, 0 failed"]);
});

Deno.test("ok refuses an option that it does not know", async () => {
  const { code, stderr } = await runOk({}, ["--fast"]);
  assertEquals(code, 1);
  assert(stderr.includes('"--fast" is not an option'), stderr);
});
