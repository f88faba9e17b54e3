import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { connectSocketIo } from "../../socketio/connect.ts";
import { BROWSER_TEST, openBrowser } from "../_support/browser.ts";
import { type Peer, peerTest, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const EXAMPLES = ["express", "hono"];

const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"], cwd: root });
const { npmCache } = JSON.parse(new TextDecoder().decode((await info.output()).stdout));

/** Starts an example as its first lines say. Returns it and its address. */
async function start(name: string): Promise<[Peer, string]> {
  const file = `examples/socketio_${name}.ts`;
  const said = /deno run (.*) examples/.exec(await Deno.readTextFile(`${root}/${file}`))![1];
  const permissions = said.split(" ")
    .map((word) => word.replaceAll("$HOME/.cache/deno/npm", npmCache));
  const server = await spawnPeer(
    Deno.execPath(),
    ["run", "--quiet", "--no-prompt", ...permissions, file, "--port=0"],
    { cwd: root, stopSignal: "SIGINT", ready: /http:\S+\//, timeout: 60_000 },
  );
  return [server, /http:\S+/.exec(server.stdout)![0]];
}

function post(url: string, body: string): Promise<Response> {
  return fetch(new URL("news", url), {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body,
  });
}

for (const name of EXAMPLES) {
  peerTest(`${name} example: posts of HTTP reach sockets over each transport`, {
    needs: [`npm:${name}`],
  }, async () => {
    const [server, url] = await start(name);
    await using _ = server;
    const page = await fetch(url);
    assertMatch(page.headers.get("content-type")!, /^text\/html/);
    assertStringIncludes(await page.text(), "socket.io.js");
    const script = await fetch(new URL("socket.io/socket.io.js", url));
    assertStringIncludes(await script.text(), "Socket.IO v4");

    const sockets = (["polling", "websocket"] as const).map((transport) =>
      connectSocketIo(url, { transports: [transport] })
    );
    for (const socket of sockets) {
      assertEquals(await socket.emitWithAck("hello", name), `hello, ${name}`);
    }
    const news = sockets.map((socket) =>
      new Promise((resolve) => {
        socket.on("news", resolve);
      })
    );
    const sent = await post(url, "It rains 🌧");
    assertEquals([sent.status, await sent.json()], [200, { sentTo: 2 }]);
    assertEquals(await Promise.all(news), ["It rains 🌧", "It rains 🌧"]);
    const empty = await post(url, " ");
    assertEquals(empty.status, 400);
    await empty.body?.cancel();
    const elsewhere = await fetch(new URL("nothing", url));
    assertEquals(elsewhere.status, 404);
    await elsewhere.body?.cancel();
    for (const socket of sockets) socket.disconnect();

    // On Windows no process can send Ctrl-C to another one.
    if (Deno.build.os === "windows") return;
    // Ctrl-C ends it by itself, also while a browser holds a connection that it has not used.
    using _unused = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
    await (await fetch(url)).body?.cancel();
    server.kill("SIGINT");
    assertEquals((await server.status).code, 0);
    assertEquals(server.stderr, "");
  });

  peerTest(`${name} example: the page shows the news`, {
    ...BROWSER_TEST,
    needs: [...BROWSER_TEST.needs, `npm:${name}`],
  }, async () => {
    const [server, url] = await start(name);
    await using _ = server;
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(60_000);
      const upgraded = page.waitForEvent("websocket");
      await page.goto(url);
      const socket = await upgraded;
      await socket.waitForEvent("framereceived");
      await (await post(url, "<i>first</i>")).body?.cancel();
      await page.waitForSelector("text=<i>first</i>");
      await (await post(url, "second")).body?.cancel();
      await page.waitForSelector("li:nth-child(2)");
      assertEquals(await page.locator("li").allTextContents(), ["second", "<i>first</i>"]);
    } finally {
      await browser.close();
    }
    assertEquals(server.stderr, "");
  });
}

peerTest("hono example: a text that is too long is refused before it has come as a whole", {
  needs: ["npm:hono"],
}, async () => {
  const [server, url] = await start("hono");
  await using _ = server;
  const longest = await post(url, "a".repeat(4096));
  assertEquals([longest.status, await longest.json()], [200, { sentTo: 0 }]);
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(4097).fill(97)), // and it does not end
  });
  const signal = AbortSignal.timeout(10_000);
  const tooLong = await fetch(new URL("news", url), { method: "POST", body, signal });
  assertEquals(tooLong.status, 413);
  await tooLong.body?.cancel();
});
