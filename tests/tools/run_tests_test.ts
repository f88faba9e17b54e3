import { assert, assertEquals, assertMatch } from "@std/assert";
import { readCounts } from "../../tools/ok.ts";
import {
  addCounts,
  ALONE,
  type Counts,
  noCounts,
  planRuns,
  runAll,
  type RunAllOptions,
  RunOutput,
  summaryOf,
} from "../../tools/run_tests.ts";
import { listFiles, repositoryRoot } from "../../tools/tree.ts";
import { runPeer, spawnPeer } from "../_support/peers.ts";
import { plant } from "../_support/plant.ts";

const SECOND = `running 1 test from ./b_test.ts
bad ... FAILED (1ms)
`;
const FIRST = `running 2 tests from ./a_test.ts
good ... ok (1ms)
left out ... ignored (0ms)
`;
const ERRORS = `
 ERRORS 

bad => ./b_test.ts:1:6
error: Error: no

 FAILURES 

bad => ./b_test.ts:1:6

`;
const SUMMARY = "FAILED | 1 passed (2 steps) | 1 failed | 1 ignored (1m2s)\n\n";

function counts(tests: Partial<Counts["tests"]>, steps: Partial<Counts["steps"]> = {}): Counts {
  const all = noCounts();
  Object.assign(all.tests, tests);
  Object.assign(all.steps, steps);
  return all;
}

function take(chunks: Iterable<string>): { printed: string[]; output: RunOutput } {
  const printed: string[] = [];
  const output = new RunOutput((text) => printed.push(text));
  for (const chunk of chunks) output.write(chunk);
  output.end();
  return { printed, output };
}

Deno.test("the output of a run is cut into files, what failed, and counts, however it comes", () => {
  const text = FIRST + SECOND + ERRORS + SUMMARY;
  for (const chunks of [[text], text]) {
    const { printed, output } = take(chunks);
    assertEquals(printed, [FIRST, SECOND]);
    assertEquals(output.failures.trim(), ERRORS.trim());
    assertEquals(output.counts, counts({ passed: 1, failed: 1, ignored: 1 }, { passed: 2 }));
  }
});

Deno.test("the output of a run is understood with its colours, and printed with them", () => {
  const file = "\x1b[0m\x1b[38;5;245mrunning 1 test from ./a_test.ts\x1b[0m\n";
  const test = "good ... \x1b[0m\x1b[32mok\x1b[0m \x1b[0m\x1b[38;5;245m(1ms)\x1b[0m\n";
  const end =
    "\n\x1b[0m\x1b[32mok\x1b[0m | 1 passed | 0 failed \x1b[0m\x1b[38;5;245m(5ms)\x1b[0m\n";
  const { printed, output } = take([file, test, file, test, end]);
  assertEquals(printed, [file + test, file + test]);
  assertEquals(output.counts, counts({ passed: 1 }));
});

Deno.test("what a test prints of a run of its own is taken for no end and no counts", () => {
  const inner = "------- output -------\n" + ERRORS + SUMMARY + "----- output end -----\n";
  const first = FIRST.replace("left", `${inner}left`);
  const { printed, output } = take([first + SECOND + "\nok | 3 passed | 0 failed (1s)\n"]);
  assertEquals(printed.length, 2);
  assertMatch(printed[0], /error: Error: no[^]*left out/);
  assertEquals([output.failures, output.counts], ["", counts({ passed: 3 })]);
});

Deno.test("a run that breaks off has no counts, and shows how far it came", () => {
  const { printed, output } = take([FIRST + SECOND + "the one that hangs ..."]);
  assertEquals(printed, [FIRST, SECOND + "the one that hangs ...\n"]);
  assertEquals(output.counts, undefined);
});

Deno.test("counts are added, and told as deno test tells them", () => {
  const all = counts({ passed: 3 }, { passed: 1 });
  assertEquals(summaryOf(all, 4400), "ok | 3 passed (1 step) | 0 failed (4s)");
  addCounts(all, counts({ passed: 2, failed: 1, ignored: 4 }, { passed: 1 }));
  const line = summaryOf(all, 125_000);
  assertEquals(line, "FAILED | 5 passed (2 steps) | 1 failed | 4 ignored (2m5s)");
  assertEquals(readCounts(line), {
    line: "5 passed (2 steps) | 1 failed | 4 ignored",
    passed: 5,
    failed: 1,
  });
});

Deno.test("every file is in one batch, or runs alone at last", () => {
  assertEquals(planRuns(["a", "b", "c", "d", "e"], ["b", "x"], 3), {
    batches: [["a", "c", "d"], ["e"]],
    last: ["b"],
  });
});

Deno.test("the files that run alone are there", async () => {
  const files = await listFiles(repositoryRoot(), "tests");
  for (const file of ALONE) assert(files.includes(file), file);
});

const FILES: Record<string, string> = {
  "good_test.ts": 'Deno.test("good", () => {});',
  "other_test.ts": 'Deno.test("other", () => {}); Deno.test.ignore("left out", () => {});',
  "bad_test.ts": 'Deno.test("bad", () => { throw new Error("so it is"); });',
  "dead_test.ts": 'Deno.test("before", () => {}); Deno.test("dies", () => Deno.kill(Deno.pid));',
  "alone_test.ts": 'Deno.test("alone", () => {});',
};

async function run(batches: string[][], last: string[] = []): Promise<[number, string]> {
  await using folder = await plant(FILES);
  let printed = "";
  const code = await runAll({
    root: folder.path,
    command: [Deno.execPath(), "test", "-A", "--quiet", "--no-check", "--no-config", "--no-lock"],
    batches,
    last,
    lanes: 2,
    print: (text) => printed += text,
  });
  // deno-lint-ignore no-control-regex
  return [code, printed.replaceAll(/\x1b\[[0-9;]*m/g, "").replaceAll(/\([^()]*s\)/g, "()")];
}

Deno.test("a run of all tests adds up its processes, and what is to run alone comes last", async () => {
  const [code, printed] = await run([["good_test.ts"], ["other_test.ts"]], ["alone_test.ts"]);
  assertEquals(code, 0, printed);
  assertMatch(printed, /alone \.\.\. ok \(\)\n\nok \| 3 passed \| 0 failed \| 1 ignored \(\)\n\n$/);
  assertEquals(printed.match(/passed/g)?.length, 1);
  assertMatch(printed, /running 1 test from \.\/good_test\.ts\ngood \.\.\. ok \(\)\n/);
});

Deno.test("a run of all tests fails with one of them, and tells of it at the end", async () => {
  const [code, printed] = await run([["good_test.ts", "bad_test.ts"], ["other_test.ts"]], [
    "alone_test.ts",
  ]);
  assertEquals(code, 1, printed);
  assertMatch(
    printed,
    /alone \.\.\. ok \(\)\n[^]*error: Error: so it is[^]*\nFAILED \| 3 passed \| 1 failed \| 1 ignored \(\)\n\n$/,
  );
});

Deno.test({
  name: "a run of all tests fails when a process dies, and names its files",
  // There no signal ends a process: it exits with a code.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const [code, printed] = await run([["dead_test.ts", "good_test.ts"], ["other_test.ts"]]);
    assertEquals(code, 1, printed);
    assertMatch(printed, /\ndies \.\.\.\n/);
    assertMatch(
      printed,
      /\nThe run of these files ended with SIGTERM:\ndead_test\.ts\ngood_test\.ts\n\nFAILED \| 1 passed \| 1 failed \| 1 ignored \(\)\n\n$/,
    );
  },
});

Deno.test("a run of all tests fails when a file is not there", async () => {
  const [code, printed] = await run([["good_test.ts"], ["missing_test.ts"]]);
  assertEquals(code, 1, printed);
  assertMatch(
    printed,
    /ended with exit code 1:\nmissing_test\.ts\n\nFAILED \| 1 passed \| 1 failed/,
  );
});

Deno.test({
  name: "a run of all tests does not wait for a program that a test left running with its output",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await plant({});
    const script = "echo 'ok | 1 passed | 0 failed (1s)'; sleep 60 & echo $! > pid";
    let printed = "";
    const start = performance.now();
    const code = await runAll({
      root: folder.path,
      command: ["sh", "-c", script],
      batches: [["a_test.ts"]],
      last: [],
      lanes: 1,
      outputTime: 100,
      print: (text) => printed += text,
    });
    Deno.kill(Number(await Deno.readTextFile(`${folder.path}/pid`)));
    assert(performance.now() - start < 30_000);
    assertEquals([code, /1 passed/.test(printed)], [0, true], printed);
  },
});

/** A program that runs all tests of the folder that it stands in. */
function runner(given: Pick<RunAllOptions, "command" | "batches" | "last" | "lanes">): string {
  const run = JSON.stringify(`file://${repositoryRoot()}/tools/run_tests.ts`);
  const options = JSON.stringify({ root: ".", ...given });
  return `import { runAll } from ${run};
    const print = (text) => console.log(text);
    Deno.exit(await runAll({ ...${options}, print }));`;
}

/** Starts `run.ts` in a folder, stops it when there is a file `ready`, and gives what it told. */
async function stopped(folder: string): Promise<string> {
  const args = ["run", "-A", "--quiet", "--no-check", "--no-config", "--no-lock", "run.ts"];
  await using running = await spawnPeer(Deno.execPath(), args, {
    cwd: folder,
    env: { NO_COLOR: "1" },
    ready: { path: `${folder}/ready` },
  });
  running.kill("SIGTERM");
  assertEquals((await running.status).code, 1, running.output);
  return running.stdout;
}

Deno.test({
  name:
    "a run of all tests that is stopped ends its processes, and shows the test that was under way",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const args = ["test", "-A", "--no-check", "--no-config", "--no-lock"];
    await using folder = await plant({
      "hangs_test.ts": `Deno.test("hangs", async () => {
        Deno.writeTextFileSync("ready", "");
        await new Promise((resolve) => setTimeout(resolve, 600_000));
      });`,
      "run.ts": runner({
        command: [Deno.execPath(), ...args],
        batches: [["hangs_test.ts"], ["never_test.ts"]],
        last: ["never_test.ts"],
        lanes: 1,
      }),
    });
    const told = await stopped(folder.path);
    assertMatch(told, /\nhangs \.\.\.\n[^]*ended with SIGTERM:\nhangs_test\.ts\n/);
    assertMatch(told, /\nStopped before the end\.\n\n+FAILED \| 0 passed \| 1 failed/);
    assert(!told.includes("never_test.ts"), told);
  },
});

Deno.test({
  name:
    "a run of all tests that is stopped is so, too, while the output of an ended process is read",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    // What the one leaves behind holds its output open.
    const script = `[ "$1" = stays ] && exec sleep 30
      (while kill -0 $$ 2>/dev/null; do sleep 0.05; done; touch ready; sleep 0.5) &`;
    await using folder = await plant({
      "run.ts": runner({
        command: ["sh", "-c", script, "sh"],
        batches: [["ends"], ["stays"]],
        last: [],
        lanes: 2,
      }),
    });
    const told = await stopped(folder.path);
    assertMatch(told, /ended with exit code 0:\nends\n/);
    assertMatch(told, /ended with SIGTERM:\nstays\n/);
    assertMatch(told, /\nStopped before the end\./);
  },
});

Deno.test("with arguments the test task is deno test", async () => {
  const { code, stdout } = await runPeer(Deno.execPath(), [
    "task",
    "test",
    "--no-check",
    "tests/buffer/varint_test.ts",
    "--filter=/nothing of that name/",
  ], { cwd: repositoryRoot(), env: { NO_COLOR: "1" } });
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /ok \| 0 passed \| 0 failed \| \d+ filtered out/);
});
