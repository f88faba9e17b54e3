import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { reported, shownErrors, unshowable, unshowableTwice } from "../_support/console_errors.ts";
import {
  checkMiddleware,
  guardCallback,
  reportCallbackError,
  reportRejection,
} from "../../socketio/_callback.ts";

Deno.test("what a guarded callback throws is logged, and goes no further", async () => {
  const guarded = guardCallback((value: string) => {
    throw `thrown ${value}`;
  });
  assertEquals(await reported(() => guarded("x")), ["thrown x"]);
});

Deno.test("what a guarded callback rejects with is logged, and goes no further", async () => {
  const { error } = console;
  const calls: unknown[] = [];
  const logged = new Promise<void>((resolve) => {
    console.error = (...args) => {
      calls.push(...args);
      resolve();
    };
  });
  try {
    guardCallback(() => Promise.reject("rejected"))();
    await logged;
  } finally {
    console.error = error;
  }
  assertEquals(calls, ["rejected"]);
});

Deno.test("a guarded callback gets its arguments", () => {
  const seen: unknown[] = [];
  guardCallback((...args: unknown[]) => seen.push(args))(1, 2);
  assertEquals(seen, [[1, 2]]);
});

Deno.test("an error that belongs to no connection is logged", async () => {
  const error = new Error("x");
  assertEquals(await reported(() => reportCallbackError(error)), [error]);
});

Deno.test("what goes on by itself is reported if it is rejected", async () => {
  const calls = await reported(async () => {
    reportRejection("no promise");
    reportRejection(Promise.resolve("fulfilled"));
    const rejected = Promise.reject("rejected");
    reportRejection(rejected);
    await rejected.catch(() => {});
  });
  assertEquals(calls, ["rejected"]);
});

Deno.test("middleware is a function", () => {
  checkMiddleware(() => {});
  for (const wrong of [undefined, null, {}]) {
    assertThrows(() => checkMiddleware(wrong), TypeError, "not a function");
  }
});

Deno.test("what can't be shown is said on the console, and goes no further", async () => {
  for (
    const [make, text] of [[unshowable, "revoked"], [unshowableTwice, "has no text"]] as const
  ) {
    const [[told], ...others] = await shownErrors(() => reportCallbackError(make()));
    assertStringIncludes(told as string, text);
    assertEquals(others, []);
  }
});
