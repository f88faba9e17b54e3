import { assert, assertEquals, assertThrows } from "@std/assert";
import { generateKeyPairSync } from "node:crypto";
import { loadAuthorities, loadIdentity } from "../../net/_tls_material.ts";
import type { TlsIdentity } from "../../net/tls_options.ts";
import { CA, identity, LOCKED_KEY, OTHER_CA } from "../_support/certs.ts";

const SERVER = identity("server");

/** The server's key by `openssl pkcs8 -topk8 -v2 des3`; the passphrase is `open-sesame`. */
const TRIPLE_DES_KEY = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAivK0XaNuiJtgICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIQQrsF54XzLQEgZA8k4AI4UZBvKKo
y5y/JD/BKoYqfInctuBTmsOTv/yy3EX9aeEyZ2A6b9yamCa8k96feJYY2JtJRmKt
K16sgTp+skK3QwmSsEN67CLyMM+F/L3OOjMMjvO8KiSBSG6MbCCMCPrx27fXixHb
hJAzU0H+UADpTP9i+x+O3kfvG4Im3gozSWrflXBZBs4RntHuV1o=
-----END ENCRYPTED PRIVATE KEY-----
`;

/** From `openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024`. */
const PSS_KEY = `-----BEGIN PRIVATE KEY-----
MIICdQIBADALBgkqhkiG9w0BAQoEggJhMIICXQIBAAKBgQDMOIa6R7/DfwBHOfji
KnVUQNNsnVb2Bgnq60ncn1Ozd5QvuBTO82BOWiPJ1IBbujrg/d2lKuWfA6akxEHa
s1AvJaw/miDGasBSQQbe3klB55JFroo2Z+T0MgnMQI2QcHdD2Wqcu60QV2judXnd
aOKvz9D0gOoxcwt56IQYKyChwwIDAQABAoGAER0bjTi+BS/7Yfylsq5ELs9P6GY3
B17yLdGR2v8vEHcQ3/7ZH46dn3NGVH+OUiGFFZ2wmUrC+1Re/qfDrQQhz+tJHRtZ
MKvfmrNP6mWGM7DiiSL0Pe6lGzFowL/siSB/IKun04MpLDojXRjwptifz5bsMUwn
SMzvZiIs1/UhkQECQQDueQn2bPQ36+Ly8qY1Vvx4Q2Dc6VSIBMxGL7QJvZknByAu
zOB3cMIHN1a+CtxtcNCfiWNEUws8lDRx9EGq4SKhAkEA2zsFsxIqV1ycqeDd+gaJ
uBuGZ3jwp/wJyPzcVMV5wYB+JyTEJRDkETERpIUzo1CsWJBGFHnU6LSoZXSz6kTN
4wJAbkTJtojq5HDOoEhTUpbGZ1XAlGXQEJUnX8zvExH4n3NMDlft80zQa0XLdlTP
WEuyLBL7M7yylXByT78CHmG8AQJBAJU66RdLHz1WkmHk6tUeDDMhsWzP22lN3E9P
KKAfyFCaqcT1dvsQM18seqj17v+Vk6u5kaqwf+hjyVk+hpXKficCQQCYq0byTkdE
f447PWlvrjAnrySqodegZsj5hX6NMdKU2AElcr1HoTN0jIjJ8ExiyA7aK/5urjvm
t6tpZIkAFFJb
-----END PRIVATE KEY-----
`;

Deno.test("TLS identity is a chain and its key, as text or bytes", () => {
  const { cert, key } = loadIdentity(SERVER);
  assertEquals(cert, SERVER.cert);
  assert(key.startsWith("-----BEGIN PRIVATE KEY-----"));
  const bytes = new TextEncoder().encode(SERVER.cert);
  assertEquals(loadIdentity({ cert: bytes, key: SERVER.key }).cert, SERVER.cert);
  assertEquals(loadIdentity({ cert: SERVER.cert + CA, key: SERVER.key }).cert, SERVER.cert + CA);
});

Deno.test("TLS identity takes an encrypted key with its passphrase, and gives a plain one", () => {
  const { key } = loadIdentity({ cert: SERVER.cert, key: LOCKED_KEY, passphrase: "open-sesame" });
  assertEquals(key, loadIdentity(SERVER).key);
});

Deno.test("TLS identity finds the key in a file that holds the certificates, too", () => {
  const { cert, key } = SERVER;
  const plain = loadIdentity(SERVER);
  const remarks = "Bag Attributes\n    friendlyName: server\nKey Attributes: <No Attributes>\n";
  const parameters =
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  for (
    const all of [`${key}${cert}`, `${cert}${key}`, `${cert}${remarks}${parameters}${key}${CA}`]
  ) {
    assertEquals(loadIdentity({ cert, key: all }), plain);
    assertEquals(loadIdentity({ cert: all, key: all }).key, plain.key);
    assertEquals(loadIdentity({ cert, key: all.replaceAll("\n", "\r\n") }), plain);
  }
  const locked = { cert, key: `${cert}${LOCKED_KEY}` };
  assertEquals(loadIdentity({ ...locked, passphrase: "open-sesame" }), plain);
  assertThrows(() => loadIdentity(locked), TypeError, "passphrase");
});

Deno.test("TLS identity refuses what is no good, without a word of the key", () => {
  const malformed = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  const rows: [Partial<TlsIdentity>, RegExp][] = [
    [{ cert: SERVER.cert }, /without a key/],
    [{ key: SERVER.key }, /without a certificate/],
    [{ cert: "x", key: SERVER.key }, /none in PEM form/],
    [{ cert: malformed, key: SERVER.key }, /malformed/],
    [{ cert: SERVER.cert + malformed, key: SERVER.key }, /malformed/],
    [{ cert: SERVER.cert, key: "secret words" }, /no private key/],
    [{ cert: SERVER.cert, key: ["secret words"] as unknown as string }, /neither text nor bytes/],
    [{ cert: SERVER.cert, key: identity("renewed").key }, /does not belong/],
    [{ cert: SERVER.cert, key: LOCKED_KEY }, /passphrase/],
    [{ cert: SERVER.cert, key: TRIPLE_DES_KEY, passphrase: "open-sesame" }, /does not know/],
    [{ cert: SERVER.cert, key: LOCKED_KEY, passphrase: "wrong words" }, /passphrase/],
  ];
  for (const [options, why] of rows) {
    const error = assertThrows(() => loadIdentity(options), TypeError);
    assert(why.test(error.message), error.message);
    assert(!/secret words|wrong words|PRIVATE KEY/.test(Deno.inspect(error)));
  }
});

Deno.test("TLS authorities are one or several texts, and all must be good", () => {
  assertEquals(loadAuthorities(CA), [CA]);
  assertEquals(loadAuthorities([CA, new TextEncoder().encode(OTHER_CA)]), [CA, OTHER_CA]);
  assertThrows(() => loadAuthorities([CA, "garbage"]), TypeError, "PEM");
});

Deno.test("TLS identity refuses keys that Deno can't sign with, before a client comes", () => {
  const pkcs8 = { type: "pkcs8", format: "pem" } as const;
  const keys = {
    small: generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export(pkcs8),
    curve: generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey.export(pkcs8),
    pss: PSS_KEY,
    none: "-----BEGIN PRIVATE KEY-----\nMAUCAQAwAA==\n-----END PRIVATE KEY-----\n",
  };
  for (const [name, key] of Object.entries(keys)) {
    const load = () => loadIdentity({ cert: SERVER.cert, key: String(key) });
    const why = name === "none" ? "of a kind that Deno does not know" : "Deno's TLS knows RSA of";
    assertThrows(load, TypeError, why);
  }
  // With these it can: what is wrong with them here is that they are another certificate's.
  const usable = [
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ec", { namedCurve: "secp384r1" }),
    generateKeyPairSync("ec", { namedCurve: "secp521r1" }),
    generateKeyPairSync("ed25519"),
  ];
  for (const { privateKey } of usable) {
    const key = String(privateKey.export(pkcs8));
    assertThrows(() => loadIdentity({ cert: SERVER.cert, key }), TypeError, "does not belong");
  }
  for (const namedCurve of ["P-256", "P-384", "P-521"]) {
    const key = generateKeyPairSync("ec", { namedCurve }).privateKey.export(pkcs8);
    const load = () => loadIdentity({ cert: SERVER.cert, key: String(key) });
    assertThrows(load, TypeError, "does not belong");
  }
});

Deno.test("TLS refuses OpenSSL's certificates with trust settings, which it would pass over", () => {
  for (const kind of ["TRUSTED", "X509"]) {
    const cert = SERVER.cert.replaceAll(" CERTIFICATE-", ` ${kind} CERTIFICATE-`);
    assertThrows(() => loadIdentity({ cert, key: SERVER.key }), TypeError, "openssl x509");
    assertThrows(() => loadAuthorities([CA + cert]), TypeError, "openssl x509");
  }
});
