import { assertEquals } from "@std/assert";
import { checkExamples, readBlocks } from "../../tools/examples.ts";
import { plant } from "../_support/plant.ts";

/** A doc comment with an example. */
function shown(code: string, info = "ts"): string {
  const lines = code.split("\n").map((line) => ` * ${line}\n`).join("");
  return `/**\n * Does it.\n *\n * @example\n * \`\`\`${info}\n${lines} * \`\`\`\n */\n`;
}

/** What an entry point says of the module. */
const ABOUT = shown("run({ size: 1 });").replace(" */\n", " *\n * @module\n */\n");
const BOTH = `${ABOUT}export * from "./a.ts";\nexport * from "./b.ts";\n`;

const SOUND = {
  "deno.json": '{ "name": "@sluice/planted", "version": "0.0.1", "exports": "./mod.ts" }',
  "mod.ts": `${ABOUT}export * from "./a.ts";\n`,
  "a.ts": `${shown("run({ size: 1 });")}export function run(options: RunOptions): void {}
/** Options of {@linkcode run}. */
export interface RunOptions { size: Size }
/** A size. */
export type Size = 1 | 2;
${shown("new Runner();")}export class Runner {}
`,
};

async function problemsOf(
  files: Record<string, string>,
  outside: Record<string, string> = {},
): Promise<string[]> {
  await using folder = await plant({ ...SOUND, ...files });
  return (await checkExamples(folder.path, outside)).problems;
}

Deno.test("examples finds nothing in a sound tree, where a type is shown by a function's signature", async () => {
  assertEquals(await problemsOf({}), []);
});

const PLANTED: Record<string, { code: string; problem: string | undefined }> = {
  "a function without an example": {
    code: "/** Does it. */\nexport function more(): void {}\n",
    problem: "b.ts:2: more has no example",
  },
  "a class whose example is not run": {
    code: `${shown("new More();", "ts ignore")}export class More {}\n`,
    problem: "b.ts:9: More has no example that is run",
  },
  "a type that nothing shows": {
    code: "/** Of no use. */\nexport interface More { a: 1 }\n",
    problem: "b.ts:2: More is in no example and in no signature that is shown",
  },
  "a constant that nothing shows": {
    code: "/** Of no use. */\nexport const MORE = 1;\n",
    problem: "b.ts:2: MORE is in no example and in no signature that is shown",
  },
  "a constant in somebody else's example": {
    code: `/** Of use. */\nexport const MORE = 1;\n${
      shown("more(MORE);")
    }export function more(_n: number): void {}\n`,
    problem: undefined,
  },
  "a constant that somebody's text links to": {
    code: `/** Of use. */\nexport const MORE = 1;\n${
      shown("more();").replace("Does it.", "Does it {@linkcode MORE} times.")
    }export function more(): void {}\n`,
    problem: undefined,
  },
};

for (const [what, { code, problem }] of Object.entries(PLANTED)) {
  Deno.test(`examples ${problem === undefined ? "takes" : "finds"} ${what}`, async () => {
    const found = await problemsOf({ "mod.ts": BOTH, "b.ts": code });
    assertEquals(found, problem === undefined ? [] : [problem]);
  });
}

Deno.test("examples finds a tag within a line, which would be shown as text", async () => {
  const code = `/** Options of {@linkcode run}, as {@linkcode RunOptions}. */
export interface More {
  /** How often. @default {1} */
  often?: number;
  /**
   * How long.
   *
   * @default {2}
   */
  long?: number;
}
${shown("more({ often: 1 });")}export function more(_options: More): void {}
`;
  assertEquals(await problemsOf({ "mod.ts": BOTH, "b.ts": code }), [
    "b.ts:2: More has @default within a line of its text",
  ]);
});

Deno.test("examples takes a name in a page's program", async () => {
  const files = {
    "mod.ts": BOTH,
    "b.ts": "/** Of use. */\nexport const MORE = 1;\n",
  };
  assertEquals((await problemsOf(files)).length, 1);
  const program = '```ts\nimport { MORE } from "@sluice/planted";\nconsole.log(MORE);\n```\n';
  assertEquals(await problemsOf({ ...files, "docs/page.md": program }), []);
  assertEquals((await problemsOf({ ...files, "docs/page.md": "`MORE`\n" })).length, 1);
});

Deno.test("examples lets an exception have an example that is not run, and no other", async () => {
  const code = `${shown("radio();", "ts ignore")}export function radio(): void {}\n`;
  const outside = { radio: "takes a radio" };
  assertEquals(await problemsOf({ "mod.ts": BOTH, "b.ts": code }, outside), []);
  const bare = "/** Does it. */\nexport function radio(): void {}\n";
  assertEquals(await problemsOf({ "mod.ts": BOTH, "b.ts": bare }, outside), [
    "b.ts:2: radio has no example",
  ]);
  const run = `${shown("radio();")}export function radio(): void {}\n`;
  assertEquals(await problemsOf({ "mod.ts": BOTH, "b.ts": run }, outside), [
    "b.ts:9: radio has an example that is run: it needs no exception",
  ]);
  assertEquals(await problemsOf({}, outside), [
    "tools/examples.ts: the exception radio is not there",
  ]);
});

Deno.test("examples finds a link that leads nowhere", async () => {
  const code = `${
    shown("new More();").replace("Does it.", "{@linkcode run}, {@link More.go | go}, {@link gone}")
  }export class More {
  /** As {@linkcode More.gone}. */
  go(): void {}
}
`;
  assertEquals(await problemsOf({ "mod.ts": BOTH, "b.ts": code }), [
    "b.ts:9: More links to gone, which is no public name",
    "b.ts:9: More links to More.gone, which is no public name",
  ]);
});

Deno.test("examples finds an entry point that says nothing, or shows nothing that is run", async () => {
  const config = '{ "name": "@sluice/planted", "version": "0.0.1", "exports": EXPORTS }';
  const exports = { ".": "./mod.ts", "./bare": "./bare.ts", "./still": "./still.ts" };
  assertEquals(
    await problemsOf({
      "deno.json": config.replace("EXPORTS", JSON.stringify(exports)),
      "bare.ts": 'export * from "./a.ts";\n',
      "still.ts": `// Floor 3: driver.\n${ABOUT.replace("```ts", "```ts ignore")}export {};\n`,
    }),
    [
      "bare.ts: does not say what the module is for",
      "still.ts: has no example that is run",
    ],
  );
});

Deno.test("examples tells programs that are run from others", () => {
  const text = "```ts\na();\n```\n\n```ts ignore\nb();\n```\n\n```sh\nc\n```\n";
  assertEquals(readBlocks(text), { run: ["a();\n"], ignored: ["b();\n"] });
});
