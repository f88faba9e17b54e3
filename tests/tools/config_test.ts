/** What deno.json, README.md, .ci and the workflows promise to each other. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { repositoryRoot } from "../../tools/tree.ts";
import { runPeer } from "../_support/peers.ts";
import { plant } from "../_support/plant.ts";

const root = repositoryRoot();
const read = (path: string): Promise<string> => Deno.readTextFile(`${root}/${path}`);

const LEAKS: Record<string, { code: string; told: string }> = {
  "a listener": {
    code: 'Deno.listen({ hostname: "127.0.0.1", port: 0 });',
    told: "A TCP listener was opened during the test",
  },
  "a timer": {
    code: "setTimeout(() => {}, 100_000);",
    told: "A timer was started in this test",
  },
  "a file": {
    code: "Deno.openSync(Deno.execPath());",
    told: "A file was opened during the test",
  },
  "a signal listener": {
    code: "Deno.addSignalListener('SIGINT', () => {});",
    told: "operation",
  },
};

for (const [what, { code, told }] of Object.entries(LEAKS)) {
  Deno.test(`a test that leaks ${what} fails`, async () => {
    await using folder = await plant({
      "leak_test.ts": `Deno.test("leaks", () => { ${code} });`,
    });
    const file = `${folder.path}/leak_test.ts`;
    const args = ["test", "-A", "--no-check", "--no-lock"];
    const env = { NO_COLOR: "1" };
    const strict = await runPeer(
      Deno.execPath(),
      [...args, "--config", `${root}/deno.json`, file],
      { env },
    );
    assertEquals(strict.code, 1, strict.stdout);
    assertStringIncludes(strict.stdout, told);
    const lax = await runPeer(Deno.execPath(), [...args, "--no-config", file], { env });
    assertEquals(lax.code, 0, lax.stdout);
  });
}

Deno.test("one version of Deno is named everywhere", async () => {
  const versions = new Set<string>();
  const files = [
    "README.md",
    "CONTRIBUTING.md",
    ".github/workflows/ci.yml",
    ".github/workflows/publish.yml",
  ];
  for (const file of files) {
    const found = [...(await read(file)).matchAll(/(?:deno@|deno-version: "?v?)(\d+\.\d+\.\d+)/g)];
    assert(found.length > 0, file);
    for (const [, version] of found) versions.add(version);
  }
  assertEquals(versions.size, 1, [...versions].join(", "));
});

Deno.test("README.md gives the two commands, and .ci/run finds the one for the tests", async () => {
  const readme = await read("README.md");
  assertMatch(readme, /^npx --yes deno@\d+\.\d+\.\d+ task demo$/m);
  assertMatch(readme, /^npx --yes deno@\d+\.\d+\.\d+ task test$/m);
  assertStringIncludes(await read(".ci/run"), "'^npx --yes deno@[0-9.]* task test$' README.md");
});

Deno.test("the list of packages holds a Debian package name a line", async () => {
  const lines = (await read(".ci/packages.txt")).split("\n").filter((line) => line !== "");
  const names = lines.filter((line) => !line.startsWith("#"));
  for (const name of names) assertMatch(name, /^[a-z0-9][a-z0-9+.-]+$/);
  assertEquals(new Set(names).size, names.length, "a package is listed twice");
});

Deno.test("all that is published is there, and nothing of the workshop is", async () => {
  const config = JSON.parse(await read("deno.json"));
  for (const path of ["deno.json", "mod.ts", "README.md", "LICENSE"]) {
    assert(config.publish.include.includes(path), path);
  }
  for (const path of ["tests", "tools", "bench", ".ci", "examples"]) {
    assert(!config.publish.include.includes(path), path);
  }
  for (const path of Object.values<string>(config.exports)) {
    assert(
      config.publish.include.some((part: string) => path.slice(2).split("/")[0] === part),
      `${path} is exported but not published`,
    );
  }
});
