/** The tracer between a browser and the chat, and its live page in the same browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Page, WebSocketRoute } from "playwright-core";
import type { TraceEvent, TraceSide } from "../../trace/trace_event.ts";
import { createWebSink, type WebSink } from "../../trace/web_sink.ts";
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

/** A live page in Chromium, and what tells it what happens. */
interface Live {
  sink: WebSink;
  page: Page;
  /** The page's connection. */
  route: WebSocketRoute;
  /** A client has come. */
  open(connection: number): void;
  data(connection: number, from: TraceSide, bytes: string | Uint8Array): void;
  tell(event: Record<string, unknown>): void;
}

let time = Date.UTC(2026, 0, 2, 3, 4, 5);

function liveTest(
  name: string,
  run: (live: Live) => Promise<void>,
  options: Parameters<typeof createWebSink>[0] = {},
): void {
  peerTest(name, {
    needs: CHROMIUM_NEEDS,
    test: { sanitizeOps: false, sanitizeResources: false },
  }, async () => {
    const sink = await createWebSink(options);
    await using chromium = await startChromium();
    const { page, errors } = chromium;
    await page.routeWebSocket(/events$/, (route) => {
      route.connectToServer();
      live.route = route;
    });
    const live: Live = {
      sink,
      page,
      route: undefined as never,
      tell: (event) => live.sink.event({ time: time += 10, ...event } as unknown as TraceEvent),
      open: (connection) =>
        live.tell({
          type: "open",
          connection,
          transport: "tcp",
          client: { transport: "tcp", hostname: "10.0.0.1", port: 1000 + connection },
          server: "example.org:80",
        }),
      data: (connection, from, text) => {
        const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
        live.tell({ type: "data", connection, from, bytes, offset: 0, decoded: false });
      },
    };
    await page.goto(sink.url);
    await page.waitForSelector("#state:not(.off)");
    try {
      await run(live);
    } finally {
      await live.sink.close();
    }
    assertEquals(errors.filter((text) => !text.includes("WebSocket")), []);
  });
}

/** Waits until the page has drawn what it was told. */
async function settled(page: Page): Promise<void> {
  await page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done), 150))");
}

const texts = (page: Page): Promise<string[]> =>
  page.locator("#rows td:nth-child(5)").allTextContents();

liveTest(
  "the live page shows all after Clear when the connection that was chosen is over",
  async ({ page, open, data, tell }) => {
    open(1);
    data(1, "client", "one");
    tell({ type: "close", connection: 1 });
    open(2);
    data(2, "client", "two");
    await page.click("#connections button:has-text('10.0.0.1:1001')");
    await page.waitForSelector("#connections .dot.over");
    await page.click("text=Clear");
    data(2, "server", "three");
    await page.waitForSelector("#rows >> text=three");
  },
);

liveTest(
  "the live page lists the connection that is chosen, however many there are",
  async ({ page, open, data }) => {
    for (let i = 1; i <= 150; i++) open(i);
    await page.click("#connections button:has-text('10.0.0.1:1001')");
    for (let i = 151; i <= 300; i++) open(i);
    await page.waitForSelector("#state >> text=300 in all");
    assertEquals(await page.locator("#connections li").count(), 201);
    await page.click("#connections button[aria-pressed=true]");
    data(300, "client", "of the last one");
    await page.waitForSelector("#rows >> text=of the last one");
  },
);

liveTest(
  "the live page can be clicked on, read and walked through while much happens",
  async ({ page, open, data }) => {
    open(1);
    data(1, "client", "the first");
    await page.waitForSelector("#rows >> text=the first");
    let n = 0;
    const busy = setInterval(() => data(1, "server", `more ${n++}`), 10);
    try {
      // A press that lasts as long as a person's.
      const press = async (selector: string) => {
        // It is null when the page drew anew between finding it and measuring it.
        const measure = () => page.locator(selector).boundingBox();
        const box = (await measure() ?? await measure() ?? await measure())!;
        await page.mouse.move(box.x + 20, box.y + box.height / 2);
        await page.mouse.down();
        await new Promise((resolve) => setTimeout(resolve, 300));
        await page.mouse.up();
      };
      await page.focus("#search");
      await press("#rows tr:has-text('the first')");
      await page.waitForSelector("#text >> text=the first");
      await press("#connections button");
      await page.waitForSelector("#connections button[aria-pressed=true]");
      // What is marked stays marked.
      await page.locator("#text").selectText();
      const before = n;
      await until(() => Promise.resolve(n > before + 30));
      assertEquals(await page.evaluate("String(getSelection())"), "the first");
      // And so does what the keyboard is at.
      await page.locator("#connections button").focus();
      await until(() => Promise.resolve(n > before + 60));
      assertEquals(await page.evaluate("document.activeElement.textContent.includes('#1')"), true);
      // The space bar presses at its end.
      await page.keyboard.press(" ", { delay: 300 });
      await page.waitForSelector("#connections button[aria-pressed=false]", { timeout: 2000 });
    } finally {
      clearInterval(busy);
    }
  },
);

liveTest(
  "the live page shows no byte as something that it is not",
  async ({ page, open, data }) => {
    open(1);
    data(1, "client", "\ufeff<b>bold</b>\x1b[31m\u202e\u200b\0\r\r\nnext\t\xadend");
    data(1, "server", new Uint8Array([0x41, 0xff, 0xc3]));
    await page.waitForSelector("#rows >> text=bold");
    assertEquals((await texts(page)).slice(1), [
      "\\ufeff<b>bold</b>\\x1b[31m\\u202e\\u200b\\0\\r \u21b5 next\t\\xadend",
      "A\ufffd\ufffd",
    ]);
    await page.click("#rows tr:nth-child(2)");
    await page.waitForSelector("#hex >> text=/^00000000 ef bb bf 3c 62 3e 62 6f {2}6c/");
    assertEquals(await page.locator("#rows b, #detail b").count(), 0);
  },
);

liveTest(
  "the live page counts what waits while it is paused, and begins anew with a new tracer",
  async (live) => {
    const { page, open, data } = live;
    open(1);
    data(1, "client", "before");
    await page.waitForSelector("#rows >> text=before");
    await page.click("#rows tr:nth-child(2)");
    await page.click("#connections button");
    await page.waitForSelector("#detail:visible");
    await page.click("text=Pause");
    data(1, "client", "meanwhile");
    await page.waitForSelector("#state >> text=paused: 1 wait");
    // Its connection is lost, and comes back to the same tracer.
    const lost = live.route;
    await lost.close();
    await page.waitForSelector("#state.off >> text=not connected to the tracer");
    await until(() => Promise.resolve(live.route !== lost));
    data(1, "client", "in the meantime");
    await page.waitForSelector("#state:not(.off) >> text=paused: 2 wait");
    const port = Number(new URL(live.sink.url).port);
    await live.sink.close();
    await page.waitForSelector("#state.off >> text=not connected to the tracer");
    live.sink = await createWebSink({ port });
    await page.waitForSelector("#state:not(.off)");
    await page.click("text=Resume");
    await page.waitForSelector("text=Nothing yet. Connect a client to the tracer.");
    assert(await page.locator("#detail").isHidden());
    open(7);
    data(7, "client", "after");
    await page.waitForSelector("#rows >> text=after");
    assertEquals(await page.textContent("#state"), "1 open, 1 in all, 2 events");
  },
);

liveTest(
  "the live page finds text as it is written, and keeps the last search that can be",
  async ({ page, open, data, tell }) => {
    open(1);
    data(1, "client", "costs $5.00 (net) [or so] ^ a|b {1} \\\\d?*+");
    data(1, "client", "COSTS 5x00");
    data(1, "server", new Uint8Array([0xde, 0xad, 0xbe, 0xef]));
    tell({ type: "error", connection: 1, side: "server", error: new Error("refused by it") });
    await page.waitForSelector("#rows >> text=refused");
    const found = async (sought: string, count: number) => {
      await page.fill("#search", sought);
      await until(async () => (await texts(page)).length === count);
    };
    for (
      const sought of [
        "$5.00 (NET) [or",
        "^ a|b {1} \\\\d?*+",
        "/\\$5\\.00/",
        "refused BY",
        "/refused B./i",
        "DE AD",
        "be ef",
      ]
    ) {
      await found(sought, 1);
      assertEquals(await page.locator("#search.bad").count(), 0);
    }
    await found("ad de", 0);
    await found("ef 00", 0);
    await found("/costs/i", 2);
    await found("/costs/", 1);
    // Halfway through an expression the last one holds.
    await page.fill("#search", "/5x(/");
    await page.waitForSelector("#search.bad");
    assertEquals((await texts(page)).length, 1);
    await found("00", 3);
    assertEquals(await page.locator("#search.bad").count(), 0);
    // What is found is marked in what is looked at, once for each place.
    await page.click("#rows tr:nth-child(3)");
    await page.fill("#search", "/(?<digit>\\d)x?|O/i");
    await until(async () => await page.locator("#text mark").count() === 4);
    assertEquals(await page.locator("#text mark").allTextContents(), ["O", "5x", "0", "0"]);
    assertEquals(await page.textContent("#text"), "COSTS 5x00");
    await page.fill("#search", "");
    await until(async () => await page.locator("#text mark").count() === 0);
    // One direction: what is of none stays.
    await page.selectOption("#side", "client");
    await until(async () => (await texts(page)).length === 3);
    await page.selectOption("#side", "server");
    await until(async () => await page.locator("#rows tr.client").count() === 0);
    assertEquals((await texts(page)).length, 3);
  },
);

liveTest(
  "the live page is walked through with the keyboard, and follows while its end is in sight",
  async ({ page, open, data }) => {
    open(1);
    for (let i = 0; i < 700; i++) data(1, i % 2 ? "server" : "client", `piece ${i}`);
    await page.waitForSelector("#rows >> text=piece 699");
    assertEquals((await texts(page))[0], "piece 200");
    const atEnd = () =>
      page.evaluate(
        "(({ scrollTop, clientHeight, scrollHeight }) => scrollTop + clientHeight > scrollHeight - 5)(document.querySelector('#events'))",
      );
    await until(async () => await atEnd() === true);
    await page.click("#rows tr:nth-child(499)");
    const what = "#what >> text=";
    await page.waitForSelector(`${what}10.0.0.1:1001  client → server  9 bytes at 0`);
    await page.keyboard.press("ArrowUp");
    await page.waitForSelector("#text >> text=piece 697");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector("#text >> text=piece 699");
    assertEquals(
      await page.locator("#rows tr[aria-selected=true]").allInnerTexts(),
      await page.locator("#rows tr:last-child").allInnerTexts(),
    );
    data(1, "client", "the next");
    await page.waitForSelector("#rows >> text=the next");
    await until(async () => await atEnd() === true);
    // Who looks at what was before is not taken away from it.
    await page.evaluate("document.querySelector('#events').scrollTop = 50");
    await new Promise((resolve) => setTimeout(resolve, 100));
    data(1, "client", "another");
    await page.waitForSelector("#rows >> text=another", { state: "attached" });
    assertEquals(await page.evaluate("document.querySelector('#events').scrollTop"), 50);
    // In a field the keys are the field's.
    await page.keyboard.press("/");
    await page.keyboard.type("/9");
    assertEquals(await page.inputValue("#search"), "/9");
    await page.keyboard.press("ArrowUp");
    assertEquals(await page.textContent("#text"), "piece 699");
  },
);

liveTest(
  "the live page tells how much there is of a piece, and how each connection fares",
  async ({ page, open, data, tell }) => {
    for (const connection of [1, 2, 3]) open(connection);
    data(1, "client", "x".repeat(50));
    tell({
      type: "data",
      connection: 1,
      from: "server",
      bytes: new Uint8Array(40).fill(0x7f),
      offset: 0x1230,
      decoded: false,
    });
    tell({
      type: "data",
      connection: 1,
      from: "client",
      bytes: new Uint8Array(1_500_000),
      offset: 50,
      decoded: true,
    });
    tell({
      type: "message",
      connection: 1,
      from: "client",
      kind: "text",
      bytes: new TextEncoder().encode("hello\nyou"),
      size: 9,
      frames: 2,
      compressed: true,
    });
    tell({
      type: "message",
      connection: 1,
      from: "server",
      kind: "text",
      bytes: new TextEncoder().encode("42[1]"),
      size: 5,
      frames: 1,
      compressed: false,
      packet: "EVENT [1]",
    });
    tell({ type: "error", connection: 2, side: "client", error: new Error("oh") });
    tell({ type: "close", connection: 3 });
    await until(async () => await page.locator("#connections .dot.over").count() === 1);
    assertEquals(
      await page.locator("#connections .dot").evaluateAll((all) =>
        all.map((dot) =>
          `${(dot as unknown as { className: string }).className} ${
            (dot as unknown as { title: string }).title
          }`
        )
      ),
      ["dot over closed", "dot bad open", "dot open"],
    );
    assertEquals(await page.locator("#connections .sizes").allTextContents(), [
      "↑ 0 B  ↓ 0 B",
      "↑ 0 B  ↓ 0 B",
      "↑ 1.5 MB  ↓ 40 B",
    ]);
    assertEquals(await page.textContent("#state"), "2 open, 3 in all, 10 events");
    const all = await page.locator("#rows tr").evaluateAll((rows) =>
      rows.map((row) =>
        [
          (row as unknown as { className: string }).className,
          ...[...(row as unknown as { children: Iterable<{ textContent: string }> }).children]
            .slice(1).map((cell) => cell.textContent),
        ].join("|")
      )
    );
    assertEquals(all.slice(3, 7), [
      `client|#1|→|50|${"x".repeat(32)}`,
      `server|#1|←|40|${"\\x7f".repeat(32)}`,
      "client message|#1|→|9|[text, 2 frames, compressed] hello ↵ you",
      "server message|#1|←|5|[text] EVENT [1]",
    ]);
    assertMatch(all[7], /^bad\|#2\|.*oh/);
    assertMatch(all[8], /^status\|#3\|\|\|/);
    await page.click("#rows tr:nth-child(5)");
    await page.waitForSelector("#detail:visible");
    const line = `${" 7f".repeat(8)} ${" 7f".repeat(8)}  ${".".repeat(16)}`;
    assertEquals(
      await page.textContent("#hex"),
      `00001230${line}\n00001240${line}\n(8 more bytes)`,
    );
    assertMatch(
      (await page.textContent("#what"))!,
      /^\S+ {2}#1 {2}10\.0\.0\.1:1001 {2}client ← server {2}40 bytes at 4656$/,
    );
  },
  { maxBytes: 32 },
);

liveTest(
  "the live page chooses what is clicked on in its timeline, in the lane of its connection",
  async ({ page, open, data, tell }) => {
    open(1);
    data(1, "client", "first of one");
    open(2);
    data(2, "server", "last of two");
    await page.waitForSelector("#rows >> text=last of two");
    await settled(page);
    const { width, height, x, y } = (await page.locator("#timeline").boundingBox())!;
    // The lanes stand between the margins of the canvas; time goes from left to right.
    const lane = (i: number, of: number) => y + 4 + (height - 20) * (i + 0.5) / of;
    await page.mouse.click(x + width - 14, lane(1, 2) + 3);
    await page.waitForSelector("#text >> text=last of two");
    await page.mouse.click(x + 46, lane(0, 2));
    await page.waitForSelector("#what >> text=client (10.0.0.1:1001) connects");
    // Far from everything nothing is chosen.
    await page.mouse.click(x + width / 2 + 60, lane(0, 2) - 15);
    await settled(page);
    await page.waitForSelector("#what >> text=client (10.0.0.1:1001) connects");
    await page.click("#connections button:has-text('#1')");
    await page.waitForSelector("#connections button[aria-pressed=true]");
    await settled(page);
    await page.mouse.click(x + width - 14, lane(0, 1) - 3);
    await page.waitForSelector("#text >> text=first of one");
    // With Clear it is empty.
    const drawn = () =>
      page.evaluate(`(() => {
      const canvas = document.querySelector("canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value) => value > 0);
    })()`);
    assertEquals(await drawn(), true);
    await page.click("text=Clear");
    await until(async () => await drawn() === false);
    assert(await page.locator("#detail").isHidden());
    await page.waitForSelector("text=Nothing yet. Connect a client to the tracer.");
    tell({ type: "close", connection: 1 });
    await page.waitForSelector("#state >> text=1 open, 2 in all, 1 events");
  },
);

liveTest("the live page counts what it has missed", async (live) => {
  const { page, open, data } = live;
  open(1);
  await page.waitForSelector("#state >> text=1 events");
  const lost = live.route;
  await lost.close();
  for (let i = 0; i < 100; i++) data(1, "client", `${i}`);
  await until(() => Promise.resolve(live.route !== lost));
  await page.waitForSelector("#state >> text=/, [1-9]\\d* missed$/");
  const state = (await page.textContent("#state"))!;
  const [, events, missed] = /(\d+) events, (\d+) missed/.exec(state)!;
  assertEquals(Number(events) + Number(missed), 101);
  // Who comes late has missed nothing of what it could have.
  await page.reload();
  await page.waitForSelector("#state >> text=/^1 open, 1 in all, 1[0-2] events$/");
  await page.click("text=Clear");
  await page.waitForSelector("#state >> text=/ 0 events$/");
}, { maxEvents: 10 });
