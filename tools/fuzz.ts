/**
 * `deno task fuzz --minutes N [TARGET…]`: gives the parsers random input for so many minutes, all targets in turn, or those whose names hold
 * one of the words. A failure is printed with its seed and its smallest input, and its seed goes to `tests/fuzz/seeds.json`, which the tests
 * replay first. `--seed N` begins with that seed, `--list` names the targets.
 */
import fc from "fast-check";
import type { FuzzTarget } from "../tests/_support/fuzz.ts";
import { FUZZ_TARGETS } from "../tests/fuzz/targets.ts";
import { repositoryRoot } from "./tree.ts";

/** A seed that made a target fail once, and after how many executions. */
export interface FuzzFailure {
  target: string;
  seed: number;
  runs: number;
}

/** What is in `seeds.json`. */
export interface FuzzSeeds {
  /** The seeds that the tests run every target with. */
  seeds: number[];
  /** Earlier failures, replayed first. */
  failures: FuzzFailure[];
}

/** Where the seeds are kept. */
const SEEDS_FILE: string = `${repositoryRoot()}/tests/fuzz/seeds.json`;

/** Reads the seeds. */
export function readSeeds(file: string = SEEDS_FILE): FuzzSeeds {
  return JSON.parse(Deno.readTextFileSync(file));
}

/** Adds a failure to the seeds, once. */
export function addFailure(failure: FuzzFailure, file: string = SEEDS_FILE): void {
  const seeds = readSeeds(file);
  const known = seeds.failures.some(({ target, seed }) =>
    target === failure.target && seed === failure.seed
  );
  if (known) return;
  seeds.failures.push(failure);
  Deno.writeTextFileSync(file, `${JSON.stringify(seeds, null, 2)}\n`);
}

/** What a run of a target gave. */
export interface FuzzResult {
  /** How often the property was executed, shrinking included. */
  executions: number;
  /** The failure, with the smallest input that was found and the error as text. */
  failure: (FuzzFailure & { report: string }) | undefined;
}

/** Runs a target with one seed. */
export async function runTarget(
  target: FuzzTarget,
  seed: number,
  runs: number,
): Promise<FuzzResult> {
  let executions = 0;
  const property = target.property(() => executions++);
  const details = await fc.check(property, { seed, numRuns: runs });
  if (!details.failed) return { executions, failure: undefined };
  // The first part of the path tells which execution failed.
  const failedAt = Number(details.counterexamplePath?.split(":")[0] ?? runs - 1) + 1;
  const what = await fc.asyncDefaultReportMessage(details) ?? "it failed";
  const report = `${what}\n${details.errorInstance}`;
  return { executions, failure: { target: target.name, seed, runs: failedAt, report } };
}

const USAGE =
  "Usage: deno task fuzz [--minutes N] [--seed N] [--list] [part of a target's name]...";

/** What the command line asks for. */
export interface FuzzArguments {
  minutes: number;
  seed: number | undefined;
  list: boolean;
  words: string[];
}

/** Reads the command line. @throws {TypeError} when it makes no sense */
export function parseArguments(args: readonly string[]): FuzzArguments {
  const result: FuzzArguments = { minutes: 1, seed: undefined, list: false, words: [] };
  const number = (text: string | undefined, option: string, least: number): number => {
    const value = Number(text);
    if (text === undefined || text.trim() === "" || !(value >= least)) {
      throw new TypeError(`${option} takes a number`);
    }
    return value;
  };
  for (let i = 0; i < args.length; i++) {
    const [option, inline] = args[i].split("=", 2);
    if (option === "--list") result.list = true;
    else if (option === "--minutes") result.minutes = number(inline ?? args[++i], option, 0);
    else if (option === "--seed") result.seed = number(inline ?? args[++i], option, -Infinity) | 0;
    else if (option.startsWith("-")) throw new TypeError(`There is no option ${option}`);
    else result.words.push(args[i]);
  }
  return result;
}

/** The targets whose names hold one of the words; all, without any. @throws {TypeError} when there is none */
export function chooseTargets(
  targets: readonly FuzzTarget[],
  words: readonly string[],
): FuzzTarget[] {
  const chosen = targets.filter(({ name }) =>
    words.length === 0 || words.some((word) => name.includes(word))
  );
  if (chosen.length === 0) throw new TypeError(`No target is called ${words.join(" or ")}`);
  return chosen;
}

/** Executions of a target before it is the next one's turn. */
const BATCH = 200;

/** Runs the targets in turn until the time is up; one that fails is not run again. */
export async function fuzz(
  targets: readonly FuzzTarget[],
  options: {
    minutes: number;
    seed?: number;
    onfailure(failure: FuzzFailure & { report: string }): void;
  },
): Promise<Map<string, number>> {
  const counts = new Map(targets.map(({ name }) => [name, 0]));
  const left = new Set(targets);
  const end = performance.now() + options.minutes * 60_000;
  let seed = options.seed ?? randomSeed();
  // Every target gets one turn, however short the time is.
  for (let turn = 0; turn === 0 || (performance.now() < end && left.size > 0); turn++) {
    for (const target of left) {
      const { executions, failure } = await runTarget(target, seed, BATCH);
      counts.set(target.name, counts.get(target.name)! + executions);
      if (failure !== undefined) {
        left.delete(target);
        options.onfailure(failure);
      }
      if (turn > 0 && performance.now() >= end) break;
    }
    seed = randomSeed();
  }
  return counts;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Int32Array(1))[0];
}

/** What the command line asks for and the targets that it means; explains and exits when it makes no sense. */
function readCommand(): FuzzArguments & { targets: FuzzTarget[] } {
  try {
    const asked = parseArguments(Deno.args);
    return { ...asked, targets: chooseTargets(FUZZ_TARGETS, asked.words) };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
}

if (import.meta.main) {
  const { minutes, seed, list, targets } = readCommand();
  if (list) {
    for (const { name } of targets) console.log(name);
    Deno.exit(0);
  }
  let failures = 0;
  const counts = await fuzz(targets, {
    minutes,
    seed,
    onfailure({ report, ...failure }) {
      failures++;
      console.error(`\n${failure.target}: failed with seed ${failure.seed}\n${report}`);
      addFailure(failure);
    },
  });
  let total = 0;
  for (const [name, count] of counts) {
    total += count;
    console.log(`${String(count).padStart(9)}  ${name}`);
  }
  console.log(`fuzz: ${counts.size} targets, ${total} executions, ${failures} failures`);
  if (failures > 0) Deno.exit(1);
}
