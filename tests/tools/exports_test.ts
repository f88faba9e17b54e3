import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkExports } from "../../tools/exports.ts";
import { plant } from "../_support/plant.ts";

function config(exports: Record<string, string>): string {
  return JSON.stringify({ name: "@sluice/planted", version: "0.0.1", exports });
}

const KEYS = { ".": "./mod.ts", "./buffer": "./buffer/mod.ts", "./net": "./net/mod.ts" };

const SOUND = {
  "deno.json": config(KEYS),
  "mod.ts":
    '/** All. @module */\nexport * from "./buffer/mod.ts";\nexport * from "./net/mod.ts";\n',
  "buffer/mod.ts": '// bytes\nexport * from "./a.ts";\n',
  "buffer/a.ts": "export const A = 1;\nexport type AKind = 1;\n",
  "buffer/_hidden.ts": "export const HIDDEN = 1;\n",
  "net/mod.ts":
    'export * from "./deep/b.ts";\nexport { C, type CKind } from "./c.ts";\nexport type { D } from "./d.ts";\n',
  "net/deep/b.ts": 'export const B = 1;\nexport { A } from "../../buffer/a.ts";\n',
  "net/c.ts":
    "export function C(): void;\nexport function C(n?: number): void {}\nexport type CKind = 1;\n",
  "net/d.ts": "export interface D { d: 1 }\nexport interface D { e: 1 }\n",
};

async function problemsOf(files: Record<string, string>): Promise<string[]> {
  await using folder = await plant({ ...SOUND, ...files });
  return await checkExports(folder.path);
}

Deno.test("exports finds nothing in a sound tree", async () => {
  assertEquals(await problemsOf({}), []);
});

Deno.test("exports lets a mod.ts start the command that it exports", async () => {
  const start = 'import { main } from "./a.ts";\n\nif (import.meta.main) main();\n';
  const files = {
    "buffer/a.ts": "export const A = 1;\nexport type AKind = 1;\nexport function main(): void {}\n",
    "buffer/mod.ts": `export * from "./a.ts";\n\n${start}`,
  };
  assertEquals(await problemsOf(files), []);
});

const PLANTED: Record<string, { files: Record<string, string>; problem: string }> = {
  "a public file that mod.ts forgets": {
    files: { "net/e.ts": "export const E = 1;\n" },
    problem: "net/e.ts: E is not exported from net/mod.ts",
  },
  "a type that mod.ts forgets": {
    files: { "net/c.ts": "export const C = 1;\nexport type CKind = 1;\nexport type CMore = 1;\n" },
    problem: "net/c.ts: CMore is not exported from net/mod.ts",
  },
  "a name with two meanings": {
    files: { "net/c.ts": "export const C = 1;\nexport type CKind = 1;\nexport const A = 2;\n" },
    problem: "A: one name for different things: buffer/a.ts, net/c.ts",
  },
  "code in a mod.ts": {
    files: { "buffer/mod.ts": 'export * from "./a.ts";\nexport const extra = 1;\n' },
    problem: "buffer/mod.ts: may only re-export, but has: export const extra = 1;",
  },
  "a mod.ts that starts what it does not export": {
    files: {
      "buffer/mod.ts":
        'export * from "./a.ts";\nimport { run } from "./_hidden.ts";\nif (import.meta.main) run();\n',
    },
    problem: "buffer/mod.ts: may only re-export, but has: import { run }",
  },
  "a private file re-exported": {
    files: { "buffer/mod.ts": 'export * from "./a.ts";\nexport * from "./_hidden.ts";\n' },
    problem: 'buffer/mod.ts: may not re-export from "./_hidden.ts"',
  },
  "a module that re-exports another": {
    files: { "buffer/mod.ts": 'export * from "./a.ts";\nexport * from "../net/c.ts";\n' },
    problem: 'buffer/mod.ts: may not re-export from "../net/c.ts"',
  },
  "a module that the root forgets": {
    files: { "mod.ts": 'export * from "./buffer/mod.ts";\n' },
    problem: 'mod.ts: must re-export "./net/mod.ts"',
  },
  "a module without a mod.ts": {
    files: { "trace/tee.ts": "export const tee = 1;\n" },
    problem: "trace/: has no mod.ts",
  },
  "a module without a key in deno.json": {
    files: { "deno.json": config({ ".": "./mod.ts", "./buffer": "./buffer/mod.ts" }) },
    problem: 'deno.json: "exports" must map "./net" to "./net/mod.ts"',
  },
  "a key for a file that is not there": {
    files: { "deno.json": config({ ...KEYS, "./net/gone": "./net/gone.ts" }) },
    problem: 'deno.json: "exports" maps "./net/gone" to "./net/gone.ts", which is not there',
  },
  "a key for a private file": {
    files: { "deno.json": config({ ...KEYS, "./hidden": "./buffer/_hidden.ts" }) },
    problem: 'deno.json: "exports" maps "./hidden" to the private file "./buffer/_hidden.ts"',
  },
};

for (const [what, { files, problem }] of Object.entries(PLANTED)) {
  Deno.test(`exports finds ${what}`, async () => {
    assertStringIncludes((await problemsOf(files)).join("\n"), problem);
  });
}
