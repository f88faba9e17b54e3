import { assertEquals } from "@std/assert";
import {
  consoleErrors,
  reported,
  shownErrors,
  unshowable,
  unshowableTwice,
} from "../_support/console_errors.ts";
import { reportUncaught, showThrown } from "../../websocket/_uncaught.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";

Deno.test("what a callback throws goes to the console, but for what a connection's end throws in it", async () => {
  const broken = new Error("broken");
  const calls = await consoleErrors(() => {
    reportUncaught("a callback", broken);
    reportUncaught("a callback", new WebSocketError("closed", { code: "CLOSED" }));
    reportUncaught("a callback", undefined);
  });
  const where = "Uncaught error in a callback:";
  assertEquals(calls, [[where, broken], [where, undefined]]);
});

/** What the console is told while a client says "hello" to such a server, and the close code that it gets. */
async function told(options: ServeWebSocketOptions): Promise<[unknown[][], number]> {
  let code = 0;
  const calls = await consoleErrors(async () => {
    await using server = await serveWebSocket({ hostname: "127.0.0.1", ...options });
    const ws = await connectWebSocket(`ws://127.0.0.1:${server.port}/`);
    await ws.send("hello").catch(() => {});
    code = (await ws.closed).code;
  });
  return [calls, code];
}

Deno.test("what a server's handler throws goes to the console where there is no onError", async () => {
  const broken = new Error("broken");
  const where = "Uncaught error in a WebSocket server:";
  assertEquals(
    await told({
      default: () => {
        throw broken;
      },
    }),
    [[[where, broken]], 1011],
  );
  assertEquals(await told({ default: () => Promise.reject(broken) }), [[[where, broken]], 1011]);
  const heard: unknown[] = [];
  const onError = (error: unknown) => void heard.push(error);
  assertEquals(await told({ default: () => Promise.reject(broken), onError }), [[], 1011]);
  assertEquals(heard, [broken]);
});

Deno.test("what can't be shown ends a connection as anything that a callback throws", async () => {
  for (const make of [unshowable, unshowableTwice]) {
    let code = 0;
    const calls = await shownErrors(async () => {
      [, code] = await told({ default: () => Promise.reject(make()) });
      reportUncaught("a callback", make());
      showThrown(make());
    });
    assertEquals([calls.length, code], [2, 1011]);
  }
});

Deno.test("a client that leaves has its handler tell the console nothing", async () => {
  const left = Promise.withResolvers<unknown>();
  const errors = await reported(async () => {
    await using server = await serveWebSocket({
      hostname: "127.0.0.1",
      default: async (ws) => {
        await ws.closed;
        const failed = ws.send("late");
        failed.catch(left.resolve);
        await failed;
      },
    });
    const ws = await connectWebSocket(`ws://127.0.0.1:${server.port}/`);
    await ws.close();
    assertEquals(await left.promise instanceof WebSocketError, true);
  });
  assertEquals(errors, []);
});

Deno.test("what a listener throws goes to the console where nobody listens for error", async () => {
  const broken = new Error("broken");
  const where = "Uncaught error in a listener of a WebSocket:";
  const fail = () => {
    throw broken;
  };
  assertEquals(await told({ default: (ws) => void ws.on("message", fail) }), [
    [[where, broken]],
    1011,
  ]);
  const rejects = () => Promise.reject(broken);
  assertEquals(await told({ default: (ws) => void ws.on("message", rejects) }), [
    [[where, broken]],
    1011,
  ]);
  const heard: unknown[] = [];
  const listen = (ws: WebSocketConnection) =>
    void ws.on("message", fail).on("error", (error) => heard.push(error.cause));
  assertEquals(await told({ default: listen }), [[], 1011]);
  assertEquals(heard, [broken]);
});

Deno.test("what a listener for error or close throws goes to the console", async () => {
  const broken = [new Error("in error"), new Error("in close")];
  const listen = (ws: WebSocketConnection) => {
    ws.on("message", () => {
      throw new Error("first");
    });
    ws.on("error", () => {
      throw broken[0];
    });
    ws.on("close", () => {
      throw broken[1];
    });
  };
  const [calls] = await told({ default: listen });
  assertEquals(calls.map((args) => args.at(-1)), broken);
});
