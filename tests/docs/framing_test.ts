/** The guide to framing names every framer that there is, and its program shows the bytes of each. */
import { assert, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

Deno.test("framing guide: every framer has a row in the table, and its bytes in the program", async () => {
  const guide = await Deno.readTextFile(new URL("docs/framing.md", ROOT));
  const framers: string[] = [];
  for await (const { name } of Deno.readDir(new URL("net/", ROOT))) {
    if (name.startsWith("_") || !name.endsWith("_framer.ts")) continue;
    const source = await Deno.readTextFile(new URL(`net/${name}`, ROOT));
    for (const [, framer] of source.matchAll(/^export function (\w+Framer)[<(]/gm)) {
      framers.push(framer);
    }
  }
  assert(framers.length >= 10, `${framers.length} framers were found`);
  for (const framer of framers) {
    assertStringIncludes(guide, `\`${framer}(`);
    assertStringIncludes(guide, `wire(${framer}(`);
  }
});
