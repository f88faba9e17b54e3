/**
 * Every parser with random input: valid, damaged, and cut in pieces of any size. A fixed number of executions with the seeds of seeds.json, after
 * those that failed once; `deno task fuzz --minutes N` goes on from there.
 */
import { assert, assertEquals } from "@std/assert";
import { readSeeds, runTarget } from "../../tools/fuzz.ts";
import { FUZZ_TARGETS } from "./targets.ts";

/** Executions of each target with each seed. */
const RUNS = 150;

const { seeds, failures } = readSeeds();
let executions = 0;
let targets = 0;

for (const target of FUZZ_TARGETS) {
  Deno.test(`fuzz ${target.name}`, async () => {
    const earlier = failures.filter((failure) => failure.target === target.name);
    const runs = [...earlier, ...seeds.map((seed) => ({ seed, runs: RUNS }))];
    for (const { seed, runs: count } of runs) {
      const result = await runTarget(target, seed, count);
      executions += result.executions;
      assert(result.failure === undefined, `seed ${seed}: ${result.failure?.report}`);
    }
    targets++;
  });
}

Deno.test("fuzz targets have different names, and each failure that is kept is of one of them", () => {
  const names = FUZZ_TARGETS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { target } of failures) assert(names.includes(target), target);
  console.log(`fuzz: ${targets} targets, ${executions} executions`);
});
