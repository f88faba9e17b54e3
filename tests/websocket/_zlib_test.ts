import { assert, assertEquals } from "@std/assert";
import { inflateRawSync } from "node:zlib";
import { hex } from "../_support/hex.ts";
import { toBytes } from "../_support/websocket_rig.ts";
import { SyncZlib } from "../../websocket/_zlib.ts";

Deno.test("zlib stream works synchronously and says what is left over", () => {
  const stream = new SyncZlib("deflate", { windowBits: 15 });
  const input = toBytes("Hello Hello Hello");
  const output = new Uint8Array(100);
  stream.write(input, 0, input.length, output, 10, 100);
  assertEquals([stream.inputLeft, stream.failed], [0, false]);
  const wire = output.subarray(10, 100 - stream.roomLeft);
  assertEquals(new Uint8Array(inflateRawSync(wire, { finishFlush: 2 })), input);
  stream.reset();
  stream.write(input, 0, input.length, output, 0, 4);
  assertEquals(stream.roomLeft, 0);
  stream.close();
});

Deno.test("zlib stream tells bad data, and works again after a reset", () => {
  const stream = new SyncZlib("inflate", { windowBits: 15 });
  const output = new Uint8Array(100);
  stream.write(hex("ff ff ff"), 0, 3, output, 0, 100);
  assert(stream.failed);
  stream.reset();
  const wire = hex("f2 48 cd c9 c9 07 00 00 00 ff ff");
  stream.write(wire, 0, wire.length, output, 0, 100);
  assertEquals(stream.failed, false);
  assertEquals(output.slice(0, 100 - stream.roomLeft), toBytes("Hello"));
  stream.close();
});
