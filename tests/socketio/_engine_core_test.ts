import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { EngineCore } from "../../socketio/_engine_core.ts";
import { Limits } from "../../net/limits.ts";
import type { EngineWebSocket } from "../../socketio/_exchange.ts";
import { resolveEngineOptions } from "../../socketio/_engine_settings.ts";
import type { SocketIoEngineOptions } from "../../socketio/engine_options.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { StubExchange, StubUpgrade } from "../_support/engine_stubs.ts";
import { reported } from "../_support/console_errors.ts";
import { microtasks } from "../_support/microtasks.ts";

const POLLING = "EIO=4&transport=polling";
const WEBSOCKET = "EIO=4&transport=websocket";

function makeCore(options: SocketIoEngineOptions = {}): EngineCore {
  return new EngineCore(resolveEngineOptions(options, "/engine.io"), { clientsCount: 0 });
}

function polling(
  core: EngineCore,
  query: string = POLLING,
  method = "GET",
  headers: Record<string, string> = {},
): StubExchange {
  const exchange = new StubExchange(method, query, "", headers);
  core.handleRequest(exchange);
  return exchange;
}

async function request(
  core: EngineCore,
  query: string,
  method = "GET",
  headers: Record<string, string> = {},
): Promise<StubExchange> {
  return await polling(core, query, method, headers).answered;
}

/** Opens a connection that polls. */
async function open(core: EngineCore): Promise<string> {
  const { status, body } = await request(core, POLLING);
  assertEquals(status, 200);
  return JSON.parse(String(body).slice(1)).sid;
}

function upgrade(
  core: EngineCore,
  query: string = WEBSOCKET,
  options: { origin?: string; valid?: boolean | "rejects" } = {},
): StubUpgrade {
  const exchange = new StubUpgrade(query, options);
  core.handleUpgrade(exchange);
  return exchange;
}

/** Lets pending promises settle until something is so. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !isSo(); turn++) await Promise.resolve();
  assert(isSo());
}

/** What the program is told of refused requests. */
function watchErrors(core: EngineCore): unknown[] {
  const codes: unknown[] = [];
  const listener = ({ code }: { code: number }) => codes.push(code);
  core.listeners.add("connection_error", listener as (...args: unknown[]) => void, false);
  return codes;
}

Deno.test("engine core opens connections over both transports, and forgets them when they end", async () => {
  const core = makeCore();
  const ids: string[] = [];
  core.listeners.add("connection", (socket) => ids.push((socket as { id: string }).id), false);
  const sid = await open(core);
  const { socket, accepted } = upgrade(core);
  assertEquals(accepted, {});
  assertMatch(String(socket.sent[0]), /^0\{"sid":/);
  assertEquals([ids.length, ids[0], core.sockets.size], [2, sid, 2]);
  socket.host!.onSocketClose(undefined);
  assertEquals([...core.sockets.keys()], [sid]);
  core.close();
  core.close();
  assertEquals(core.sockets.size, 0);
});

for (
  const [what, query, method, code] of [
    ["an unknown transport", "EIO=4&transport=smoke", "GET", 0],
    ["an unknown session", `${POLLING}&sid=nobody`, "GET", 1],
    ["a handshake by POST", POLLING, "POST", 2],
    ["a WebSocket without an upgrade", WEBSOCKET, "GET", 3],
    ["another revision", "EIO=3&transport=polling", "GET", 5],
  ] as const
) {
  Deno.test(`engine core refuses ${what}, and tells the program`, async () => {
    const core = makeCore();
    const codes = watchErrors(core);
    const { status, body } = await request(core, query, method);
    assertEquals([status, JSON.parse(String(body)).code, codes], [400, code, [code]]);
    assertEquals(core.sockets.size, 0);
  });
}

Deno.test("engine core lets no more in than it may, and again when there is room", async () => {
  const core = makeCore({ maxConnections: 1 });
  const first = upgrade(core);
  assertEquals(upgrade(core).refused, { status: 503, message: "Too many connections" });
  assertEquals((await request(core, POLLING)).status, 503);
  first.socket.host!.onSocketClose(undefined);
  await open(core);
  core.close();
});

Deno.test("engine core counts who waits for what the program says, and asks it no more than it has room", async () => {
  for (const asks of ["middleware", "origin"]) {
    const limits = new Limits({ connections: 2 });
    const decided = Promise.withResolvers<boolean>();
    let asked = 0;
    const ask = () => {
      asked++;
      return decided.promise;
    };
    const foreign = (origin?: string) => origin === undefined || ask();
    const cors = asks === "origin" ? { origin: foreign } : undefined;
    const origin = cors && "https://a.com";
    const core = makeCore({ limits, cors });
    const sid = await open(core);
    if (asks === "middleware") {
      core.middleware.push((_request, _response, next) => void ask().then(() => next()));
    }
    const { connections } = limits;
    const begin = (query = WEBSOCKET) => upgrade(core, query, { origin });
    const waiting = begin();
    assertEquals(connections.used, 2);
    const late = begin();
    await until(() => late.refused !== undefined);
    assertEquals(late.refused, { status: 503, message: "Too many connections" });
    // One that has its place already may have a better way.
    const better = begin(`${WEBSOCKET}&sid=${sid}`);
    assertEquals([asked, connections.used], [2, 3]);
    decided.resolve(true);
    await until(() => waiting.done && better.done);
    await until(() => connections.used === 2);
    assertEquals([waiting.refused, better.refused], [undefined, undefined]);
    core.close();
    assertEquals(connections.used, 0);
  }
});

Deno.test("engine core keeps no room for whom it did not let in", async () => {
  const core = makeCore({ maxConnections: 1, allowRequest: (_, answer) => answer("no", false) });
  assertEquals((await request(core, POLLING)).status, 403);
  assertEquals((await upgrade(core).refusal).message, "no");
  const open = makeCore({ maxConnections: 1 });
  upgrade(open, WEBSOCKET, { valid: false });
  upgrade(open, WEBSOCKET, { valid: "rejects" });
  await microtasks(5);
  assertEquals([open.sockets.size, upgrade(open).refused], [0, undefined]);
  open.close();
});

Deno.test("engine core refuses new connections after close, until it is opened again", async () => {
  const core = makeCore();
  core.close();
  assertEquals(upgrade(core).refused, { status: 403, message: "The server is closing" });
  core.reopen();
  await open(core);
  core.close();
});

Deno.test("engine core outlives what the program's callbacks throw", async () => {
  const throwing = () => {
    throw new Error("of the program");
  };
  const failing = makeCore({ allowRequest: throwing });
  assertEquals((await reported(() => request(failing, POLLING))).length, 1);
  const core = makeCore({ maxConnections: 1 });
  const codes = watchErrors(core);
  core.generateId = throwing;
  assertEquals((await reported(() => request(core, POLLING))).length, 1);
  core.generateId = () => "";
  assertEquals((await upgrade(core).refusal).status, 400);
  core.generateId = () => "mine";
  assertEquals(await open(core), "mine");
  assertEquals(codes, [3, 3]);
  core.close();
});

Deno.test("engine core runs middleware in order, before anything else", async () => {
  const core = makeCore();
  let last = 0;
  core.middleware.push(
    (_, response, next) => {
      response.setHeader("X-First", "1");
      next();
      next();
    },
    (request, response, next) => {
      if (request.url?.includes("teapot")) {
        response.writeHead(418);
        response.end("tea");
      } else if (request.url?.includes("bad")) next(new Error("bad"));
      else next();
    },
    (_request, _response, next) => {
      last++;
      next();
    },
  );
  const { status, headers } = await request(core, POLLING);
  assertEquals([status, headers["X-First"], last], [200, "1", 1]);
  const teapot = await request(core, `${POLLING}&teapot=1`);
  assertEquals([teapot.status, teapot.body], [418, "tea"]);
  assertEquals((await request(core, `${POLLING}&bad=1`)).status, 400);
  assertEquals((await upgrade(core, `${WEBSOCKET}&teapot=1`).refusal).status, 418);
  assertEquals((await upgrade(core, `${WEBSOCKET}&bad=1`).refusal).status, 400);
  assertEquals(core.sockets.size, 1);
  core.close();
});

Deno.test("engine core lets no foreign page open a WebSocket where there are no CORS rules", async () => {
  const core = makeCore();
  const sid = await open(core);
  for (const query of [WEBSOCKET, `${WEBSOCKET}&sid=${sid}`]) {
    const foreign = await upgrade(core, query, { origin: "https://evil.example" }).refusal;
    assertEquals(foreign.status, 403);
    assert(upgrade(core, query, { origin: "https://example.org" }).accepted);
  }
  core.close();
});

Deno.test("engine core lets no foreign page open a WebSocket, unless it is allowed to", async () => {
  const core = makeCore({ cors: { origin: "https://friend.example" } });
  const foreign = await upgrade(core, WEBSOCKET, { origin: "https://evil.example" }).refusal;
  assertEquals(foreign.status, 403);
  const odd = await upgrade(core, WEBSOCKET, { origin: "https://\u0000" }).refusal;
  assertEquals(odd.status, 400);
  assert(upgrade(core, WEBSOCKET, { origin: "https://example.org" }).accepted);
  const connected = new Promise((resolve) => core.listeners.add("connection", resolve, true));
  upgrade(core, WEBSOCKET, { origin: "https://friend.example" });
  await connected;
  assertEquals(core.sockets.size, 2);
  core.close();
});

Deno.test("engine core refuses whom the program's cors function gives an error, and tells it by connection_error alone", async () => {
  const error = new Error("Not allowed by CORS");
  const core = makeCore({ cors: { origin: (_origin, callback) => callback(error) } });
  const told: unknown[] = [];
  core.listeners.add("connection_error", (refusal) => told.push(refusal), false);
  const origin = "https://evil.example";
  const logged = await reported(async () => {
    for (const method of ["GET", "OPTIONS"]) {
      const { status, body } = await request(core, POLLING, method, { origin });
      assertEquals([status, JSON.parse(String(body))], [403, { code: 4, message: "Forbidden" }]);
    }
    const refused = await upgrade(core, WEBSOCKET, { origin }).refusal;
    assertEquals(refused, { status: 403, message: "Forbidden" });
    const file = new StubExchange("GET", "", "", { origin });
    core.handleFile(file, () => Promise.reject(new Error("not to be served")));
    assertEquals((await file.answered).status, 403);
  });
  assertEquals(logged, []);
  const context = { name: "ORIGIN_NOT_ALLOWED", origin, error };
  assertEquals(
    told.map((refusal) => {
      const { code, context } = refusal as { code: number; context: unknown };
      return { code, context };
    }),
    Array(4).fill({ code: 4, context }),
  );
  assertEquals(core.sockets.size, 0);
});

Deno.test("engine core answers a preflight by itself", async () => {
  const core = makeCore({ cors: { origin: "https://friend.example" } });
  const { status, headers } = await request(core, POLLING, "OPTIONS", {
    origin: "https://friend.example",
  });
  assertEquals(status, 204);
  const names = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  assertEquals(names["access-control-allow-origin"], "https://friend.example");
  const own = makeCore({ cors: { optionsSuccessStatus: 200 } });
  assertEquals((await request(own, POLLING, "OPTIONS")).status, 200);
});

Deno.test("engine core sets the cookie and the program's headers with the first response", async () => {
  const core = makeCore({ cookie: true });
  const add = (name: string) => (headers: unknown) => {
    (headers as Record<string, string>)[name] = "1";
  };
  core.listeners.add("initial_headers", add("X-Initial"), false);
  core.listeners.add("headers", add("X-All"), false);
  const exchange = await request(core, POLLING);
  const sid = [...core.sockets.keys()][0];
  assertMatch(String(exchange.headers["Set-Cookie"]), new RegExp(`^io=${sid};`));
  assertEquals([exchange.headers["X-Initial"], exchange.headers["X-All"]], ["1", "1"]);
  const later = new StubExchange("GET", `${POLLING}&sid=${sid}`);
  core.handleRequest(later);
  core.close();
  await later.answered;
  assertEquals(later.headers["Set-Cookie"], undefined);
  assertEquals([later.headers["X-Initial"], later.headers["X-All"]], [undefined, "1"]);
});

Deno.test("engine core takes the program's headers whatever the case of their names, and adds cookies", async () => {
  const core = makeCore({ cookie: true });
  const listener = (headers: unknown) => {
    const all = headers as Record<string, string | string[]>;
    all["set-cookie"] = "a=1";
    all["cache-control"] = "private";
    all["X-A"] = "1";
    all["x-a"] = "2";
  };
  core.listeners.add("initial_headers", listener, false);
  const cookies = (value: unknown) => (value as string[]).map((cookie) => cookie.split("=")[0]);
  const { headers } = await request(core, POLLING);
  assertEquals(Object.keys(headers), ["Content-Type", "set-cookie", "cache-control", "x-a"]);
  assertEquals([headers["cache-control"], headers["x-a"]], ["private", "2"]);
  assertEquals(cookies(headers["set-cookie"]), ["io", "a"]);
  assertEquals(cookies(upgrade(core).accepted?.["set-cookie"]), ["io", "a"]);
  core.close();
});

Deno.test("engine core has headers of a WebSocket's response that middleware sets when the response begins", async () => {
  const core = makeCore({ cookie: true });
  core.middleware.push((_request, response, next) => {
    const { writeHead } = response;
    response.writeHead = function (...args) {
      this.setHeader("Set-Cookie", ["session=1"]);
      return writeHead.apply(this, args);
    };
    next();
  });
  const opened = new Promise((resolve) => core.listeners.add("connection", resolve, true));
  const exchange = upgrade(core);
  await opened;
  const cookies = exchange.accepted?.["Set-Cookie"] as string[];
  assertEquals(cookies.map((cookie) => cookie.split("=")[0]), ["session", "io"]);
  core.close();
});

Deno.test("engine core begins the response of a WebSocket when it is let in, and not when it is refused", async () => {
  const core = makeCore();
  const begun: number[] = [];
  core.middleware.push((_request, response, next) => {
    const { writeHead } = response;
    response.writeHead = function (...args) {
      begun.push(args[0]);
      return writeHead.apply(this, args);
    };
    next();
  });
  await upgrade(core, `${WEBSOCKET}&sid=nobody`).refusal;
  assertEquals(begun, []);
  core.middleware.push((_request, response) => {
    response.statusCode = 401;
    response.end("no");
  });
  assertEquals((await upgrade(core).refusal).status, 401);
  assertEquals(begun, [401]);
  core.middleware.pop();
  const sid = await open(core);
  for (const query of [WEBSOCKET, `${WEBSOCKET}&sid=${sid}`]) {
    begun.length = 0;
    const exchange = upgrade(core, query);
    await until(() => exchange.done);
    assertEquals([begun, exchange.refused], [[101], undefined]);
  }
  core.close();
});

Deno.test("engine core refuses when a program's promise of another realm is rejected", async () => {
  const failing = () => foreignRejection(new Error("mine"));
  const asked = makeCore({ allowRequest: failing });
  const passed = makeCore();
  passed.middleware.push(failing);
  for (const [core, status] of [[asked, 403], [passed, 400]] as const) {
    const logged = await reported(async () => {
      assertEquals((await request(core, POLLING)).status, status);
      assertEquals((await upgrade(core).refusal).status, status);
    });
    assertEquals(logged.map(String), ["Error: mine", "Error: mine"]);
    core.close();
  }
});

Deno.test("engine core gives a WebSocket to the session that asks for it, once", async () => {
  const core = makeCore();
  const sid = await open(core);
  const first = upgrade(core, `${WEBSOCKET}&sid=${sid}`);
  const second = upgrade(core, `${WEBSOCKET}&sid=${sid}`);
  assertEquals([first.socket.closed, second.socket.closed], [[], [["close", 1000]]]);
  first.socket.receive("2probe", "5");
  assertEquals(core.sockets.get(sid)!.transport.name, "websocket");
  // A late twin of an upgrade that was done is let in and closed: 400 would look like a fault.
  const third = upgrade(core, `${WEBSOCKET}&sid=${sid}`);
  assertEquals([third.socket.closed, first.socket.closed], [[["close", 1000]], []]);
  assertEquals((await upgrade(core, `${WEBSOCKET}&sid=nobody`).refusal).status, 400);
  const invalid = await open(core);
  upgrade(core, `${WEBSOCKET}&sid=${invalid}`, { valid: false });
  assertEquals(core.sockets.get(invalid)!.upgrading, false);
  core.close();
  const fixed = makeCore({ allowUpgrades: false });
  const refused = upgrade(fixed, `${WEBSOCKET}&sid=${await open(fixed)}`);
  assertEquals(refused.socket.closed, [["close", 1000]]);
  fixed.close();
});

Deno.test("engine core gives two connections that open at once no common id", async () => {
  const core = makeCore();
  core.generateId = () => "same";
  const both = [upgrade(core), upgrade(core)];
  await microtasks(20);
  assertEquals(core.sockets.size, 1);
  assertEquals(both.filter(({ refused }) => refused !== undefined).length, 1);
  core.close();
});

Deno.test("engine core refuses a cookie that can't be sent when it is made", () => {
  assertThrows(() => makeCore({ cookie: { name: "a b" } }), TypeError, "its name is no token");
});

Deno.test("engine core reports an answer of the program's cors function that can be none, and refuses with 500 at once", async () => {
  const origin = () => 1 as unknown as boolean;
  const core = makeCore({ cors: { origin } });
  const logged = await reported(async () => {
    assertEquals((await request(core, POLLING)).status, 500);
  });
  assertEquals(logged.length, 1);
  assert(String(logged[0]).includes("cors.origin"));
  core.close();
});

const undecided: Record<string, (core: EngineCore) => void> = {
  "middleware": (core) => core.middleware.push(() => {}),
  "generateId": (core) => core.generateId = () => new Promise(() => {}),
  "allowRequest": () => {},
  "cors.origin": () => {},
};
for (const [what, stall] of Object.entries(undecided)) {
  const options: SocketIoEngineOptions = {
    maxConnections: 1,
    allowRequest: what === "allowRequest" ? () => {} : undefined,
    cors: what === "cors.origin" ? { origin: () => new Promise(() => {}) } : undefined,
  };
  const origin = options.cors && "https://friend.example";

  Deno.test(`engine core waits for an answer of ${what} only so long`, async () => {
    const core = makeCore({ ...options, decisionTimeout: 5 });
    stall(core);
    for (let i = 0; i < 2; i++) {
      assertEquals((await request(core, POLLING)).status, 503);
      const { status, message } = await upgrade(core, WEBSOCKET, { origin }).refusal;
      assertEquals([status, message], [503, "The answer took too long"]);
    }
    core.close();
  });

  Deno.test(`engine core that is closed waits for no answer of ${what}`, async () => {
    const core = makeCore(options);
    stall(core);
    const { answered } = polling(core);
    core.close();
    assertEquals((await answered).status, 503);
    core.reopen();
    const { refusal } = upgrade(core, WEBSOCKET, { origin });
    core.close();
    assertEquals(await refusal, { status: 503, message: "The server is closing" });
  });
}

Deno.test("engine core does nothing for an answer that comes too late", async () => {
  const answers: (() => void)[] = [];
  const core = makeCore({
    decisionTimeout: 5,
    allowRequest: (_, decide) => answers.push(() => decide(null, true)),
  });
  assertEquals((await request(core, POLLING)).status, 503);
  const { refusal } = upgrade(core);
  await refusal;
  for (const answer of answers) answer();
  await microtasks();
  assertEquals([answers.length, core.sockets.size], [2, 0]);
  core.close();
});

Deno.test("engine core waits no longer once a middleware has answered, now, by a promise or by a callback", async () => {
  for (const how of ["now", "promise", "callback"]) {
    const limits = new Limits();
    const core = makeCore({ limits });
    core.middleware.push((_, response) => {
      const end = () => void response.end("done");
      if (how === "now") return end();
      const later = Promise.resolve().then(end);
      return how === "promise" ? later : undefined;
    });
    assertEquals((await request(core, POLLING)).body, "done");
    assertEquals((await upgrade(core).refusal).message, "done");
    // No timer is left, as the sanitizers see, although the engine is not closed.
    await microtasks();
    assertEquals(limits.connections.used, 0);
  }
});

Deno.test("engine core waits for no middleware when the client has gone", async () => {
  const core = makeCore();
  core.middleware.push(() => {});
  polling(core).abort();
  // No timer is left.
  await microtasks();
});

/** Asks for a WebSocket that opens late: when the function that this returns is called, which waits until the engine has cut it. */
function upgradeLate(core: EngineCore, query = WEBSOCKET): () => Promise<void> {
  const late = Promise.withResolvers<EngineWebSocket>();
  const exchange = new StubUpgrade(query);
  exchange.accept = () => late.promise;
  core.handleUpgrade(exchange);
  return async () => {
    const terminated = Promise.withResolvers<void>();
    exchange.socket.terminate = terminated.resolve;
    late.resolve(exchange.socket);
    await terminated.promise;
  };
}

/** Waits until the limits count so many connections. */
async function untilUsed({ connections }: Limits, count: number): Promise<void> {
  for (let i = 0; connections.used !== count && i < 1000; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("engine does not wait for ever for a platform's WebSocket to open, nor when it closes", async () => {
  for (const closes of [false, true]) {
    const limits = new Limits();
    const core = makeCore({ limits, upgradeTimeout: closes ? 10_000 : 5 });
    const opens = upgradeLate(core);
    assertEquals(limits.connections.used, 1);
    if (closes) core.close();
    await untilUsed(limits, 0);
    assertEquals([limits.connections.used, core.sockets.size], [0, 0]);
    await opens();
    assertEquals([limits.connections.used, core.sockets.size], [0, 0]);
  }
});

Deno.test("engine does not wait for ever for a platform's WebSocket of a session to open, nor count it", async () => {
  const limits = new Limits();
  const core = makeCore({ limits, upgradeTimeout: 5 });
  core.middleware.push((_request, _response, next) => next());
  const sid = await open(core);
  const opens = upgradeLate(core, `${WEBSOCKET}&sid=${sid}`);
  assertEquals(limits.connections.used, 2);
  await untilUsed(limits, 1);
  assertEquals([limits.connections.used, core.sockets.size], [1, 1]);
  await opens();
  core.close();
  assertEquals(limits.connections.used, 0);
});

Deno.test("engine core answers 500 where a WebSocket can't be accepted, tells of it, and gives the place back", async () => {
  for (const later of [false, true]) {
    const core = makeCore({ maxConnections: 1 });
    const broken = new Error("a header that can't be sent");
    if (later) core.middleware.push((_request, _response, next) => next());
    const exchange = new StubUpgrade(WEBSOCKET);
    exchange.accept = () => {
      throw broken;
    };
    const errors = await reported(async () => {
      core.handleUpgrade(exchange);
      await exchange.refusal;
    });
    assertEquals([exchange.refused?.status, errors], [500, [broken]]);
    upgrade(core);
    await until(() => core.sockets.size === 1);
    core.close();
  }
});

Deno.test("engine core counts a WebSocket that it asks the program about twice once, in the last place too", async () => {
  const limits = new Limits({ connections: 1 });
  const core = makeCore({ limits, cors: { origin: "https://a.com" } });
  core.middleware.push((_request, _response, next) => void Promise.resolve().then(() => next()));
  const exchange = upgrade(core, WEBSOCKET, { origin: "https://a.com" });
  await until(() => exchange.done);
  assertEquals([exchange.refused, core.sockets.size], [undefined, 1]);
  core.close();
  assertEquals(limits.connections.used, 0);
});

Deno.test("engine core lets a session ask for a WebSocket again once its first request has ended, where the limits are full", async () => {
  const limits = new Limits({ connections: 1 });
  const core = makeCore({ limits });
  const sid = await open(core);
  const ends: (() => void)[] = [];
  core.middleware.push((_request, _response, next) => void ends.push(next));
  const query = `${WEBSOCKET}&sid=${sid}`;
  const first = upgrade(core, query);
  const meanwhile = upgrade(core, query);
  await until(() => meanwhile.done);
  assertEquals([meanwhile.refused?.status, ends.length], [503, 1]);
  (ends[0] as (error: unknown) => void)(new Error("no"));
  await until(() => first.done && limits.connections.used === 1);
  const again = upgrade(core, query);
  ends[1]();
  await until(() => again.done);
  assertEquals([first.refused?.status, again.refused], [400, undefined]);
  core.close();
});

Deno.test("engine core takes an id of the program's again once its connection has ended", async () => {
  const core = makeCore({});
  core.generateId = () => "again";
  for (let i = 0; i < 2; i++) {
    const exchange = upgrade(core);
    await until(() => exchange.done);
    assertEquals([exchange.refused, [...core.sockets.keys()]], [undefined, ["again"]]);
    exchange.socket.host!.onSocketClose(undefined);
    assertEquals(core.sockets.size, 0);
  }
  core.close();
});

Deno.test("engine core serves only the hosts that it may, over both transports", async () => {
  for (const [allowed, status] of [["example.org", 200], ["other.example", 421]] as const) {
    const core = makeCore({ allowedHosts: [allowed] });
    const asked = await request(core, POLLING, "GET", { host: "example.org" });
    assertEquals(asked.status, status);
    assertEquals((await request(core, POLLING)).status, 421, "no host at all");
    const { refused } = upgrade(core);
    assertEquals(refused?.status, status === 200 ? undefined : 421);
    assertEquals(core.sockets.size, status === 200 ? 2 : 0);
    core.close();
  }
});

Deno.test("engine core gives the place back of a client that left while its id was made", async () => {
  const core = makeCore({ maxConnections: 1 });
  const made = Promise.withResolvers<string>();
  core.generateId = () => made.promise;
  const left = polling(core);
  await microtasks();
  left.abort();
  made.resolve("same");
  await microtasks(20);
  assertEquals(core.sockets.size, 0);
  assertEquals(await open(core), "same");
  core.close();
});

Deno.test("engine core asks no more about a WebSocket that middleware has answered", async () => {
  const limits = new Limits();
  let asked = 0;
  const core = makeCore({
    limits,
    allowRequest: (_, decide) => {
      asked++;
      decide(null, true);
    },
  });
  const codes = watchErrors(core);
  core.middleware.push((_, response) => void response.end("done"));
  for (const query of [WEBSOCKET, `${WEBSOCKET}&sid=nobody`]) {
    assertEquals((await upgrade(core, query).refusal).message, "done");
    await microtasks(20);
  }
  assertEquals([asked, codes, limits.connections.used], [0, [], 0]);
});

Deno.test("engine core lets in no id of a connection that there is", async () => {
  const core = makeCore();
  core.generateId = () => "same";
  await open(core);
  const [first] = core.sockets.values();
  assertEquals((await request(core, POLLING)).status, 400);
  assertEquals([...core.sockets.values()], [first]);
  core.close();
});

Deno.test("engine core closes a connection that it let in while it was closed", async () => {
  const core = makeCore();
  let opened = 0;
  core.listeners.add("connection", () => opened++, false);
  const late = Promise.withResolvers<EngineWebSocket>();
  const exchange = new StubUpgrade(WEBSOCKET);
  const { accept } = exchange;
  // As a listener of its headers may.
  exchange.accept = function (headers) {
    core.close();
    return accept.call(this, headers);
  };
  core.handleUpgrade(exchange);
  late.resolve(exchange.socket);
  await microtasks();
  assertEquals([opened, core.sockets.size, exchange.socket.closed], [0, 0, [["close", 1000]]]);
});

Deno.test("engine core keeps out whom middleware fails for without a reason", async () => {
  const core = makeCore();
  core.middleware.push(() => Promise.reject(undefined));
  const told = await reported(async () => {
    assertEquals((await request(core, POLLING)).status, 400);
  });
  assertEquals([told.length, core.sockets.size], [1, 0]);
});
