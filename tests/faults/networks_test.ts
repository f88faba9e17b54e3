/** Programs of their own in network namespaces, with a bad line between them: slow, lossy, cut. Linux, and root. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { type Peer, type PeerNeed, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const SCENARIO = [Deno.execPath(), "run", "-A", "--no-check", "tests/_support/network_scenario.ts"];

function tries(script: string): boolean {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const command = new Deno.Command("sh", { args: ["-c", script], stdout: "null", stderr: "null" });
  return command.outputSync().code === 0;
}

const probe = `sluice-probe-${Deno.pid}`;

const namespaces: PeerNeed = {
  name: "root, and a kernel with network namespaces and veth",
  found: () =>
    tries(
      `ip netns add ${probe} || exit 1; ip link add vp0 netns ${probe} type veth peer name vp1 netns ${probe}; ` +
        `code=$?; ip netns del ${probe}; exit $code`,
    ),
  optional: true,
};

const netem: PeerNeed = {
  name: "a kernel with netem",
  found: () =>
    tries(
      `ip netns add ${probe} || exit 1; ip netns exec ${probe} tc qdisc add dev lo root netem delay 1ms; ` +
        `code=$?; ip netns del ${probe}; exit $code`,
    ),
  optional: true,
};

async function run(...args: string[]): Promise<void> {
  const { code, stderr } = await runPeer(args[0], args.slice(1));
  assertEquals(code, 0, `${args.join(" ")}: ${stderr}`);
}

const SERVER_ADDRESS = "10.77.0.1";

/** Two namespaces with a line between them, for the length of a block. */
class Network implements AsyncDisposable {
  readonly server = `sluice-s-${Deno.pid}`;
  readonly client = `sluice-c-${Deno.pid}`;

  static async make(): Promise<Network> {
    const network = new Network();
    const { server, client } = network;
    await run("ip", "netns", "add", server);
    await run("ip", "netns", "add", client);
    const peer = ["type", "veth", "peer", "name", "line", "netns", client];
    await run("ip", "link", "add", "line", "netns", server, ...peer);
    for (const [name, address] of [[server, SERVER_ADDRESS], [client, "10.77.0.2"]]) {
      await run("ip", "-n", name, "addr", "add", `${address}/24`, "dev", "line");
      await run("ip", "-n", name, "link", "set", "line", "up");
      await run("ip", "-n", name, "link", "set", "lo", "up");
    }
    return network;
  }

  /** Makes both directions bad. */
  async shape(...discipline: string[]): Promise<void> {
    for (const name of [this.server, this.client]) {
      await run("tc", "-n", name, "qdisc", "add", "dev", "line", "root", ...discipline);
    }
  }

  /** Cuts the line, without a word to anybody, or mends it. */
  async line(state: "up" | "down"): Promise<void> {
    await run("ip", "-n", this.server, "link", "set", "line", state);
  }

  start(name: string, ready: RegExp, ...args: string[]): Promise<Peer> {
    return spawnPeer("ip", ["netns", "exec", name, ...SCENARIO, ...args], {
      cwd: root,
      ready,
      timeout: 120_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runPeer("ip", ["netns", "del", this.server]);
    await runPeer("ip", ["netns", "del", this.client]);
  }
}

/** Runs the scenario, and cuts the line in it. */
async function scenario(network: Network): Promise<void> {
  await using server = await network.start(network.server, /^ports/m, "server", SERVER_ADDRESS);
  const ports = /^ports (.*)$/m.exec(server.stdout)![1].split(" ");
  await using client = await network.start(
    network.client,
    /^waiting/m,
    "client",
    SERVER_ADDRESS,
    ...ports,
  );
  assertStringIncludes(client.stdout, "talked\n");
  await network.line("down");
  await client.waitFor(/^lost 1006 KEEPALIVE_TIMEOUT$/m, 60_000);
  await client.waitFor(/^lost (ping timeout|transport error|transport close)$/m, 60_000);
  await network.line("up");
  await client.waitFor(/^back$/m, 60_000);
  assertEquals((await client.status).code, 0, client.output);
  assert(!/Uncaught/.test(server.output), server.output);
}

peerTest(
  "a line that is slow and drops what it can't hold, and is then cut: all arrives, and comes back",
  {
    needs: ["ip", "tc", "sh", namespaces],
  },
  async () => {
    await using network = await Network.make();
    // 8 Mbit/s, and no more than 12 KiB that wait: what comes in bursts is lost.
    await network.shape("tbf", "rate", "8mbit", "burst", "3000", "limit", "12000");
    await scenario(network);
  },
);

peerTest(
  "a line that delays, loses, doubles and reorders, and is then cut: all arrives, and comes back",
  {
    needs: ["ip", "tc", "sh", namespaces, netem],
  },
  async () => {
    await using network = await Network.make();
    const loss = ["loss", "2%", "duplicate", "2%", "reorder", "10%", "50%"];
    await network.shape("netem", "delay", "10ms", "5ms", ...loss);
    await scenario(network);
  },
);
