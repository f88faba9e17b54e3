/**
 * What the tracer adds to a bulk transfer: `deno task bench trace`, or `deno run -A bench/trace.ts [ROUNDS] [MIB]`. One connection sends as fast as it can through each server in
 * turn; a ratio is the median of the ratios to the bare copy within the rounds, so that what else happens on the machine hits all alike.
 */
import { fileURLToPath } from "node:url";
import { freePort, type Peer, spawnPeer } from "../tests/_support/peers.ts";
import { close, connect, receive, sendAll } from "./_libc.ts";
import { median } from "./_report.ts";

const ROUNDS = Number(Deno.args[0] ?? 9);
const MIB = Number(Deno.args[1] ?? 512);

const SERVERS: Record<string, string[]> = {
  "bare copy of two sockets": ["trace_copy.ts"],
  "the same once more": ["trace_copy.ts"],
  "tracer, nothing shown": ["trace_tee.ts"],
  "tracer, shown as text": ["trace_tee.ts", "text"],
  "tracer, shown on the live page": ["trace_tee.ts", "web"],
  "tracer, everything shown": ["trace_tee.ts", "all"],
  "tracer with --record": ["trace_tee.ts", "record"],
  "tracer with --pcap": ["trace_tee.ts", "pcap"],
};

/** Of the time of a bare copy, at most so much. */
const BARS: Record<string, number> = {
  "tracer, nothing shown": 1.05,
  "tracer, shown as text": 1.05,
};

async function start(file: string, ...args: string[]): Promise<{ port: number; peer: Peer }> {
  const port = freePort();
  const path = fileURLToPath(new URL(`servers/${file}`, import.meta.url));
  const command = ["run", "--quiet", "-A", path, String(port), ...args];
  // What is shown goes through a pipe, and is thrown away there.
  const peer = await spawnPeer("sh", [
    "-c",
    'exec "$0" "$@" >/dev/null',
    Deno.execPath(),
    ...command,
  ], {
    ready: port,
  });
  return { port, peer };
}

/** The processor time of a process and its children, in s. */
function cpu(pid: number): number {
  let ticks = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = Deno.readTextFileSync(`/proc/${name}/stat`).split(") ")[1].split(" ");
      if (name === String(pid) || fields[1] === String(pid)) {
        ticks += Number(fields[11]) + Number(fields[12]);
      }
    } catch {
      // It has ended.
    }
  }
  return ticks / 100;
}

const chunk = new Uint8Array(1 << 20).map((_, i) => 32 + i % 95);

/** Sends all, and waits until it has arrived; the seconds. */
function transfer(port: number): number {
  const began = performance.now();
  const fd = connect(port, 0);
  for (let i = 0; i < MIB; i++) sendAll(fd, chunk);
  shutdown(fd);
  receive(fd, new Uint8Array(1));
  close(fd);
  return (performance.now() - began) / 1000;
}

const { shutdown } = (() => {
  const { symbols } = Deno.dlopen("libc.so.6", {
    shutdown: { parameters: ["i32", "i32"], result: "i32" },
  });
  return { shutdown: (fd: number) => symbols.shutdown(fd, 1) };
})();

const sink = await start("trace_sink.ts");
const running: { label: string; port: number; peer: Peer; seconds: number[]; cpu: number[] }[] = [];
try {
  for (const [label, [file, ...args]] of Object.entries(SERVERS)) {
    const { port, peer } = await start(file, String(sink.port), ...args);
    running.push({ label, port, peer, seconds: [], cpu: [] });
  }
  for (const { port } of running) transfer(port); // warms up
  for (let round = 0; round < ROUNDS; round++) {
    console.error(`  round ${round + 1} of ${ROUNDS}`);
    for (let i = 0; i < running.length; i++) {
      const each = running[(i + round) % running.length];
      const before = cpu(each.peer.pid);
      each.seconds.push(transfer(each.port));
      each.cpu.push(cpu(each.peer.pid) - before);
    }
  }
  // The bare copy runs twice: its mean moves less.
  const [base, again] = running;
  const bare = base.seconds.map((value, i) => (value + again.seconds[i]) / 2);
  const bars: string[] = [];
  console.log(`${MIB} MiB over loopback, median of ${ROUNDS} rounds:\n`);
  console.log("| | seconds | time, as a ratio | processor time, as a ratio |");
  console.log("| --- | --- | --- | --- |");
  for (const { label, seconds, cpu } of running) {
    const time = median(seconds.map((value, i) => value / bare[i]));
    const work = median(cpu) / median(base.cpu);
    const most = BARS[label];
    if (most !== undefined) {
      const met = Math.round(time * 100) / 100 <= most ? "met" : "missed";
      bars.push(`| ${label} | ≤ ${most} | ${time.toFixed(2)} | ${met} |`);
    }
    console.log(
      `| ${label} | ${median(seconds).toFixed(3)} | ${time.toFixed(2)} | ${work.toFixed(2)} |`,
    );
  }
  console.log("\n| bar: time, as a ratio | wanted | measured | |\n| --- | --- | --- | --- |");
  console.log(bars.join("\n"));
} finally {
  for (const { peer } of [...running, sink]) await peer[Symbol.asyncDispose]();
}
