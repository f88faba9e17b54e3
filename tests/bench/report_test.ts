import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { chart } from "../../bench/_chart.ts";
import {
  type LoadResult,
  median,
  type MemoryResult,
  ratio,
  summary,
  tables,
  verdict,
} from "../../bench/_report.ts";
import { GROUPS, SERVERS } from "../../bench/cells.ts";
import type { Slice } from "../../bench/load.ts";

function slices(...rates: number[]): Slice[] {
  return rates.map((rate, round) => ({
    port: 1,
    round,
    rate,
    p50: 1,
    p99: 2,
    max: 3,
    generator: 0.5,
    server: 4,
  }));
}

const result: LoadResult = {
  kind: "load",
  group: {
    kind: "load",
    title: "A <title>",
    servers: ["raw", "tcp", "netBun"],
    cells: { one: { protocol: "tcp", pattern: "echo", connections: 1, size: 1, pipeline: 1 } },
    bars: [],
  },
  servers: ["raw", "tcp"],
  missing: ["node:net on Bun: no bun"],
  // The machine was twice as busy in the second round, for both.
  cells: { one: { raw: slices(100_000, 50_000, 100_000), tcp: slices(90_000, 45_000, 95_000) } },
};

Deno.test("bench report takes the median of the ratios within the rounds", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 3]), 2.5);
  assertEquals(ratio(result, "one", "tcp"), 0.9);
  assertEquals(ratio(result, "one", "raw", "tcp").toFixed(2), "1.11");
});

Deno.test("bench report shows rates, ratios, what is missing and the bars", () => {
  const bar = { server: "tcp", over: "raw", least: 0.95 };
  const text = tables([result], [
    verdict(bar, 0.9, "one"),
    verdict({ server: "tcp", most: 12 }, 11),
  ]);
  assertStringIncludes(text, "| Sluice, events                     | 90.0 (0.90) |");
  assertStringIncludes(text, "Not here: node:net on Bun: no bun.");
  assertStringIncludes(text, "used at most 50% of a core");
  const lines = text.split("\n");
  const missed = lines.find((line) => line.includes(", one"))!;
  assertEquals(missed.split("|").slice(2, 5).map((cell) => cell.trim()), [
    "≥ 0.95",
    "0.90",
    "missed",
  ]);
  const met = lines.find((line) => line.includes(", kB"))!;
  assertEquals(met.split("|").slice(2, 5).map((cell) => cell.trim()), ["≤ 12", "11.00", "met"]);
});

Deno.test("bench chart draws a bar for each server and escapes texts", () => {
  const svg = chart([result], "1 < 2 & 3");
  assertEquals(svg.match(/<rect /g)?.length, 2);
  assertStringIncludes(svg, "A &lt;title>");
  assertStringIncludes(svg, "1 &lt; 2 &amp; 3");
});

Deno.test("bench cells name servers and cells that exist", () => {
  for (const group of Object.values(GROUPS)) {
    if (group.kind === "script") continue;
    for (const key of group.servers) assertEquals(key in SERVERS, true, key);
    for (const { server, over, cells = [], least, most } of group.bars) {
      assertEquals(group.servers.includes(server), true, server);
      assertEquals(over === undefined || group.servers.includes(over), true, over);
      assertEquals(least === undefined, most !== undefined);
      if (group.kind === "load") {
        for (const cell of cells) assertEquals(cell in group.cells, true, cell);
      }
    }
  }
});

Deno.test("bench report in short puts ours beside theirs", () => {
  const memory: MemoryResult = {
    kind: "memory",
    group: {
      kind: "memory",
      title: "Idle",
      servers: [],
      connections: 1,
      protocol: "tcp",
      bars: [],
    },
    connections: 1,
    servers: ["rawIdle", "tcp"],
    missing: [],
    costs: { rawIdle: [9000], tcp: [10_000] },
  };
  const rows = summary([result, memory]).split("\n").slice(2)
    .map((line) => line.split("|").slice(1, 4).map((cell) => cell.trim()));
  assertEquals(rows, [
    ["A <title>: one", SERVERS.raw.label, "0.90"],
    ["Idle", SERVERS.rawIdle.label, "0.90"],
  ]);
});

Deno.test("README's measured ratios are those of the saved results", () => {
  const read = (path: string): string =>
    Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
  const table = /## In short\n\n([^#]*?)\n\n## /.exec(read("bench/RESULTS.md"))![1];
  assert(table.split("\n").length > 20);
  assertStringIncludes(read("README.md"), table);
});
