/** The pages lead where they say, and all of their programs are run. */
import { assert, assertEquals } from "@std/assert";
import { dirname, join, normalize } from "node:path/posix";
import { readBlocks } from "../../tools/examples.ts";
import { repositoryRoot } from "../../tools/tree.ts";

const root = repositoryRoot();

/** All pages, as paths from the root. */
function pages(): string[] {
  const found: string[] = [];
  for (const folder of ["", "docs/", "examples/", "bench/"]) {
    for (const { name } of Deno.readDirSync(`${root}/${folder}`)) {
      if (name.endsWith(".md")) found.push(folder + name);
    }
  }
  return found.sort();
}

const read = (path: string): string => Deno.readTextFileSync(`${root}/${path}`);
const prose = (path: string): string => read(path).replaceAll(/^```[\s\S]*?^```$/gm, "");

/** The anchors that a page's headings have. */
function anchors(path: string): Set<string> {
  const headings = [...prose(path).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text);
  return new Set(
    headings.map((text) =>
      text.toLowerCase().replaceAll(/[^\p{L}\p{N}_\- ]/gu, "").replaceAll(" ", "-")
    ),
  );
}

for (const page of pages()) {
  Deno.test(`${page}: its links lead somewhere`, () => {
    const broken: string[] = [];
    for (const [, target] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      const there = (() => {
        try {
          Deno.statSync(`${root}/${file}`);
          return true;
        } catch {
          return false;
        }
      })();
      const found = there && (anchor === undefined || anchors(file).has(anchor));
      if (!found) broken.push(target);
    }
    assertEquals(broken, []);
  });
}

/** What can't be run everywhere. */
const NOT_RUN: Record<string, string> = {
  "docs/scaling.md": "takes Redis; examples/socketio_cluster is tried with it",
};

Deno.test("guides: every program is run, and says what has to come out", () => {
  for (const page of pages().filter((path) => path.startsWith("docs/") || path === "README.md")) {
    const { run, ignored } = readBlocks(read(page));
    if (page in NOT_RUN) continue;
    assertEquals(ignored.length, 0, `${page}: a program that is not run`);
    for (const program of run) {
      assert(
        program.includes("@std/assert"),
        `${page}: a program without an assertion:\n${program}`,
      );
    }
  }
});

Deno.test("guides: the index lists all pages", () => {
  const index = read("docs/README.md");
  for (const page of pages().filter((path) => path.startsWith("docs/"))) {
    const name = page.slice("docs/".length);
    assert(name === "README.md" || index.includes(`](${name})`), name);
  }
});
