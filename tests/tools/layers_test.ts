import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkLayers } from "../../tools/layers.ts";
import { FLOORS } from "../../tools/tree.ts";
import { plant } from "../_support/plant.ts";

const CONFIG = '{ "name": "@sluice/planted", "version": "0.0.1", "exports": "./mod.ts" }';

/** A tree without a fault, with one file on each floor. */
const SOUND = {
  "deno.json": CONFIG,
  "buffer/mod.ts": 'export * from "./codec.ts";\nexport * from "./errors.ts";\n',
  "buffer/errors.ts": `${FLOORS[0]}\nexport class BufferFault extends Error {}\n`,
  "buffer/codec.ts": `${FLOORS[1]}
import { BufferFault } from "./errors.ts";
import { ZERO } from "./_zero.ts";
export function check(n: number): number {
  if (n < ZERO) throw new BufferFault();
  return n;
}
`,
  "buffer/_zero.ts": `${FLOORS[1]}\nexport const ZERO = 0;\n`,
  "net/mod.ts": 'export * from "./machine.ts";\nexport * from "./driver.ts";\n',
  "net/machine.ts": `${FLOORS[2]}
import { check } from "../buffer/codec.ts";
export const state: number = check(1);
`,
  "net/driver.ts": `${FLOORS[3]}
import { EventEmitter } from "node:events";
import { state } from "./machine.ts";
export const driver: unknown = [new EventEmitter(), Deno.pid, state];
`,
};

async function problemsOf(files: Record<string, string>): Promise<string[]> {
  await using folder = await plant({ ...SOUND, ...files });
  return await checkLayers(folder.path);
}

Deno.test("layers finds nothing in a sound tree", async () => {
  assertEquals(await problemsOf({}), []);
});

Deno.test("layers takes a tree that links packages", async () => {
  const problems = await problemsOf({
    "deno.json": CONFIG.replace(" }", ', "links": ["./linked"] }'),
    "linked/deno.json": CONFIG.replace("planted", "linked"),
    "linked/mod.ts": "export const linked = 1;\n",
  });
  assertEquals(problems, []);
});

const PLANTED: Record<string, { files: Record<string, string>; problem: string }> = {
  "a file without a floor": {
    files: { "buffer/codec.ts": "export const a = 1;\n" },
    problem: "buffer/codec.ts: the first line must be one of",
  },
  "an import of a higher floor": {
    files: {
      "buffer/codec.ts": `${FLOORS[1]}\nimport { m } from "./machine.ts";\nexport const c = m;\n`,
      "buffer/machine.ts": `${FLOORS[2]}\nexport const m = 1;\n`,
    },
    problem: 'buffer/codec.ts: floor 1 may not import "buffer/machine.ts" on floor 2',
  },
  "a type import of a higher floor": {
    files: {
      "net/types.ts": `${
        FLOORS[0]
      }\nimport type { state } from "./machine.ts";\nexport type T = typeof state;\n`,
    },
    problem: 'net/types.ts: floor 0 may not import "net/machine.ts" on floor 2',
  },
  "a type import inside a type": {
    files: {
      "net/types.ts": `${FLOORS[0]}\nexport type T = import("./machine.ts").state;\n`,
      "net/machine.ts": `${FLOORS[2]}\nexport type state = 1;\n`,
      "net/driver.ts": `${FLOORS[3]}\n`,
    },
    problem: 'net/types.ts: floor 0 may not import "net/machine.ts" on floor 2',
  },
  "a module that imports one above it": {
    files: {
      "buffer/up.ts": `${FLOORS[3]}\nexport { driver } from "../net/driver.ts";\n`,
    },
    problem: 'buffer/up.ts: module buffer may not import module net ("net/driver.ts")',
  },
  "a module that imports a module of applications": {
    files: {
      "socket/mod.ts": 'export * from "./face.ts";\n',
      "socket/face.ts": `${FLOORS[3]}\nexport const face = 1;\n`,
      "trace/mod.ts": 'export * from "./tee.ts";\n',
      "trace/tee.ts": `${FLOORS[3]}\nexport { face } from "../socket/face.ts";\n`,
    },
    problem: "trace/tee.ts: module trace may not import module socket",
  },
  "a private file of another folder": {
    files: { "net/peek.ts": `${FLOORS[1]}\nexport { ZERO } from "../buffer/_zero.ts";\n` },
    problem: 'net/peek.ts: may not import "buffer/_zero.ts", which is private to buffer/',
  },
  "an import of a mod.ts": {
    files: { "net/lazy.ts": `${FLOORS[3]}\nexport { check } from "../buffer/mod.ts";\n` },
    problem: 'net/lazy.ts: may not import "buffer/mod.ts"',
  },
  "an import from outside the modules": {
    files: {
      "net/lazy.ts": `${FLOORS[3]}\nexport { help } from "../tests/help.ts";\n`,
      "tests/help.ts": "export const help = 1;\n",
    },
    problem: 'net/lazy.ts: may not import "tests/help.ts", which is outside the modules',
  },
  "a cycle of two files": {
    files: {
      "net/a.ts": `${FLOORS[3]}\nimport { b } from "./b.ts";\nexport const a: number = b;\n`,
      "net/b.ts": `${FLOORS[3]}\nimport { a } from "./a.ts";\nexport const b: number = a;\n`,
    },
    problem: "cycle: net/a.ts → net/b.ts → net/a.ts",
  },
  "a cycle that only types close": {
    files: {
      "net/a.ts": `${FLOORS[0]}\nimport type { B } from "./b.ts";\nexport type A = { b?: B };\n`,
      "net/b.ts": `${FLOORS[0]}\nimport type { A } from "./a.ts";\nexport type B = { a?: A };\n`,
    },
    problem: "cycle: net/a.ts → net/b.ts → net/a.ts",
  },
  "a builtin of Node on floor 2": {
    files: {
      "net/machine.ts": `${FLOORS[2]}
import { isUtf8 } from "node:buffer";
export const state: unknown = isUtf8;
`,
    },
    problem: 'net/machine.ts: floor 2 may not import "node:buffer"',
  },
  "a package of npm on floor 1": {
    files: {
      "buffer/bad.ts": `${FLOORS[1]}
import fc from "npm:fast-check@^4.3.0";
export const check: unknown = fc;
`,
    },
    problem: 'buffer/bad.ts: floor 1 may not import "npm:fast-check@^4.3.0"',
  },
  "Deno on floor 0": {
    files: {
      "buffer/errors.ts": `${FLOORS[0]}\nexport class BufferFault extends Deno.errors.Busy {}\n`,
    },
    problem: "Cannot find name 'Deno'",
  },
  "a type of Deno on floor 2": {
    files: { "net/machine.ts": `${FLOORS[2]}\nexport const state: Deno.Addr | number = 1;\n` },
    problem: "Cannot find namespace 'Deno'",
  },
  "an import of a file that is not there": {
    files: { "net/lazy.ts": `${FLOORS[3]}\nexport { x } from "./gone.ts";\n` },
    problem: 'net/lazy.ts: cannot import "net/gone.ts": not found',
  },
  "a source file in JavaScript": {
    files: { "net/fast.js": "export const fast = 1;\n" },
    problem: "net/fast.js: source files end in .ts",
  },
  "an index that imports another module": {
    files: { "net/mod.ts": 'export * from "../buffer/codec.ts";\n' },
    problem: 'net/mod.ts: mod.ts may not import another module ("buffer/codec.ts")',
  },
};

for (const [what, { files, problem }] of Object.entries(PLANTED)) {
  Deno.test(`layers finds ${what}`, async () => {
    const problems = await problemsOf(files);
    assertStringIncludes(problems.join("\n"), problem);
  });
}
