import { assert, assertEquals, assertLess, assertMatch, assertRejects } from "@std/assert";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebEvent } from "../../trace/_web_event.ts";
import { TraceError } from "../../trace/errors.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";
import { createWebSink, type WebSink } from "../../trace/web_sink.ts";

const base = { time: 0, connection: 1 };
const END: TraceEvent = { ...base, type: "end", from: "client" };

function data(size: number): TraceEvent {
  const bytes = new Uint8Array(size).fill(120);
  return { ...base, type: "data", from: "client", bytes, offset: 0, decoded: false };
}

type Socket = Awaited<ReturnType<typeof connectWebSocket>>;

async function open(sink: WebSink): Promise<Socket> {
  const ws = await connectWebSocket(`${sink.url.replace("http", "ws")}events`, {
    maxMessageSize: 4 << 20,
  });
  const hello = JSON.parse(String((await ws.receive({ timeout: 5000 })).data));
  assertMatch(hello.run, /^[0-9a-f-]{36}$/);
  return ws;
}

async function events(ws: Socket, count: number): Promise<WebEvent[]> {
  const all: WebEvent[] = [];
  while (all.length < count) {
    all.push(...JSON.parse(String((await ws.receive({ timeout: 5000 })).data)));
  }
  return all;
}

/** A request with a header that `fetch` does not let one set. */
async function request(url: string, host: string, path = "/", more = ""): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  await conn.write(new TextEncoder().encode(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more || "Connection: close\r\n"}\r\n`,
  ));
  let text = "";
  const p = new Uint8Array(65_536);
  for (let n; !text.includes("\r\n\r\n") && (n = await conn.read(p)) !== null;) {
    text += new TextDecoder().decode(p.subarray(0, n));
  }
  conn.close();
  return text.split("\r\n", 1)[0];
}

Deno.test("the live page is served with a policy that lets nothing else in", async () => {
  const sink = await createWebSink({ title: 'a "b" <c> $&' });
  const response = await fetch(sink.url);
  const page = await response.text();
  const policy = response.headers.get("content-security-policy")!;
  const [, nonce] = /script-src 'nonce-([^']+)'/.exec(policy)!;
  assertMatch(policy, /^default-src 'none'; .*connect-src 'self'/);
  for (const what of ["base-uri", "form-action", "frame-ancestors"]) {
    assert(policy.includes(`; ${what} 'none'`), what);
  }
  for (
    const [name, value] of [
      ["cache-control", "no-store"],
      ["cross-origin-opener-policy", "same-origin"],
      ["cross-origin-resource-policy", "same-origin"],
      ["referrer-policy", "no-referrer"],
      ["x-content-type-options", "nosniff"],
    ]
  ) assertEquals(response.headers.get(name), value);
  assertEquals(page.split(`nonce="${nonce}"`).length, 3);
  assert(page.includes("<title>a &#34;b&#34; &#60;c&#62; $&#38;</title>"));
  const again = await fetch(sink.url);
  assert(!(await again.text()).includes(nonce));
  await sink.close();
});

Deno.test("the live page is for this machine, by its own names", async () => {
  const sink = await createWebSink();
  assertEquals(await request(sink.url, "localhost:1"), "HTTP/1.1 200 OK");
  assertEquals(await request(sink.url, "[::1]:1"), "HTTP/1.1 200 OK");
  assertEquals(await request(sink.url, "127.1.2.3"), "HTTP/1.1 200 OK");
  assertEquals(await request(sink.url, "evil.example"), "HTTP/1.1 403 Forbidden");
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const answers = await Promise.all(
    ["localhost", "evil.example"].map((host) => request(sink.url, host, "/events", upgrade)),
  );
  assertEquals(answers, ["HTTP/1.1 101 Switching Protocols", "HTTP/1.1 403 Forbidden"]);
  const head = await fetch(sink.url, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  assertEquals(await request(sink.url, "127.0.0.1.evil.example"), "HTTP/1.1 403 Forbidden");
  assertEquals(await request(sink.url, "localhost", "/x"), "HTTP/1.1 404 Not Found");
  const post = await fetch(sink.url, { method: "POST", body: "x" });
  assertEquals(post.status, 405);
  await post.body?.cancel();
  const url = `${sink.url.replace("http", "ws")}events`;
  await assertRejects(() => connectWebSocket(url, { headers: { origin: "http://evil.example" } }));
  await sink.close();
});

Deno.test("a page gets what happened before it was opened, and then what happens", async () => {
  const sink = await createWebSink({ maxBytes: 2 });
  sink.event(END);
  sink.event(data(3));
  await using ws = await open(sink);
  const before = await events(ws, 2);
  assertEquals(before.map(({ n, type }) => [n, type]), [[0, "end"], [1, "data"]]);
  assertEquals([before[1].size, before[1].bytes], [3, "eHg="]);
  sink.event(END);
  assertEquals((await events(ws, 1))[0].n, 2);
  await sink.close();
});

Deno.test("what comes too fast is counted, not told", async () => {
  const sink = await createWebSink();
  await using ws = await open(sink);
  const size = 10_000;
  for (let i = 0; i < 5000; i++) sink.event(data(size));
  sink.event(END);
  const got: WebEvent[] = [];
  let told = 0;
  while (told < 5000 * size) {
    const more = await events(ws, 1);
    got.push(...more);
    for (const event of more) if (event.type !== "end") told += event.size!;
  }
  assertEquals(told, 5000 * size);
  assertLess(got.length, 1500);
  assertEquals(got.filter(({ type }) => type === "skipped").length, 1);
  assertMatch(got.at(-1)!.text!, /^\d+ pieces came too fast to be shown$/);
  // Once; messages, whose bytes were counted, not again; and with time there is room again.
  const bytes = new Uint8Array(size);
  const later: WebEvent[] = [];
  const message = { kind: "text", bytes, size, frames: 1, compressed: false } as const;
  for (let i = 0; i < 5000; i++) {
    sink.event({ ...base, type: "message", from: "client", ...message });
  }
  sink.event(END);
  while (later.at(-1)?.type !== "end") later.push(...await events(ws, 1));
  sink.event(END);
  while (later.filter(({ type }) => type === "end").length < 2) later.push(...await events(ws, 1));
  assertEquals(later.filter(({ type }) => type === "skipped" || type === "data").length, 0);
  const deadline = performance.now() + 20_000;
  for (let shown = false; !shown;) {
    assertLess(performance.now(), deadline);
    sink.event(data(1));
    shown = (await events(ws, 1)).some(({ type }) => type === "data");
  }
  await sink.close();
});

Deno.test("a live page is for so many, and no more", async () => {
  const sink = await createWebSink();
  const all = await Promise.all(Array.from({ length: 64 }, () => open(sink)));
  await assertRejects(() => open(sink));
  await sink.close();
  for (const ws of all) ws.terminate();
});

Deno.test("no more events are kept than may be", async () => {
  const sink = await createWebSink({ maxEvents: 100 });
  await using first = await open(sink);
  for (let i = 0; i < 1000; i++) sink.event(END);
  assertEquals((await events(first, 1000)).length, 1000);
  await using second = await open(sink);
  const kept = await events(second, 100);
  assert(kept.length >= 100 && kept.length <= 125, `${kept.length}`);
  assertEquals(kept.at(-1)!.n, 999);
  await sink.close();
});

Deno.test("a page that is opened later gets all that is kept, whatever the text", async () => {
  const sink = await createWebSink();
  const error = new Error("\u6f22".repeat(80_000));
  for (let i = 0; i < 110; i++) sink.event({ ...base, type: "error", side: "server", error });
  await using ws = await open(sink);
  sink.event(END);
  const got = await events(ws, 1);
  while (got.at(-1)!.type !== "end") got.push(...await events(ws, 1));
  assertEquals(got.map(({ n }) => n), got.map((_, i) => 111 - got.length + i));
  await sink.close();
});

Deno.test("closing tells the pages, and closes once", async () => {
  const sink = await createWebSink();
  await using ws = await open(sink);
  sink.event(END);
  const closing = sink.close();
  assertEquals((await events(ws, 1)).length, 1);
  const { code, reason } = await ws.receive({ timeout: 5000 });
  assertEquals([code, reason], [1001, "the tracer has stopped"]);
  await closing;
  await sink.close();
  sink.event(END);
});

Deno.test("a port that is taken and limits that are none are refused", async () => {
  const sink = await createWebSink();
  const port = Number(new URL(sink.url).port);
  const error = await assertRejects(() => createWebSink({ port }), TraceError);
  assertEquals(error.code, "ERR_TRACE_LISTEN");
  await assertRejects(() => createWebSink({ maxBytes: -1 }), RangeError);
  await assertRejects(() => createWebSink({ maxEvents: 0 }), RangeError);
  await assertRejects(() => createWebSink({ port: 65_536 }), RangeError);
  await sink.close();
});

Deno.test("live page refuses options that there are not", async () => {
  const open = { hostname: "0.0.0.0" } as object;
  await assertRejects(() => createWebSink(open), TypeError, "this machine only");
});
