/** Servers that have more to do than they can: everybody is served all the same, and as often as others. */
import { assert, assertEquals } from "@std/assert";
import { createServer } from "../../net/mod.ts";
import { serveWebSocket } from "../../websocket/mod.ts";

const CLIENTS = 500;
/** Until each has been served so often on average, in the beginning and then. */
const WARM_UP = 30;
const ROUNDS = 10;
/** For all of it, in ms. */
const DEADLINE = 180_000;

/** Keeps the processor busy, so that all clients have sent again when the next round begins. */
function work(): void {
  const end = performance.now() + 0.2;
  while (performance.now() < end);
}

/** How often each client was served when they were `ROUNDS` times on average. */
async function serveCrowd(protocol: "tcp" | "ws", port: number): Promise<number[]> {
  const program = new URL("../_support/crowd.ts", import.meta.url).href;
  const numbers = [port, CLIENTS, WARM_UP, ROUNDS].map(String);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", program, protocol, ...numbers],
    stderr: "inherit",
    signal: AbortSignal.timeout(DEADLINE),
  }).output();
  assert(stdout.length > 0, `the crowd was not served within ${DEADLINE} ms`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function check(counts: number[]): void {
  assertEquals(counts.length, CLIENTS);
  counts.sort((a, b) => a - b);
  assert(counts[0] >= ROUNDS / 2, `one was served ${counts[0]} times`);
  assert(counts.at(-1)! <= ROUNDS * 2, `one was served ${counts.at(-1)} times`);
}

Deno.test("a busy TCP server serves all of a crowd alike", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {}); // they are cut off in the end
    socket.on("data", (chunk) => {
      work();
      socket.write(chunk);
    });
  });
  await server.listen(0, "127.0.0.1");
  const { port } = server.address() as { port: number };
  try {
    check(await serveCrowd("tcp", port));
  } finally {
    await server.close({ drain: 0 });
  }
});

Deno.test("a busy WebSocket server serves all of a crowd alike", async () => {
  const server = await serveWebSocket({
    hostname: "127.0.0.1",
    default: (ws) => {
      ws.on("message", (data) => {
        work();
        ws.send(data).catch(() => {});
      });
    },
  });
  try {
    check(await serveCrowd("ws", server.port!));
  } finally {
    await server.close();
  }
});
