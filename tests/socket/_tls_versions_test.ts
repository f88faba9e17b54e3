import { assertEquals, assertThrows } from "@std/assert";
import { tlsVersions } from "../../socket/_tls_versions.ts";
import { TlsProtocol } from "../../socket/constants.ts";

const { SSL3, TLS1, TLS1_1, TLS1_2, TLS1_3 } = TlsProtocol;

Deno.test("protocol flags become a range of versions, without those that are not to be had", () => {
  assertEquals(tlsVersions(TLS1_2), { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
  assertEquals(tlsVersions(TLS1_3), { minVersion: "TLSv1.3", maxVersion: "TLSv1.3" });
  const both = { minVersion: "TLSv1.2", maxVersion: "TLSv1.3" };
  assertEquals(tlsVersions(TLS1_2 + TLS1_3), both);
  assertEquals(tlsVersions(SSL3 + TLS1 + TLS1_1 + TLS1_2 + TLS1_3), both);
});

Deno.test("protocol flags without a version that can be spoken are refused", () => {
  for (const flags of [SSL3, TLS1, TLS1 + TLS1_1, 0]) {
    assertThrows(() => tlsVersions(flags), TypeError, "not to be had");
  }
  for (const flags of [64, -1, 1.5]) {
    assertThrows(() => tlsVersions(flags), TypeError, "no protocols");
  }
});
