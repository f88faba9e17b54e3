import { assert, assertEquals, assertThrows } from "@std/assert";
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
