import { assertEquals, assertMatch } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { certificateToSign, derSignature, pem, signedCertificate } from "../../trace/_x509.ts";

async function make(names: string[]): Promise<X509Certificate> {
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const toSign = new Uint8Array(certificateToSign({
    names,
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2051-01-01T00:00:00Z"),
    serial: Uint8Array.of(0x7f, 1),
    publicKey: new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey)),
  }));
  const how = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(how, keys.privateKey, toSign);
  return new X509Certificate(
    pem("CERTIFICATE", signedCertificate(toSign, new Uint8Array(signature))),
  );
}

Deno.test("a certificate says what it shall, as node:crypto reads it", async () => {
  const certificate = await make(["localhost", "127.0.0.1", "::1", "*.example.org"]);
  assertEquals(certificate.subject, "CN=localhost");
  assertEquals(certificate.issuer, "CN=localhost");
  assertEquals(certificate.serialNumber, "7F01");
  assertEquals(certificate.ca, false);
  assertMatch(certificate.validFrom, /Jan {1,2}1 00:00:00 2026/);
  assertMatch(certificate.validTo, /Jan {1,2}1 00:00:00 2051/);
  assertMatch(certificate.subjectAltName ?? "", /^DNS:localhost, IP Address:127\.0\.0\.1, IP/);
});

Deno.test("a signature is two numbers", () => {
  const signature = new Uint8Array(64);
  signature[31] = 5;
  signature[32] = 0x80;
  const der = derSignature(signature);
  assertEquals(der.length, 2 + 3 + 2 + 33);
  assertEquals([...der.subarray(0, 8)], [0x30, 38, 2, 1, 5, 2, 33, 0]);
});

Deno.test("PEM has lines of 64 characters", () => {
  assertEquals(
    pem("THING", new Uint8Array(50)),
    `-----BEGIN THING-----\n${"A".repeat(64)}\nAAA=\n-----END THING-----\n`,
  );
});
