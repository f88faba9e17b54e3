/**
 * The load generator: keeps messages in flight on many connections and counts what comes back, from one process with
 * nothing else to do, over epoll by FFI.
 *
 *     deno run --allow-ffi bench/load.ts PROTOCOL PATTERN PORT[,PORT…] CONNECTIONS SIZE PIPELINE SECONDS [options]
 *
 * PROTOCOL is tcp, ws, eio or sio; PATTERN is echo, fan or idle. With several ports the servers are measured in turns:
 * `--rounds` slices of SECONDS each, in an order that changes, so that what else goes on on the machine hits all of
 * them alike. `idle` opens the connections, says so, and holds them until SECONDS have passed or stdin ends.
 */
import { parseArgs } from "node:util";
import process from "node:process";
import * as libc from "./_libc.ts";
import { clientFrame, type Load, Script, Wire } from "./_wire.ts";

/** What one slice of time gave. */
export interface Slice {
  port: number;
  round: number;
  /** Messages a second; for `fan` deliveries. */
  rate: number;
  /** Round trips of batches, in ms. */
  p50: number;
  p99: number;
  max: number;
  /** The share of one core that the generator took: near 1 it was the bottleneck. */
  generator: number;
  /** CPU time of the server for each message, in µs, where its process is known. */
  server?: number;
}

const buffer = new Uint8Array(262_144);
/** Engine.IO's answer to a ping. */
const PONG = clientFrame(0x81, new Uint8Array([0x33]));
/** WebSocket's: servers cut off clients that send nothing for long. */
const WS_PONG = clientFrame(0x8a, new Uint8Array(0));

interface Connection {
  fd: number;
  wire: Wire;
  /** How much of the batch has been sent. */
  sent: number;
  watching: boolean;
}

/** All connections to one server. */
interface Target {
  readonly port: number;
  /** Whether a batch is under way anywhere. */
  readonly busy: boolean;
  /** How many messages came so far. */
  readonly messages: number;
  /** The round trips of batches, in ms; the first `latencyCount` of them count. */
  readonly latencies: Float64Array;
  latencyCount: number;
  /** Starts a batch on every connection, and another one whenever one is complete. */
  begin(): void;
  /** Lets what is in flight arrive, and starts nothing more. */
  end(): void;
  /** Serves what has something, waiting up to `timeout` ms. */
  turn(timeout: number): void | Promise<void>;
  close(): void;
}

/** Over epoll. */
class PollTarget implements Target {
  readonly port: number;
  readonly script: Script;
  readonly connections: Connection[] = [];
  #poll = new libc.Poll();
  #running = false;
  #waiting = 0;
  readonly latencies = new Float64Array(1 << 20);
  latencyCount = 0;

  constructor(port: number, script: Script) {
    this.port = port;
    this.script = script;
    const { connections } = script.load;
    for (let i = 0; i < connections; i++) {
      const fd = libc.connect(port, Math.floor(i / 20_000));
      this.connections.push({ fd, wire: new Wire(script), sent: 0, watching: false });
      if (script.load.protocol !== "tcp") this.#handshake(fd);
      this.#poll.add(fd, i);
    }
  }

  #handshake(fd: number): void {
    const { script } = this;
    libc.sendAll(fd, script.request(this.port));
    const one = new Uint8Array(1);
    const until = (end: string, most: number): string => {
      let text = "";
      while (!text.endsWith(end)) {
        if (libc.receive(fd, one) === 0 || text.length > most) {
          throw new Error(`Cannot open a connection: got "${text.slice(0, 60)}"`);
        }
        text += String.fromCharCode(one[0]);
      }
      return text;
    };
    script.checkResponse(until("\r\n\r\n", 4096));
    if (script.load.protocol === "ws") return;
    // The packets of the handshake are short: a frame's head of two or four bytes, and JSON that ends with "}".
    until("}", 1000);
    if (script.load.protocol === "eio") return;
    libc.sendAll(fd, clientFrame(0x81, new TextEncoder().encode("40")));
    until("}", 1000);
  }

  get busy(): boolean {
    return this.#waiting > 0;
  }

  get messages(): number {
    let seen = 0;
    for (const { wire } of this.connections) seen += wire.seen;
    return this.script.load.protocol === "tcp" ? seen / this.script.load.size : seen;
  }

  begin(): void {
    this.#running = true;
    this.#round(performance.now());
  }

  end(): void {
    this.#running = false;
  }

  #round(now: number): void {
    const { connections } = this;
    this.#waiting = connections.length;
    const fan = this.script.load.pattern === "fan";
    for (const { wire } of connections) wire.missing = this.#expected;
    for (let i = 0; i < (fan ? 1 : connections.length); i++) this.#start(connections[i], i, now);
  }

  get #expected(): number {
    const { protocol, pipeline, size } = this.script.load;
    return protocol === "tcp" ? pipeline * size : pipeline;
  }

  #start(connection: Connection, index: number, now: number): void {
    connection.wire.missing = this.#expected;
    connection.wire.started = now;
    connection.sent = 0;
    this.#send(connection, index);
  }

  #send(connection: Connection, index: number): void {
    const { batch } = this.script;
    while (connection.sent < batch.length) {
      const rest = connection.sent === 0 ? batch : batch.subarray(connection.sent);
      const n = libc.sendSome(connection.fd, rest);
      if (n === 0) break;
      connection.sent += n;
    }
    const watching = connection.sent < batch.length;
    if (watching !== connection.watching) {
      connection.watching = watching;
      this.#poll.watchWrite(connection.fd, index, watching);
    }
  }

  turn(timeout: number): void {
    const n = this.#poll.wait(timeout);
    for (let i = 0; i < n; i++) {
      const index = this.#poll.index(i);
      const events = this.#poll.events(i);
      const connection = this.connections[index];
      if ((events & (libc.EPOLLERR | libc.EPOLLHUP)) !== 0) {
        throw new Error(`Cannot go on: the server on port ${this.port} cut a connection`);
      }
      if ((events & libc.EPOLLOUT) !== 0) this.#send(connection, index);
      if ((events & libc.EPOLLIN) !== 0) this.#receive(connection, index);
    }
  }

  #receive(connection: Connection, index: number): void {
    const { wire } = connection;
    for (;;) {
      const n = libc.receiveSome(connection.fd, buffer);
      if (n === 0) {
        throw new Error(`Cannot go on: the server on port ${this.port} closed a connection`);
      }
      if (n < 0) return;
      const open = wire.missing > 0;
      wire.take(buffer, n);
      // In the midst of a batch nothing can be said, and need not be.
      const between = connection.sent === 0 || connection.sent === this.script.batch.length;
      for (; wire.pings > 0; wire.pings--) if (between) libc.sendAll(connection.fd, PONG);
      for (; wire.wsPings > 0; wire.wsPings--) if (between) libc.sendAll(connection.fd, WS_PONG);
      if (open && wire.missing === 0) this.#complete(connection, index);
      if (n < buffer.length) return;
    }
  }

  #complete(connection: Connection, index: number): void {
    connection.wire.strict = false;
    if (this.script.load.pattern === "fan") {
      if (--this.#waiting > 0) return;
      const now = performance.now();
      this.#note(now - this.connections[0].wire.started);
      if (this.#running) this.#round(now);
      return;
    }
    const now = performance.now();
    this.#note(now - connection.wire.started);
    if (this.#running) this.#start(connection, index, now);
    else this.#waiting--;
  }

  #note(latency: number): void {
    if (this.latencyCount < this.latencies.length) this.latencies[this.latencyCount++] = latency;
  }

  close(): void {
    for (const { fd } of this.connections) libc.close(fd);
    this.#poll.close();
  }
}

/** Over `Deno.connectTls`, with a loop for each connection. Only for the echo over plain bytes. */
class TlsTarget implements Target {
  readonly port: number;
  readonly #script: Script;
  readonly #conns: Deno.TlsConn[] = [];
  readonly #wires: Wire[] = [];
  #running = false;
  #active = 0;
  #failed: unknown;
  readonly latencies = new Float64Array(1 << 20);
  latencyCount = 0;

  constructor(port: number, script: Script) {
    this.port = port;
    this.#script = script;
    if (script.load.protocol !== "tcp" || script.load.pattern === "fan") {
      throw new Error("Cannot make load: over TLS there is only the echo of bytes");
    }
  }

  async open(): Promise<this> {
    for (let i = 0; i < this.#script.load.connections; i++) {
      const bare = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      bare.setNoDelay(true);
      const conn = await Deno.startTls(bare, { hostname: "127.0.0.1" });
      await conn.handshake();
      this.#conns.push(conn);
      this.#wires.push(new Wire(this.#script));
    }
    return this;
  }

  get busy(): boolean {
    return this.#active > 0;
  }

  get messages(): number {
    return this.#wires.reduce((sum, wire) => sum + wire.seen, 0) / this.#script.load.size;
  }

  begin(): void {
    this.#running = true;
    this.#active = this.#conns.length;
    this.#conns.forEach((conn, i) => {
      this.#run(conn, this.#wires[i]).catch((error) => this.#failed ??= error);
    });
  }

  end(): void {
    this.#running = false;
  }

  async #run(conn: Deno.TlsConn, wire: Wire): Promise<void> {
    const { batch } = this.#script;
    const buffer = new Uint8Array(65_536);
    while (this.#running) {
      wire.missing = batch.length;
      const started = performance.now();
      const sent = this.#send(conn, batch);
      while (wire.missing > 0) {
        const n = await conn.read(buffer);
        if (n === null) throw new Error(`Cannot go on: port ${this.port} closed a connection`);
        wire.take(buffer, n);
      }
      await sent;
      wire.strict = false;
      if (this.latencyCount < this.latencies.length) {
        this.latencies[this.latencyCount++] = performance.now() - started;
      }
    }
    this.#active--;
  }

  async #send(conn: Deno.TlsConn, batch: Uint8Array): Promise<void> {
    for (let at = 0; at < batch.length;) at += await conn.write(batch.subarray(at));
  }

  async turn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (this.#failed !== undefined) throw this.#failed;
  }

  close(): void {
    for (const conn of this.#conns) conn.close();
  }
}

function open(port: number, script: Script): Target | Promise<Target> {
  return script.load.tls ? new TlsTarget(port, script).open() : new PollTarget(port, script);
}

/** User and system time of a process so far, in ms. */
function cpuTime(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function slice(
  target: Target,
  round: number,
  seconds: number,
  warm: number,
  pid: number | undefined,
): Promise<Slice> {
  target.begin();
  const started = performance.now();
  while (performance.now() < started + warm * 1000) await target.turn(100);
  target.latencyCount = 0;
  const from = performance.now();
  const before = target.messages;
  const own = process.cpuUsage();
  const theirs = cpuTime(pid);
  let now = from;
  while (now < from + seconds * 1000) {
    await target.turn(100);
    now = performance.now();
  }
  const { user, system } = process.cpuUsage(own);
  const messages = target.messages - before;
  const spent = cpuTime(pid) - theirs;
  target.end();
  while (target.busy) {
    await target.turn(100);
    if (performance.now() > now + 10_000) {
      throw new Error(`Cannot go on: messages of the server on port ${target.port} are missing`);
    }
  }
  const latencies = target.latencies.subarray(0, target.latencyCount).toSorted();
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return {
    port: target.port,
    round,
    rate: messages / (now - from) * 1000,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    generator: (user + system) / 1000 / (now - from),
    ...(pid === undefined || messages === 0 ? {} : { server: spent * 1000 / messages }),
  };
}

/** Measures the servers on `ports` in turns. */
export async function* measure(
  ports: readonly number[],
  load: Load,
  options: { seconds: number; rounds: number; warm: number; pids?: readonly number[] },
): AsyncGenerator<Slice> {
  const script = new Script(load);
  const targets: Target[] = [];
  try {
    for (const port of ports) targets.push(await open(port, script));
    for (let round = 0; round < options.rounds; round++) {
      // Every server comes first, last, and after every other one.
      const order = targets.map((_, k) => (k + (round >> 1)) % targets.length);
      if (round % 2 === 1) order.reverse();
      for (const index of order) {
        yield await slice(
          targets[index],
          round,
          options.seconds,
          options.warm,
          options.pids?.[index],
        );
      }
    }
  } finally {
    for (const target of targets) target.close();
  }
}

const USAGE = `load.ts tcp|ws|eio|sio echo|fan|idle PORT[,PORT…] CONNECTIONS SIZE PIPELINE SECONDS

  --rounds N    slices for each server (1)
  --warm S      seconds before each slice that do not count (0.2)
  --text        WebSocket text messages
  --tls         over TLS, whatever the certificate (the echo of bytes only; start with
                --unsafely-ignore-certificate-errors)
  --deflate     offer permessage-deflate and send compressed JSON
  --path PATH   of the WebSocket request
  --pids P[,P…] the servers' processes, to tell their CPU time
  --json        a line of JSON for each slice`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "1" },
      warm: { type: "string", default: "0.2" },
      path: { type: "string" },
      pids: { type: "string" },
      text: { type: "boolean" },
      tls: { type: "boolean" },
      deflate: { type: "boolean" },
      json: { type: "boolean" },
    },
  });
  const [protocol, pattern, portList, connections, size, pipeline, seconds] = positionals;
  if (
    seconds === undefined || !["tcp", "ws", "eio", "sio"].includes(protocol) ||
    !["echo", "fan", "idle"].includes(pattern)
  ) {
    console.error(USAGE);
    Deno.exit(2);
  }
  const ports = portList.split(",").map(Number);
  const load: Load = {
    protocol: protocol as Load["protocol"],
    pattern: pattern as Load["pattern"],
    connections: Number(connections),
    size: Number(size),
    pipeline: Number(pipeline),
    text: values.text,
    tls: values.tls,
    deflate: values.deflate,
    path: values.path,
  };
  if (pattern === "idle") {
    const script = new Script(load);
    const targets = await Promise.all(ports.map((port) => open(port, script)));
    console.log(JSON.stringify({ held: Number(connections) }));
    const time = setTimeout(() => Deno.exit(0), Number(seconds) * 1000);
    for await (const _ of Deno.stdin.readable);
    clearTimeout(time);
    for (const target of targets) target.close();
    return;
  }
  const slices = measure(ports, load, {
    seconds: Number(seconds),
    rounds: Number(values.rounds),
    warm: Number(values.warm),
    pids: values.pids?.split(",").map(Number),
  });
  for await (const result of slices) {
    if (values.json) console.log(JSON.stringify(result));
    else {
      const { port, rate, p50, p99, max, generator, server } = result;
      console.log(
        `${port}  ${rate.toFixed(0)} msg/s  ${(rate * load.size / 1e6).toFixed(1)} MB/s  ` +
          `p50 ${(p50 * 1000).toFixed(0)} us  p99 ${(p99 * 1000).toFixed(0)} us  ` +
          `max ${(max * 1000).toFixed(0)} us  generator ${(generator * 100).toFixed(0)}%` +
          (server === undefined ? "" : `  server ${server.toFixed(2)} us/msg`),
      );
    }
  }
}

if (import.meta.main) await main();
