import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { connectSocketIo } from "../../socketio/connect.ts";
import { type Peer, runPeer, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const command = ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read"]
  .concat("examples/socketio_chat/main.ts");

/** Starts the chat. Returns it and its address. */
async function startChat(): Promise<[Peer, string]> {
  const server = await spawnPeer(Deno.execPath(), [...command, "--port=0"], {
    cwd: root,
    stopSignal: "SIGINT",
    timeout: 60_000,
    ready: /Ctrl-C/,
  });
  return [server, /http:\S+/.exec(server.stdout)![0]];
}

interface Entered {
  problem?: string;
  room?: string;
}

interface Events {
  enter(name: unknown, room: unknown, answer: (entered: Entered) => void): void;
  leave(): void;
  say(text: unknown, answer: (problem: string | null) => void): void;
  typing(on: boolean): void;
}

interface ServerEvents {
  said(name: string, text: string): void;
  notice(text: string): void;
  members(names: string[]): void;
  typing(name: string, on: boolean): void;
}

/** A guest that keeps all that comes. */
function join(url: string) {
  const socket = connectSocketIo<ServerEvents, Events>(url);
  const events: unknown[][] = [];
  let changed = Promise.withResolvers<void>();
  socket.onAny((...event: unknown[]) => {
    events.push(event);
    changed.resolve();
    changed = Promise.withResolvers();
  });
  return {
    socket,
    events,
    async until(...wanted: unknown[]): Promise<void> {
      const text = JSON.stringify(wanted);
      while (!events.some((event) => JSON.stringify(event) === text)) await changed.promise;
    },
  };
}

Deno.test("socketio chat: rooms hear their own, and who is in them", async () => {
  const [server, url] = await startChat();
  await using _ = server;
  const [ann, bob, zoe] = [join(url), join(url), join(url)];
  assertEquals(await ann.socket.emitWithAck("enter", "ann", "Lobby"), { room: "#lobby" });
  assertEquals(await bob.socket.emitWithAck("enter", "bob", "lobby"), { room: "#lobby" });
  assertEquals(await zoe.socket.emitWithAck("enter", "Zoë", "attic"), { room: "#attic" });
  await ann.until("members", ["ann", "bob"]);
  await zoe.until("members", ["Zoë"]);
  bob.socket.emit("typing", true);
  await ann.until("typing", "bob", true);
  await bob.socket.emitWithAck("say", "hello");
  await ann.until("said", "bob", "hello");

  const { problem } = await zoe.socket.emitWithAck("enter", "ANN", "lobby");
  assertStringIncludes(problem!, "ANN is in #lobby already");
  assertEquals(await zoe.socket.emitWithAck("enter", "Zoë", "lobby"), { room: "#lobby" });
  await ann.until("members", ["Zoë", "ann", "bob"]);
  zoe.socket.emit("leave");
  await ann.until("notice", "Zoë left");
  assertEquals(await zoe.socket.emitWithAck("say", "still here?"), "Enter a room first");
  assertEquals(await zoe.socket.emitWithAck("enter", "Zoë", "lobby"), { room: "#lobby" });
  bob.socket.disconnect();
  await ann.until("notice", "bob left");
  await server.waitFor(/bob left #lobby \(client namespace disconnect\)/);
  assert(!zoe.events.some(([, , text]) => text === "hello"), "the attic heard the lobby");
  assert(!bob.events.some(([name]) => name === "said"), "bob heard himself");
  ann.socket.disconnect();
  zoe.socket.disconnect();
  await server.waitFor(/Zoë left/);
  assertEquals(server.stderr, "");
});

Deno.test("socketio chat: names, lines and haste are checked", async () => {
  const [server, url] = await startChat();
  await using _ = server;
  const { socket } = join(url);
  assertEquals(await socket.emitWithAck("say", "x"), "Enter a room first");
  for (const name of ["", "a b", "x".repeat(21), "<b>", 7, null, { toString: 1 }]) {
    for (const args of [[name, "lobby"], ["ann", name]]) {
      const { problem } = await socket.emitWithAck("enter", args[0], args[1]);
      assertMatch(problem!, /^Names have 1 to 20/);
    }
  }
  await socket.emitWithAck("enter", "ann", "lobby");
  assertEquals(await socket.emitWithAck("say", 5), "There is nothing in that line");
  assertEquals(
    await socket.emitWithAck("say", "x".repeat(501)),
    "A line has 500 characters at most",
  );
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => socket.emitWithAck("say", "x")),
  );
  assertEquals(answers[0], null);
  assertEquals(answers.at(-1), "Too fast: wait a little");
  socket.disconnect();
  await server.waitFor(/ann left/);
  assertEquals(server.stderr, "");
});

Deno.test("socketio chat: the page, its script and the client are served, and nothing else", async () => {
  const [server, url] = await startChat();
  await using _ = server;
  const page = await fetch(url);
  assertMatch(page.headers.get("content-security-policy")!, /^default-src 'none'/);
  const text = await page.text();
  const files = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
  assert(files.includes("socket.io/socket.io.js"));
  for (const file of files) {
    const response = await fetch(new URL(file, url));
    assertEquals(response.status, 200, file);
    assert((await response.text()).length > 100);
  }
  for (const path of ["nothing", "../deno.json", "constructor", "socket.io/main.ts"]) {
    const response = await fetch(new URL(path, url));
    assertEquals(response.status, 404, path);
    await response.body?.cancel();
  }
});

Deno.test("socketio chat: a page at an IPv6 address is told as a browser takes it", async () => {
  const allow = command.map((arg) => arg.startsWith("--allow-net") ? "--allow-net=[::1]" : arg);
  await using server = await spawnPeer(Deno.execPath(), [...allow, "--port=0", "--host=::1"], {
    cwd: root,
    stopSignal: "SIGINT",
    ready: /Ctrl-C/,
  });
  assertEquals(new URL(/http:\S+/.exec(server.stdout)![0]).hostname, "[::1]");
});

Deno.test("socketio chat: wrong arguments and taken ports are told clearly", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (
    const [args, code, text] of [
      ["--port=x", 2, '--port must be a whole number from 0 to 65535, not "x"'],
      ["--nonsense", 2, "--nonsense"],
      [`--port=${taken.addr.port}`, 1, "EADDRINUSE"],
    ] as const
  ) {
    const result = await runPeer(Deno.execPath(), [...command, args], { cwd: root });
    assertStringIncludes(result.stderr, text);
    assert(!result.stderr.includes("    at "), `no stack: ${result.stderr}`);
    assertEquals(result.code, code);
  }
});
