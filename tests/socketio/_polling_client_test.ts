import { assert, assertEquals, assertFalse, assertInstanceOf, assertMatch } from "@std/assert";
import type { ClientTransport, ClientTransportHost } from "../../socketio/_client_transport.ts";
import { CookieJar } from "../../socketio/_cookie_jar.ts";
import { PollingClient, transportUrl } from "../../socketio/_polling_client.ts";
import type { EnginePacket } from "../../socketio/engine_packet.ts";
import { SocketIoError } from "../../socketio/errors.ts";

const LIMIT = 100;

/** A request whose response is the test's. */
interface Asked {
  url: string;
  init: RequestInit;
  /** Answers, and waits until the client has worked that off. */
  answer(body: BodyInit | null, status?: number): Promise<void>;
  fail(error: unknown): Promise<void>;
}

class Host implements ClientTransportHost {
  opens = 0;
  drains = 0;
  readonly packets: EnginePacket[] = [];
  readonly closes: (Error | undefined)[] = [];
  onPacket: ((packet: EnginePacket) => void) | undefined;
  onTransportOpen(): void {
    this.opens++;
  }
  onTransportPacket(_transport: ClientTransport, packet: EnginePacket): void {
    this.packets.push(packet);
    this.onPacket?.(packet);
  }
  onTransportDrain(): void {
    this.drains++;
  }
  onTransportClose(_transport: ClientTransport, error: Error | undefined): void {
    this.closes.push(error);
  }
}

/** Lets everything go on that waits for nothing from outside. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Rig {
  client: PollingClient;
  host: Host;
  asked: Asked[];
  /** The requests of a method that were made. */
  all(method: string): Asked[];
}

function rig(
  options: { sid?: string; headers?: Record<string, string>; cookies?: boolean } = {},
): Rig {
  const asked: Asked[] = [];
  const stub = (url: URL, init: RequestInit): Promise<Response> => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    init.signal!.addEventListener("abort", () => reject(init.signal!.reason));
    asked.push({
      url: url.href,
      init,
      answer(body, status = 200) {
        resolve(new Response(body, { status }));
        return settle();
      },
      fail(error) {
        reject(error);
        return settle();
      },
    });
    return promise;
  };
  const host = new Host();
  const client = new PollingClient({
    url: new URL("http://localhost/engine/?x=1"),
    headers: options.headers,
    withCredentials: options.cookies ?? false,
    fetch: stub as typeof fetch,
    WebSocket,
    maxHttpBufferSize: LIMIT,
  }, host);
  client.sid = options.sid;
  return {
    client,
    host,
    asked,
    all: (method) => asked.filter(({ init }) => init.method === method),
  };
}

const message = (data: string | Uint8Array): EnginePacket => ({ type: "message", data });

Deno.test("polling keeps no cookies of where a redirect led", async () => {
  const jar = new CookieJar();
  const answers = [true, false].map((redirected) => {
    const response = new Response(null, {
      status: 500,
      headers: { "set-cookie": `a=${redirected}` },
    });
    return Object.defineProperty(response, "redirected", { value: redirected });
  });
  for (const [i, cookies] of [undefined, { Cookie: "a=false" }].entries()) {
    const client = new PollingClient({
      url: new URL("http://localhost/engine/"),
      headers: undefined,
      withCredentials: true,
      cookies: jar,
      fetch: () => Promise.resolve(answers[i]),
      WebSocket,
      maxHttpBufferSize: LIMIT,
    }, new Host());
    client.open();
    await settle();
    assertEquals(jar.addTo(undefined, 0), cookies);
  }
});

Deno.test("polling follows a redirect of its first request only, and none with headers of the program", async () => {
  const first = rig();
  first.client.open();
  assertEquals(first.asked[0].init.redirect, "follow");
  const session = rig({ sid: "s" });
  session.client.open();
  session.client.send([{ type: "message", data: "x" }]);
  assertEquals(session.asked.map(({ init }) => init.redirect), ["error", "error"]);
  const headers = rig({ headers: { "x-api-key": "k" } });
  headers.client.open();
  assertEquals(headers.asked[0].init.redirect, "error");
  for (const { asked } of [first, session, headers]) await asked[0].fail(new TypeError("gone"));
  await session.asked[2].fail(new TypeError("gone"));
});

Deno.test("a transport's URL keeps the query, and has a session when there is one", () => {
  const base = new URL("http://localhost/engine/?x=1&sid=old");
  assertEquals(
    transportUrl(base, "polling", "a b").href,
    "http://localhost/engine/?x=1&sid=a+b&EIO=4&transport=polling",
  );
  assertEquals(base.search, "?x=1&sid=old", "the URL given is not changed");
});

Deno.test("polling client polls again and again, each time with its session", async () => {
  const { client, host, asked } = rig({ headers: { "x-a": "b" }, cookies: true });
  host.onPacket = ({ type }) => {
    if (type === "open") client.sid = "abc";
  };
  client.open();
  assertEquals(asked[0].url, "http://localhost/engine/?x=1&EIO=4&transport=polling");
  const { method, headers, credentials, cache, body } = asked[0].init;
  assertEquals([method, headers, credentials, cache, body], [
    "GET",
    { "x-a": "b" },
    "include",
    "no-store",
    undefined,
  ]);
  assert(!client.writable, "there is no session yet");
  await asked[0].answer("0{}");
  assert(client.writable);
  const next = "http://localhost/engine/?x=1&EIO=4&transport=polling&sid=abc&seq=";
  assertEquals(asked[1].url, `${next}0`);
  await asked[1].answer("4héllo\x1ebAQI=\x1e2");
  assertEquals(host.packets.slice(1), [
    message("héllo"),
    message(new Uint8Array([1, 2])),
    { type: "ping" },
  ]);
  assertEquals([asked.length, host.opens, host.closes], [3, 0, []]);
  assertEquals(asked[2].url, `${next}1`);
  await Promise.all([client.close(), settle().then(() => asked[3].answer("ok"))]);
});

Deno.test("polling client sends with one request at a time, what came meanwhile with the next", async () => {
  const { client, host, asked } = rig({ sid: "s", headers: { "x-a": "b" } });
  client.send([message("a"), message(new Uint8Array([1, 2]))]);
  assertEquals(asked[0].init.method, "POST");
  assertEquals(asked[0].init.headers, { "x-a": "b", "Content-Type": "text/plain;charset=UTF-8" });
  assertEquals(asked[0].init.credentials, "same-origin");
  assertEquals(asked[0].init.body, "4a\x1ebAQI=");
  client.send([message("b")]);
  client.send([{ type: "pong" }]);
  assertEquals([asked.length, client.writable, client.buffered, host.drains], [1, false, 3, 0]);
  await asked[0].answer("ok");
  assertEquals([asked.length, asked[1].init.body, host.drains], [2, "4b\x1e3", 0]);
  await asked[1].answer("ok");
  assertEquals([asked.length, client.writable, client.buffered, host.drains], [2, true, 0, 1]);
});

Deno.test("polling client sends no more bytes at a time than the server takes, but a packet at least", async () => {
  const { client, asked } = rig({ sid: "s" });
  client.maxPayload = 12;
  // In UTF-8: 5 and 1, 5 and 1, 7 and 1, 41 and 1, 2 and 1 bytes.
  const texts = ["😀", "éé", "x€é", "y".repeat(40), "z"];
  client.send(texts.map(message));
  for (const expected of ["4😀\x1e4éé", "4x€é", "4" + "y".repeat(40), "4z"]) {
    const last = asked.at(-1)!;
    assertEquals(last.init.body, expected);
    await last.answer("ok");
  }
  assertEquals(asked.length, 4);
});

Deno.test("polling client counts what stands between packets against what the server takes", async () => {
  const { client, asked } = rig({ sid: "s" });
  client.maxPayload = 20;
  client.send(Array(50).fill(message("a")));
  for (let sent = 0, i = 0; sent < 50; i++) {
    const body = String(asked[i].init.body);
    assert(body.length <= 20);
    sent += body.split("\x1e").length;
    await asked[i].answer("ok");
  }
});

for (const [sid, code] of [[undefined, "ERR_CONNECT"], ["s", "ERR_TRANSPORT"]] as const) {
  Deno.test(`polling client ends with ${code} when a poll fails, and says so once`, async () => {
    for (const how of ["status", "network"] as const) {
      const { client, host, asked, all } = rig({ sid });
      const cause = new TypeError("no route");
      client.open();
      if (how === "status") await asked[0].answer("secret", 503);
      else await asked[0].fail(cause);
      const [error] = host.closes;
      assertInstanceOf(error, SocketIoError);
      assertEquals([error.code, error.cause], [code, how === "network" ? cause : undefined]);
      assertMatch(error.message, how === "status" ? /status 503$/ : /^Cannot reach the server/);
      await all("POST").at(0)?.answer("ok");
      await client.close();
      assertEquals([host.closes.length, all("GET").length, client.writable], [1, 1, false]);
    }
  });
}

Deno.test("polling client whose packets are not taken ends, and gives up the poll", async () => {
  const { client, host, asked, all } = rig({ sid: "s" });
  client.open();
  client.send([message("a")]);
  await all("POST")[0].answer(null, 400);
  assertEquals((host.closes[0] as SocketIoError).code, "ERR_TRANSPORT");
  assertMatch(host.closes[0]!.message, /^Cannot send: .* status 400$/);
  assert(all("GET")[0].init.signal!.aborted);
  assertEquals([host.closes.length, host.drains, asked.length], [1, 0, 2]);
});

Deno.test("polling client whose poll fails tells the server of its end, on a signal of its own, behind nothing that waits", async () => {
  const { client, host, asked, all } = rig({ sid: "s" });
  client.open();
  client.send([message("a")]);
  client.send([message("b")]);
  await asked[0].fail(new TypeError("cut"));
  const [post, end] = all("POST");
  assert(post.init.signal!.aborted);
  assertEquals([end.init.body, end.init.signal!.aborted, asked.length], ["1", false, 3]);
  let told = false;
  const closed = client.close().then(() => told = true);
  await settle();
  assertFalse(told, "whoever closes it waits for that");
  await end.fail(new TypeError("no route"));
  await closed;
  assertEquals([host.closes.length, asked.length], [1, 3]);
});

Deno.test("polling client that failed waits so long for the server to take its end, and no longer", async () => {
  const { client, asked } = rig({ sid: "s" });
  const real = globalThis.setTimeout;
  let expire: (() => void) | undefined;
  client.open();
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    assertEquals(ms, 2_000);
    expire = callback;
    return 0;
  }) as unknown as typeof setTimeout;
  try {
    await asked[0].fail(new TypeError("cut"));
  } finally {
    globalThis.setTimeout = real;
  }
  assertFalse(asked[1].init.signal!.aborted);
  expire!();
  await client.close();
  assert(asked[1].init.signal!.aborted);
});

Deno.test("polling client tells no end where the server knows no such session, nor once a WebSocket took over", async () => {
  const unknown = rig({ sid: "s" });
  unknown.client.open();
  await unknown.asked[0].answer(null, 400);
  await unknown.client.close();
  const upgraded = rig({ sid: "s" });
  upgraded.client.pause(() => {});
  await upgraded.client.close();
  assertEquals([unknown.asked.length, upgraded.asked.length], [1, 0]);
});

const bad: Record<string, [body: BodyInit, code: string | undefined]> = {
  "is empty": ["", "ERR_PARSE"],
  "has a packet of no known type": ["4a\x1e9", "ERR_PARSE"],
  "is not UTF-8": [new Uint8Array([0x34, 0xc3]), "ERR_TRANSPORT"],
  "is above the limit": ["4" + "x".repeat(LIMIT), "ERR_LIMIT"],
};
for (const [what, [body, code]] of Object.entries(bad)) {
  Deno.test(`polling client ends with ${code} for a response that ${what}`, async () => {
    const { client, host, asked, all } = rig({ sid: "s" });
    client.open();
    await asked[0].answer(body);
    await all("POST")[0].answer("ok");
    assertEquals(host.closes.map((error) => (error as SocketIoError).code), [code]);
    assertEquals(all("GET").length, 1);
  });
}

Deno.test("polling client stops to read once a response is above the limit", async () => {
  const { client, host, asked } = rig({ sid: "s" });
  let pulls = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(40).fill(0x34));
    },
    cancel() {
      cancelled = true;
    },
  });
  client.open();
  await asked[0].answer(endless);
  await asked[1].answer("ok");
  assertEquals((host.closes[0] as SocketIoError).code, "ERR_LIMIT");
  assert(cancelled);
  assert(pulls <= 5, `${pulls} pieces were read`);
});

Deno.test("polling client takes a response of exactly the limit, whatever pieces it comes in", async () => {
  const { client, host, asked } = rig({ sid: "s" });
  const text = "4" + "é".repeat((LIMIT - 2) / 2) + "x";
  const bytes = new TextEncoder().encode(text);
  assertEquals(bytes.length, LIMIT);
  client.open();
  await asked[0].answer(
    new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    }),
  );
  for (let turns = 0; host.packets.length === 0 && turns < 100; turns++) await settle();
  assertEquals([host.packets, host.closes], [[message(text.slice(1))], []]);
});

Deno.test("polling client pauses once nothing is under way, and then says nothing to the server", async () => {
  const { client, asked, all } = rig({ sid: "s" });
  let paused = 0;
  client.open();
  client.send([message("a")]);
  client.pause(() => paused++);
  await all("GET")[0].answer("6");
  assertEquals([paused, asked.length], [0, 2], "it sends still");
  await all("POST")[0].answer("ok");
  assertEquals([paused, asked.length, client.writable], [1, 2, false]);
  await client.close();
  assertEquals(asked.length, 2);
});

Deno.test("polling client that does nothing pauses at once", () => {
  const { client } = rig({ sid: "s" });
  let paused = 0;
  client.pause(() => paused++);
  assertEquals(paused, 1);
});

Deno.test("polling client tells the server of its end, behind what waits, and closes once", async () => {
  const { client, host, asked, all } = rig({ sid: "s" });
  client.open();
  client.send([message("a")]);
  client.send([message("b")]);
  const closed = client.close();
  await client.close();
  assertEquals(client.buffered, 3);
  await all("POST")[0].answer("ok");
  assertEquals(all("POST")[1].init.body, "4b\x1e1");
  assertEquals(client.buffered, 0);
  assert(!all("GET")[0].init.signal!.aborted);
  await all("POST")[1].answer("ok");
  await closed;
  assert(all("GET")[0].init.signal!.aborted);
  await settle();
  assertEquals([asked.length, host.closes, host.drains], [3, [], 0]);
});

Deno.test("polling client hands on nothing after its end, not even of the same response", async () => {
  const { client, host, asked, all } = rig({ sid: "s" });
  let closed: Promise<void> | undefined;
  host.onPacket = () => closed = client.close();
  client.open();
  await asked[0].answer("4a\x1e4b");
  assertEquals([host.packets, asked.length], [[message("a")], 2]);
  await all("POST")[0].fail(new TypeError("gone"));
  await closed;
  assertEquals(host.closes, []);
});

Deno.test("polling client waits so long for the server to take its end, and no longer", async () => {
  const { client, host, asked } = rig({ sid: "s" });
  const real = globalThis.setTimeout;
  let expire: (() => void) | undefined;
  let time: number | undefined;
  // The only timer is that of the end: the test lets it expire.
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    expire = callback;
    time = ms;
    return 0;
  }) as unknown as typeof setTimeout;
  let closed: Promise<void>;
  try {
    closed = client.close();
  } finally {
    globalThis.setTimeout = real;
  }
  assertEquals([time, asked[0].init.body], [2_000, "1"]);
  expire!();
  await closed;
  assertEquals([asked.length, host.closes], [1, []]);
});

Deno.test("polling client without a session closes without a word", async () => {
  const { client, host, asked } = rig();
  client.open();
  await client.close();
  await settle();
  assert(asked[0].init.signal!.aborted);
  assertEquals([asked.length, host.closes], [1, []]);
});
