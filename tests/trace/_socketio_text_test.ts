import { assert, assertEquals, assertFalse } from "@std/assert";
import { isEngineIo, SocketIoText } from "../../trace/_socketio_text.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("a target of Engine.IO is known by its version", () => {
  assert(isEngineIo("/socket.io/?EIO=4&transport=websocket"));
  assert(isEngineIo("/x?transport=websocket&EIO=3"));
  assertFalse(isEngineIo("/chat?EIO=44"));
  assertFalse(isEngineIo("/EIO=4"));
});

for (
  const [text, words] of [
    ['0{"sid":"x"}', 'OPEN {"sid":"x"}'],
    ["2", "PING"],
    ["2probe", "PING probe"],
    ["3", "PONG"],
    ["6", "NOOP"],
    ["40", "CONNECT"],
    ['40/admin,{"token":1}', 'CONNECT /admin {"token":1}'],
    ["41/admin,", "DISCONNECT /admin"],
    ["41/admin", "DISCONNECT /admin"],
    ['42["hello",1]', 'EVENT ["hello",1]'],
    ['42/chat,12["hello"]', 'EVENT /chat #12 ["hello"]'],
    ["4312[]", "ACK #12 []"],
    [
      '452-["b",{"_placeholder":true}]',
      'BINARY_EVENT with 2 attachments ["b",{"_placeholder":true}]',
    ],
    ["461-/n,7[]", "BINARY_ACK /n #7 with 1 attachment []"],
    ["4x", "MESSAGE x"],
  ]
) {
  Deno.test(`socket.io text of ${text}`, () => {
    assertEquals(new SocketIoText().describe("text", bytes(text)), words);
  });
}

Deno.test("socket.io text says nothing of other messages", () => {
  const text = new SocketIoText();
  for (const other of ["", " ", "hello", "9"]) {
    assertEquals(text.describe("text", bytes(other)), undefined);
  }
  assertEquals(text.describe("ping", bytes("2")), undefined);
  assertEquals(text.describe("binary", bytes("2")), undefined);
});

Deno.test("socket.io text counts the attachments", () => {
  const text = new SocketIoText();
  text.describe("text", bytes("452-[]"));
  const words = [1, 2, 3].map(() => text.describe("binary", bytes("x")));
  assertEquals(words, ["attachment 1 of 2", "attachment 2 of 2", undefined]);
});
