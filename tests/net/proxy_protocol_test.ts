import { assertEquals, assertStrictEquals } from "@std/assert";
import { decodeProxyProtocolSsl, PROXY_PROTOCOL_TLV } from "../../net/proxy_protocol.ts";
import { hex, join, utf8 } from "../_support/framing.ts";

const sub = (type: number, value: string): Uint8Array =>
  join([new Uint8Array([type, 0, value.length]), utf8(value)]);

Deno.test("PROXY protocol's TLV about TLS is taken apart", () => {
  const value = join([
    hex("07 00000000"),
    sub(0x21, "TLSv1.3"),
    sub(0x22, "client"),
    sub(0x23, "TLS_AES_128_GCM_SHA256"),
    sub(0x24, "SHA256"),
  ]);
  assertEquals(decodeProxyProtocolSsl(value), {
    tls: true,
    certificate: true,
    sessionCertificate: true,
    verified: true,
    version: "TLSv1.3",
    commonName: "client",
    cipher: "TLS_AES_128_GCM_SHA256",
  });
});

Deno.test("PROXY protocol's TLV about TLS claims no valid certificate where there was none", () => {
  assertEquals(decodeProxyProtocolSsl(hex("01 00000000"))?.verified, false);
  assertEquals(decodeProxyProtocolSsl(hex("03 00000001"))?.verified, false);
  assertEquals(decodeProxyProtocolSsl(hex("00 00000000"))?.tls, false);
});

Deno.test("PROXY protocol's TLV about TLS is refused when it is cut off", () => {
  for (const bytes of ["", "01000000", "01 00000000 21", "01 00000000 21 0002 41"]) {
    assertStrictEquals(decodeProxyProtocolSsl(hex(bytes)), undefined, bytes);
  }
  assertEquals(PROXY_PROTOCOL_TLV.ssl, 0x20);
});
