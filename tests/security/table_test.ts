// The tables in SECURITY.md name tests for each class of attack: the names have to be those of tests that exist.
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const SECTION = "## What has gone wrong elsewhere, and what we do";

/** One row: a class with the cases that it was seen in, and its tests. */
interface Row {
  readonly text: string;
  readonly cases: number;
  readonly tests: readonly string[];
}

interface Group {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly notApplicable: number;
}

/** The groups of the section, each with its table and its list of what can't apply. */
function readGroups(markdown: string): Group[] {
  const start = markdown.indexOf(`${SECTION}\n`);
  assert(start >= 0, `SECURITY.md has no "${SECTION}"`);
  const after = markdown.slice(start + SECTION.length);
  const end = after.search(/^## /m);
  const section = end < 0 ? after : after.slice(0, end);
  return section.split(/^### /m).slice(1).map((text) => {
    const [name, ...lines] = text.split("\n");
    const rows = lines.filter((line) => line.startsWith("| ")).slice(2).map(readRow);
    const list = lines.findIndex((line) => line.startsWith("Not applicable"));
    const items = list < 0 ? [] : lines.slice(list).filter((line) => line.startsWith("- "));
    return { name, rows, notApplicable: items.length };
  });
}

function readRow(text: string): Row {
  const cells = text.split(" | ");
  assertEquals(cells.length, 2, `A row has two columns: ${text}`);
  const [, ids] = /\(([^()]*)\)\s*$/.exec(cells[0]) ?? [];
  const tests = [...cells[1].matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  return { text, cases: ids === undefined ? 1 : ids.split(", ").length, tests };
}

/** The source of all tests but this one. */
function readTests(folder: URL = new URL("tests/", ROOT)): string {
  let all = "";
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) all += readTests(url);
    else if (name.endsWith("_test.ts") && name !== "table_test.ts") {
      all += Deno.readTextFileSync(url);
    }
  }
  return all;
}

/** Whether a test has this name; `…` stands for an expression in a template. */
function isTest(name: string, sources: string): boolean {
  const parts = name.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`["'\`]${parts.join("\\$\\{[^\\n]*?\\}")}["'\`]`).test(sources);
}

Deno.test("security: every test that the tables in SECURITY.md name exists", () => {
  const groups = readGroups(Deno.readTextFileSync(fileURLToPath(new URL("SECURITY.md", ROOT))));
  const sources = readTests();
  const tests = new Set<string>();
  const missing = new Set<string>();
  let cases = 0;
  let notApplicable = 0;
  for (const group of groups) {
    assert(group.rows.length > 0, `"${group.name}" has no table`);
    notApplicable += group.notApplicable;
    for (const { text, cases: seen, tests: names } of group.rows) {
      assert(names.length > 0, `A class without a test: ${text}`);
      cases += seen;
      for (const name of names) (isTest(name, sources) ? tests : missing).add(name);
    }
  }
  console.log(
    `security: ${cases} cases, ${tests.size} tests, ${notApplicable} not applicable`,
  );
  assertEquals([...missing], []);
});

Deno.test("security: a name that is none would be found missing", () => {
  const sources = 'Deno.test("a name", f); Deno.test(`b ${how ? "c" : "d"} e`, f);';
  assert(isTest("a name", sources));
  assert(isTest("b … e", sources));
  for (const name of ["a", "a name …", "b e", "… e", "a.name"]) {
    assert(!isTest(name, sources), name);
  }
  const table = `${SECTION}\n\n### one\n\n| class | tests |\n| --- | --- |\n` +
    "| c (CVE-1, CVE-2) | `t…`<br>`u` |\n| d | `v` |\n\nNot applicable:\n\n- x\n- y\n\n## more\n\n- z\n";
  const [group] = readGroups(table);
  assertEquals([group.name, group.notApplicable], ["one", 2]);
  assertEquals(group.rows.map(({ cases, tests }) => [cases, tests.join()]), [[2, "t…,u"], [
    1,
    "v",
  ]]);
});
