import { assertEquals, assertThrows } from "@std/assert";
import { resolveConnectionOptions } from "../../websocket/connection_options.ts";

Deno.test("connection options have all limits and deadlines on by default", () => {
  const options = resolveConnectionOptions();
  for (const [name, value] of Object.entries(options)) {
    if (name === "slowReader") assertEquals(value, "wait");
    else assertEquals(typeof value === "number" && value > 0 && value < Infinity, true, name);
  }
  assertEquals(options.maxMessageSize, 1 << 20);
});

Deno.test("chunk limit grows with the message limit", () => {
  assertEquals(resolveConnectionOptions({ maxMessageSize: 1 << 30 }).maxChunks, 1 << 22);
  assertEquals(resolveConnectionOptions({ maxMessageSize: 1 << 30, maxChunks: 5 }).maxChunks, 5);
});

Deno.test("connection options out of range are refused", () => {
  for (
    const bad of [
      { maxMessageSize: -1 },
      { maxFragments: NaN },
      { keepAliveInterval: -5 },
      { closeTimeout: Infinity },
      { messageTimeout: 2 ** 31 },
      { highWaterMark: 100, maxSendQueueBytes: 10 },
    ]
  ) assertThrows(() => resolveConnectionOptions(bad), RangeError);
  assertThrows(() => resolveConnectionOptions({ slowReader: "ignore" as "wait" }), TypeError);
});

Deno.test("connection options refuse texts for numbers", () => {
  for (const name of Object.keys(resolveConnectionOptions())) {
    const error = assertThrows(() => resolveConnectionOptions({ [name]: "5" }), Error, name);
    assertEquals(error instanceof TypeError || error instanceof RangeError, true);
  }
});
