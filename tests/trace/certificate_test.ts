import { X509Certificate } from "node:crypto";
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { dial } from "../../net/dial.ts";
import { startServerTls } from "../../net/start_tls.ts";
import { generateCertificate } from "../../trace/certificate.ts";

Deno.test("a generated certificate names what it is for, and verifies itself", async () => {
  const { cert, fingerprint256 } = await generateCertificate({ names: ["EXAMPLE.org.", "0x7f.1"] });
  const certificate = new X509Certificate(cert);
  assertEquals(certificate.subject, "CN=example.org");
  assertEquals(certificate.subjectAltName, "DNS:example.org, IP Address:127.0.0.1");
  assertEquals(certificate.fingerprint256, fingerprint256);
  assert(certificate.verify(certificate.publicKey));
});

Deno.test("each generated certificate has a serial number of its own", async () => {
  const [a, b] = await Promise.all([generateCertificate(), generateCertificate()]);
  assertNotEquals(
    new X509Certificate(a.cert).serialNumber,
    new X509Certificate(b.cert).serialNumber,
  );
});

for (const implementation of ["node", "deno"] as const) {
  Deno.test(`a client of ${implementation} that trusts a generated certificate talks to its server`, async () => {
    const { cert, key } = await generateCertificate();
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const served = listener.accept().then((conn) => startServerTls(conn, { cert, key }));
    const trust = implementation === "node" ? { ca: cert } : { caCerts: [cert] };
    const client = await dial({ hostname: "127.0.0.1", port: listener.addr.port }, {
      tls: { implementation, ...trust },
      timeout: 10_000,
    });
    const server = await served;
    await client.write(Uint8Array.of(7));
    const got = new Uint8Array(4);
    assertEquals([await server.read(got), got[0]], [1, 7]);
    client.close();
    server.close();
    listener.close();
  });
}

Deno.test("a certificate can't be made for what is no name, nor for no time", async () => {
  await assertRejects(() => generateCertificate({ names: ["a b"] }), TypeError);
  await assertRejects(() => generateCertificate({ names: [] }), TypeError);
  await assertRejects(() => generateCertificate({ days: 0 }), RangeError);
});
