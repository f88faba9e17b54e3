/**
 * `deno task test`: runs all tests, in two processes side by side, for most of them wait.
 *
 * The files are handed out in batches, in the order of their names; each batch is a process of
 * `deno test`. What is told about a file is printed as a whole when the file is done, what failed
 * once more at the end, before the counts of all. Files of {@linkcode ALONE} have the machine for
 * themselves, at last. With arguments (`deno task test tests/net`, `--filter`) it is `deno test`
 * with these arguments.
 */
import { listFiles, repositoryRoot } from "./tree.ts";

/** Test files that measure time or memory: nothing else runs beside them. */
export const ALONE: readonly string[] = [
  "tests/faults/crowd_test.ts",
  "tests/fuzz/linear_work_test.ts",
  "tests/net/_heap_ballast_test.ts",
  "tests/net/_heap_trim_test.ts",
];

/** How many files one process runs, at most. */
const BATCH = 12;

/** How many processes run at a time. */
const LANES = Math.min(2, navigator.hardwareConcurrency);

/** How long after the end of a process its output may go on, in ms: what a test left running may hold it open. */
const OUTPUT_TIME = 5000;

/** What `deno test` counts, in its order. */
const KINDS = ["passed", "failed", "ignored", "measured", "filtered out"] as const;

/** The counts of one or more runs of `deno test`. */
export interface Counts {
  tests: Record<typeof KINDS[number], number>;
  steps: Record<typeof KINDS[number], number>;
}

/** Counts of nothing. */
export function noCounts(): Counts {
  const none = { passed: 0, failed: 0, ignored: 0, measured: 0, "filtered out": 0 };
  return { tests: { ...none }, steps: { ...none } };
}

/** Adds `other` to `counts`. */
export function addCounts(counts: Counts, other: Counts): void {
  for (const kind of KINDS) {
    counts.tests[kind] += other.tests[kind];
    counts.steps[kind] += other.steps[kind];
  }
}

/** The summary line of `deno test` for these counts. */
export function summaryOf({ tests, steps }: Counts, ms: number): string {
  const parts = [tests.failed > 0 ? "FAILED" : "ok"];
  for (const kind of KINDS) {
    if (tests[kind] === 0 && kind !== "passed" && kind !== "failed") continue;
    const inner = steps[kind] === 0 ? "" : ` (${steps[kind]} step${steps[kind] === 1 ? "" : "s"})`;
    parts.push(`${tests[kind]} ${kind}${inner}`);
  }
  const seconds = Math.round(ms / 1000);
  const time = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return `${parts.join(" | ")} (${time})`;
}

/** A line without its colours. */
function plain(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replaceAll(/\x1b\[[0-9;]*m/g, "");
}

/**
 * Takes apart what one process of `deno test` prints: the blocks of files, which are given to
 * `print` when each is whole; what it says of failures; and its counts.
 */
export class RunOutput {
  #print: (text: string) => void;
  #rest = "";
  #block = "";
  #closing = false;
  /** What stood between the last test and the summary: the errors and their tests. */
  failures = "";
  /** The counts, when the summary has come. */
  counts: Counts | undefined;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  /** Takes more of the output. */
  write(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line);
  }

  /** There is no more output: prints what is left of a file that was not finished. */
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
    this.#flush();
  }

  #flush(): void {
    if (this.#block.trim() !== "") this.#print(this.#block.replace(/\n+$/, "\n"));
    this.#block = "";
  }

  #line(line: string): void {
    const words = plain(line);
    // A test may itself run `deno test`: what it prints is no summary of ours, nor the end of our tests.
    if (/^running \d+ tests? from /.test(words)) {
      this.#block += this.failures;
      this.failures = "";
      this.#closing = false;
      this.counts = undefined;
      this.#flush();
    } else if (words === " ERRORS ") {
      this.#closing = true;
    }
    const summary = /^(?:ok|FAILED) \| (\d+ passed.*?)(?: \(\d[^()]*s\))?$/.exec(words);
    if (summary !== null) this.counts = readParts(summary[1]);
    if (summary !== null) return;
    if (this.#closing) this.failures += `${line}\n`;
    else this.#block += `${line}\n`;
  }
}

function readParts(text: string): Counts {
  const counts = noCounts();
  for (const part of text.split(" | ")) {
    const match = /^(\d+) ([a-z ]+?)(?: \((\d+) steps?\))?$/.exec(part);
    const kind = KINDS.find((kind) => kind === match?.[2]);
    if (match === null || kind === undefined) continue;
    counts.tests[kind] = Number(match[1]);
    counts.steps[kind] = Number(match[3] ?? 0);
  }
  return counts;
}

/** Cuts `files` into batches of `size`, and gives those of {@linkcode ALONE} apart. */
export function planRuns(
  files: readonly string[],
  alone: readonly string[],
  size: number,
): { batches: string[][]; last: string[] } {
  const others = files.filter((file) => !alone.includes(file));
  const batches: string[][] = [];
  for (let at = 0; at < others.length; at += size) batches.push(others.slice(at, at + size));
  return { batches, last: files.filter((file) => alone.includes(file)) };
}

/** What a run of all tests is made of; tests of this tool hand in their own. */
export interface RunAllOptions {
  /** Folder of the repository. */
  root: string;
  /** The command that runs a batch: its files are added. */
  command: readonly string[];
  batches: readonly (readonly string[])[];
  last: readonly string[];
  lanes: number;
  print: (text: string) => void;
  /** How long after the end of a process its output may go on, in ms. @default {5000} */
  outputTime?: number;
}

/** Runs batches, `lanes` at a time, then `last`; tells what failed, then the counts. Gives the exit code. */
export async function runAll(options: RunAllOptions): Promise<number> {
  const { print, outputTime = OUTPUT_TIME } = options;
  const started = performance.now();
  const total = noCounts();
  const failures: string[] = [];
  const running = new Set<Deno.ChildProcess>();
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    for (const child of running) {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended already, as by the same Ctrl+C, and its output is still being read.
      }
    }
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);

  const runBatch = async (files: readonly string[]): Promise<void> => {
    const child = new Deno.Command(options.command[0], {
      args: [...options.command.slice(1), ...files],
      cwd: options.root,
      stdin: "null",
      stdout: "piped",
    }).spawn();
    running.add(child);
    const output = new RunOutput(print);
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ended = child.status.then((status) => {
      timer = setTimeout(() => reader.cancel(), outputTime);
      return status;
    });
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      output.write(part.value);
    }
    const { code, signal } = await ended;
    clearTimeout(timer);
    running.delete(child);
    output.end();
    if (output.counts !== undefined) addCounts(total, output.counts);
    if (output.failures !== "") failures.push(output.failures);
    if ((output.counts?.tests.failed ?? 0) > 0) return;
    if (code === 0 && output.counts !== undefined) return;
    // A run that broke off has no counts, or none that tell of it.
    total.tests.failed++;
    const end = signal === null ? `exit code ${code}` : signal;
    failures.push(`The run of these files ended with ${end}:\n${files.join("\n")}\n`);
  };
  const left = [...options.batches];
  const lane = async (): Promise<void> => {
    for (let files = left.shift(); files !== undefined && !stopped; files = left.shift()) {
      await runBatch(files);
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  if (options.last.length > 0 && !stopped) await runBatch(options.last);

  for (const signal of signals) Deno.removeSignalListener(signal, stop);
  for (const text of failures) print(`\n${text.trim()}\n`);
  if (stopped) print("\nStopped before the end.\n");
  print(`\n${summaryOf(total, performance.now() - started)}\n\n`);
  return total.tests.failed === 0 && !stopped ? 0 : 1;
}

/** Writes all of `text` to the output. */
function printAll(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

async function main(args: readonly string[]): Promise<number> {
  const root = repositoryRoot();
  const test = [Deno.execPath(), "test", "-A", "--frozen"];
  const start = async (command: readonly string[]): Promise<number> =>
    (await new Deno.Command(command[0], { args: command.slice(1), cwd: root }).spawn().status).code;
  if (args.length > 0) return await start([...test, ...args]);
  const files = (await listFiles(root, "tests")).filter((file) => file.endsWith("_test.ts"));
  // Types are checked once, for all; Deno remembers what `deno task check` has found.
  const checked = await start([Deno.execPath(), "check", "--frozen", "--quiet", "."]);
  if (checked !== 0) return checked;
  return await runAll({
    root,
    command: [...test, "--no-check"],
    ...planRuns(files, ALONE, BATCH),
    lanes: LANES,
    print: printAll,
  });
}

if (import.meta.main) Deno.exit(await main(Deno.args));
