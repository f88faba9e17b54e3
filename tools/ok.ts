/**
 * `deno task ok`: runs what CI runs, the quick checks first, and stops at the first that fails.
 *
 * With `--keep-going` all steps run and the failures are listed at the end. With
 * `--test-command=WORDS` the tests are run by these words (no shell) instead of `deno task test`: CI
 * gives it the README's command, so that the suite runs once and as a user would run it. The last
 * two lines are the counts of the tests, as the runner gave them and plain.
 */
/** One step: a task of deno.json, and the minutes after which it counts as hung. */
export interface Step {
  task: string;
  minutes: number;
}

/** All steps, in order. */
export const STEPS: readonly Step[] = [
  { task: "fmt:check", minutes: 3 },
  { task: "lint", minutes: 3 },
  { task: "lint:mirror", minutes: 3 },
  { task: "lint:layers", minutes: 5 },
  { task: "lint:exports", minutes: 5 },
  { task: "lint:examples", minutes: 5 },
  { task: "check", minutes: 10 },
  { task: "doc:lint", minutes: 5 },
  { task: "publish:dry", minutes: 10 },
  { task: "test:doc", minutes: 10 },
  { task: "test", minutes: 35 },
  { task: "coverage:report", minutes: 5 },
  { task: "soak", minutes: 12 },
];

/** The counts of a run of `deno test`. */
export interface TestCounts {
  /** The runner's own words: `12 passed | 0 failed | 1 ignored`. */
  line: string;
  passed: number;
  failed: number;
}

/** Finds the last summary in the output of `deno test`, or `undefined` if it has none. */
export function readCounts(output: string): TestCounts | undefined {
  // deno-lint-ignore no-control-regex
  const plain = output.replaceAll(/\x1b\[[0-9;]*m/g, "");
  const summary = /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed.*$/gm;
  const last = [...plain.matchAll(summary)].at(-1);
  if (last === undefined) return undefined;
  const line = last[0].replace(/^\w+ \| /, "").replace(/ \([^()]*s\)$/, "");
  return { line, passed: Number(last[1]), failed: Number(last[2]) };
}

/** Runs a command with its output on ours; gives its last 64 KiB of text, too. */
async function run(
  command: readonly string[],
  env: Record<string, string>,
  minutes: number,
): Promise<{ success: boolean; output: string }> {
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  let hung = false;
  let timer = setTimeout(() => {
    hung = true;
    child.kill("SIGTERM");
    // What the command itself has started may live on and hold its output open.
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      reader.cancel();
    }, 10_000);
  }, minutes * 60_000);
  const decoder = new TextDecoder();
  let output = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    output = (output + decoder.decode(value, { stream: true })).slice(-65_536);
    for (let written = 0; written < value.length;) {
      written += await Deno.stdout.write(value.subarray(written));
    }
  }
  const { success } = await child.status;
  clearTimeout(timer);
  if (hung) console.error(`stopped: took longer than ${minutes} minutes`);
  return { success: success && !hung, output };
}

/** Runs the steps; gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  let keepGoing = false;
  let testCommand = [Deno.execPath(), "task", "test"];
  for (const arg of args) {
    if (arg === "--keep-going") keepGoing = true;
    else if (arg.startsWith("--test-command=")) {
      testCommand = arg.slice("--test-command=".length).split(" ");
    } else throw new TypeError(`Cannot run: "${arg}" is not an option of ok`);
  }
  const coverage = `${Deno.cwd()}/coverage`;
  await Deno.remove(coverage, { recursive: true }).catch(() => {});
  const failed: string[] = [];
  let counts: TestCounts | undefined;
  for (const { task, minutes } of STEPS) {
    console.log(`== ${task}`);
    const started = performance.now();
    const testing = task === "test";
    const command = testing ? testCommand : [Deno.execPath(), "task", task];
    const env: Record<string, string> = testing ? { DENO_COVERAGE_DIR: coverage } : {};
    const { success, output } = await run(command, env, minutes);
    if (testing) counts = readCounts(output);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`== ${task}: ${success ? "ok" : "FAILED"} after ${seconds} s\n`);
    if (success) continue;
    failed.push(task);
    if (!keepGoing) break;
  }
  console.log(failed.length === 0 ? "All steps passed." : `Failed: ${failed.join(", ")}`);
  if (counts !== undefined) {
    console.log(counts.line);
    console.log(`${counts.passed} passed, ${counts.failed} failed`);
  }
  const tested = counts !== undefined && counts.failed === 0;
  return failed.length === 0 && tested ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
