/** `deno task fuzz`: it finds what is wrong, tells it, and remembers the seed. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  addFailure,
  chooseTargets,
  fuzz,
  type FuzzFailure,
  parseArguments,
  readSeeds,
  runTarget,
} from "../../tools/fuzz.ts";
import { asyncFuzzTarget, fuzzTarget } from "../_support/fuzz.ts";
import { plant } from "../_support/plant.ts";

const good = fuzzTarget("toy: holds", fc.integer(), () => {});
const bad = fuzzTarget("toy: breaks above 999", fc.nat(), (n) => {
  if (n > 999) throw new Error("too large");
});
const late = asyncFuzzTarget("toy: breaks later", fc.nat(), async (n) => {
  await Promise.resolve();
  if (n > 999) throw new Error("too large");
});

Deno.test("a run of a fuzz target counts its executions, and is the same for the same seed", async () => {
  assertEquals(await runTarget(good, 5, 40), { executions: 40, failure: undefined });
  for (const target of [bad, late]) {
    const first = (await runTarget(target, 5, 100)).failure;
    const again = (await runTarget(target, 5, 100)).failure;
    assert(first !== undefined && again !== undefined);
    assertEquals([again.seed, again.runs], [first.seed, first.runs]);
    assertEquals([again.target, again.seed], [target.name, 5]);
    assertStringIncludes(first.report, "Counterexample: [1000]");
    assertStringIncludes(first.report, "too large");
    // So many executions are enough to see it again, and one less is not.
    assert((await runTarget(target, 5, first.runs)).failure !== undefined);
    assertEquals((await runTarget(target, 5, first.runs - 1)).failure, undefined);
  }
});

Deno.test("fuzzing runs each target at least once, and one that failed not again", async () => {
  const failures: FuzzFailure[] = [];
  const counts = await fuzz([good, bad, late], {
    minutes: 0,
    seed: 5,
    onfailure: (failure) => failures.push(failure),
  });
  assertEquals([...counts.keys()], [good.name, bad.name, late.name]);
  assertEquals(counts.get(good.name), 200);
  assertEquals(failures.map(({ target }) => target), [bad.name, late.name]);
});

Deno.test("the seed of a failure is kept once", async () => {
  await using folder = await plant({ "seeds.json": '{ "seeds": [1], "failures": [] }' });
  const file = `${folder.path}/seeds.json`;
  const failure = { target: "toy: holds", seed: 7, runs: 3 };
  addFailure(failure, file);
  addFailure(failure, file);
  assertEquals(readSeeds(file), { seeds: [1], failures: [failure] });
});

Deno.test("the command line of the fuzzer", () => {
  assertEquals(parseArguments([]), { minutes: 1, seed: undefined, list: false, words: [] });
  assertEquals(
    parseArguments(["--minutes", "2.5", "net", "--seed=-3", "--list"]),
    { minutes: 2.5, seed: -3, list: true, words: ["net"] },
  );
  for (const args of [["--minutes"], ["--minutes", "x"], ["--minutes=-1"], ["--fast"]]) {
    assertThrows(() => parseArguments(args), TypeError);
  }
  assertEquals(chooseTargets([good, bad], ["holds"]), [good]);
  assertEquals(chooseTargets([good, bad], []), [good, bad]);
  assertThrows(() => chooseTargets([good], ["nothing"]), TypeError, "No target is called nothing");
});
