import { assertEquals } from "@std/assert";
import { EventWebSocket } from "../../socket/event_web_socket.ts";
import { reportUncaught } from "../../socket/_uncaught.ts";
import { shownErrors, unshowable, unshowableTwice } from "../_support/console_errors.ts";
import { microtasks } from "../_support/microtasks.ts";

Deno.test("what a handler threw is said on the console, also where it can't be shown", async () => {
  const error = new Error("mine");
  const where = "Uncaught error in a handler:";
  const told = await shownErrors(() => reportUncaught("a handler", error));
  assertEquals(told, [[where, error]]);
  for (const make of [unshowable, unshowableTwice]) {
    const told = await shownErrors(() => reportUncaught("a handler", make()));
    assertEquals(told.map(([where, text]) => [where, typeof text]), [[where, "string"]]);
  }
});

Deno.test("an on_error handler that throws what can't be shown ends nothing", async () => {
  const told = await shownErrors(async () => {
    const ws = new EventWebSocket();
    ws.on_error(() => {
      throw unshowable();
    });
    ws.connect("http://example.org");
    await microtasks();
  });
  assertEquals(told.map(([where]) => where), ["Uncaught error in an on_error handler:"]);
});
