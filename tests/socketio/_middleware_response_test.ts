import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { KeptResponse } from "../../socketio/_middleware_response.ts";

Deno.test("kept response keeps headers by name without case", () => {
  const response = new KeptResponse(() => {});
  response.setHeader("X-A", 1).setHeader("x-a", "2").setHeader("Set-Cookie", ["a", "b"]);
  response.setHeader("X-B", "b").removeHeader("x-b");
  assertEquals(response.headers, { "x-a": "2", "Set-Cookie": ["a", "b"] });
  assertEquals(response.getHeader("X-A"), "2");
  assert(response.hasHeader("set-cookie"));
  assertFalse(response.hasHeader("x-b"));
});

Deno.test("kept response tells once that it was ended, with its body", () => {
  const ended: [number, string][] = [];
  const response = new KeptResponse(({ statusCode, text }) => ended.push([statusCode, text]));
  assertFalse(response.headersSent);
  response.writeHead(401, { "WWW-Authenticate": "Basic" }).write("not ");
  assert(response.headersSent);
  assertFalse(response.writableEnded);
  response.end(new TextEncoder().encode("allowed"));
  response.end("again");
  assertEquals(ended, [[401, "not allowed"]]);
  assert(response.headersSent && response.writableEnded);
  assertEquals(response.getHeader("www-authenticate"), "Basic");
});

Deno.test("kept response has a header called __proto__ as any other", () => {
  const response = new KeptResponse(() => {});
  response.setHeader("__proto__", "x");
  assertEquals(Object.entries(response.headers), [["__proto__", "x"]]);
});

Deno.test("kept response keeps bytes as they are, and characters that are split between them", () => {
  const response = new KeptResponse(() => {});
  assertEquals([response.body, response.text], ["", ""]);
  response.write("é");
  assertEquals(response.body, "é");
  const chunk = new Uint8Array([0xc3]);
  response.write(chunk);
  chunk[0] = 0xa8;
  response.end(chunk);
  assertEquals(response.text, "éè");
  assertEquals(response.body, new Uint8Array([0xc3, 0xa9, 0xc3, 0xa8]));
});

Deno.test("kept response begins once, at its first write or its end, as node's does", () => {
  for (const way of ["writeHead", "write", "end"] as const) {
    const response = new KeptResponse(() => {});
    const begun: number[] = [];
    const { writeHead } = response;
    response.writeHead = function (...args) {
      begun.push(args[0]);
      return writeHead.apply(this, args);
    };
    response.statusCode = 403;
    assertFalse(response.began);
    if (way === "writeHead") response.writeHead(403);
    else if (way === "write") response.write("n");
    response.end("o");
    response.end();
    assertEquals([begun, response.began], [[403], true]);
  }
});

Deno.test("kept response takes a reason and lists of headers in writeHead, as node's does", () => {
  const kept = (...args: Parameters<KeptResponse["writeHead"]>) => {
    const response = new KeptResponse(() => {});
    response.setHeader("x-a", "old").writeHead(...args);
    return [response.statusCode, response.headers];
  };
  assertEquals(kept(401, "Unauthorized"), [401, { "x-a": "old" }]);
  assertEquals(kept(401, "Unauthorized", { "X-A": 1 }), [401, { "X-A": "1" }]);
  assertEquals(kept(401, undefined, { "X-A": "1" }), [401, { "X-A": "1" }]);
  const list = ["X-A", "1", "Set-Cookie", "a=b", "set-cookie", "c=d"];
  const headers = { "X-A": "1", "set-cookie": ["a=b", "c=d"] };
  assertEquals(kept(401, list), [401, headers]);
  const cookies = ["a=b", "c=d"];
  assertEquals(kept(401, ["X-A", "1", "set-cookie", cookies]), [401, headers]);
  assertEquals(kept(401, [["X-A", "1"], ["set-cookie", cookies]]), [401, headers]);
  assertEquals(kept(401, "No", [["X-A", 1], list.slice(2, 4), list.slice(4)]), [401, headers]);
});

Deno.test("kept response takes encodings and callbacks behind what is written, as node's does", async () => {
  const ended: string[] = [];
  const response = new KeptResponse(({ text }) => ended.push(text));
  await new Promise<void>((resolve) => response.write("a", resolve));
  await new Promise<void>((resolve) => response.write("YmM=", "base64", resolve));
  response.write("é", "utf8");
  await new Promise<void>((resolve) => response.end("64", "hex", resolve));
  assertEquals(ended, ["abcéd"]);
  for (const chunk of [null, undefined]) {
    const empty = new KeptResponse(({ text }) => ended.push(text));
    await new Promise<void>((resolve) => empty.end(chunk, resolve));
  }
  const empty = new KeptResponse(({ text }) => ended.push(text));
  await new Promise<void>((resolve) => empty.end(resolve));
  assertEquals(ended, ["abcéd", "", "", ""]);
});

Deno.test("kept response adds to a header, and tells all headers by lower-case names", () => {
  const response = new KeptResponse(() => {});
  response.setHeader("X-A", "1").appendHeader("x-a", "2").appendHeader("Set-Cookie", ["a", "b"]);
  assertEquals(response.appendHeader("X-B", "b").getHeader("x-b"), "b");
  response.removeHeader("x-b");
  assertEquals(response.getHeaders(), { "x-a": ["1", "2"], "set-cookie": ["a", "b"] });
  assertEquals(response.getHeaderNames(), ["x-a", "set-cookie"]);
});

Deno.test("kept response makes texts of a header's values, as node's does, and takes none that is missing", () => {
  const response = new KeptResponse(() => {});
  for (const value of [true, 1, null, [true, 1]]) {
    response.setHeader("x-a", value as unknown as string);
    assertEquals(
      response.getHeader("x-a"),
      Array.isArray(value) ? ["true", "1"] : String(value),
    );
  }
  assertThrows(() => response.setHeader("x-a", undefined as unknown as string), TypeError, "x-a");
});
