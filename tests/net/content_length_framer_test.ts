import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { contentLengthFramer } from "../../net/content_length_framer.ts";
import { frameMessage } from "../../net/framer.ts";
import { FramingDecoderStream, FramingEncoderStream } from "../../net/framing_stream.ts";
import { cut, testFramerProperties, text, unframe, utf8 } from "../_support/framing.ts";

testFramerProperties(
  "Content-Length framer",
  contentLengthFramer({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);

function read(input: string, maxLength?: number) {
  const { messages, error } = unframe(contentLengthFramer({ maxLength }), [utf8(input)]);
  return { messages: messages.map(text), fault: error?.fault, why: error?.message };
}

/** The same, in pieces of one byte. */
function readSlowly(input: string, maxLength?: number) {
  const { messages, error } = unframe(contentLengthFramer({ maxLength }), cut(utf8(input), [1]));
  return { messages: messages.map(text), fault: error?.fault, why: error?.message };
}

Deno.test("Content-Length framer writes one header, an empty line and the bytes", () => {
  const write = (message: string) => text(frameMessage(contentLengthFramer(), utf8(message)));
  assertEquals(write("{}"), "Content-Length: 2\r\n\r\n{}");
  assertEquals(write("é"), "Content-Length: 2\r\n\r\né");
  assertEquals(write(""), "Content-Length: 0\r\n\r\n");
  const long = "x".repeat(100_000);
  assertEquals(write(long), `Content-Length: 100000\r\n\r\n${long}`);
});

Deno.test("Content-Length framer reads heads as HTTP has them, with other headers", () => {
  const heads = [
    "Content-Length: 2\r\n\r\n",
    "Content-Length:2\r\n\r\n",
    "content-length:\t2 \r\n\r\n",
    "CONTENT-LENGTH: 002\r\n\r\n",
    "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
    "Content-Length: 2\r\nContent-Type:\r\nX-Empty: \r\n\r\n",
    "Content-Lengths: 7\r\nContent-Length: 2\r\n\r\n",
  ];
  for (const head of heads) {
    const all = { messages: ["{}", "ok"], fault: undefined, why: undefined };
    assertEquals(read(`${head}{}${head}ok`), all, head);
    assertEquals(readSlowly(`${head}{}${head}ok`), all, head);
  }
});

Deno.test("Content-Length framer refuses heads that are none", () => {
  const heads: Record<string, string> = {
    "\r\n": "does not tell the length",
    "Content-Type: text/plain\r\n\r\n": "does not tell the length",
    "Content-Length: 2\r\nContent-Length: 2\r\n\r\n": "tells the length twice",
    "Content-Length: -2\r\n\r\n": "no decimal number",
    "Content-Length: +2\r\n\r\n": "no decimal number",
    "Content-Length: 0x2\r\n\r\n": "no decimal number",
    "Content-Length: 2, 2\r\n\r\n": "no decimal number",
    "Content-Length: 2e0\r\n\r\n": "no decimal number",
    "Content-Length: 00000000000000002\r\n\r\n": "no decimal number",
    "Content-Length: \r\n\r\n": "no decimal number",
    "Content-Length : 2\r\n\r\n": "no header",
    "Content-Length: 2\r\n folded\r\n\r\n": "no header",
    ": 2\r\n\r\n": "no header",
    "Content-Length 2\r\n\r\n": "no header",
    "{}\r\n\r\n": "no header",
    "Content-Length: 2\n\n": "a CR or an LF alone",
    "Content-Length: 2\rX": "a CR or an LF alone",
    "Content-Length: 2\r\r\n": "a CR or an LF alone",
    "\n": "a CR or an LF alone",
    "Content-Length: 2\0\r\n\r\n": "a control character",
    "\x7f": "a control character",
  };
  for (const [head, why] of Object.entries(heads)) {
    for (const result of [read(`${head}{}`), readSlowly(`${head}{}`)]) {
      assertEquals([result.messages, result.fault], [[], "malformed"], JSON.stringify(head));
      assert(result.why!.includes(why), `${JSON.stringify(head)}: ${result.why}`);
    }
  }
});

Deno.test("Content-Length framer bounds messages and heads", () => {
  for (const take of [read, readSlowly]) {
    assertEquals(take("Content-Length: 5\r\n\r\nhello", 5).messages, ["hello"]);
    // The rest of the head need not come.
    assertEquals(take("Content-Length: 6\r\n", 5).fault, "too-long");
    assertEquals(take("Content-Length: 9007199254740993\r\n").fault, "too-long");
    const room = 4096 - "Content-Length: 2\r\nA: \r\n\r\n".length;
    const head = (length: number) => `Content-Length: 2\r\nA: ${"b".repeat(length)}\r\n\r\n`;
    assertEquals(take(`${head(room)}{}`).messages, ["{}"]);
    const over = take(`${head(room + 1)}{}`);
    assertEquals([over.fault, over.messages], ["too-long", []]);
    assertEquals(take("A:\r\n".repeat(1025)).fault, "too-long");
  }
});

Deno.test("Content-Length framer tells how much is missing at an end", () => {
  const ends: [string, number, number][] = [
    ["C", 1, 4],
    ["Content-Length: 5", 17, 4],
    ["Content-Length: 5\r", 18, 3],
    ["Content-Length: 5\r\n", 19, 2],
    ["Content-Length: 5\r\n\r", 20, 1],
    ["A: b\r\n", 6, 20],
    ["Content-Length: 5\r\n\r\nhe", 2, 3],
  ];
  for (const [input, received, missing] of ends) {
    const { error } = unframe(contentLengthFramer(), [utf8(input)]);
    assertEquals([error?.fault, error?.received, error?.missing], ["truncated", received, missing]);
  }
});

Deno.test("Content-Length framer talks to a language server", async () => {
  const server = new Deno.Command(Deno.execPath(), {
    args: ["lsp", "--quiet"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const calls = new FramingEncoderStream(contentLengthFramer());
  const sent = calls.readable.pipeTo(server.stdin);
  const answers = server.stdout.pipeThrough(new FramingDecoderStream(contentLengthFramer()));
  const call = calls.writable.getWriter();
  const reader = answers.getReader();
  const say = (message: Record<string, unknown>) =>
    call.write(utf8(JSON.stringify({ jsonrpc: "2.0", ...message })));
  const ask = async (id: number, method: string, params?: unknown) => {
    await say({ id, method, params });
    for (;;) {
      const { value, done } = await reader.read();
      assert(!done, `${method} has no answer`);
      const answer = JSON.parse(text(value));
      if (answer.id === id && !("method" in answer)) return answer.result;
    }
  };
  const params = { processId: null, rootUri: null, capabilities: {} };
  const { serverInfo } = await ask(1, "initialize", params);
  assertEquals(serverInfo.name, "deno-language-server");
  await say({ method: "initialized", params: {} });
  assertEquals(await ask(2, "shutdown"), null);
  await say({ method: "exit" });
  await call.close();
  await sent;
  while (!(await reader.read()).done);
  assert((await server.status).success);
});
