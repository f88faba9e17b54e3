// What was measured, as tables.
import { type Bar, type Group, type LoadGroup, type MemoryGroup, SERVERS } from "./cells.ts";
import type { Slice } from "./load.ts";

export interface LoadResult {
  kind: "load";
  group: LoadGroup;
  /** The servers that ran. */
  servers: string[];
  /** Those that did not, and why. */
  missing: string[];
  /** By cell and server: one slice a round, those of the first processes first. */
  cells: Record<string, Record<string, Slice[]>>;
}

export interface MemoryResult {
  kind: "memory";
  group: MemoryGroup;
  connections: number;
  servers: string[];
  missing: string[];
  /** Bytes for each connection, one figure a round. */
  costs: Record<string, number[]>;
}

export interface ScriptResult {
  kind: "script";
  group: Extract<Group, { kind: "script" }>;
  output: string;
}

export type Result = LoadResult | MemoryResult | ScriptResult;

/** What became of a bar. */
export interface Verdict {
  bar: Bar;
  cell?: string;
  ratio: number;
  met: boolean;
}

/** Judges a ratio. */
export function verdict(bar: Bar, ratio: number, cell?: string): Verdict {
  const { least = 0, most = Infinity } = bar;
  return {
    bar,
    ratio,
    met: ratio >= least && ratio <= most,
    ...(cell === undefined ? {} : { cell }),
  };
}

/** The middle one of an odd number of values, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The median of a server's rate over that of another one within each round. */
export function ratio(
  result: LoadResult,
  cell: string,
  server: string,
  over = result.servers[0],
): number {
  const slices = result.cells[cell];
  const base = slices[over];
  return median(slices[server].map(({ rate }, round) => rate / base[round].rate));
}

/** CPU time for each message over all slices, which are too short for the clock of /proc. */
function cpuTime(slices: readonly Slice[]): number {
  const messages = slices.reduce((sum, { rate }) => sum + rate, 0);
  return slices.reduce((sum, { rate, server = 0 }) => sum + rate * server, 0) / messages;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length))
  );
  const line = (cells: readonly string[]): string =>
    `| ${
      cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join(
        " | ",
      )
    } |`;
  const rule = widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function thousands(rate: number): string {
  const value = rate / 1000;
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function loadTable(result: LoadResult): string {
  const cells = Object.keys(result.cells);
  const head = ["thousand messages a second (ratio)", ...cells];
  const rows = result.servers.map((server) => [
    SERVERS[server].label,
    ...cells.map((cell) =>
      `${thousands(median(result.cells[cell][server].map(({ rate }) => rate)))} (${
        ratio(result, cell, server).toFixed(2)
      })`
    ),
  ]);
  const cost = result.servers.map((server) => [
    SERVERS[server].label,
    ...cells.map((cell) => {
      const spent = cpuTime(result.cells[cell][server]);
      const p99 = median(result.cells[cell][server].map((slice) => slice.p99));
      return `${spent.toFixed(2)} µs, ${p99.toFixed(2)} ms`;
    }),
  ]);
  const busiest = Math.max(
    ...Object.values(result.cells).flatMap((slices) =>
      Object.values(slices).map((rounds) => median(rounds.map(({ generator }) => generator)))
    ),
  );
  return [
    table(head, rows),
    table(["server's CPU time a message, 99% of round trips within", ...cells], cost),
    `The load generator used at most ${(busiest * 100).toFixed(0)}% of a core.`,
  ].join("\n\n");
}

function memoryTable(result: MemoryResult): string {
  const base = median(result.costs[result.servers[0]]);
  return table(
    [`kB for each of ${result.connections} connections`, "kB", "ratio"],
    result.servers.map((server) => {
      const cost = median(result.costs[server]);
      return [SERVERS[server].label, (cost / 1000).toFixed(1), (cost / base).toFixed(2)];
    }),
  );
}

function barTable(verdicts: readonly Verdict[]): string {
  return table(
    ["bar", "wanted", "measured", ""],
    verdicts.map(({ bar, cell, ratio, met }) => [
      `${SERVERS[bar.server].label}${
        bar.over === undefined ? ", kB" : ` / ${SERVERS[bar.over].label}`
      }${cell === undefined ? "" : `, ${cell}`}`,
      bar.most === undefined ? `≥ ${bar.least}` : `≤ ${bar.most}`,
      ratio.toFixed(2),
      met ? "met" : "missed",
    ]),
  );
}

const isOurs = (server: string): boolean => SERVERS[server].label.startsWith("Sluice");

/** In short, for README.md: the first server of ours beside each that is not ours. Above 1 we are faster, and take less. */
export function summary(results: readonly Result[]): string {
  const rows: string[][] = [];
  for (const result of results) {
    if (result.kind === "script") continue;
    const ours = result.servers.find(isOurs);
    if (ours === undefined) continue;
    const { title } = result.group;
    const cells = result.kind === "load" ? Object.keys(result.cells) : [];
    const what = result.kind === "load" ? `${title}: ${cells.join(" / ")}` : title;
    for (const peer of result.servers) {
      if (isOurs(peer) || peer === "sioBound") continue;
      const ratios = result.kind === "load"
        ? cells.map((cell) => ratio(result, cell, ours, peer))
        : [median(result.costs[peer]) / median(result.costs[ours])];
      const first = rows.every(([text]) => text !== what);
      rows.push([
        first ? what : "",
        SERVERS[peer].label,
        ratios.map((r) => r.toFixed(2)).join(" / "),
      ]);
    }
  }
  return table(["", "beside", "ratio"], rows);
}

/** All results in Markdown. */
export function tables(results: readonly Result[], verdicts: readonly Verdict[]): string {
  const parts: string[] = [];
  for (const result of results) {
    parts.push(`## ${result.group.title}`);
    if (result.kind === "script") {
      parts.push(`\`\`\`\n${result.output}\n\`\`\``);
      continue;
    }
    parts.push(result.kind === "load" ? loadTable(result) : memoryTable(result));
    if (result.missing.length > 0) parts.push(`Not here: ${result.missing.join("; ")}.`);
  }
  if (verdicts.length > 0) parts.push("## Bars", barTable(verdicts));
  return parts.join("\n\n");
}
