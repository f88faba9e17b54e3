import { assertEquals } from "@std/assert";
import plugin from "../../tools/floors_lint.ts";
import { FLOORS } from "../../tools/tree.ts";

/** The names that the rule objects to in `code` on a floor. */
function named(floor: number, code: string): string[] {
  return Deno.lint.runPlugin(plugin, "a.ts", `${FLOORS[floor]}\n${code}\n`)
    .map((found) => found.message.split(": ")[1] ?? found.message);
}

const PLANTED: Record<string, string> = {
  setTimeout: "export const t: unknown = setTimeout(() => {}, 1);",
  clearInterval: "clearInterval(1);",
  queueMicrotask: "queueMicrotask(() => {});",
  crypto: "export const r: unknown = crypto.getRandomValues(new Uint8Array(1));",
  performance: "export const now: number = performance.now();",
  fetch: "export const get: typeof fetch = fetch;",
  console: "console.log(1);",
  Deno: "export const pid: number = Deno.pid;",
  Buffer: "export const b: unknown = Buffer.alloc(1);",
  process: "process.exit();",
  globalThis: 'export const t: unknown = globalThis["setTimeout"];',
  window: "window.setTimeout(() => {}, 1);",
};

for (const [name, code] of Object.entries(PLANTED)) {
  Deno.test(`lint finds ${name} on floors 0 to 2 and allows it on floor 3`, () => {
    for (const floor of [0, 1, 2]) {
      const found = named(floor, code);
      assertEquals(found[0], name);
      assertEquals(new Set(found).size, 1);
    }
    assertEquals(named(3, code), []);
  });
}

Deno.test("lint finds the clock in Date and the dice in Math, and leaves their pure parts", () => {
  assertEquals(named(1, "export const t: number = Date.now();"), ["Date"]);
  assertEquals(named(1, "export const t: Date = new Date();"), ["Date"]);
  assertEquals(named(1, "export const t: string = Date();"), ["Date"]);
  assertEquals(named(1, "export const r: number = Math.random();"), ["Math"]);
  assertEquals(named(1, "export const f: number = Math.floor(new Date(0).getTime());"), []);
});

Deno.test("lint finds imports at run time and triple-slash references", () => {
  assertEquals(named(2, 'export const m: unknown = await import("./x.ts");').length, 1);
  assertEquals(named(2, '/// <reference lib="deno.ns" />').length, 1);
  assertEquals(named(3, 'export const m: unknown = await import("./x.ts");'), []);
});

Deno.test("lint leaves properties, members and a file's own names alone", () => {
  for (
    const code of [
      "export class A { setTimeout(ms: number): void { this.x = ms; } x = 0; }",
      "export interface B { fetch(url: string): void; window: number; }",
      "export const c: { console: number } = { console: 1 };",
      "export const d: number = c.console;",
      "export function e(window: number): number { return window * 2; }",
      "export function f({ window = 1 }: { window?: number }): number { return window; }",
      "export function g(): number { const window = 15; return 1 << window; }",
      "export type H = (crypto: number) => void;",
      'export const i: string = "setTimeout"; // setTimeout',
    ]
  ) {
    assertEquals(named(0, code), [], code);
  }
});
