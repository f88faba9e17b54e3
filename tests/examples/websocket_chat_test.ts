import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { ChatRoom } from "../../examples/_chat_room.ts";
import { webChatServer } from "../../examples/websocket_chat.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { CHROMIUM_NEEDS, startChromium } from "../_support/chromium.ts";
import {
  freePort,
  type Peer,
  peerTest,
  runPeer,
  spawnPeer,
  utilLinuxScript,
} from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const command = ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1"]
  .concat("examples/websocket_chat.ts");

interface Chat extends AsyncDisposable {
  server: Peer;
  /** The port for nc. */
  port: number;
  /** The page. */
  url: string;
}

/** Starts the chat, and reads how to join it. */
async function startChat(...args: string[]): Promise<Chat> {
  const server = await spawnPeer(
    Deno.execPath(),
    [...command, ...(args.length > 0 ? args : ["--port=0", "--web-port=0"])],
    { cwd: root, env: { NO_COLOR: "1" }, stopSignal: "SIGINT" },
  );
  const [, url, port] = await server.waitFor(/(http:\/\/\S+)\n.*nc 127\.0\.0\.1 (\d+)\n/);
  return {
    server,
    url,
    port: Number(port),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Joins with the real nc. */
async function joinTerminal(port: number, name: string): Promise<Peer> {
  const guest = await spawnPeer("nc", ["127.0.0.1", String(port)], {
    stdin: true,
    ready: /your name\?\n/,
  });
  await guest.write(`${name}\n`);
  await guest.waitFor(new RegExp(`You are ${name}\\.`));
  return guest;
}

async function joinPage(page: Page, url: string, name: string): Promise<void> {
  await page.goto(url);
  await page.fill("#name", name);
  await page.click("text=Join");
  await page.waitForSelector("#chat:visible");
}

async function say(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.keyboard.press("Enter");
}

function members(page: Page): Promise<string[]> {
  return page.locator("#members li > :last-child").allTextContents();
}

const needs = ["nc", ...CHROMIUM_NEEDS];

peerTest("chat: a browser and nc share one room", { needs }, async () => {
  await using chat = await startChat();
  await using chromium = await startChromium({
    viewport: { width: 900, height: 600 },
    deviceScaleFactor: 2,
  });
  const { page, errors } = chromium;
  await using bob = await joinTerminal(chat.port, "bob");
  await using zoe = await joinTerminal(chat.port, "Zoë");
  await page.goto(chat.url);
  assertStringIncludes((await page.textContent("#welcome"))!, `nc 127.0.0.1 ${chat.port}`);
  await joinPage(page, chat.url, "ann");
  await page.waitForSelector("#members li:nth-child(3)");
  assertEquals(await members(page), ["bob", "Zoë", "ann"]);
  await bob.waitFor(/\* ann joined\n/);

  await bob.write("hello, ann! This is nc, in a terminal.\n");
  await page.waitForSelector("text=This is nc, in a terminal.");
  await say(page, "Hello, bob. And this is a browser, over WebSocket.");
  await bob.waitFor(/ann: Hello, bob\. And this is a browser, over WebSocket\.\n/);
  await say(page, "We are in the same room.");
  await zoe.waitFor(/ann: We are in the same room\.\n/);
  await zoe.write("So am I. One program serves the page, the WebSocket and the lines over TCP.\n");
  await page.waitForSelector("text=So am I.");
  if (Deno.env.has("SLUICE_SCREENSHOTS")) {
    await page.screenshot({ path: `${root}/docs/images/chat.png` });
  }
  await zoe.write("<b>bold</b> & plain\n");
  await page.waitForSelector("text=<b>bold</b> & plain");
  assertEquals(await page.locator(".message.own").count(), 2);
  assertEquals(await page.locator(".message b").count(), 0);

  await bob.write("/nick Robert\n");
  await page.waitForSelector("text=bob is now Robert");
  assertEquals(await members(page), ["Zoë", "ann", "Robert"]);
  await say(page, "/nick Anna");
  await page.waitForSelector("#members li[data-own] >> text=Anna");
  await say(page, "still me");
  await bob.waitFor(/Anna: still me\n/);
  assertEquals(await page.locator(".message.own").count(), 3);
  zoe.kill();
  await page.waitForSelector("text=Zoë left");
  assertEquals(await members(page), ["Robert", "Anna"]);
  await page.close();
  await bob.waitFor(/\* Anna left\n/);
  assertEquals(errors, []);
  assertEquals(chat.server.stderr, "");
});

peerTest("chat: the page tells what is wrong with a name, and lets one try again", {
  needs,
}, async () => {
  await using chat = await startChat();
  await using chromium = await startChromium();
  const { page, errors } = chromium;
  await using _bob = await joinTerminal(chat.port, "bob");
  await page.goto(chat.url);
  for (
    const [name, problem] of [
      ["bob", "The name bob is taken"],
      ["BOB", "The name bob is taken"],
      ["two words", "A name has 1 to 20 letters"],
    ]
  ) {
    await page.fill("#name", name);
    await page.keyboard.press("Enter");
    await page.waitForSelector(`#problem >> text=${problem}`);
  }
  await page.fill("#name", "ann");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#members li[data-own] >> text=ann");
  await say(page, "/quit");
  await page.waitForSelector("#problem >> text=Goodbye");
  await page.click("text=Join");
  await page.waitForSelector("#members li[data-own] >> text=ann");
  assertEquals(await members(page), ["bob", "ann"]);
  assertEquals(errors, []);
});

peerTest("chat: the page comes back under its name when the server was away", {
  needs,
}, async () => {
  const ports = [`--port=${freePort()}`, `--web-port=${freePort()}`];
  await using chromium = await startChromium();
  const { page } = chromium;
  {
    await using chat = await startChat(...ports);
    await joinPage(page, chat.url, "ann");
    chat.server.kill("SIGKILL");
    await page.waitForSelector("#state >> text=coming back");
    assertEquals(await page.isDisabled("#text"), true);
  }
  await using chat = await startChat(...ports);
  await page.waitForSelector("#state[data-state=open]");
  await using bob = await joinTerminal(chat.port, "bob");
  await bob.waitFor(/\* 2 here: ann, bob\n/);
  await say(page, "here I am again");
  await bob.waitFor(/ann: here I am again\n/);
});

/** Serves a room's page from this process. */
function servePage(room: ChatRoom, port: number): ReturnType<typeof webChatServer> {
  return webChatServer(room, { hostname: "127.0.0.1", port, terminal: () => "nc", log: () => {} });
}

peerTest("chat: the page asks for another name when its own was taken meanwhile", {
  needs,
}, async () => {
  const port = freePort();
  await using chromium = await startChromium();
  const { page } = chromium;
  {
    await using chat = await startChat("--port=0", `--web-port=${port}`);
    await joinPage(page, chat.url, "ann");
    chat.server.kill("SIGKILL");
    await page.waitForSelector("#state >> text=coming back");
  }
  const room = new ChatRoom();
  room.enter({ address: "elsewhere", queued: 0, send() {}, close() {} }).receive("ann");
  const server = await servePage(room, port);
  await page.waitForSelector("#problem >> text=The name ann is taken");
  await page.fill("#name", "ann2");
  await page.click("text=Join");
  await page.waitForSelector("#members li[data-own] >> text=ann2");
  await page.waitForSelector("#state[data-state=open]");
  assertEquals(await page.isEnabled("#text"), true);
  await page.close();
  await server.close();
});

peerTest("chat: the page keeps up with thousands of lines at once", { needs }, async () => {
  await using chromium = await startChromium();
  const { page } = chromium;
  const room = new ChatRoom({ linesPerSecond: 1e6, maxQueue: 2 ** 24 });
  const server = await servePage(room, 0);
  await joinPage(page, `http://127.0.0.1:${server.port}/`, "ann");
  const bob = room.enter({ address: "elsewhere", queued: 0, send() {}, close() {} });
  bob.receive("bob");
  for (let line = 1; line <= 10_000; line++) bob.receive(`line ${line} of many`);
  await page.waitForSelector("text=line 10000 of many");
  assertEquals(await page.locator("#log > *").count(), 500);
  await page.close();
  await server.close();
});

peerTest(
  "chat: the page stays at the last line when a phone shows its keyboard",
  { needs },
  async () => {
    await using chromium = await startChromium({ viewport: { width: 360, height: 640 } });
    const { page } = chromium;
    const room = new ChatRoom({ linesPerSecond: 1000 });
    const server = await servePage(room, 0);
    await joinPage(page, `http://127.0.0.1:${server.port}/`, "ann");
    const bob = room.enter({ address: "elsewhere", queued: 0, send() {}, close() {} });
    bob.receive("bob");
    const shows = async (text: string): Promise<void> => {
      const bottom = (of: string): string => `${of}.getBoundingClientRect().bottom`;
      const atEnd = `${bottom("log.lastElementChild")} <= ${bottom("log")}`;
      const test = `log.textContent.includes("${text}") && ${atEnd}`;
      const late = Date.now() + 10_000;
      while (!await page.evaluate(test)) {
        assert(Date.now() < late, `${text} is not in sight`);
        await page.waitForTimeout(20);
      }
    };
    for (let line = 1; line <= 30; line++) bob.receive(`line ${line}`);
    await shows("line 30");
    await page.setViewportSize({ width: 360, height: 300 });
    await shows("line 30");
    bob.receive("line 31");
    await shows("line 31");
    await page.setViewportSize({ width: 640, height: 360 });
    await shows("line 31");
    await page.close();
    await server.close();
  },
);

peerTest("chat: the page says that the room is full", { needs }, async () => {
  await using chromium = await startChromium();
  const { page } = chromium;
  const server = await servePage(new ChatRoom({ maxMembers: 0 }), 0);
  await page.goto(`http://127.0.0.1:${server.port}/`);
  await page.fill("#name", "ann");
  await page.click("text=Join");
  await page.waitForSelector("#problem >> text=The room is full, come back later");
  await page.waitForSelector("#join button:enabled");
  await page.close();
  await server.close();
});

peerTest("chat: Ctrl-C says goodbye to browsers and terminals, and ends with success", {
  needs,
}, async () => {
  await using chat = await startChat();
  await using chromium = await startChromium();
  await joinPage(chromium.page, chat.url, "ann");
  await using bob = await joinTerminal(chat.port, "bob");
  chat.server.kill("SIGINT");
  await chromium.page.waitForSelector("#problem >> text=The chat closes, goodbye");
  await bob.waitFor(/\* The chat closes, goodbye\n/);
  assertEquals((await chat.server.status).code, 0);
  assertEquals(chat.server.stderr, "");
});

Deno.test("chat: floods, endless messages and bytes end with a reason, the others talk on", async () => {
  await using chat = await startChat();
  const url = new URL("chat", chat.url.replace("http", "ws"));
  const enter = async (name: string) => {
    const ws = await connectWebSocket(url, { protocols: "chat" });
    const lines: string[] = [];
    const waiting = new Map<RegExp, () => void>();
    ws.on("message", (line) => {
      lines.push(String(line));
      for (const [pattern, found] of waiting) if (pattern.test(String(line))) found();
    });
    const line = (pattern: RegExp): Promise<void> =>
      lines.some((line) => pattern.test(line)) ? Promise.resolve() : new Promise((resolve) => {
        waiting.set(pattern, resolve);
      });
    await ws.send(name);
    await line(new RegExp(`You are ${name}\\.`));
    return { ws, lines, line };
  };
  const ann = await enter("ann");
  const bad: [string, Uint8Array | string[], number, RegExp][] = [
    ["flood", Array(100).fill("x"), 1000, /flood left \(dropped: too many lines\)/],
    ["endless", ["x".repeat(5000)], 1009, /endless left \(dropped: a message of more than 4096/],
    ["binary", new Uint8Array(10), 1000, /binary left \(dropped: bytes that are no text\)/],
  ];
  for (const [name, what, code, reason] of bad) {
    const { ws } = await enter(name);
    for (const one of Array.isArray(what) ? what : [what]) ws.send(one);
    assertEquals((await ws.closed).code, code);
    await ann.line(reason);
  }
  const { ws } = await enter("polite");
  await ws.send("hello\nthere\u001b[2J");
  await ann.line(/^polite: hellothere\[2J$/);
  ws.terminate();
  await ann.line(/^\* polite left \(the connection broke\)$/);
  await ann.ws.close();
  await chat.server.waitFor(/ann left \(0 here\)/);
  assertEquals(chat.server.stderr, "");
});

Deno.test("chat: the web port serves the page with a strict policy, and nothing else", async () => {
  await using chat = await startChat();
  const page = await fetch(chat.url);
  assertMatch(page.headers.get("content-type")!, /^text\/html/);
  assertMatch(page.headers.get("content-security-policy")!, /^default-src 'none'/);
  const text = await page.text();
  for (const [, file] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const response = await fetch(new URL(file, chat.url));
    assertEquals(response.status, 200, file);
    assert((await response.text()).length > 100);
  }
  for (
    const [path, method, status] of [
      ["/nothing", "GET", 404],
      ["/../deno.json", "GET", 404],
      ["/", "POST", 405],
      ["/", "HEAD", 200],
    ] as const
  ) {
    const response = await fetch(new URL(path, chat.url), { method });
    assertEquals(response.status, status, `${method} ${path}`);
    await response.body?.cancel();
  }
  // A page of another site can't join its visitors.
  const url = new URL("chat", chat.url.replace("http", "ws"));
  const refused = await connectWebSocket(url, { protocols: "chat", origin: "https://evil.example" })
    .then(() => undefined, (error) => error);
  assertEquals(refused.status, 403);
});

Deno.test("chat: one that listens on all addresses tells those that can be gone to", async () => {
  const args = command.map((arg) => arg.replace(/127\.0\.0\.1/, "0.0.0.0"));
  const ports = ["--host=0.0.0.0", "--port=0", "--web-port=0"];
  await using server = await spawnPeer(Deno.execPath(), [...args, ...ports], {
    cwd: root,
    env: { NO_COLOR: "1" },
    stopSignal: "SIGINT",
  });
  const [, url, port] = await server.waitFor(/(http:\/\/\S+)\n.*nc 127\.0\.0\.1 (\d+)\n/);
  assertEquals(new URL(url).hostname, "127.0.0.1");
  const there = new URL(url);
  there.hostname = "127.0.0.2"; // as if it came from another machine
  assertStringIncludes(await (await fetch(there)).text(), `<code>nc 127.0.0.2 ${port}</code>`);
  assertStringIncludes(await (await fetch(url)).text(), `<code>nc 127.0.0.1 ${port}</code>`);
});

Deno.test("chat: wrong arguments and taken ports are told clearly", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const cases: [string[], number, string][] = [
    [["--help"], 0, "--web-port PORT"],
    [["--web-port=x"], 2, '--web-port must be a whole number from 0 to 65535, not "x"'],
    [["--port=0", `--web-port=${port}`], 1, `Cannot listen on "127.0.0.1:${port}"`],
    [[`--port=${port}`, "--web-port=0"], 1, `Cannot listen on "127.0.0.1:${port}"`],
  ];
  for (const [args, code, text] of cases) {
    const result = await runPeer(Deno.execPath(), [...command, ...args], {
      cwd: root,
      env: { NO_COLOR: "1" },
    });
    assertStringIncludes(result.stdout + result.stderr, text);
    assert(!result.stderr.includes("    at "), `no stack: ${result.stderr}`);
    assertEquals(result.code, code, args.join(" "));
  }
});

peerTest("chat: `deno task demo` on a terminal, with colours and Ctrl-C", {
  needs: ["nc", utilLinuxScript],
}, async () => {
  const [port, webPort] = [freePort(), freePort()];
  await using terminal = await spawnPeer("script", [
    "--quiet",
    "--return",
    "--command",
    `${Deno.execPath()} task --quiet demo --port ${port} --web-port ${webPort}`,
    "/dev/null",
  ], { cwd: root, stdin: true, env: { TERM: "xterm-256color", NO_COLOR: "" } });
  // deno-lint-ignore no-control-regex
  await terminal.waitFor(/\x1b\[1mThe chat is open\x1b\[0m/);
  await terminal.waitFor(new RegExp(`nc 127\\.0\\.0\\.1 ${port}`));
  assertStringIncludes(terminal.stdout, `http://127.0.0.1:${webPort}/`);
  await using ann = await joinTerminal(port, "ann");
  await terminal.waitFor(/ann joined from 127\.0\.0\.1:\d+ \(1 here\)/);
  await terminal.write("\x03");
  await ann.waitFor(/\* The chat closes, goodbye\n/);
  await terminal.waitFor(/Closing\./);
  await terminal.status;
});
