import { assertEquals } from "@std/assert";
import {
  BYTE_ORDERS,
  type ByteOrderName,
  type BytesLike,
  type Encoding,
  type EncodingAlias,
  ENCODINGS,
} from "../../buffer/types.ts";
import { normalizeByteOrder, normalizeEncoding } from "../../buffer/encodings.ts";
import { ByteReader } from "../../buffer/byte_reader.ts";

Deno.test("encodings are the ten of POCO, hex and base64, each once", () => {
  const listed: Record<Encoding, true> = {
    ascii: true,
    latin1: true,
    latin2: true,
    latin9: true,
    utf8: true,
    utf16: true,
    utf32: true,
    windows1250: true,
    windows1251: true,
    windows1252: true,
    hex: true,
    base64: true,
  };
  assertEquals([...ENCODINGS], Object.keys(listed));
});

Deno.test("byte orders are four", () => {
  assertEquals([...BYTE_ORDERS], ["little", "big", "network", "native"]);
});

Deno.test("every alias of an encoding and of a byte order is known", () => {
  const aliases: Record<EncodingAlias, Encoding> = {
    "us-ascii": "ascii",
    "latin-1": "latin1",
    "latin-2": "latin2",
    "latin-9": "latin9",
    "iso-8859-1": "latin1",
    "iso-8859-2": "latin2",
    "iso-8859-15": "latin9",
    "utf-8": "utf8",
    "utf-16": "utf16",
    "utf-32": "utf32",
    "windows-1250": "windows1250",
    "windows-1251": "windows1251",
    "windows-1252": "windows1252",
  };
  for (const [alias, encoding] of Object.entries(aliases)) {
    assertEquals(normalizeEncoding(alias), encoding);
  }
  const orders: ByteOrderName[] = ["little", "big", "network", "native", "le", "be"];
  assertEquals(orders.map(normalizeByteOrder), [...BYTE_ORDERS, "little", "big"]);
});

Deno.test("bytes may come in any form of the platform", () => {
  const bytes = Uint8Array.of(9, 1, 2, 9);
  const shared = new SharedArrayBuffer(2);
  new Uint8Array(shared).set([1, 2]);
  const forms: BytesLike[] = [
    bytes.subarray(1, 3),
    bytes.slice(1, 3).buffer,
    shared,
    new DataView(bytes.buffer, 1, 2),
    new Uint16Array(Uint8Array.of(1, 2).buffer),
  ];
  for (const form of forms) assertEquals(new ByteReader(form).toHex(), "0102");
});
