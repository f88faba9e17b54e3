import { assertEquals, assertThrows } from "@std/assert";
import { DEFAULT_MAX_MESSAGE_SIZE, WebSocketOpcode } from "../../websocket/types.ts";

Deno.test("opcodes are those of RFC 6455 and cannot be changed", () => {
  assertEquals({ ...WebSocketOpcode }, {
    CONTINUATION: 0,
    TEXT: 1,
    BINARY: 2,
    CLOSE: 8,
    PING: 9,
    PONG: 10,
  });
  assertThrows(() => Object.assign(WebSocketOpcode, { TEXT: 7 }), TypeError);
});

Deno.test("the default message limit is 1 MiB", () => {
  assertEquals(DEFAULT_MAX_MESSAGE_SIZE, 2 ** 20);
});
