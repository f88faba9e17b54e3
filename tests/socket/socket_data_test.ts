import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ByteBuffer } from "../../buffer/byte_buffer.ts";
import { ByteReader } from "../../buffer/byte_reader.ts";
import { socketDataBytes } from "../../socket/socket_data.ts";

Deno.test("text is encoded, by default as UTF-8", () => {
  assertEquals(socketDataBytes("é"), new Uint8Array([0xc3, 0xa9]));
  assertEquals(socketDataBytes("é", "windows1252"), new Uint8Array([0xe9]));
  assertThrows(() => socketDataBytes("x", "klingon" as "utf8"), TypeError);
});

Deno.test("bytes of every kind are taken as they are, and not copied", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  assertStrictEquals(socketDataBytes(bytes), bytes);
  for (const data of [bytes.buffer, new DataView(bytes.buffer), new Uint16Array(bytes.buffer)]) {
    const made = socketDataBytes(data);
    assertEquals(made, bytes);
    assertStrictEquals(made.buffer, bytes.buffer);
  }
  assertEquals(socketDataBytes(new DataView(bytes.buffer, 1, 2)), new Uint8Array([2, 3]));
  const shared = new SharedArrayBuffer(2);
  assertEquals(socketDataBytes(shared).length, 2);
});

Deno.test("of a buffer what it has not read yet is taken, and stays unread", () => {
  const buffer = new ByteBuffer().writeUint8(1).writeString("ab");
  assertEquals(socketDataBytes(buffer), new Uint8Array([1, 2, 97, 98]));
  buffer.readUint8();
  assertEquals(socketDataBytes(buffer), new Uint8Array([2, 97, 98]));
  assertEquals(buffer.available, 3);
  assertEquals(socketDataBytes(new ByteReader(new Uint8Array([7]))), new Uint8Array([7]));
});

Deno.test("what is neither text nor bytes is refused", () => {
  for (const data of [42, null, undefined, {}, [1, 2]]) {
    assertThrows(() => socketDataBytes(data as unknown as string), TypeError, "neither text");
  }
});
