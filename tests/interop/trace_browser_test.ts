/** The tracer between a browser and the chat, and its live page in the same browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { CHROMIUM_NEEDS, startChromium } from "../_support/chromium.ts";
import { peerTest, spawnPeer } from "../_support/peers.ts";
import { startTraceCommand, stopTraceCommand } from "../_support/trace_command.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

async function say(page: Page, text: string): Promise<void> {
  await page.fill("#text", text);
  await page.keyboard.press("Enter");
  await page.waitForSelector(`text=${text}`);
}

/** Waits until something holds of the page. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Never came true: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const rows = (page: Page): Promise<string[]> => page.locator("#rows tr").allInnerTexts();

peerTest("the tracer stands between Chromium and the chat, and shows it on its live page", {
  needs: CHROMIUM_NEEDS,
  test: { sanitizeOps: false, sanitizeResources: false },
}, async () => {
  await using chat = await spawnPeer(
    Deno.execPath(),
    [
      "run",
      "--quiet",
      "--allow-net=127.0.0.1",
      "examples/websocket_chat.ts",
      "--port=0",
      "--web-port=0",
    ],
    {
      cwd: root,
      env: { NO_COLOR: "1" },
      stopSignal: "SIGINT",
      timeout: 60_000,
      ready: /http:\S+\n/,
    },
  );
  const web = new URL(/http:\S+/.exec(chat.stdout)![0]);
  await using trace = await startTraceCommand(
    ...["--listen", "0", "--to", web.host, "--server-name", "chat", "--web", "0"],
  );
  const [, live] = await trace.peer.waitFor(/Live page: (\S+)/);

  await using chromium = await startChromium({
    viewport: { width: 1180, height: 700 },
    deviceScaleFactor: 1.5,
  });
  const { browser, page, errors } = chromium;
  const liveErrors: string[] = [];
  const context = await browser.newContext({
    viewport: { width: 1180, height: 640 },
    deviceScaleFactor: 1.5,
  });
  const watch = await context.newPage();
  watch.setDefaultTimeout(20_000);
  watch.on("console", (message) => {
    if (message.type() === "error") liveErrors.push(message.text());
  });
  watch.on("pageerror", (error) => liveErrors.push(String(error)));
  await watch.goto(live);
  await watch.waitForSelector("text=Nothing yet. Connect a client to the tracer.");

  // The chat works through the tracer, and on a terminal the tracer tells what is said.
  await page.goto(`http://127.0.0.1:${trace.port}${web.pathname}`);
  await page.fill("#name", "ann");
  await page.click("text=Join");
  await page.waitForSelector("#chat:visible");
  await say(page, "Is anybody here?");
  await say(page, "I have brought cake. It is on the table in the kitchen.");
  await trace.peer.waitFor(/client -> chat {2}\[text, .*Is anybody here\?/);
  await trace.peer.waitFor(/client <- chat {2}\[text, .*Welcome to the chat/);
  assertMatch(trace.shown, /client -> chat {2}GET \S+ HTTP\/1\.1\n/);
  assertMatch(trace.shown, /client -> chat {2}Upgrade: websocket\n/);

  // The same on the live page: connections, messages, their bytes.
  await watch.waitForSelector("#rows >> text=Is anybody here?");
  assert(await watch.locator("#connections li").count() >= 1);
  assertMatch((await watch.textContent("#state"))!, /^\d+ open, \d+ in all, \d+ events$/);
  const row = watch.locator("#rows tr.client.message", { hasText: "Is anybody here?" });
  await row.first().click();
  await watch.waitForSelector("#detail >> text=Is anybody here?");
  assertMatch((await watch.textContent("#hex"))!, /^00000000 /);
  if (Deno.env.has("SLUICE_SCREENSHOTS")) {
    await watch.waitForSelector("#rows >> text=It is on the table");
    await watch.screenshot({ path: `${root}/docs/images/trace.png` });
  }
  await say(page, "<img src=x onerror=alert(1)> \u202e reversed");
  await watch.waitForSelector("#rows >> text=onerror=alert");
  await trace.peer.waitFor(/onerror=alert/);
  assert(!trace.shown.includes("\u202e"));
  assertEquals(await watch.locator("#rows img, #detail img").count(), 0);
  const drawn = await watch.evaluate(`(() => {
    const canvas = document.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value) => value > 0);
  })()`);
  assert(drawn);

  // Search, in text, as an expression and in hex.
  const all = (await rows(watch)).length;
  for (const sought of ["anybody here", "/any\\w+ HERE/i", "61 6e 79 62 6f 64 79"]) {
    await watch.fill("#search", sought);
    await until(async () => (await rows(watch)).length < all);
    const found = await rows(watch);
    assert(
      found.length >= 1 && found.every((text) => text.includes("anybody")),
      `${sought}: ${found}`,
    );
  }
  await watch.fill("#search", "nothing that was said");
  await watch.waitForSelector("text=Nothing that fits the search.");
  await watch.fill("#search", "");
  await watch.selectOption("#side", "server");
  await until(async () => await watch.locator("#rows tr.client").count() === 0);
  await watch.selectOption("#side", "");

  // Pause, and what came meanwhile.
  await watch.click("text=Pause");
  await say(page, "said while the page was paused");
  await trace.peer.waitFor(/client -> chat .*while the page was paused/);
  await watch.waitForSelector("#state >> text=/paused: [1-9]/");
  assertEquals(await watch.locator("#rows >> text=while the page was paused").count(), 0);
  await watch.click("text=Resume");
  await watch.waitForSelector("#rows >> text=while the page was paused");

  // One connection, and then none: a page that is opened late sees what was before.
  await watch.locator("#connections button").last().click();
  await until(async () => {
    const numbers = await watch.locator("#rows td:nth-child(2)").allTextContents();
    return numbers.length > 0 && new Set(numbers).size === 1;
  });
  const late = await (await browser.newContext({ colorScheme: "dark" })).newPage();
  await late.goto(live);
  await late.waitForSelector("#rows >> text=Is anybody here?");
  await watch.click("text=Clear");
  await until(async () => (await rows(watch)).length === 0);

  assertEquals(await stopTraceCommand(trace), 0);
  await late.waitForSelector("#state.off");
  assertEquals([
    errors.filter((text) => !text.includes("WebSocket")),
    liveErrors.filter((text) => !text.includes("WebSocket")),
  ], [[], []]);
});
