/**
 * `deno task bench`: measures the servers of cells.ts side by side, with load from a process of its own, and prints the
 * tables. A run of all groups, or one with `--save`, also writes them to bench/RESULTS.md, with a chart.
 *
 *     deno task bench [GROUP…] [--processes N] [--rounds N] [--seconds S] [--quick] [--save]
 *
 * All servers of a group run at once and are loaded in turns, one short slice each a round; a ratio is the median of
 * the ratios within the rounds. So what else happens on the machine hits all alike. And all of it with new processes,
 * some times over: what luck a process had with its memory and its compiler lasts as long as it does.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { findProgram, freePort, type Peer, spawnPeer } from "../tests/_support/peers.ts";
import {
  type BenchServer,
  type Group,
  GROUPS,
  type LoadGroup,
  type MemoryGroup,
  SERVERS,
} from "./cells.ts";
import { chart } from "./_chart.ts";
import type { Load } from "./_wire.ts";
import type { Slice } from "./load.ts";
import { fetchedBun } from "./fetch_peers.ts";
import {
  type LoadResult,
  median,
  type MemoryResult,
  ratio,
  type Result,
  type ScriptResult,
  summary,
  tables,
  type Verdict,
  verdict,
} from "./_report.ts";

const here = fileURLToPath(new URL(".", import.meta.url));

/** How long and how often things are measured. */
interface Effort {
  /** How many processes of each server are measured, one after the other. */
  processes: number;
  /** For each process. */
  rounds: number;
  seconds: number;
  warm: number;
  /** Connections of memory groups are divided by this. */
  thin: number;
  /** How long memory must stay the same, in ms. */
  calm: number;
  /** Only what runs on Deno. */
  denoOnly: boolean;
}

const FULL: Effort = {
  processes: 3,
  rounds: 11,
  seconds: 0.2,
  warm: 0.1,
  thin: 1,
  calm: 1000,
  denoOnly: false,
};
const QUICK: Effort = {
  processes: 1,
  rounds: 1,
  seconds: 0.1,
  warm: 0.05,
  thin: 100,
  calm: 100,
  denoOnly: true,
};

/** The command that starts a server; or why it can't be started here. */
function command(server: BenchServer): string[] | string {
  const file = `${here}servers/${server.file}`;
  try {
    Deno.statSync(file);
  } catch {
    return `no file ${server.file}`;
  }
  const { runtime = "deno", args = [] } = server;
  if (runtime === "deno") return [Deno.execPath(), "run", "--quiet", "-A", file, ...args];
  const program = runtime === "bun" ? fetchedBun() ?? findProgram("bun") : findProgram(runtime);
  if (program === undefined) {
    return `no ${runtime}${runtime === "bun" ? " (bench/fetch_peers.ts fetches it)" : ""}`;
  }
  return [program, file, ...args];
}

interface Running {
  key: string;
  port: number;
  peer: Peer;
}

/** Starts a server and waits until it listens. */
async function start(key: string): Promise<Running> {
  const server = SERVERS[key];
  const [program, ...rest] = command(server) as string[];
  const port = freePort();
  const at = rest.findIndex((arg) => arg.endsWith(server.file)) + 1;
  const args = rest.toSpliced(at, 0, String(port));
  return { key, port, peer: await spawnPeer(program, args, { ready: port }) };
}

/** The servers of a group that can run, and why the others can't. */
function choose(keys: readonly string[], effort: Effort): { keys: string[]; missing: string[] } {
  const missing: string[] = [];
  const chosen = keys.filter((key) => {
    const server = SERVERS[key];
    if (effort.denoOnly && (server.runtime ?? "deno") !== "deno") return false;
    const found = command(server);
    if (typeof found === "string") missing.push(`${server.label}: ${found}`);
    return typeof found !== "string";
  });
  return { keys: chosen, missing };
}

const loadCommand = (flags: string[]): Deno.Command =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--unsafely-ignore-certificate-errors=127.0.0.1"]
      .concat(`${here}load.ts`, flags),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });

/** Loads one process of each server with all cells, and adds the slices to the result. */
async function loadOnce(result: LoadResult, effort: Effort, title: string): Promise<void> {
  const running: Running[] = [];
  try {
    for (const key of result.servers) running.push(await start(key));
    for (const [name, load] of Object.entries(result.group.cells)) {
      console.error(`  ${title}: ${name}`);
      const flags = [load.protocol, load.pattern, running.map(({ port }) => port).join(",")]
        .concat([load.connections, load.size, load.pipeline, effort.seconds].map(String))
        // One round more: in the first one the servers warm up.
        .concat(`--rounds=${effort.rounds + 1}`, `--warm=${effort.warm}`, "--json")
        .concat(`--pids=${running.map(({ peer }) => peer.pid).join(",")}`);
      for (const flag of ["text", "tls", "deflate"] as const) {
        if (load[flag]) flags.push(`--${flag}`);
      }
      if (load.path !== undefined) flags.push(`--path=${load.path}`);
      const { success, stdout, stderr } = await loadCommand(flags).spawn().output();
      if (!success) {
        throw new Error(`Cannot measure "${name}": ${new TextDecoder().decode(stderr)}`);
      }
      const slices = new TextDecoder().decode(stdout).trim().split("\n")
        .map((line) => JSON.parse(line) as Slice)
        .filter(({ round }) => round > 0);
      const cell = result.cells[name] ??= {};
      for (const { key, port } of running) {
        (cell[key] ??= []).push(...slices.filter((slice) => slice.port === port));
      }
    }
  } finally {
    await Promise.all(running.map(({ peer }) => peer[Symbol.asyncDispose]()));
  }
}

async function runLoads(group: LoadGroup, effort: Effort): Promise<LoadResult> {
  const { keys, missing } = choose(group.servers, effort);
  const result: LoadResult = { kind: "load", group, servers: keys, missing, cells: {} };
  for (let i = 1; i <= effort.processes; i++) {
    await loadOnce(result, effort, `${group.title}, process ${i} of ${effort.processes}`);
  }
  return result;
}

/** The memory that a process holds, in bytes, once it has stayed the same for `calm` ms, or ten times that is over. */
async function settledMemory(pid: number, calm: number): Promise<number> {
  const read = (): number => {
    const text = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(/^VmRSS:\s+(\d+)/m.exec(text)![1]) * 1024;
  };
  let last = read();
  for (let same = 0, i = 0; same < 4 && i < 40; i++) {
    await new Promise((resolve) => setTimeout(resolve, calm / 4));
    const now = read();
    same = Math.abs(now - last) < 100_000 ? same + 1 : 0;
    last = now;
  }
  return last;
}

async function idleCost(
  key: string,
  protocol: Load["protocol"],
  connections: number,
  calm: number,
  idle: number,
): Promise<number> {
  const { port, peer } = await start(key);
  await using _peer = peer;
  const before = await settledMemory(peer.pid, calm);
  const flags = [protocol, "idle", String(port), String(connections), "0", "0", "120"];
  const child = loadCommand(flags).spawn();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  if (done) throw new Error(`Cannot hold ${connections} connections to "${key}"`);
  await new Promise((resolve) => setTimeout(resolve, idle));
  const after = await settledMemory(peer.pid, calm);
  await child.stdin.close();
  await reader.cancel();
  await child.stderr.cancel();
  await child.status;
  return (after - before) / connections;
}

async function runMemory(group: MemoryGroup, effort: Effort): Promise<MemoryResult> {
  const { keys, missing } = choose(group.servers, effort);
  const connections = Math.ceil(group.connections / effort.thin);
  const rounds = Math.min(3, effort.rounds);
  const costs: Record<string, number[]> = Object.fromEntries(keys.map((key) => [key, []]));
  for (let round = 0; round < rounds; round++) {
    console.error(`  ${group.title}: round ${round + 1} of ${rounds}`);
    const measure = async (key: string): Promise<void> => {
      const idle = (group.idle ?? 0) / effort.thin;
      costs[key].push(await idleCost(key, group.protocol, connections, effort.calm, idle));
    };
    // Where each takes long, all at once: they do nothing that another could feel.
    if (group.idle !== undefined) await Promise.all(keys.map(measure));
    else for (const key of keys) await measure(key);
  }
  return { kind: "memory", group, connections, servers: keys, missing, costs };
}

async function runScript(
  group: Extract<Group, { kind: "script" }>,
): Promise<ScriptResult> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", `${here}${group.file}`],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure: ${group.file} failed`);
  return { kind: "script", group, output: new TextDecoder().decode(stdout).trimEnd() };
}

/** Whether each bar of a result is met. */
function judge(result: Result): Verdict[] {
  if (result.kind === "script") return [];
  const verdicts: Verdict[] = [];
  const bars = result.group.bars.filter(({ server, over }) =>
    result.servers.includes(server) && (over === undefined || result.servers.includes(over))
  );
  for (const bar of bars) {
    const { server, over } = bar;
    if (result.kind === "memory") {
      const base = over === undefined ? 1000 : median(result.costs[over]);
      verdicts.push(verdict(bar, median(result.costs[server]) / base));
      continue;
    }
    for (const cell of bar.cells ?? Object.keys(result.cells)) {
      verdicts.push(verdict(bar, ratio(result, cell, server, over), cell));
    }
  }
  return verdicts;
}

async function versionOf(program: string): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n")[0];
}

/** The machine and the versions, in a paragraph. */
async function describe(): Promise<string> {
  const cpu = /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "CPU";
  const versions = [`Deno ${Deno.version.deno} (V8 ${Deno.version.v8})`];
  const node = findProgram("node");
  if (node !== undefined) versions.push(`Node ${await versionOf(node)}`);
  const bun = fetchedBun() ?? findProgram("bun");
  if (bun !== undefined) versions.push(`Bun ${await versionOf(bun)}`);
  const memory = Math.round(Deno.systemMemoryInfo().total / 1e9);
  const kernel = Deno.osRelease().split("-")[0];
  return `${navigator.hardwareConcurrency} × ${cpu}, ${memory} GB, Linux ${kernel}, loopback. ` +
    `${versions.join(", ")}. ${new Date().toISOString().slice(0, 10)}.`;
}

/** What a command line asks for. */
interface BenchArguments {
  groups: string[];
  effort: Effort;
  quick: boolean;
  save: boolean;
}

/** Reads a command line. @throws {TypeError} for what makes no sense. */
function parseBenchArguments(args: readonly string[]): BenchArguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      processes: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
    },
  });
  const unknown = positionals.find((name) => !Object.hasOwn(GROUPS, name));
  if (unknown !== undefined) {
    throw new TypeError(
      `There is no group "${unknown}", but ${Object.keys(GROUPS).join(", ")}`,
    );
  }
  const { quick, save } = values;
  const effort = { ...(quick ? QUICK : FULL) };
  for (const name of ["processes", "rounds", "seconds"] as const) {
    if (values[name] === undefined) continue;
    effort[name] = Number(values[name]);
    if (!(effort[name] > 0) || (name !== "seconds" && !Number.isInteger(effort[name]))) {
      throw new TypeError(`--${name} takes a number above 0, not "${values[name]}"`);
    }
  }
  return { groups: positionals, effort, quick, save };
}

/** The options that were given to the command; it ends with 2 for those that make no sense. */
function readCommand(): BenchArguments {
  try {
    return parseBenchArguments(Deno.args);
  } catch (error) {
    console.error(
      `${(error as Error).message}
Usage: deno task bench [--processes N] [--rounds N] [--seconds N] [--quick] [--save] [group]...`,
    );
    Deno.exit(2);
  }
}

async function main(): Promise<void> {
  const { groups, effort, quick, save } = readCommand();
  if (Deno.build.os !== "linux") {
    console.error("The load generator needs Linux");
    Deno.exit(2);
  }
  const names = groups.length > 0 ? groups : Object.keys(GROUPS);
  const results: Result[] = [];
  const verdicts: Verdict[] = [];
  for (const name of names) {
    const group = GROUPS[name];
    const result = group.kind === "load"
      ? await runLoads(group, effort)
      : group.kind === "memory"
      ? await runMemory(group, effort)
      : await runScript(group);
    results.push(result);
    verdicts.push(...judge(result));
    console.log(`${tables([result], judge(result))}\n`);
  }
  if (!save && (groups.length > 0 || quick)) return;
  const about = await describe();
  await Deno.writeTextFile(
    `${here}RESULTS.md`,
    `# Results\n\nMade by \`deno task bench\` with ${effort.processes} processes of each server, ${effort.rounds} rounds each; [README.md](README.md) says how. ${about}\n\n` +
      `![ratios](results.svg)\n\n## In short\n\n${summary(results)}\n\n${
        tables(results, verdicts)
      }\n`,
  );
  const readme = `${here}../README.md`;
  const text = await Deno.readTextFile(readme);
  const [begin, end] = ["<!-- bench -->\n", "<!-- end of bench -->"].map((mark) =>
    text.indexOf(mark)
  );
  if (begin < 0 || end < begin) {
    throw new Error("Cannot find where README.md has the measured ratios");
  }
  await Deno.writeTextFile(
    readme,
    `${text.slice(0, begin)}<!-- bench -->\n\n${summary(results)}\n\n${about}\n\n${
      text.slice(end)
    }`,
  );
  await Deno.writeTextFile(`${here}results.svg`, chart(results, about));
}

if (import.meta.main) await main();
