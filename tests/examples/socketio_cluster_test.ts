import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { connectSocketIo } from "../../socketio/connect.ts";
import {
  freePort,
  type Peer,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const example = `${root}/examples/socketio_cluster`;

/** The load balancers that there are configurations for, and how to start each in a folder. */
const balancers = {
  haproxy: { config: "haproxy.cfg", start: ["-db", "-f", "haproxy.cfg"] },
  nginx: {
    config: "nginx.conf",
    start: ["-p", ".", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"],
  },
};

function processArguments(name: string, port: number, redis: number): string[] {
  return [
    ...["run", "--quiet", "--no-prompt", "--allow-net", "--allow-env", "--allow-read"],
    ...[`${example}/main.ts`, `--name=${name}`, `--port=${port}`],
    `--redis=redis://127.0.0.1:${redis}`,
  ];
}

function startProcess(name: string, port: number, redis: number): Promise<Peer> {
  return spawnPeer(Deno.execPath(), processArguments(name, port, redis), {
    cwd: root,
    stopSignal: "SIGINT",
    ready: /Process \w+ is at/,
    timeout: 60_000,
  });
}

/** Waits until the load balancer knows that so many processes are well. */
async function untilServed(url: string, names: string[]): Promise<void> {
  const seen = new Set<string>();
  const deadline = performance.now() + 60_000;
  while (!names.every((name) => seen.has(name))) {
    if (performance.now() > deadline) throw new Error(`Only ${[...seen]} answered`);
    seen.add((await (await fetch(new URL("health", url))).text()).trim());
  }
}

async function behind(balancer: keyof typeof balancers): Promise<void> {
  await using folder = await tempFolder();
  const [redis, front, one, two] = [freePort(), freePort(), freePort(), freePort()];
  await using database = await spawnPeer("redis-server", [
    ...["--port", String(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
  ], { cwd: folder.path, ready: redis });
  const processes: Peer[] = await Promise.all([
    startProcess("one", one, redis),
    startProcess("two", two, redis),
  ]);
  await using first = processes[0];
  await using second = processes[1];

  // The configuration as it stands, but for the ports.
  const { config, start } = balancers[balancer];
  const text = (await Deno.readTextFile(`${example}/${config}`))
    .replaceAll("127.0.0.1:3000", `127.0.0.1:${front}`)
    .replaceAll("127.0.0.1:3001", `127.0.0.1:${one}`)
    .replaceAll("127.0.0.1:3002", `127.0.0.1:${two}`);
  await Deno.writeTextFile(`${folder.path}/${config}`, text);
  await using running = await spawnPeer(`/usr/sbin/${balancer}`, start, {
    cwd: folder.path,
    ready: front,
  });
  const url = `http://127.0.0.1:${front}/`;
  await untilServed(url, ["one", "two"]);

  const ways = [["polling"], ["websocket"], ["polling", "websocket"]] as const;
  const sockets = [...ways, ...ways].map((transports) => connectSocketIo(url, { transports }));
  const heard = sockets.map(() => [] as unknown[][]);
  const waiting = sockets.map((socket, i) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on("said", (from, text) => {
      heard[i].push([from, text]);
      if (text === "last") resolve();
    });
    socket.on("question", (question, answer) => answer(`${question} ${i}`));
    return promise;
  });
  const homes = await Promise.all(
    sockets.map((socket) => socket.emitWithAck("enter", "room")),
  );
  assertEquals(new Set(homes), new Set(["one", "two"]), "both processes have clients");
  const away = homes.findIndex((home) => home !== homes[0]);

  for (const socket of [sockets[0], sockets[away]]) {
    assertEquals(await socket.emitWithAck("count", "room"), sockets.length);
    const answers: string[] = await socket.emitWithAck("ask", "room", "are you");
    assertEquals(answers.sort(), sockets.map((_, i) => `are you ${i}`));
  }
  for (let i = 0; i < 20; i++) sockets[0].emit("say", "room", `line ${i}`);
  sockets[0].emit("say", "room", "last");
  await Promise.all(waiting);
  const wanted = [...Array.from({ length: 20 }, (_, i) => `line ${i}`), "last"]
    .map((text) => [homes[0], text]);
  for (const lines of heard) assertEquals(lines, wanted);

  // A process ends: its clients come back at the other.
  const gone = homes[0] === "one" ? first : second;
  const back = Promise.all(
    sockets.filter((_, i) => homes[i] === homes[0]).map((socket) =>
      new Promise<void>((resolve) => {
        socket.once("disconnect", () => {
          socket.once("connect", resolve);
        });
      })
    ),
  );
  gone.kill("SIGKILL");
  await gone.status;
  await back;
  const now = await Promise.all(sockets.map((socket) => socket.emitWithAck("enter", "after")));
  assertEquals(new Set(now), new Set([homes[away]]));

  // Without Redis, a process goes on for its own clients.
  const left = gone === first ? second : first;
  database.kill("SIGKILL");
  await left.waitFor(/Redis: /);
  const alone = sockets.map((socket) =>
    new Promise((resolve) => {
      socket.once("said", (_, text) => resolve(text));
    })
  );
  sockets[0].emit("say", "after", "still here");
  assertEquals(await Promise.all(alone), sockets.map(() => "still here"));
  for (const socket of sockets) socket.disconnect();
  left.kill("SIGINT");
  assertEquals((await left.status).code, 0);
  // The one that was killed had nothing to complain about, the other one missed Redis.
  assertEquals(gone.stderr, "");
  assertMatch(left.stderr, /^(Redis: .+\n)+$/);
  assertEquals(running.stdout, "");
}

for (const balancer of ["haproxy", "nginx"] as const) {
  const needs = [
    ...["redis-server", `/usr/sbin/${balancer}`],
    ...["npm:redis", "npm:@socket.io/redis-adapter"],
  ];
  peerTest(`cluster example: two processes behind ${balancer} are one server`, { needs }, () => {
    return behind(balancer);
  });
}

peerTest("cluster example says that its port is taken, and ends", {
  needs: ["redis-server", "npm:redis", "npm:@socket.io/redis-adapter"],
}, async () => {
  await using folder = await tempFolder();
  const redis = freePort();
  await using _database = await spawnPeer("redis-server", [
    ...["--port", String(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
  ], { cwd: folder.path, ready: redis });
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const args = processArguments("one", taken.addr.port, redis);
  const { code, stderr } = await runPeer(Deno.execPath(), args, { cwd: root });
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot listen on "127\.0\.0\.1:\d+": EADDRINUSE.*\n$/);
});
