import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { peerTest, runPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const linux = {
  name: "Linux (epoll)",
  found: (): boolean => Deno.build.os === "linux",
};

function bench(...args: string[]): ReturnType<typeof runPeer> {
  return runPeer(Deno.execPath(), ["task", "--quiet", "bench", ...args], {
    cwd: root,
    env: { NO_COLOR: "1" },
    timeout: 120_000,
  });
}

peerTest("bench: a short run measures every TCP server on Deno and prints the tables", {
  needs: [linux],
}, async () => {
  const { code, stdout, stderr } = await bench("tcp", "--quick");
  assertEquals(code, 0, stderr);
  for (const label of ["Sluice, events", "Sluice, web streams", "node:net on Deno"]) {
    const row = stdout.split("\n").find((line) => line.startsWith(`| ${label} `));
    assert(row !== undefined, stdout);
    const rates = row.split("|").slice(2, 5).map((cell) => parseFloat(cell));
    assert(rates.every((rate) => rate > 0), row);
  }
  assertStringIncludes(stdout, "## Bars");
});

peerTest("bench: a short run holds idle connections and tells their memory", {
  needs: [linux],
}, async () => {
  const { code, stdout, stderr } = await bench("tcp-idle", "--quick");
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "kB for each of 50 connections");
});

for (
  const [args, why] of [
    [["nothing"], 'There is no group "nothing", but tcp, tcp-idle'],
    [["tcp", "--quick", "--rounds", "x"], '--rounds takes a number above 0, not "x"'],
    [["--help"], "Usage: deno task bench "],
  ] as const
) {
  Deno.test(`bench says what is wrong with its arguments: ${args.join(" ")}`, async () => {
    const { code, stderr } = await bench(...args);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, why);
  });
}
