/**
 * Tests against real programs: `peerTest` skips a test with its reason when a program is missing
 * (and fails instead on the CI's Linux machine, where `.ci/run` installs them all), `spawnPeer`
 * runs one for the length of a block.
 */
import { basename, delimiter, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Something that a peer test needs beside programs: a device, a kernel feature, a namespace. */
export interface PeerNeed {
  /** What it is, as it is printed in the reason. */
  name: string;
  /** Whether it is there. */
  found(env: Record<string, string>): boolean;
  /** Skip even in CI when it is missing: no package list can bring it. @default {false} */
  optional?: boolean;
}

/** Options of {@linkcode peerTest}. */
export interface PeerTestOptions {
  /**
   * What the test can't run without: programs (on PATH, or absolute paths), npm packages that
   * deno.json imports (`"npm:ws"`), or a {@linkcode PeerNeed}.
   */
  needs: readonly (string | PeerNeed)[];
  /** Where PATH and CI are looked up. @default {Deno.env.toObject()} */
  env?: Record<string, string>;
  /** Further settings of the test (sanitizers, `only`). */
  test?: Partial<Omit<Deno.TestDefinition, "name" | "fn" | "ignore">>;
}

/** Where Deno puts itself in front of PATH as `node` when there is no Node: that is no peer. */
const DENO_AS_NODE = "node_compat_bin";

/** The first file that running `program` would start, or `undefined` when there is none. */
export function findProgram(
  program: string,
  env: Record<string, string> = Deno.env.toObject(),
): string | undefined {
  const windows = Deno.build.os === "windows";
  const endings = windows ? ["", ...(env.PATHEXT ?? ".EXE;.CMD;.BAT").split(";")] : [""];
  const folders = isAbsolute(program)
    ? [""]
    : (env.PATH ?? env.Path ?? "").split(delimiter).filter((folder) =>
      folder !== "" && basename(folder) !== DENO_AS_NODE
    );
  for (const folder of folders) {
    for (const ending of endings) {
      const file = (folder === "" ? program : join(folder, program)) + ending;
      try {
        const info = Deno.statSync(file);
        if (info.isFile && (windows || ((info.mode ?? 0) & 0o111) !== 0)) return file;
      } catch {
        // not here
      }
    }
  }
  return undefined;
}

const loadable = new Map<string, boolean>();

/** Whether the package of `npm:name` loads by its name in deno.json's `"imports"`. */
function npmLoads(specifier: string): boolean {
  let found = loadable.get(specifier);
  if (found === undefined) {
    const name = specifier.slice("npm:".length).replace(/(?<=.)@.*$/, "");
    found = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", `await import(${JSON.stringify(name)})`],
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
    loadable.set(specifier, found);
  }
  return found;
}

/** The needs that are not met: in all, and those that CI must not lack. */
function missing(
  needs: readonly (string | PeerNeed)[],
  env: Record<string, string>,
): { all: string[]; required: string[] } {
  const all: string[] = [];
  const required: string[] = [];
  for (const need of needs) {
    const name = typeof need === "string" ? need : need.name;
    const found = typeof need !== "string"
      ? need.found(env)
      : need.startsWith("npm:")
      ? npmLoads(need)
      : findProgram(need, env) !== undefined;
    if (found) continue;
    all.push(name);
    if (typeof need === "string" || !need.optional) required.push(name);
  }
  return { all, required };
}

/**
 * What {@linkcode peerTest} would do here: run the test, skip it, or fail. On Linux with `CI=true`
 * a missing program fails, because `.ci/packages.txt` should have brought it; on other systems the
 * CI skips what the system lacks.
 */
export function peerVerdict(
  needs: readonly (string | PeerNeed)[],
  env: Record<string, string> = Deno.env.toObject(),
  os: typeof Deno.build.os = Deno.build.os,
): { run: true } | { run: false; fail: boolean; reason: string } {
  const { all, required } = missing(needs, env);
  if (all.length === 0) return { run: true };
  return {
    run: false,
    fail: env.CI === "true" && os === "linux" && required.length > 0,
    reason: `missing: ${all.join(", ")}`,
  };
}

/** Socket files: Deno has none on Windows. */
export const socketFiles: PeerNeed = {
  name: "socket files",
  found: () => Deno.build.os !== "windows",
};

/** A way to send Ctrl-C to another process: on Windows there is none, and it is ended at once. */
export const ctrlC: PeerNeed = {
  name: "Ctrl-C for another process",
  found: () => Deno.build.os !== "windows",
};

/** A terminal for a program. The `script` of macOS takes other arguments. */
export const utilLinuxScript: PeerNeed = {
  name: "script of util-linux",
  found: (env) => Deno.build.os === "linux" && findProgram("script", env) !== undefined,
};

/** A network of its own for a process, where interfaces can be made, and where at first there is none. */
export const networkNamespaces: PeerNeed = {
  name: "network namespaces",
  optional: true,
  found: (env) =>
    findProgram("unshare", env) !== undefined &&
    new Deno.Command("unshare", { args: ["-rn", "true"], stdout: "null", stderr: "null" })
      .outputSync().success,
};

/**
 * Registers a test that needs programs from outside. If one is missing, the test is ignored and its
 * name tells which; with `CI=true` on Linux it fails with that reason.
 */
export function peerTest(
  name: string,
  options: PeerTestOptions,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const verdict = peerVerdict(options.needs, options.env);
  if (verdict.run) {
    Deno.test({ ...options.test, name, fn });
    return;
  }
  const reason = `${name} (${verdict.reason})`;
  if (verdict.fail) {
    Deno.test({
      name: reason,
      fn(): void {
        throw new Error(
          `Cannot run "${name}": ${verdict.reason}; packages belong in .ci/packages.txt`,
        );
      },
    });
    return;
  }
  Deno.test({ name: reason, ignore: true, fn });
}

/** Of these, no system takes one by itself, for port 0 or for a connection. */
const [LOWEST_PORT, HIGHEST_PORT] = [16_384, 32_767];

let nextPort = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));

/**
 * A TCP port on loopback that was free a moment ago, for programs that can't take port 0. It is none of those that the system gives out:
 * other tests, which run at the same time, would soon have it. Nor does it come twice.
 */
export function freePort(hostname = "127.0.0.1"): number {
  for (let tries = HIGHEST_PORT - LOWEST_PORT;; tries--) {
    const port = nextPort;
    nextPort = port < HIGHEST_PORT ? port + 1 : LOWEST_PORT;
    try {
      Deno.listen({ hostname, port }).close();
      return port;
    } catch (error) {
      // Windows keeps some for itself.
      const taken = error instanceof Deno.errors.AddrInUse ||
        error instanceof Deno.errors.PermissionDenied;
      if (!taken || tries === 0) throw error;
    }
  }
}

/** When a peer counts as ready; see {@linkcode SpawnPeerOptions.ready}. */
export type PeerReady =
  | RegExp
  | number
  | { port: number; hostname?: string }
  | { udp: number }
  | { path: string };

/** Options of {@linkcode spawnPeer}. */
export interface SpawnPeerOptions {
  /**
   * What to wait for: output (stdout or stderr) that matches, a TCP port that listens, a UDP port
   * that is bound (Linux only), or a path that exists; one of a socket must be listened at, too. On
   * Linux this is looked up in the system's tables, and nothing is connected to, so that a server
   * for one connection keeps it.
   * @default nothing: ready at once
   */
  ready?: PeerReady;
  /** Deadline for `ready`, ms. @default {20000} */
  timeout?: number;
  /** Working folder. */
  cwd?: string;
  /** Further environment variables. */
  env?: Record<string, string>;
  /** Whether the program gets an open stdin (see {@linkcode Peer.write}). @default {false} */
  stdin?: boolean;
  /** What to send at dispose before SIGKILL. @default {"SIGTERM"} */
  stopSignal?: Deno.Signal;
}

/** A running program; disposing it ends it and waits until it is gone. */
export interface Peer extends AsyncDisposable {
  readonly pid: number;
  /** What it wrote to stdout so far. */
  readonly stdout: string;
  /** What it wrote to stderr so far. */
  readonly stderr: string;
  /** Both, in the order of arrival. */
  readonly output: string;
  /** Settles when the program has ended. */
  readonly status: Promise<Deno.CommandStatus>;
  /** The first match in the output, now or later. @throws after `timeout` ms or at its end */
  waitFor(pattern: RegExp, timeout?: number): Promise<RegExpMatchArray>;
  /** Writes to its stdin. */
  write(data: string | Uint8Array): Promise<void>;
  /** Closes its stdin. */
  closeStdin(): Promise<void>;
  /** Sends a signal. */
  kill(signal?: Deno.Signal): void;
}

class RunningPeer implements Peer {
  readonly pid: number;
  stdout = "";
  stderr = "";
  output = "";
  readonly status: Promise<Deno.CommandStatus>;
  #child: Deno.ChildProcess;
  #label: string;
  #stopSignal: Deno.Signal;
  #stdin: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  #pumps: Promise<void>[] = [];
  #ended = false;
  #disposed: Promise<void> | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(command: string, args: readonly string[], options: SpawnPeerOptions) {
    this.#label = [command, ...args].join(" ");
    this.#stopSignal = options.stopSignal ?? "SIGTERM";
    this.#child = new Deno.Command(command, {
      args: [...args],
      stdin: options.stdin ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    }).spawn();
    this.pid = this.#child.pid;
    if (options.stdin) this.#stdin = this.#child.stdin.getWriter();
    this.#pumps.push(this.#pump(this.#child.stdout, "stdout"));
    this.#pumps.push(this.#pump(this.#child.stderr, "stderr"));
    this.status = this.#child.status.then(async (status) => {
      // What it wrote last may still be in the pipes; a grandchild may hold them open for ever.
      await settled(Promise.all(this.#pumps), 500);
      this.#ended = true;
      this.#notify();
      return status;
    });
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #pump(stream: ReadableStream<Uint8Array>, to: "stdout" | "stderr"): Promise<void> {
    const decoder = new TextDecoder();
    const reader = stream.getReader();
    this.#readers.push(reader);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
        this[to] += text;
        this.output += text;
        if (text !== "") this.#notify();
        if (done) return;
      }
    } catch {
      // cancelled at dispose
    }
  }

  describe(): string {
    return `"${this.#label}"; it wrote:\n${this.output === "" ? "(nothing)" : this.output}`;
  }

  /** Calls `probe` at every change, and every `interval` ms if given, until it gives a value. */
  async until<T>(
    what: string,
    probe: () => T | undefined | Promise<T | undefined>,
    timeout: number,
    interval?: number,
  ): Promise<T> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const changed = this.#changed.promise;
      const ended = this.#ended;
      const found = await probe();
      if (found !== undefined) return found;
      if (ended) throw new Error(`Cannot wait for ${what}: the program ended: ${this.describe()}`);
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Error(
          `Cannot wait for ${what}: timed out after ${timeout} ms: ${this.describe()}`,
        );
      }
      await settled(changed, Math.min(left, interval ?? left));
    }
  }

  waitFor(pattern: RegExp, timeout = 20_000): Promise<RegExpMatchArray> {
    return this.until(String(pattern), () => this.output.match(pattern) ?? undefined, timeout);
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#stdin === undefined) {
      throw new TypeError(`Cannot write to "${this.#label}": stdin was not asked for`);
    }
    await this.#stdin.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  async closeStdin(): Promise<void> {
    const stdin = this.#stdin;
    this.#stdin = undefined;
    try {
      await stdin?.close();
    } catch {
      // the program has closed it already
    }
  }

  kill(signal: Deno.Signal = "SIGTERM"): void {
    try {
      this.#child.kill(signal);
    } catch {
      // it has ended already
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#dispose();
  }

  async #dispose(): Promise<void> {
    this.kill(this.#stopSignal);
    if (!(await settled(this.#child.status, 3_000))) this.kill("SIGKILL");
    await this.status;
    await this.closeStdin();
    for (const reader of this.#readers) await reader.cancel().catch(() => {});
    await Promise.all(this.#pumps);
  }
}

/** Whether `promise` settled within `ms`; leaves no timer behind. */
async function settled(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true as const, () => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the system's table shows `port` as listening (TCP) or bound (UDP); Linux only. */
function inTable(kind: "tcp" | "udp", port: number): boolean | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  let seen = false;
  for (const name of [kind, `${kind}6`]) {
    let table: string;
    try {
      table = Deno.readTextFileSync(`/proc/net/${name}`);
    } catch {
      continue;
    }
    seen = true;
    for (const line of table.split("\n")) {
      const [, local, , state] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hex}`) && (kind === "udp" || state === "0A")) return true;
    }
  }
  return seen ? false : undefined;
}

async function portListens(port: number, hostname: string): Promise<true | undefined> {
  const listed = inTable("tcp", port);
  if (listed !== undefined) return listed || undefined;
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch {
    return undefined;
  }
}

/** Whether a file is there; one of a socket is there before somebody listens, as Linux tells. */
async function pathReady(path: string): Promise<true | undefined> {
  try {
    if (!(await Deno.lstat(path)).isSocket) return true;
  } catch {
    return undefined;
  }
  let table: string;
  try {
    table = Deno.readTextFileSync("/proc/net/unix");
  } catch {
    return true;
  }
  // Flags, type, state, inode and path; datagrams (type 2) are taken from the beginning.
  const sockets = table.split("\n").filter((line) => line.endsWith(` ${path}`))
    .map((line) => line.trim().split(/\s+/));
  const waits = sockets.some(([, , , flags, type]) => type !== "0002" && flags === "00000000");
  const listens = sockets.some(([, , , flags]) => flags === "00010000");
  return listens || !waits || undefined;
}

/**
 * Starts a program and waits until it is ready. Use it with `await using`: at the end of the block
 * the program is ended by its pid and waited for.
 *
 * @throws Error with all that the program wrote, when it ends or the deadline passes before it is ready
 */
export async function spawnPeer(
  command: string,
  args: readonly string[] = [],
  options: SpawnPeerOptions = {},
): Promise<Peer> {
  const peer = new RunningPeer(command, args, options);
  const { timeout = 20_000 } = options;
  const ready = typeof options.ready === "number" ? { port: options.ready } : options.ready;
  try {
    if (ready instanceof RegExp) {
      await peer.waitFor(ready, timeout);
    } else if (ready !== undefined && "port" in ready) {
      const { port, hostname = "127.0.0.1" } = ready;
      await peer.until(`port ${port}`, () => portListens(port, hostname), timeout, 20);
    } else if (ready !== undefined && "udp" in ready) {
      await peer.until(
        `UDP port ${ready.udp}`,
        () => inTable("udp", ready.udp) || undefined,
        timeout,
        20,
      );
    } else if (ready !== undefined) {
      await peer.until(ready.path, () => pathReady(ready.path), timeout, 20);
    }
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
  return peer;
}

/** What {@linkcode runPeer} gives back. */
export interface PeerResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end, with a deadline.
 *
 * @throws Error with its output when the deadline passes
 */
export async function runPeer(
  command: string,
  args: readonly string[] = [],
  options: Omit<SpawnPeerOptions, "ready" | "stdin"> & { stdin?: string | Uint8Array } = {},
): Promise<PeerResult> {
  const { stdin, timeout = 60_000, ...rest } = options;
  await using peer = await spawnPeer(command, args, { ...rest, stdin: stdin !== undefined });
  if (stdin !== undefined) {
    // A program may end, or close its stdin, without having read it all.
    await peer.write(stdin).catch(() => {});
    await peer.closeStdin();
  }
  if (!(await settled(peer.status, timeout))) {
    throw new Error(
      `Cannot finish: timed out after ${timeout} ms: ${(peer as RunningPeer).describe()}`,
    );
  }
  const { code } = await peer.status;
  return { code, stdout: peer.stdout, stderr: peer.stderr };
}

/** A new empty folder that is removed at dispose. */
export async function tempFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice_" }));
  return {
    path,
    async [Symbol.asyncDispose](): Promise<void> {
      await Deno.remove(path, { recursive: true }).catch(() => {});
    },
  };
}
