import { assert, assertEquals } from "@std/assert";
import { gunzipSync, inflateSync } from "node:zlib";
import { BudgetShare } from "../../net/budget_share.ts";
import { Limits } from "../../net/limits.ts";
import { resolveEngineOptions } from "../../socketio/_engine_settings.ts";
import { reported } from "../_support/console_errors.ts";
import { microtasks } from "../_support/microtasks.ts";
import type { HttpExchange, RequestBody, ResponseHeaders } from "../../socketio/_exchange.ts";
import { KeptResponse } from "../../socketio/_middleware_response.ts";
import { type PollingHost, PollingTransport } from "../../socketio/_polling_transport.ts";
import type { SocketIoEngineOptions } from "../../socketio/engine_options.ts";
import type { EnginePacket } from "../../socketio/engine_packet.ts";
import type { EngineHeaders, EngineRequest } from "../../socketio/types.ts";

class FakeExchange implements HttpExchange {
  readonly request: EngineRequest;
  readonly remoteAddress = "";
  readonly response = new KeptResponse(() => {});
  onAbort: (() => void) | undefined;
  readonly answers: { status: number; headers: ResponseHeaders; body?: string | Uint8Array }[] = [];
  readonly body: PromiseWithResolvers<RequestBody> = Promise
    .withResolvers();
  readonly answered = Promise.withResolvers<void>();
  held = false;
  readonly #holds: boolean;

  constructor(method: string, headers: EngineHeaders = {}, holds = false, seq?: string) {
    const _query: Record<string, string> = seq === undefined ? {} : { seq };
    this.request = { method, headers, connection: {}, socket: {}, _query };
    this.#holds = holds;
  }
  get done(): boolean {
    return this.answers.length > 0;
  }
  hold(headers: () => ResponseHeaders): boolean {
    if (this.#holds) headers();
    return this.held = this.#holds;
  }
  readBody(): Promise<RequestBody> {
    return this.body.promise;
  }
  respond(status: number, headers: ResponseHeaders, body?: string | Uint8Array): void {
    this.answers.push({ status, headers, body });
    this.answered.resolve();
  }
  get status(): number | undefined {
    return this.answers[0]?.status;
  }
}

function open(options: SocketIoEngineOptions = {}): {
  transport: PollingTransport;
  packets: EnginePacket[];
  errors: string[];
  log: string[];
} {
  const packets: EnginePacket[] = [];
  const errors: string[] = [];
  const log: string[] = [];
  const host: PollingHost = {
    onPollingPacket: (packet) => packets.push(packet) < 3,
    onPollingReady: () => log.push("ready"),
    onPollingError: (reason, error) => {
      errors.push(`${reason}: ${error.message}`);
      transport.close({ type: "close" });
    },
    onPollingHeaders: (headers) => headers["X-A"] = "b",
  };
  const transport = new PollingTransport(host, resolveEngineOptions(options, "/"));
  return { transport, packets, errors, log };
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a request waits until there is something to send", () => {
  const { transport, log } = open();
  const get = new FakeExchange("GET");
  assert(!transport.writable);
  transport.send([{ type: "ping" }]);
  transport.handle(get);
  assertEquals([log, transport.writable, get.done], [["ready"], true, false]);
  transport.send([{ type: "message", data: "a" }, { type: "message", data: new Uint8Array([1]) }]);
  assertEquals(get.answers, [{
    status: 200,
    headers: {
      "Content-Type": "text/plain; charset=UTF-8",
      "Cache-Control": "no-store",
      "X-A": "b",
    },
    body: "4a\x1ebAQ==",
  }]);
  assert(!transport.writable);
});

Deno.test("a request whose headers have gone ahead gets the body alone", () => {
  const { transport } = open();
  const get = new FakeExchange("GET", { "accept-encoding": "gzip" }, true);
  transport.handle(get);
  transport.send([{ type: "message", data: "x".repeat(5000) }]);
  assertEquals(get.answers[0].headers, {});
  assertEquals(get.answers[0].body, "4" + "x".repeat(5000));
});

Deno.test("a request brings packets, until one of them ends the session", async () => {
  const { transport, packets } = open();
  const post = new FakeExchange("POST");
  transport.handle(post);
  post.body.resolve(bytes("4a\x1e4b\x1e4c\x1e4d"));
  await microtasks(5);
  assertEquals(packets.map(({ data }) => data), ["a", "b", "c"]);
  assertEquals([post.status, post.answers[0].body], [200, "ok"]);
});

Deno.test("a request with what is no packet, or no UTF-8, ends the session", async () => {
  for (const body of [bytes("x"), new Uint8Array([0x34, 0xff])]) {
    const { transport, errors } = open();
    const post = new FakeExchange("POST");
    transport.handle(post);
    post.body.resolve(body);
    await microtasks(5);
    assertEquals(post.status, 400);
    assert(errors[0].startsWith("parse error"));
  }
});

Deno.test("a request that is too large, or ends too soon, ends the session", async () => {
  for (const [result, status] of [["too large", 413], ["aborted", 400]] as const) {
    const { transport, errors } = open();
    const post = new FakeExchange("POST");
    transport.handle(post);
    post.body.resolve(result);
    await microtasks(5);
    assertEquals(post.status, status);
    assert(errors[0].startsWith("transport error"));
  }
});

Deno.test("two requests of a kind at a time end the session", async () => {
  for (const method of ["GET", "POST"]) {
    const { transport, errors } = open();
    const [first, second] = [new FakeExchange(method), new FakeExchange(method)];
    transport.handle(first);
    transport.handle(second);
    assertEquals(second.status, 400);
    assertEquals(errors.length, 1);
    if (method === "GET") assertEquals(first.answers[0].body, "1");
    else assertEquals(first.status, 400);
    first.body.resolve(bytes("4late"));
    await microtasks(5);
    assertEquals(first.answers.length, 1);
  }
});

Deno.test("a poll that is sent again, as its answer was lost, gets the same answer", () => {
  const { transport, errors, log } = open();
  const poll = (seq?: string) => {
    const exchange = new FakeExchange("GET", {}, false, seq);
    transport.handle(exchange);
    return exchange;
  };
  const first = poll("0");
  transport.send([{ type: "message", data: "a" }]);
  assertEquals(first.answers[0].body, "4a");
  const again = poll("0");
  assertEquals([again.status, again.answers[0].body, transport.writable], [200, "4a", false]);
  const second = poll("1");
  assertEquals([second.status, transport.writable], [undefined, true]);
  transport.send([{ type: "message", data: "b" }]);
  assertEquals(second.answers[0].body, "4b");
  // One that is behind the times is a new one; and so is one without a number.
  assertEquals(poll("0").status, undefined);
  transport.send([{ type: "noop" }]);
  assertEquals(poll().status, undefined);
  transport.send([{ type: "noop" }]);
  assertEquals(poll().status, undefined);
  assertEquals([errors, log.length], [[], 5]);
  transport.close({ type: "noop" });
});

Deno.test("what a poll was answered with is counted until the next poll, or the end", () => {
  for (const policy of ["close", "drop"] as const) {
    const limits = new Limits({ queuedBytes: 100, policies: { queuedBytes: policy } });
    const { queuedBytes } = limits;
    const { transport } = open({ limits });
    const ask = (number: string) => {
      const get = new FakeExchange("GET", {}, false, number);
      transport.handle(get);
      return get;
    };
    ask("1");
    transport.send([{ type: "message", data: "first" }]);
    assertEquals(queuedBytes.used, 6);
    ask("2");
    assertEquals(queuedBytes.used, 0);
    // Where there is no room for it, it can't be sent again.
    transport.send([{ type: "message", data: "x".repeat(200) }]);
    assertEquals(queuedBytes.used, 0, policy);
    assertEquals(ask("2").answers, []);
    transport.send([{ type: "message", data: "last" }]);
    assertEquals(queuedBytes.used, 5);
    transport.close({ type: "close" });
    assertEquals(queuedBytes.used, 0);
  }
});

Deno.test("packets that come when the transport is closed are not taken", async () => {
  const { transport, packets, errors } = open();
  const post = new FakeExchange("POST");
  transport.handle(post);
  transport.close({ type: "close" });
  post.body.resolve(bytes("4late"));
  await microtasks(5);
  assertEquals([packets, errors, post.answers.map(({ status }) => status)], [[], [], [400]]);
});

Deno.test("packets of revision 3 of the protocol, as bytes, end the session", () => {
  const { transport, errors } = open();
  const post = new FakeExchange("POST", { "content-type": "application/octet-stream" });
  transport.handle(post);
  assertEquals([post.status, errors.length], [400, 1]);
});

Deno.test("cookies of middleware are in the response", () => {
  const { transport } = open();
  const get = new FakeExchange("GET");
  get.response.setHeader("Set-Cookie", "a=1");
  transport.handle(get);
  transport.send([{ type: "noop" }]);
  assertEquals(get.answers[0].headers["Set-Cookie"], ["a=1"]);
});

Deno.test("a poll that is sent again while the first one waits takes its place", () => {
  for (const holds of [false, true]) {
    const { transport, errors } = open();
    const first = new FakeExchange("GET", {}, holds, "7");
    const again = new FakeExchange("GET", {}, holds, "7");
    transport.handle(first);
    transport.handle(again);
    assertEquals([first.done, again.done], [true, false]);
    // Of one whose headers have gone, only the body is left to be said.
    if (holds) assertEquals(first.answers, [{ status: 200, headers: {}, body: "" }]);
    else assertEquals(first.status, 400);
    first.onAbort?.(); // its connection has gone, which means nothing now
    transport.send([{ type: "message", data: "a" }]);
    assertEquals(again.answers[0].body, "4a");
    assertEquals(errors, []);
    transport.close({ type: "noop" });
  }
});

Deno.test("packets that are sent again, as the answer was lost, are taken once", async () => {
  const { transport, packets, errors } = open();
  const post = async (seq: string | undefined, body: string) => {
    const exchange = new FakeExchange("POST", {}, false, seq);
    transport.handle(exchange);
    exchange.body.resolve(bytes(body));
    await microtasks(5);
    if (exchange.status !== 200) return exchange.status;
    return exchange.answers[0].body;
  };
  assertEquals(await post("0", "4a"), "ok");
  assertEquals(await post("0", "4a"), "ok");
  assertEquals(await post("1", "4a"), "ok");
  assertEquals(packets.map(({ data }) => data), ["a", "a"]);
  assertEquals(await post(undefined, "4b"), "ok");
  assertEquals(await post(undefined, "4c"), "ok");
  assertEquals(packets.map(({ data }) => data), ["a", "a", "b", "c"]);
  assertEquals(errors, []);
  transport.close({ type: "noop" });
});

Deno.test("a request that is given up ends the session", () => {
  const { transport, errors } = open();
  const get = new FakeExchange("GET");
  transport.handle(get);
  get.onAbort!();
  get.onAbort!();
  assertEquals(errors, [
    "transport error: Cannot go on with polling: a waiting request was given up",
  ]);
});

Deno.test("other requests are refused, and all after the end", () => {
  const { transport } = open();
  const put = new FakeExchange("PUT");
  transport.handle(put);
  assertEquals(put.status, 400);
  transport.close({ type: "noop" });
  transport.close({ type: "noop" });
  const late = new FakeExchange("GET");
  transport.handle(late);
  assertEquals(late.status, 400);
});

Deno.test("a long response is compressed as the client likes it", async () => {
  for (
    const [accept, encoding] of [
      ["gzip, deflate, br", "gzip"],
      ["deflate", "deflate"],
      ["gzip;q=0, deflate;q=0.5", "deflate"],
      ["gzip;q=0.1, deflate;q=0.9", "deflate"],
      ["deflate, gzip", "gzip"],
      ["GZIP", "gzip"],
      ["gzip; Q=0, *;q=0.5", "deflate"],
      ["*", "gzip"],
      ["*;q=0", undefined],
      ["gzip;q=-1", undefined],
      ["gzip;q=-1, deflate;q=0.1", "deflate"],
      ["identity, *;q=0", undefined],
      ["br", undefined],
      [undefined, undefined],
    ] as const
  ) {
    const { transport } = open();
    const get = new FakeExchange("GET", { "accept-encoding": accept });
    transport.handle(get);
    transport.send([{ type: "message", data: "x".repeat(2000) }]);
    await get.answered.promise;
    const [{ headers, body }] = get.answers;
    assertEquals(headers["Content-Encoding"], encoding);
    const plain = encoding === "gzip"
      ? gunzipSync(body as Uint8Array)
      : encoding === "deflate"
      ? inflateSync(body as Uint8Array)
      : bytes(body as string);
    assertEquals(plain.length, 2001);
  }
  const { transport } = open({ httpCompression: false });
  const get = new FakeExchange("GET", { "accept-encoding": "gzip" });
  transport.handle(get);
  transport.send([{ type: "message", data: "x".repeat(2000) }]);
  assertEquals(get.answers[0].headers["Content-Encoding"], undefined);
});

Deno.test("a response is long by its bytes, not by its characters", async () => {
  for (const [text, encoding] of [["€".repeat(341), "gzip"], ["é".repeat(341), undefined]]) {
    const { transport } = open();
    const get = new FakeExchange("GET", { "accept-encoding": "gzip" });
    transport.handle(get);
    transport.send([{ type: "message", data: text }]);
    await get.answered.promise;
    assertEquals(get.answers[0].headers["Content-Encoding"], encoding);
  }
});

Deno.test("a long response that is not to be compressed is not, sent again neither", () => {
  const { transport } = open();
  const headers = { "accept-encoding": "gzip" };
  for (let i = 0; i < 2; i++) {
    const get = new FakeExchange("GET", headers, false, "1");
    transport.handle(get);
    transport.send([{ type: "message", data: "x".repeat(2000) }], false);
    assertEquals(get.answers[0].headers["Content-Encoding"], undefined);
    assertEquals(get.answers[0].body, "4" + "x".repeat(2000));
  }
});

Deno.test("a request that has no room is refused with 503, and what it held is given back", async () => {
  class Growing extends FakeExchange {
    hasRoom: ((held: number) => boolean) | undefined;
    override readBody(_limit?: number, hasRoom?: (held: number) => boolean) {
      this.hasRoom = hasRoom;
      return super.readBody();
    }
  }
  for (const policy of ["wait", "drop", "close"] as const) {
    const limits = new Limits({ receivedBytes: 100, policies: { receivedBytes: policy } });
    // Somebody else has most of it already.
    const other = new BudgetShare(limits.receivedBytes, { onOverBudget() {}, onRoom() {} });
    other.set(101);
    const { transport, errors } = open({ limits });
    const post = new Growing("POST");
    transport.handle(post);
    const room = post.hasRoom!(150);
    if (!room) post.body.resolve("no room");
    await microtasks(5);
    assertEquals(post.answers.map(({ status, headers }) => [status, headers]), [
      [503, { Connection: "close" }],
    ]);
    assertEquals(errors, [
      "transport error: Cannot go on with polling: there is no room for a request",
    ]);
    post.body.resolve("aborted");
    await microtasks(5);
    other.close();
    assertEquals([limits.receivedBytes.used, limits.receivedBytes.waiting], [0, 0]);
  }
});

Deno.test("a request that can't be read to its end gives back what it held", async () => {
  const limits = new Limits({ receivedBytes: 100 });
  const { transport } = open({ limits });
  const post = new FakeExchange("POST");
  post.readBody = (_limit?: number, hasRoom?: (held: number) => boolean) => {
    assert(hasRoom!(50));
    return post.body.promise;
  };
  const told = await reported(async () => {
    transport.handle(post);
    assertEquals(limits.receivedBytes.used, 50);
    post.body.reject(new Error("not read"));
    await post.answered.promise;
  });
  assertEquals([told.length, limits.receivedBytes.used], [1, 0]);
});

Deno.test("a request that can't be read or answered is answered with 500, and ends nothing else", async () => {
  const { transport, errors } = open();
  const post = new FakeExchange("POST");
  const get = new FakeExchange("GET", { "accept-encoding": "gzip" });
  const { respond } = get;
  get.respond = function (status, headers, body) {
    if (status === 200) throw new TypeError("not sent");
    respond.call(this, status, headers, body);
  };
  const told = await reported(async () => {
    transport.handle(post);
    post.body.reject(new Error("not read"));
    transport.handle(get);
    transport.send([{ type: "message", data: "a".repeat(2000) }]);
    await Promise.all([post.answered.promise, get.answered.promise]);
  });
  assertEquals([post.status, get.status, told.length, errors], [500, 500, 2, []]);
  const next = new FakeExchange("POST");
  transport.handle(next);
  next.body.resolve(bytes("4a"));
  await next.answered.promise;
  assertEquals(next.status, 200);
});
