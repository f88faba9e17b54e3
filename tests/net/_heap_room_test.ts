import { assertEquals } from "@std/assert";
import { HeapRoom } from "../../net/_heap_room.ts";

const MiB = 1_048_576;

Deno.test("HeapRoom: has a small heap marked once, at the first call", () => {
  let marks = 0;
  const room = new HeapRoom(() => 24 * MiB, () => marks++);
  assertEquals(marks, 0);
  room.make();
  room.make();
  assertEquals(marks, 1);
});

Deno.test("HeapRoom: leaves a large heap alone, for good", () => {
  let marks = 0;
  let total = 25 * MiB;
  const room = new HeapRoom(() => total, () => marks++);
  room.make();
  total = MiB;
  room.make();
  assertEquals(marks, 0);
});

for (
  const [name, listen, marks] of [
    ["a TCP server", `(await import("./net/mod.ts")).createServer().listen(0, "127.0.0.1")`, 1],
    [
      "two WebSocket servers",
      `const { serveWebSocket } = await import("./websocket/mod.ts");
    const where = { hostname: "127.0.0.1", default() {} };
    await serveWebSocket(where);
    await serveWebSocket(where);`,
      1,
    ],
    [
      "a Socket.IO server",
      `const io = new (await import("./socketio/mod.ts")).SocketIoServer();
    await io.listen({ port: 0, hostname: "127.0.0.1" });`,
      1,
    ],
    ["nobody who listens", `await import("./net/mod.ts")`, 0],
  ] as const
) {
  Deno.test(`HeapRoom: marks that ${name} brings about: ${marks}`, async () => {
    const program = `${listen}; setTimeout(() => Deno.exit(), 500);`;
    const flags = ["--allow-net", "--no-check", "--v8-flags=--trace-gc", "--ext=ts", "-"];
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags],
      cwd: new URL("../../", import.meta.url),
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
    const { stdout, stderr } = await child.output();
    const log = new TextDecoder().decode(stdout);
    assertEquals(log.match(/Mark-Compact/g)?.length ?? 0, marks, new TextDecoder().decode(stderr));
  });
}
