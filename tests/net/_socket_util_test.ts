import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { addressInfo, encodeChunk, tell } from "../../net/_socket_util.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import {
  consoleErrors,
  shownErrors,
  unshowable,
  unshowableTwice,
} from "../_support/console_errors.ts";
import { microtasks } from "../_support/microtasks.ts";

Deno.test("addresses are told as Node and Luvit tell them", () => {
  assertEquals(addressInfo({ transport: "tcp", hostname: "192.0.2.1", port: 80 }), {
    address: "192.0.2.1",
    ip: "192.0.2.1",
    family: "IPv4",
    port: 80,
  });
  assertEquals(addressInfo({ transport: "tcp", hostname: "::1", port: 1 })?.family, "IPv6");
  assertEquals(addressInfo({ transport: "unix", path: "/x" }), undefined);
  assertEquals(addressInfo({ transport: "memory", address: "a" }), undefined);
  assertEquals(addressInfo(undefined), undefined);
});

Deno.test("what a function that is told of something throws or rejects with is said on the console", async () => {
  const said = await consoleErrors(async () => {
    tell("a test", () => {
      throw "thrown";
    });
    tell("a test", () => Promise.reject("rejected"));
    tell("a test", () => foreignRejection("rejected elsewhere"));
    tell("a test", () => undefined);
    await microtasks();
  });
  const text = "Uncaught error in a listener of a test:";
  assertEquals(said, [[text, "thrown"], [text, "rejected"], [text, "rejected elsewhere"]]);
});

Deno.test("chunks are bytes as they are, or text in an encoding", () => {
  const bytes = new Uint8Array([1]);
  assertStrictEquals(encodeChunk(bytes, "utf8"), bytes);
  for (const none of [undefined, null, ""]) {
    assertEquals([...encodeChunk("é", none)], [0xc3, 0xa9]);
  }
  assertEquals([...encodeChunk("é", "latin1")], [0xe9]);
  assertEquals([...encodeChunk("ff00", "hex")], [0xff, 0]);
  assertEquals([...encodeChunk(Buffer.from("x"), undefined)], [0x78]);
  const { buffer } = new Uint8Array([1, 2, 3, 4, 5, 6]);
  assertEquals([...encodeChunk(new Uint16Array(buffer, 2, 1), undefined)], [3, 4]);
  assertEquals([...encodeChunk(new DataView(buffer, 3, 2), undefined)], [4, 5]);
});

Deno.test("chunks that are neither are refused with Node's codes", () => {
  const cases: [unknown, string | undefined, string][] = [
    [null, undefined, "ERR_STREAM_NULL_VALUES"],
    [7, undefined, "ERR_INVALID_ARG_TYPE"],
    [new ArrayBuffer(1), undefined, "ERR_INVALID_ARG_TYPE"],
    ["x", "klingon", "ERR_UNKNOWN_ENCODING"],
  ];
  for (const [chunk, encoding, code] of cases) {
    const error = assertThrows(() => encodeChunk(chunk, encoding), TypeError);
    assertEquals((error as { code?: string }).code, code);
  }
});

Deno.test("what can't be shown is said on the console, and goes no further", async () => {
  for (const make of [unshowable, unshowableTwice]) {
    const said = await shownErrors(() =>
      tell("a test", () => {
        throw make();
      })
    );
    assertEquals(said.map(([where]) => where), ["Uncaught error in a listener of a test:"]);
  }
});
