/** The workflows are valid, run what the repository has, and ask for no more rights than they need. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "yaml";
import { repositoryRoot } from "../../tools/tree.ts";

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}

interface Job {
  "runs-on": string;
  needs?: string;
  strategy?: { matrix: { os: string[] } };
  permissions?: Record<string, string>;
  "timeout-minutes"?: number;
  steps: Step[];
}

interface Workflow {
  on: Record<string, { tags?: string[]; branches?: string[] } | null>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const root = repositoryRoot();
const folder = `${root}/.github/workflows`;
const texts = new Map<string, string>();
for (const { name } of Deno.readDirSync(folder)) {
  texts.set(name, Deno.readTextFileSync(`${folder}/${name}`));
}
const read = (name: string): Workflow => parse(texts.get(name)!, { strict: true, version: "1.2" });
const { tasks } = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));

for (const name of texts.keys()) {
  Deno.test(`${name}: actions are pinned by major version, jobs have deadlines, tasks exist`, () => {
    const { jobs, permissions } = read(name);
    assertEquals(permissions, { contents: "read" });
    for (const [id, job] of Object.entries(jobs)) {
      assert((job["timeout-minutes"] ?? 0) > 0, `${id} may run for ever`);
      for (const { uses, run } of job.steps) {
        assert((uses === undefined) !== (run === undefined), `${id}: a step either uses or runs`);
        if (uses !== undefined) assertMatch(uses, /^[\w-]+\/[\w-]+@v\d+$/);
        for (const [, task] of (run ?? "").matchAll(/deno task ([\w:]+)/g)) {
          assert(task in tasks, `${id}: there is no task ${task}`);
        }
        for (const [install] of (run ?? "").matchAll(/deno install.*/g)) {
          assertMatch(install, /--frozen/);
        }
      }
    }
    assert(!/\$\{\{\s*secrets\./.test(texts.get(name)!), "no secret is needed");
  });
}

Deno.test("ci.yml runs everything on Linux, macOS and Windows, for each push and pull request", () => {
  const { on, jobs } = read("ci.yml");
  assert("push" in on && "pull_request" in on);
  const systems = Object.values(jobs).flatMap((job) => job.strategy?.matrix.os ?? job["runs-on"]);
  assertEquals(systems.map((os) => os.split("-")[0]).sort(), ["macos", "ubuntu", "windows"]);
  for (const { steps } of Object.values(jobs)) {
    assert(steps.some(({ run }) => /^bash \.ci\/run$|deno task ok/.test(run ?? "")));
  }
});

Deno.test("publish.yml publishes a tag of the version, after all tests, with provenance and without a secret", () => {
  const { on, jobs } = read("publish.yml");
  assertEquals(on, { push: { tags: ["v*"] } });
  const { verify, publish } = jobs;
  assert(verify.steps.some(({ run }) => run === "bash .ci/run"));
  assert(verify.steps.some(({ run }) => run?.includes("GITHUB_REF_NAME")));
  assertEquals(publish.needs, "verify");
  assertEquals(publish.permissions, { contents: "read", "id-token": "write" });
  assertEquals(publish.steps.at(-1)?.run, "deno publish");
  const others = Object.entries(jobs).filter(([id]) => id !== "publish");
  for (const [, { permissions }] of others) assertEquals(permissions?.["id-token"], undefined);
});

Deno.test("CHANGELOG.md has an entry for the version in deno.json", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const changelog = await Deno.readTextFile(`${root}/CHANGELOG.md`);
  const entries = [...changelog.matchAll(/^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$/gm)];
  assertEquals(entries[0]?.[1], version);
});
