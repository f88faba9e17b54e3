import { assertEquals, assertThrows } from "@std/assert";
import type { WebSocketSendable } from "../../websocket/connection_types.ts";
import {
  DEFAULT_MAX_MESSAGE_SIZE,
  type WebSocketData,
  WebSocketOpcode,
} from "../../websocket/types.ts";

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

Deno.test("a message that came goes where the web takes bytes", async () => {
  const [text, bytes]: WebSocketData[] = ["a", Uint8Array.of(98)];
  assertEquals(await new Blob([text!, bytes!]).text(), "ab");
  assertEquals(await new Response(bytes).text(), "b");
  const digest = (data: WebSocketData): Promise<ArrayBuffer> | undefined =>
    typeof data === "string" ? undefined : crypto.subtle.digest("SHA-1", data);
  assertEquals((await digest(bytes!))?.byteLength, 20);
  const shared: WebSocketSendable = new Uint8Array(new SharedArrayBuffer(1));
  // @ts-expect-error what may be sent need not be what comes
  const _came: WebSocketData = shared;
});
