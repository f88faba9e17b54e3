/**
 * TLS echo: our server by either implementation, node:tls on Deno and on Node, as ratios to a bare loop on `Deno.listenTls`.
 *
 *     deno run -A bench/tls.ts [SECONDS] [ROUNDS]
 */
const [seconds = "1", rounds = "5"] = Deno.args;
const path = (name: string): string => new URL(name, import.meta.url).pathname;
const deno = (...args: string[]): string[] => [Deno.execPath(), "run", "-A", "--no-check", ...args];

const SERVERS: Record<string, (port: string) => string[]> = {
  "bare Deno.listenTls loop": (port) => deno(path("servers/raw_tls_echo.ts"), port),
  "ours, node": (port) => deno(path("servers/tls_echo.ts"), port, "node"),
  "ours, deno": (port) => deno(path("servers/tls_echo.ts"), port, "deno"),
  "node:tls on Deno": (port) => deno(path("servers/tls_node_echo.mjs"), port),
  "node:tls on Node": (port) => ["node", path("servers/tls_node_echo.mjs"), port],
};

const CELLS = [["50", "64", "1"], ["50", "64", "16"], ["8", "65536", "4"]];

function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

async function listens(port: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port: Number(port) })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`Nothing listens on port ${port}`);
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

const names = Object.keys(SERVERS);
const ports = names.map(freePort);
const children = names.map((name, i) => {
  const [command, ...args] = SERVERS[name](ports[i]);
  return new Deno.Command(command, { args, stdin: "null", stdout: "null" }).spawn();
});
try {
  await Promise.all(ports.map(listens));
  for (const cell of CELLS) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        path("tls_load.ts"),
        ports.join(","),
        ...cell,
        seconds,
        rounds,
      ],
      stderr: "inherit",
    }).output();
    const rates = JSON.parse(new TextDecoder().decode(stdout)) as number[][];
    const [connections, size, pipeline] = cell;
    console.log(`\n${connections} connections, ${size} bytes, ${pipeline} in flight`);
    names.forEach((name, i) => {
      // Slices of one round were made close together: their ratio says more than that of the medians.
      const ratio = median(rates[i].map((rate, round) => rate / rates[0][round]));
      const thousands = (median(rates[i]) / 1000).toFixed(1).padStart(8);
      console.log(`${name.padEnd(26)} ${thousands} thousand/s   ${ratio.toFixed(2)}`);
    });
  }
} finally {
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.status));
}
