import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { attachWebSocket } from "../../websocket/attach.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import type { WebSocketServer } from "../../websocket/server.ts";
import { upgradeWebSocket } from "../../websocket/upgrade.ts";
import { identity } from "../_support/certs.ts";
import { CHROMIUM_NEEDS, startChromium } from "../_support/chromium.ts";
import { peerTest } from "../_support/peers.ts";
import {
  CORPUS_SIZE,
  expectedReport,
  recordingHandler,
  standardClient,
  type WebSocketPeerReport,
} from "../_support/websocket_interop.ts";
import { serve } from "../_support/websocket_server.ts";

const html = new Headers({ "content-type": "text/html" });
const PAGE = "<!doctype html><title>A page beside a socket</title><h1>Hello</h1>";

/** A server with a page beside its sockets. */
function servePage(options: ServeWebSocketOptions): Promise<WebSocketServer> {
  return serve({ ...options, handler: () => new Response(PAGE, { headers: html }) });
}

/** Runs the client in a page. Browsers send neither fragments nor pings of their own. */
async function runClient(page: Page, url: string): Promise<[WebSocketPeerReport, string]> {
  const { extensions, ...report } = await page.evaluate(standardClient, { url, frames: true });
  const { sentFragments: _, pong: __, ...expected } = expectedReport(report.compressed!);
  assertEquals(report, expected);
  assertEquals(report.echoed, CORPUS_SIZE);
  return [report, extensions];
}

const sets: [string, ServeWebSocketOptions["perMessageDeflate"], RegExp][] = [
  ["uncompressed", false, /^$/],
  ["compressed", true, /^permessage-deflate$/],
  ["compressed without takeover, in small windows", {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 9,
    clientMaxWindowBits: 10,
    threshold: 0,
  }, /server_no_context_takeover.*client_max_window_bits=10/],
];

for (const [how, perMessageDeflate, extensions] of sets) {
  peerTest(`Chromium talks with the server that its page comes from, ${how}`, {
    needs: CHROMIUM_NEEDS,
  }, async () => {
    const { handler, ends } = recordingHandler();
    await using server = await servePage({ protocols: { interop: handler }, perMessageDeflate });
    await using chromium = await startChromium();
    const { page } = chromium;
    await page.goto(`http://127.0.0.1:${server.port}/`);
    assertEquals(await page.textContent("h1"), "Hello");
    const [report, agreed] = await runClient(page, `ws://127.0.0.1:${server.port}/chat?a=b`);
    assertEquals(report.compressed, perMessageDeflate !== false);
    assertMatch(agreed, extensions);
    const infos = await Promise.all(ends);
    assertEquals(
      infos.map(({ wasClean, code, reason, error }) => [wasClean, code, reason, error?.code]),
      [
        [true, 4001, "bye ✓", undefined],
        [true, 4002, "so long", undefined],
        [false, 1006, "", undefined],
        [false, 1006, "", "MESSAGE_TOO_BIG"],
      ],
    );
  });
}

peerTest("Chromium talks wss with the server that its page comes from", {
  needs: CHROMIUM_NEEDS,
}, async () => {
  const { handler } = recordingHandler();
  await using server = await servePage({
    protocols: { interop: handler },
    perMessageDeflate: true,
    tls: identity("server"),
  });
  await using chromium = await startChromium({ ignoreHTTPSErrors: true });
  await chromium.page.goto(`https://127.0.0.1:${server.port}/`);
  await runClient(chromium.page, `wss://127.0.0.1:${server.port}/`);
});

peerTest("Chromium talks with WebSockets attached to a node:http server", {
  needs: CHROMIUM_NEEDS,
}, async () => {
  const { handler } = recordingHandler();
  const http = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(PAGE);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  {
    await using _server = attachWebSocket(http, {
      protocols: { interop: handler },
      perMessageDeflate: true,
    });
    await using chromium = await startChromium();
    await chromium.page.goto(`http://127.0.0.1:${port}/`);
    await runClient(chromium.page, `ws://127.0.0.1:${port}/`);
  }
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

peerTest("Chromium talks with WebSockets of a Deno.serve handler", {
  needs: CHROMIUM_NEEDS,
}, async () => {
  const { handler, ends } = recordingHandler();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request, info) => {
      if (request.headers.get("upgrade") === null) return new Response(PAGE, { headers: html });
      const { response, socket } = upgradeWebSocket(request, { info, protocols: ["interop"] });
      handler(socket);
      return response;
    },
  );
  {
    await using chromium = await startChromium();
    const { page } = chromium;
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    // The runtime's own WebSocket sends no pings and no fragments, and only some of the close codes.
    const url = `ws://127.0.0.1:${server.addr.port}/`;
    const report = await page.evaluate(standardClient, { url, frames: false });
    assertEquals([report.protocol, report.extensions], ["interop", ""]);
    assertEquals([report.echoed, report.inOrder], [CORPUS_SIZE, true]);
    assertEquals(report.closed, [4001, "bye ✓"]);
    assertEquals(report.closedByServer, [4002, "so long"]);
    assertEquals(report.tooBig, 4009);
    const infos = await Promise.all(ends);
    assertEquals(infos.map(({ code }) => code), [4001, 4002, 1006, 4009]);
  }
  await server.shutdown();
});

peerTest("Chromium is refused from a page of another host, and its request told apart", {
  needs: CHROMIUM_NEEDS,
}, async () => {
  const { handler, ends } = recordingHandler();
  await using server = await servePage({ protocols: { interop: handler } });
  await using elsewhere = await servePage({ default: () => {} });
  await using chromium = await startChromium();
  const { page, errors } = chromium;
  await page.goto(`http://127.0.0.1:${elsewhere.port}/`);
  const code = await page.evaluate((url: string) =>
    new Promise<number>((resolve) => {
      new WebSocket(url, "interop").onclose = (event) => resolve(event.code);
    }), `ws://127.0.0.1:${server.port}/`);
  assertEquals(code, 1006);
  assertStringIncludes(errors.join("\n"), "403");
  assertEquals(ends.length, 0);
});

/** Whether a promise is still pending after a second without any progress. */
async function isStuck(promise: Promise<unknown>): Promise<boolean> {
  let timer;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(resolve, 1000, true));
  const stuck = await Promise.race([promise.then(() => false), late]);
  clearTimeout(timer);
  return stuck;
}

peerTest(
  "Chromium's WebSocketStream is held back while our server does not read, and the other way round",
  {
    needs: CHROMIUM_NEEDS,
  },
  async () => {
    const stuck = Promise.withResolvers<number>();
    const received = Promise.withResolvers<number>();
    let stopped: WebSocketConnection | undefined;
    await using server = await servePage({
      protocols: {
        /** Sends 200 MiB, and tells where it could not go on. */
        source: async (ws) => {
          const chunk = new Uint8Array(1 << 20);
          for (let sent = 0; sent < 200; sent++) {
            const sending = ws.send(chunk);
            if (await isStuck(sending)) stuck.resolve(sent);
            await sending;
          }
          stuck.resolve(200);
          await ws.close();
        },
        /** Does not read until it is told to. */
        sink: (ws) => {
          ws.pause();
          stopped = ws;
          let bytes = 0;
          ws.on("message", (data) => bytes += data.length);
          ws.on("close", () => received.resolve(bytes));
        },
      },
    });
    await using chromium = await startChromium();
    const { page } = chromium;
    await page.goto(`http://127.0.0.1:${server.port}/`);
    const url = `ws://127.0.0.1:${server.port}/`;

    await page.evaluate(`(async () => {
    source = await new WebSocketStream("${url}", { protocols: ["source"] }).opened;
  })()`);
    assert(await stuck.promise < 100, `${await stuck.promise} MiB were sent to nobody`);
    const chunks = await page.evaluate(`(async () => {
    let chunks = 0;
    for await (const data of source.readable) chunks += data.byteLength === 1 << 20 ? 1 : NaN;
    return chunks;
  })()`);
    assertEquals(chunks, 200);

    const isWriting = page.waitForEvent("console", (message) => message.text() === "stuck");
    const writing = page.evaluate(`(async () => {
    const { writable } = await new WebSocketStream("${url}", { protocols: ["sink"] }).opened;
    const writer = writable.getWriter();
    for (let written = 0; written < 200; written++) {
      const done = writer.write(new Uint8Array(1 << 20));
      const late = new Promise((resolve) => setTimeout(resolve, 1000, true));
      const stuck = await Promise.race([done.then(() => false), late]);
      if (!stuck) continue;
      console.log("stuck");
      await done;
      await writer.close();
      return written + 1;
    }
  })()`);
    await isWriting;
    stopped!.resume();
    const written = await writing as number;
    assert(written < 100, `${written} MiB were written to nobody`);
    assertEquals(await received.promise, written << 20);
  },
);
