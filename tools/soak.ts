/**
 * `deno task soak`: thousands of connections of all kinds for some minutes, with churn, slow readers and attackers among them, and
 * what must be true then.
 *
 * ```sh
 * deno task soak --minutes 5                  # what CI runs
 * deno task soak --minutes 60 --connections 2000
 * ```
 *
 * The server, the clients, the probe and the attackers are processes of their own. Every message is numbered and hashed and has to come
 * back. Attacks alternate with calm; in both, the probe measures what a well-behaved client notices. At the end all clients leave,
 * and the server process has to end by itself.
 */
import {
  type ClientCounts,
  type Kind,
  KINDS,
  type Latencies,
  type Ports,
  type ServerFigures,
  SHARES,
} from "./soak/wire.ts";

/** How a run goes. */
export interface SoakOptions {
  /** How long it takes, from the first connection to the last, in seconds. */
  seconds: number;
  /** How many connections, of all kinds. */
  connections: number;
}

/** What a run came to. */
export interface SoakResult {
  counts: ClientCounts;
  attackers: Record<string, number>;
  /** The server after the first minute, at the end, and after all have left. */
  first: ServerFigures;
  last: ServerFigures;
  left: ServerFigures;
  /** The probe's 99th percentiles, in ms: of the calm, of the attack that followed it, and of a process that is left alone meanwhile. */
  latencies: [calm: number, attack: number, control: number][];
  /** What should not have been, in words. */
  problems: string[];
}

/** Processes that carry the clients. */
const CLIENT_PROCESSES = 3;
/** Below this a latency is as good as any other, in ms: the processes of the run itself compete for the processor. */
const UNNOTICED = 20;
/** V8 lets so much memory of dead buffers gather before it frees it, in bytes: a small run is allowed it. */
const DEAD_BUFFERS = 67_108_864;
/** From so many connections on a run is not small. */
const MANY = 5000;
const here = new URL("./soak/", import.meta.url);

/** A process that takes commands as lines, and answers with lines of JSON. */
class Worker implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(file: string, args: readonly string[] = [], flags: readonly string[] = []) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", ...flags, new URL(file, here).href, ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  async ask<T>(command: string): Promise<T> {
    await this.#input.write(new TextEncoder().encode(`${command}\n`));
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return JSON.parse(line);
      }
      const { value, done } = await this.#output.read();
      if (done) throw new Error(`Cannot go on: a process of the run has ended before "${command}"`);
      this.#rest += value;
    }
  }

  /** Whether it ends by itself, and well, within so many milliseconds. */
  async ends(ms: number): Promise<boolean> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), ms);
    const { success } = await this.#child.status;
    clearTimeout(timer);
    return success;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // has ended
    }
    await this.#input.close().catch(() => {});
    await this.#output.cancel().catch(() => {});
    await this.#child.status;
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`;

/** How many connections of each kind the process `index` carries. */
export function shareOut(connections: number, index: number): Record<Kind, number> {
  const share = (n: number): number =>
    Math.floor(n / CLIENT_PROCESSES) + (index < n % CLIENT_PROCESSES ? 1 : 0);
  const entries = KINDS.map((kind) => [kind, share(Math.round(connections * SHARES[kind]))]);
  return Object.fromEntries(entries);
}

function sum(all: readonly ClientCounts[]): ClientCounts {
  const total = structuredClone(all[0]);
  for (const counts of all.slice(1)) {
    for (const kind of KINDS) total.open[kind] += counts.open[kind];
    for (
      const key of ["opened", "echoed", "broadcasts", "lost", "wrong", "broken"] as const
    ) total[key] += counts[key];
    total.faults.push(...counts.faults);
  }
  return total;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1];

/** What the figures say against the run. */
export function judge(result: Omit<SoakResult, "problems">, options: SoakOptions): string[] {
  const { counts, first, last, left, latencies } = result;
  const problems: string[] = [];
  const demand = (good: boolean, problem: string): void => void (good || problems.push(problem));
  demand(counts.lost === 0, `${counts.lost} messages were lost`);
  demand(counts.wrong === 0, `${counts.wrong} messages were wrong or out of order`);
  demand(counts.broken === 0, `${counts.broken} connections broke`);
  demand(counts.echoed > options.connections, `only ${counts.echoed} messages came back`);
  demand(counts.broadcasts > options.connections / 4, `only ${counts.broadcasts} broadcasts came`);
  const more = options.connections < MANY ? DEAD_BUFFERS : 0;
  demand(
    last.rss <= Math.max(first.rss * 1.1, first.rss + more),
    `the server grew from ${mib(first.rss)} to ${mib(last.rss)}`,
  );
  demand(left.letGo > 0, "no slow reader was let go of");
  demand(left.sockets === 0, `${left.sockets} sockets were left open`);
  demand(left.connections === 0, `${left.connections} connections were left`);
  demand(left.counted === 0, `the limits still counted ${left.counted} bytes`);
  // What the machine does to all of its processes is not the attack's doing.
  const ratios = latencies.map(([calm, attack, control]) =>
    attack / Math.max(calm, control, UNNOTICED)
  );
  demand(
    ratios.length > 0 && median(ratios) <= 2,
    `an attack made the 99th percentile ${median(ratios).toFixed(1)} times as long`,
  );
  return problems.concat(counts.faults);
}

/** The server's figures when it takes the least of `ms` milliseconds: a peak is no growth, and what leaks is there all the time. */
async function settled(server: Worker, ms: number): Promise<ServerFigures> {
  let least = await server.ask<ServerFigures>("figures");
  for (let i = 0; i < 4; i++) {
    await sleep(ms / 4);
    const figures = await server.ask<ServerFigures>("figures");
    if (figures.rss < least.rss) least = figures;
  }
  return least;
}

/** Runs it, and tells on the way. */
export async function soak(
  options: SoakOptions,
  tell: (line: string) => void,
): Promise<SoakResult> {
  const { seconds, connections } = options;
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1000;
  const rampUp = Math.min(45, seconds * 0.15);
  const phase = Math.max(2, Math.min(20, seconds * 0.07));

  await using server = new Worker("server.ts", [], ["--v8-flags=--expose-gc"]);
  const ports = JSON.stringify(await server.ask<Ports>("ports"));
  await using control = new Worker("control.ts");
  const { tcp: controlPort } = await control.ask<Ports>("ports");
  await using probe = new Worker("probe.ts", [ports, `${controlPort}`]);
  const slow = Math.max(2, Math.round(connections / 400));
  await using attackers = new Worker("attackers.ts", [ports, `${slow}`]);
  await using workers = new AsyncDisposableStack();
  const clients = Array.from({ length: CLIENT_PROCESSES }, (_, i) => {
    const plan = [JSON.parse(ports), shareOut(connections, i), (i + 1) * 1_000_000, 0.1];
    return workers.use(new Worker("clients.ts", [JSON.stringify(plan), `${rampUp * 1000}`]));
  });
  const count = async (): Promise<ClientCounts> =>
    sum(await Promise.all(clients.map((client) => client.ask<ClientCounts>("counts"))));
  const openOf = ({ open }: ClientCounts): number => KINDS.reduce((n, kind) => n + open[kind], 0);
  const report = async (what: string): Promise<ClientCounts> => {
    const counts = await count();
    const { rss, heapUsed, external } = await server.ask<ServerFigures>("figures");
    tell(
      `${elapsed().toFixed(0)} s: ${what}; ${openOf(counts)} open, ${counts.echoed} echoed, ` +
        `${counts.broadcasts} broadcasts, ${counts.lost + counts.wrong + counts.broken} faults; ` +
        `the server takes ${mib(rss)} (${mib(heapUsed)} heap, ${mib(external)} buffers)`,
    );
    for (const fault of counts.faults.slice(faults)) tell(`  ${fault}`);
    faults = counts.faults.length;
    return counts;
  };
  let faults = 0;

  // Churning connections are closed a part of the time.
  while (openOf(await count()) < connections * 0.95) {
    if (elapsed() > seconds + 60) throw new Error("Cannot open so many connections in time");
    await sleep(500);
  }
  const opened = await report("all connected");
  // One attack belongs to the first minute: what an allocator keeps after a peak is no growth.
  const attack = async (on: boolean): Promise<void> => {
    await attackers.ask(on ? "attack" : "rest");
    await server.ask(on ? "feed on" : "feed off");
  };
  await attackers.ask("bulk");
  await attack(true);
  await sleep(phase * 1500);
  await attack(false);
  await sleep(Math.max(phase / 2, Math.min(60, seconds * 0.2) - elapsed()) * 1000);
  const first = await settled(server, phase * 250);
  tell(
    `the server takes ${mib(first.rss)}: ${
      KINDS.map((kind) => `${opened.open[kind]} ${kind}`).join(", ")
    }`,
  );

  const latencies: [number, number, number][] = [];
  do {
    await probe.ask("p99");
    await sleep(phase * 1000);
    const { server: calm } = await probe.ask<Latencies>("p99");
    await attack(true);
    await sleep(phase * 500);
    await probe.ask("p99"); // the attack stands now
    await sleep(phase * 1000);
    const { server: attacked, control: idle } = await probe.ask<Latencies>("p99");
    await attack(false);
    latencies.push([calm, attacked, idle]);
    await report(
      `99th percentile ${calm.toFixed(1)} ms, in an attack ${attacked.toFixed(1)} ms ` +
        `(a process left alone: ${idle.toFixed(1)} ms)`,
    );
  } while (elapsed() + phase * 3.5 < seconds);
  await sleep(phase * 500);

  const last = await settled(server, phase * 250);
  await probe.ask("stop");
  await control.ask("stop");
  const counts = sum(
    await Promise.all(clients.map((client) => client.ask<ClientCounts>("stop"))),
  );
  const refused = await attackers.ask<Record<string, number>>("stop");
  const left = await server.ask<ServerFigures>("stop");
  const result = { counts, attackers: refused, first, last, left, latencies };
  const problems = judge(result, options);
  for (const [name, worker] of Object.entries({ probe, control, attackers, server })) {
    if (!await worker.ends(60_000)) problems.push(`the process ${name} did not end by itself`);
  }
  for (const client of clients) {
    if (!await client.ends(60_000)) problems.push("a process of clients did not end by itself");
  }
  return { ...result, problems };
}

/** The options of a command line. */
export function parseSoakArguments(args: readonly string[]): SoakOptions {
  const options: SoakOptions = { seconds: 300, connections: 10_000 };
  for (let i = 0; i < args.length; i += 2) {
    const [name, value] = [args[i], Number(args[i + 1])];
    if (name !== "--minutes" && name !== "--connections") {
      throw new TypeError(`There is no option ${name}`);
    }
    if (!(value > 0)) throw new TypeError(`${name} needs a number above 0`);
    if (name === "--minutes") options.seconds = value * 60;
    else options.connections = value;
  }
  return options;
}

/** The options that were given to the command; it ends with 2 for those that make no sense. */
function readCommand(): SoakOptions {
  try {
    return parseSoakArguments(Deno.args);
  } catch (error) {
    console.error(
      `${(error as Error).message}\nUsage: deno task soak [--minutes N] [--connections N]`,
    );
    Deno.exit(2);
  }
}

/** How many connections one process may have, by the text of /proc/self/limits: the descriptors but for those of attackers and others. */
export function allowedConnections(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  const descriptors = hard === undefined || hard === "unlimited" ? Infinity : Number(hard);
  return Math.floor(descriptors * 0.8) - 100;
}

/** The figures in lines. */
export function describe(result: SoakResult): string {
  const { counts, attackers, first, last, left, latencies, problems } = result;
  const [calm, attack] = [0, 1].map((i) => median(latencies.map((pair) => pair[i])).toFixed(1));
  const lines = [
    `soak: ${counts.opened} connections opened, ${counts.echoed} messages echoed, ${counts.broadcasts} broadcasts`,
    `soak: ${counts.lost} lost, ${counts.wrong} wrong or out of order, ${counts.broken} connections broken`,
    `soak: attackers: ${Object.entries(attackers).map(([name, n]) => `${n} ${name}`).join(", ")}`,
    `soak: server's memory ${mib(first.rss)} after the first minute, ${mib(last.rss)} at the end ` +
    `(${(last.rss / first.rss).toFixed(2)}), ${mib(left.rss)} when all have left`,
    `soak: 99th percentile ${calm} ms, during attacks ${attack} ms (medians of ${latencies.length})`,
    `soak: ${left.sockets} sockets and ${left.connections} connections left`,
    ...problems.map((problem) => `soak: PROBLEM: ${problem}`),
  ];
  return lines.join("\n");
}

if (import.meta.main) {
  const options = readCommand();
  if (Deno.build.os !== "linux") {
    console.log("soak: skipped: it reads /proc, which only Linux has");
    Deno.exit(0);
  }
  const allowed = allowedConnections(await Deno.readTextFile("/proc/self/limits"));
  if (options.connections > allowed) {
    console.log(
      `soak: ${allowed} connections only: the system gives a process no more descriptors`,
    );
    options.connections = allowed;
  }
  const result = await soak(options, console.log);
  console.log(describe(result));
  Deno.exit(result.problems.length === 0 ? 0 : 1);
}
