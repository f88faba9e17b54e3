import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { freePort, type Peer, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const plain = { NO_COLOR: "1" };

interface Chat {
  server: Peer;
  port: number;
}

/** Starts the chat as its first lines tell to, and waits until it says how to join. */
async function startChat(args: string[] = []): Promise<Chat> {
  const server = await spawnPeer(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "examples/chat_tcp.ts", "--port=0"]
      .concat(args),
    { cwd: root, env: plain, stopSignal: "SIGINT" },
  );
  const [, port] = await server.waitFor(/nc 127\.0\.0\.1 (\d+)\n/);
  return { server, port: Number(port) };
}

/** Joins with the real nc. */
async function join(port: number, name: string): Promise<Peer> {
  const guest = await spawnPeer("nc", ["127.0.0.1", String(port)], {
    stdin: true,
    ready: /your name\?\n/,
  });
  await guest.write(`${name}\n`);
  await guest.waitFor(new RegExp(`You are ${name}\\.`));
  return guest;
}

peerTest("chat over TCP: three nc clients talk with each other", { needs: ["nc"] }, async () => {
  const { server, port } = await startChat();
  await using _server = server;
  await using ann = await join(port, "ann");
  await using bob = await join(port, "bob");
  await ann.waitFor(/\* bob joined\n/);
  await using zoe = await join(port, "Zoë");
  await zoe.waitFor(/\* 3 here: ann, bob, Zoë\n/);

  await ann.write("hello, bob\n");
  await bob.waitFor(/ann: hello, bob\n/);
  await zoe.waitFor(/ann: hello, bob\n/);
  await bob.write("grüße ");
  await bob.write("an alle\r\n");
  await ann.waitFor(/bob: grüße an alle\n/);
  await zoe.waitFor(/bob: grüße an alle\n/);
  assert(!ann.stdout.includes("hello, bob"), "nobody sees the own lines twice");

  await bob.write("/nick Robert\n");
  await zoe.waitFor(/\* bob is now Robert\n/);
  await zoe.write("/who\n");
  await zoe.waitFor(/\* 3 here: ann, Zoë, Robert\n/);
  await bob.write("/quit\n");
  await bob.waitFor(/\* Goodbye\n/);
  await ann.waitFor(/\* Robert left\n/);
  // nc ends when it finds the connection closed at the next line.
  await server.waitFor(/Robert left \(2 here\)/);
  zoe.kill();
  await ann.waitFor(/\* Zoë left( \(the connection broke\))?\n/);
  assertEquals(server.stderr, "");
});

peerTest("chat over TCP: Ctrl-C says goodbye to all and ends with success", {
  needs: ["nc"],
}, async () => {
  const { server, port } = await startChat();
  await using _server = server;
  await using ann = await join(port, "ann");
  await using nameless = await spawnPeer("nc", ["127.0.0.1", String(port)], {
    stdin: true,
    ready: /your name\?\n/,
  });
  server.kill("SIGINT");
  await ann.waitFor(/\* The chat closes, goodbye\n/);
  await nameless.waitFor(/\* The chat closes, goodbye\n/);
  assertEquals((await server.status).code, 0);
  assertEquals(server.stderr, "");
});

peerTest("chat over TCP: who does not read is dropped with a reason, the others talk on", {
  needs: ["nc"],
}, async () => {
  const { server, port } = await startChat(["--rate=1000000", "--queue=1000000"]);
  await using _server = server;
  await using slow = await join(port, "slow");
  await using ann = await join(port, "ann");
  await using bob = await join(port, "bob");
  slow.kill("SIGSTOP");
  // The system takes some megabytes for the slow one before anything waits in the server.
  const lines = `${"all work and no play ".repeat(20)}\n`.repeat(1000);
  const reason = /slow left \(dropped: more than 1000000 bytes were unread\)/;
  for (let i = 0; i < 100 && !reason.test(server.stdout); i++) {
    await ann.write(`${lines}round ${i}.\n`);
    await bob.waitFor(new RegExp(`ann: round ${i}\\.\n`));
  }
  assertMatch(server.stdout, reason);
  await bob.waitFor(reason);
  // What waited, and the reason, are still to be had for a while.
  slow.kill("SIGCONT");
  await slow.waitFor(/\* You were dropped: more than 1000000 bytes were unread\n/);
  await ann.write("did you hear?\n");
  await bob.waitFor(/ann: did you hear\?\n/);
  assertEquals(server.stderr, "");
});

peerTest("chat over TCP: floods, endless lines and bytes that are no text end with a reason", {
  needs: ["nc"],
}, async () => {
  const { server, port } = await startChat();
  await using _server = server;
  await using ann = await join(port, "ann");
  const bad: [string, Uint8Array | string, RegExp][] = [
    ["flood", "x\n".repeat(50_000), /You were dropped: too many lines/],
    ["endless", "x".repeat(100_000), /You were dropped: a line of more than 4096 bytes/],
    ["binary", new Uint8Array([0xff, 0xfb, 0x01, 10]), /You were dropped: this is no UTF-8 text/],
  ];
  for (const [name, bytes, reason] of bad) {
    await using guest = await join(port, name);
    await guest.write(bytes);
    await guest.waitFor(reason);
    await ann.waitFor(new RegExp(`\\* ${name} left \\(dropped: .+\\)\n`));
  }
  await using guest = await join(port, "polite");
  await ann.waitFor(/\* polite joined/);
  await guest.write("hello\n");
  await ann.waitFor(/polite: hello/);
});

/** Runs the chat with arguments that it can't take. */
async function refusal(args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await runPeer(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "examples/chat_tcp.ts", ...args],
    { cwd: root, env: plain },
  );
  return { code, text: stdout + stderr };
}

Deno.test("chat over TCP: wrong arguments, a taken port and missing permissions are told clearly", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const cases: [string[], number, string][] = [
    [["--help"], 0, "--port PORT"],
    [["--port=70000"], 2, '--port must be a whole number from 0 to 65535, not "70000"'],
    [["--colour"], 2, "--colour"],
    [[`--port=${port}`], 1, `Cannot listen on "127.0.0.1:${port}"`],
    [["--host=127.0.0.2", `--port=${freePort()}`], 1, "--allow-net"],
  ];
  for (const [args, code, text] of cases) {
    const result = await refusal(args);
    assertStringIncludes(result.text, text);
    assert(!result.text.includes("    at "), `no stack: ${result.text}`);
    assertEquals(result.code, code, args.join(" "));
  }
});
