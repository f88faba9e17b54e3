import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { BROWSER_TEST, openBrowser } from "../_support/browser.ts";
import { FaultRelay } from "../_support/fault_relay.ts";
import { peerTest, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Guest {
  page: Page;
  /** What the page complained about. */
  errors: string[];
  /** The WebSockets that it opened, and the requests of polling that it made. */
  sockets: string[];
  polls: string[];
}

async function openPage(browser: Browser, url: string, name: string, room: string): Promise<Guest> {
  const context = await browser.newContext({
    viewport: { width: 900, height: 600 },
    deviceScaleFactor: 2,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const guest: Guest = { page, errors: [], sockets: [], polls: [] };
  page.on("console", (message) => {
    if (message.type() === "error") guest.errors.push(message.text());
  });
  page.on("pageerror", (error) => guest.errors.push(String(error)));
  page.on("websocket", (socket) => guest.sockets.push(socket.url()));
  page.on("request", (request) => {
    if (request.url().includes("transport=polling")) guest.polls.push(request.url());
  });
  await page.goto(url);
  await enter(page, name, room);
  return guest;
}

async function enter(page: Page, name: string, room: string): Promise<void> {
  await page.fill("#name", name);
  await page.fill("#room", room);
  await page.click("text=Enter");
}

async function say(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.keyboard.press("Enter");
}

const members = (page: Page): Promise<string[]> =>
  page.locator("#members li > :last-child").allTextContents();

for (
  const [how, query, transport] of [
    ["polling alone", "?transport=polling", "polling"],
    ["WebSocket alone", "?transport=websocket", "websocket"],
    ["polling that is upgraded", "", "websocket"],
  ]
) {
  peerTest(`Chromium chats by socket.io-client over ${how}`, BROWSER_TEST, async () => {
    await using server = await spawnPeer(Deno.execPath(), [
      ...["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read"],
      ...["examples/socketio_chat/main.ts", "--port=0"],
    ], { cwd: root, stopSignal: "SIGINT", ready: /Ctrl-C/, timeout: 60_000 });
    const url = /http:\S+/.exec(server.stdout)![0] + query;
    const browser = await openBrowser();
    try {
      const ann = await openPage(browser, url, "ann", "garden");
      await ann.page.waitForSelector("text=You are ann, in #garden.");
      const bob = await openPage(browser, url, "ann", "garden");
      await bob.page.waitForSelector("text=ann is in #garden already");
      await enter(bob.page, "Bob", "garden");
      const zoe = await openPage(browser, url, "Zoë", "Garden");
      await ann.page.waitForSelector("text=Zoë came in");
      await ann.page.waitForSelector("#members li:nth-child(3)");
      assertEquals(await members(ann.page), ["Bob", "Zoë", "ann"]);
      for (const { page } of [ann, bob, zoe]) {
        await page.waitForSelector(`#state:has-text("connected by ${transport}")`);
      }

      await say(ann.page, "Has anyone watered the tomatoes?");
      await bob.page.waitForSelector("text=watered the tomatoes");
      await say(bob.page, "Yes, this morning. The beans as well.");
      await zoe.page.waitForSelector("text=The beans as well");
      await say(ann.page, "Then I will see to the roses.");
      await zoe.page.waitForSelector("text=see to the roses");
      await zoe.page.type("#text", "And I");
      await ann.page.waitForSelector("text=Zoë is typing…");
      if (Deno.env.get("SLUICE_SCREENSHOTS") && query === "") {
        await ann.page.screenshot({ path: `${root}/docs/images/socketio_chat.png` });
      }
      await say(bob.page, "<b>Not</b> the roses, though & it is hot 🌹");
      await ann.page.waitForSelector("text=<b>Not</b> the roses, though & it is hot 🌹");
      assertEquals(await ann.page.locator(".message b").count(), 0);
      await zoe.page.keyboard.press("Enter");
      await ann.page.waitForSelector('.bubble:has-text("And I")');
      await ann.page.waitForSelector("#typing:text-is('')", { state: "attached" });

      await zoe.page.click("text=Another room");
      await ann.page.waitForSelector("text=Zoë left");
      await enter(zoe.page, "Zoë", "attic");
      await zoe.page.waitForSelector("text=You are Zoë, in #attic.");
      await say(ann.page, "Only the garden hears this.");
      await bob.page.waitForSelector("text=Only the garden hears this.");
      await say(zoe.page, "Anybody up here?");
      await zoe.page.waitForSelector('.message.own:has-text("Anybody")');
      assertEquals(await zoe.page.locator("text=Only the garden").count(), 0);
      await bob.page.close();
      await server.waitFor(/Bob left #garden/, 90_000);
      await ann.page.waitForSelector("text=Bob left");
      for (const { errors, sockets, polls } of [ann, bob, zoe]) {
        assertEquals(errors, []);
        assertEquals(sockets.length, how === "polling alone" ? 0 : 1);
        assertEquals(polls.length > 0, how !== "WebSocket alone");
      }
    } finally {
      await browser.close();
    }
    assertEquals(server.stderr, "");
  });
}

peerTest(
  "Chromium comes back into its room under a name that the server holds for the connection that was lost",
  BROWSER_TEST,
  async () => {
    await using server = await spawnPeer(Deno.execPath(), [
      ...["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read"],
      ...["examples/socketio_chat/main.ts", "--port=0"],
    ], { cwd: root, stopSignal: "SIGINT", ready: /Ctrl-C/, timeout: 60_000 });
    const port = Number(/http:\S+:(\d+)/.exec(server.stdout)![1]);
    await using way = new FaultRelay(port);
    const browser = await openBrowser();
    try {
      const url = `http://127.0.0.1:${way.port}/?transport=websocket`;
      const ann = await openPage(browser, url, "ann", "garden");
      await ann.page.waitForSelector("text=You are ann, in #garden.");
      const bob = await openPage(browser, `http://127.0.0.1:${way.port}/`, "Bob", "garden");
      await bob.page.waitForSelector('#state:has-text("connected by websocket")');
      const upgraded = new Promise<void>((resolve) => {
        bob.page.on("websocket", (socket) => {
          socket.on("framesent", ({ payload }) => payload === "5" && resolve());
        });
      });
      await bob.page.evaluate(() => {
        const { send } = WebSocket.prototype;
        WebSocket.prototype.send = function (data) {
          setTimeout(() => send.call(this, data), data === "2probe" ? 500 : 0);
        };
      });
      way.loseClients();
      await ann.page.waitForSelector("text=coming back into the room");
      await bob.page.waitForSelector("text=coming back into the room");
      await upgraded;
      // The WebSocket that takes over does not bring Bob back.
      assertEquals(await bob.page.isDisabled("#text"), true);
      way.endLost();
      await ann.page.waitForSelector('#state:has-text("connected by websocket")');
      await say(ann.page, "I am back.");
      await ann.page.waitForSelector('.message.own:has-text("I am back.")');
      await bob.page.waitForSelector('#state:has-text("connected by websocket")');
      await say(bob.page, "So am I.");
      await ann.page.waitForSelector("text=So am I.");
      assertEquals(await ann.page.isVisible("#name"), false);
    } finally {
      await browser.close();
    }
  },
);
