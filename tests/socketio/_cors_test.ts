import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { answerCors, checkCors } from "../../socketio/_cors.ts";
import type { CorsOptions, CorsOriginAnswer } from "../../socketio/engine_options.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

async function ask(
  options: CorsOptions,
  origin?: string,
  preflight = false,
): Promise<Record<string, unknown>> {
  const { allowed, headers } = await answerCors(
    options,
    {
      origin,
      "access-control-request-headers": "X-Asked",
    },
    preflight,
    turn,
  );
  return { allowed, ...Object.fromEntries(headers) };
}

Deno.test("an origin that is named is let in, and no other", async () => {
  const options = { origin: "https://good.com" };
  assertEquals(await ask(options, "https://good.com"), {
    allowed: true,
    Vary: "Origin",
    "Access-Control-Allow-Origin": "https://good.com",
  });
  const others = [
    "https://good.com.evil.com",
    "https://evil-good.com",
    "http://good.com",
    "https://good.com:8443",
    "null",
  ];
  for (const origin of others) {
    assertEquals(await ask(options, origin), { allowed: false, Vary: "Origin" }, origin);
  }
});

Deno.test("origins can be lists, patterns, all, none, and functions", async () => {
  const list = { origin: ["https://a.com", /^https:\/\/[a-z]+\.b\.com$/] };
  assertEquals((await ask(list, "https://a.com")).allowed, true);
  assertEquals((await ask(list, "https://x.b.com")).allowed, true);
  assertEquals((await ask(list, "https://x.b.com.evil.com")).allowed, false);
  assertEquals((await ask({ origin: true }, "https://any.com")).allowed, true);
  assertEquals((await ask({ origin: false }, "https://any.com")).allowed, false);
  const fn = { origin: (origin?: string) => Promise.resolve(origin === "https://f.com") };
  assertEquals((await ask(fn, "https://f.com")).allowed, true);
  assertEquals((await ask(fn, "https://g.com")).allowed, false);
  const sticky = { origin: /good/g };
  assertEquals((await ask(sticky, "https://good.com")).allowed, true);
  assertEquals((await ask(sticky, "https://good.com")).allowed, true, "a pattern with a state");
});

Deno.test("a function with a callback says there who is let in, as for npm's cors", async () => {
  const answers: Record<string, CorsOriginAnswer | undefined> = {
    "https://a.com": true,
    "https://b.com": ["https://b.com"],
    "https://c.com": /c/,
    "https://d.com": false,
    "https://e.com": undefined,
    "https://f.com": "https://a.com",
  };
  const allowed = [];
  for (const origin of Object.keys(answers)) {
    const later: CorsOptions = {
      origin: (asked, callback) => queueMicrotask(() => callback(null, answers[asked!])),
    };
    const async: CorsOptions = {
      origin: async (asked, callback) => callback(null, await Promise.resolve(answers[asked!])),
    };
    const answer = await ask(later, origin);
    assertEquals(await ask(async, origin), answer);
    if (answer.allowed) allowed.push(answer["Access-Control-Allow-Origin"]);
  }
  assertEquals(allowed, ["https://a.com", "https://b.com", "https://c.com"]);
  const failing: CorsOptions["origin"][] = [
    (_origin, _callback) => Promise.reject(new Error("boo")),
    (_origin, _callback) => foreignRejection(new Error("boo")),
    (_origin, _callback) => {
      throw new Error("boo");
    },
  ];
  for (const origin of failing) await assertRejects(() => ask({ origin }, "x"), Error, "boo");
});

Deno.test("a function may answer by its callback however it declares it, or by a promise", async () => {
  type Rule = Extract<CorsOptions["origin"], CallableFunction>;
  type Callback = Parameters<Rule>[1];
  const noop: Callback = () => {};
  const later = (callback: Callback) => setTimeout(callback, 0, null, true);
  const rules: Record<string, unknown> = {
    "rest": (...all: [string, Callback]) => {
      all[1](null, true);
      return later(noop);
    },
    "rest, async": async (...all: [string, Callback]) => {
      await Promise.resolve();
      all[1](null, true);
    },
    "a default": (_origin: string, callback = noop) => callback(null, true),
    "async, a default": async (_origin: string, callback = noop) => {
      await Promise.resolve();
      callback(null, true);
    },
    // As a database's client, which says whether it takes more.
    "named, with true": (_origin: string, callback: Callback) => {
      setTimeout(callback, 0, null, "https://a.com");
      return true;
    },
    "named, with a promise of nothing": async (_origin: string, callback: Callback) => {
      await Promise.resolve();
      later(callback);
    },
    "named, with a promise of null": (_origin: string, callback: Callback) => {
      later(callback);
      return Promise.resolve(null);
    },
    "named, with a promise of nothing at all to do": (_origin: string, callback: Callback) => {
      setTimeout(callback, 5, null, true);
      return Promise.all([]);
    },
  };
  for (const [what, rule] of Object.entries(rules)) {
    const answer = await ask({ origin: rule as Rule }, "https://a.com");
    assertEquals(answer["Access-Control-Allow-Origin"], "https://a.com", what);
  }
  const named = rules["named, with true"] as Rule;
  assertEquals((await ask({ origin: named }, "https://b.com")).allowed, false);
  const both: Rule = (_origin, callback) => {
    callback(null, false);
    return Promise.resolve(true);
  };
  assertEquals((await ask({ origin: both }, "https://a.com")).allowed, false, "the first one");
  const none: Rule = (origin) => ["https://b.com"].find((one) => one === origin);
  assertEquals((await ask({ origin: none }, "https://a.com")).allowed, false);
});

Deno.test("what a function that names its callback returns is no answer, nor a promise of it", async () => {
  const error = new Error("Not allowed by CORS");
  const returned = [true, "*", "https://a.com", ["https://a.com"], [{ id: 1 }], null, undefined];
  for (const value of returned.flatMap((one) => [one, Promise.resolve(one)])) {
    const origin: CorsOptions["origin"] = (_origin, callback) => {
      setTimeout(callback, 0, error);
      return value as CorsOriginAnswer;
    };
    const answer = await answerCors({ origin }, { origin: "https://a.com" }, false, turn);
    assertEquals(answer, { allowed: false, headers: [["Vary", "Origin"]], error });
    await turn();
  }
});

Deno.test("an answer by promise of a function that names its callback, and does not call it, throws soon", async () => {
  for (const value of [true, false, "*", /a/, ["https://a.com"]]) {
    await assertRejects(
      () => ask({ origin: (_origin, _callback) => Promise.resolve(value) }, "https://a.com"),
      TypeError,
      "a function that declares the callback answers by it",
    );
  }
});

Deno.test("a function refuses by an error for its callback, with or without an origin", async () => {
  const error = new Error("Not allowed by CORS");
  const origin: CorsOptions["origin"] = (_origin, callback) => callback(error, true);
  for (const asked of ["https://a.com", undefined]) {
    for (const preflight of [false, true]) {
      const answer = await answerCors({ origin }, { origin: asked }, preflight, turn);
      assertEquals(answer, { allowed: false, headers: [["Vary", "Origin"]], error });
    }
  }
});

Deno.test("a function that says null lets nobody in", async () => {
  const none = null as unknown as undefined;
  const functions: CorsOptions["origin"][] = [
    (_origin, callback) => callback(null, none),
    () => none,
    () => Promise.resolve(none),
  ];
  for (const origin of functions) {
    assertEquals(await ask({ origin }, "https://a.com"), { allowed: false, Vary: "Origin" });
  }
});

Deno.test("a function without a callback that says nothing lets nobody in, at once", async () => {
  const functions: CorsOptions["origin"][] = [
    () => undefined,
    (_origin) => undefined,
    (_origin = "") => undefined,
    (..._all) => undefined,
    async () => {},
  ];
  for (const origin of functions) {
    assertEquals(await ask({ origin }, "https://a.com"), { allowed: false, Vary: "Origin" });
  }
});

Deno.test("an answer of a function that can be none throws, at once", async () => {
  const url = new URL("https://a.com");
  for (const value of [0, 1, NaN, 1n, {}, url, new Set(), [1], [{ id: 1 }], [["x"]], [null]]) {
    const wrong = value as unknown as CorsOriginAnswer;
    const functions: CorsOptions["origin"][] = [
      () => wrong,
      (_origin) => Promise.resolve(wrong),
      (_origin = "") => wrong,
      (_origin, callback) => callback(null, wrong),
      (_origin, callback) => void setTimeout(callback, 0, null, wrong),
      (_origin, callback) => {
        callback(null, wrong);
        callback(null, true);
      },
    ];
    for (const origin of functions) {
      await assertRejects(() => ask({ origin }, "https://a.com"), TypeError, "cors.origin");
    }
  }
});

Deno.test("a function's first answer counts, whatever follows", async () => {
  const wrong = 1 as unknown as CorsOriginAnswer;
  const origin: CorsOptions["origin"] = (_origin, callback) => {
    callback(null, "https://a.com");
    callback(null, wrong);
    callback(new Error("late"));
    return Promise.reject(new Error("later"));
  };
  assertEquals((await ask({ origin }, "https://a.com")).allowed, true);
});

Deno.test("any origin is let in by the star, without credentials", async () => {
  assertEquals(await ask({ origin: "*" }, "https://any.com"), {
    allowed: true,
    "Access-Control-Allow-Origin": "*",
  });
  assertThrows(() => checkCors({ credentials: true }), TypeError, "credentials");
  assertThrows(() => checkCors({ origin: "*", credentials: true }), TypeError, "credentials");
  assertThrows(() => checkCors("*" as never), TypeError, "object");
  const further = { preflightContinue: true } as CorsOptions;
  assertThrows(() => checkCors(further), TypeError, "preflightContinue");
  checkCors({ origin: true, credentials: true });
});

Deno.test("options that an object inherits are checked as its own", () => {
  class Rules {
    get origin() {
      return "https://a.com";
    }
    credentials = true;
  }
  checkCors(new Rules());
  for (const wrong of [{ origin: 5 }, { credentials: true }, { origin: "*", credentials: true }]) {
    assertThrows(() => checkCors(Object.create(wrong)), TypeError, "cors");
  }
});

Deno.test("a list with the star is the star, and never goes with credentials", async () => {
  const list = ["https://a.com", "*"];
  for (const origin of [["*"], list, ["*", /x/]]) {
    assertThrows(() => checkCors({ origin, credentials: true }), TypeError, "credentials");
    checkCors({ origin });
  }
  const rules: CorsOptions["origin"][] = [
    list,
    () => list,
    () => Promise.resolve(list),
    (_origin, callback) => callback(null, list),
  ];
  for (const origin of rules) {
    for (const asked of ["https://a.com", "https://any.com", undefined]) {
      assertEquals(await ask({ origin, credentials: true }, asked), {
        allowed: true,
        "Access-Control-Allow-Origin": "*",
      });
    }
  }
});

Deno.test("an origin that is no rule throws when the options are checked", () => {
  for (const origin of [5, {}, [5], [["https://a.com"]], [() => true]]) {
    const wrong = { origin } as unknown as CorsOptions;
    assertThrows(() => checkCors(wrong), TypeError, "origin is neither");
  }
  for (const origin of [undefined, true, false, "x", /x/, [], ["x", /x/], () => true]) {
    checkCors({ origin } as CorsOptions);
  }
});

Deno.test("credentials are let in with a named origin", async () => {
  const answer = await ask({ origin: "https://a.com", credentials: true }, "https://a.com");
  assertEquals(answer["Access-Control-Allow-Credentials"], "true");
});

Deno.test("a preflight is told methods, headers and age", async () => {
  const plain = await ask({ origin: "*" }, "https://a.com", true);
  assertEquals(plain["Access-Control-Allow-Methods"], "GET,POST");
  assertEquals(plain["Access-Control-Allow-Headers"], "X-Asked");
  const set = await ask(
    { origin: "*", methods: "GET", allowedHeaders: ["X-A", "X-B"], maxAge: 60 },
    "https://a.com",
    true,
  );
  assertEquals(set["Access-Control-Allow-Methods"], "GET");
  assertEquals(set["Access-Control-Allow-Headers"], "X-A,X-B");
  assertEquals(set["Access-Control-Max-Age"], "60");
  const named = await ask({ headers: ["X-A", "X-B"] }, "https://a.com", true);
  assertEquals(named["Access-Control-Allow-Headers"], "X-A,X-B");
  checkCors({ maxAge: "600" });
  const text = await ask({ maxAge: "600" }, "https://a.com", true);
  assertEquals(text["Access-Control-Max-Age"], "600");
});

Deno.test("a page may read the headers that are exposed to it", async () => {
  const answer = await ask({ origin: "*", exposedHeaders: ["X-A"] }, "https://a.com");
  assertEquals(answer["Access-Control-Expose-Headers"], "X-A");
});

Deno.test("a request without an origin is no business of these rules", async () => {
  assertEquals(await ask({ origin: "https://a.com" }), { allowed: true, Vary: "Origin" });
});

Deno.test("cors refuses what it does not know, and what is of the wrong kind: a rule for one origin let in all", () => {
  const wrong: [unknown, string][] = [
    [{ orgin: "https://example.org" }, "orgin"],
    [["https://example.org"], "object"],
    [new Map([["origin", "https://example.org"]]), "object"],
    [{ origin: null }, "origin"],
    [{ origin: "https://example.org", credentials: "false" }, "credentials"],
    [{ methods: 5 }, "methods"],
    [{ methods: "GET\r\nX: y" }, "methods"],
    [{ allowedHeaders: {} }, "allowedHeaders"],
    [{ headers: [5] }, "headers"],
    [{ exposedHeaders: new Set(["a"]) }, "exposedHeaders"],
    [{ exposedHeaders: "x-日本" }, "exposedHeaders"],
    [{ allowedHeaders: ["a", "b\r\nc: d"] }, "allowedHeaders"],
    [{ maxAge: NaN }, "maxAge"],
    [{ maxAge: "5s" }, "maxAge"],
    [{ maxAge: ["5"] }, "maxAge"],
  ];
  for (const [options, text] of wrong) {
    assertThrows(() => checkCors(options as CorsOptions), TypeError, text);
  }
  for (const optionsSuccessStatus of [999, 404, 199, 300, NaN, "200" as never]) {
    assertThrows(() => checkCors({ optionsSuccessStatus }), RangeError, "optionsSuccessStatus");
  }
  for (const optionsSuccessStatus of [200, 299]) checkCors({ optionsSuccessStatus });
  checkCors({ origin: "https://example.org", methods: ["GET"], maxAge: 5, credentials: true });
  checkCors({ preflightContinue: false } as CorsOptions);
});
