/** The tracer on a terminal, and with a display that does not read. */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { freePort, peerTest, spawnPeer, utilLinuxScript } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const LOCAL = "127.0.0.1";

/** Takes everything and answers with one byte at the end. */
function drain(): AsyncDisposable & { port: number; received: number } {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const it = { port: listener.addr.port, received: 0 };
  const serving = (async () => {
    const p = new Uint8Array(1 << 18);
    for await (const conn of listener) {
      for (let n; (n = await conn.read(p)) !== null;) it.received += n;
      await conn.write(p.subarray(0, 1));
      conn.close();
    }
  })();
  return Object.assign(it, {
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      await serving;
    },
  });
}

async function send(port: number, bytes: Uint8Array, times: number): Promise<void> {
  const conn = await Deno.connect({ hostname: LOCAL, port });
  for (let i = 0; i < times; i++) {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  }
  await conn.closeWrite();
  assertEquals(await conn.read(new Uint8Array(9)), 1);
  conn.close();
}

peerTest("lines are coloured on a terminal, and what passes can't steer it", {
  needs: [utilLinuxScript],
}, async () => {
  await using server = drain();
  const port = freePort();
  const command =
    `exec ${Deno.execPath()} run -A --quiet trace/mod.ts --listen ${port} --to ${server.port}`;
  await using trace = await spawnPeer("script", ["-qec", command, "/dev/null"], {
    cwd: root,
    env: { NO_COLOR: "", TERM: "xterm" },
    stdin: true,
    ready: /Listening on/,
  });
  await send(port, new TextEncoder().encode("\x1b[2Jhello\x07\n"), 1);
  await trace.waitFor(/closed: 11 bytes/);
  // deno-lint-ignore no-control-regex
  assertMatch(trace.stdout, /\x1b\[36m\S+ #1 client -> server {2}\\x1b\[2Jhello\\x07\x1b\[0m\r\n/);
  // deno-lint-ignore no-control-regex
  assert(!/\x1b\[2J|\x07/.test(trace.stdout));
  await trace.write("\x03"); // Ctrl+C
  assertEquals((await trace.status).code, 0);
});

function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024;
}

Deno.test({
  name:
    "a display that does not read takes neither speed nor memory, nor keeps Ctrl+C from working",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using server = drain();
    const port = freePort();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "trace/mod.ts",
        "--listen",
        String(port),
        "--to",
        String(server.port),
      ],
      cwd: root,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const notes = child.stderr.getReader();
    await notes.read(); // it listens
    const line = new TextEncoder().encode("all work and no play makes a dull line\n".repeat(1680));
    await send(port, line, 16); // warms up
    const before = memoryOf(child.pid);
    await send(port, line, 4800);
    assertLess(memoryOf(child.pid) - before, 60 << 20);
    assertEquals(server.received, 4816 * line.length);
    child.kill("SIGINT");
    assertEquals((await child.status).code, 0);
    await notes.cancel();
    await child.stdout.cancel();
  },
});
