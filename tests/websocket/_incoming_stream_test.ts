import { assertEquals, assertRejects } from "@std/assert";
import { IncomingStream } from "../../websocket/_incoming_stream.ts";

Deno.test("incoming stream wants bytes until 64 KiB wait, and again when they are read", async () => {
  let pulls = 0;
  const stream = new IncomingStream(() => pulls++);
  assertEquals(stream.wants, true);
  stream.push(new Uint8Array(65_535), false);
  assertEquals(stream.wants, true);
  stream.push(new Uint8Array(1), false);
  assertEquals(stream.wants, false);
  const reader = stream.readable.getReader();
  assertEquals((await reader.read()).value?.length, 65_535);
  assertEquals(stream.wants, true);
  stream.push(new Uint8Array(2), true);
  assertEquals((await reader.read()).value?.length, 1);
  assertEquals((await reader.read()).value?.length, 2);
  assertEquals((await reader.read()).done, true);
});

Deno.test("incoming stream that was cancelled takes everything and keeps nothing", async () => {
  let pulls = 0;
  const stream = new IncomingStream(() => pulls++);
  await stream.readable.cancel();
  const before = pulls;
  stream.push(new Uint8Array(1 << 20), false);
  stream.push(new Uint8Array(1), true);
  stream.fail(new Error("late"));
  assertEquals([stream.wants, pulls], [true, before]);
});

Deno.test("incoming stream that will never be complete fails", async () => {
  const stream = new IncomingStream(() => {});
  stream.push(new Uint8Array(1), false);
  stream.fail(new TypeError("lost"));
  await assertRejects(() => new Response(stream.readable).text(), TypeError, "lost");
});
