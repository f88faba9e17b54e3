import { assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { SecureContext } from "../../net/secure_context.ts";
import { startServerTls, startTls, tlsInfo } from "../../net/start_tls.ts";
import type { StartTlsOptions } from "../../net/start_tls_options.ts";
import { CA, identity, OTHER_CA } from "../_support/certs.ts";

const SERVER = identity("server");

async function shown(
  context: SecureContext,
  hostname = "localhost",
  options: StartTlsOptions = {},
): Promise<string> {
  const [a, b] = pair();
  const [client, server] = await Promise.all([
    startTls(a, { hostname, ca: [CA, OTHER_CA], ...options }),
    startServerTls(b, context),
  ]);
  const { subject, issuer } = tlsInfo(client)!.getPeerCertificate()!;
  client.close();
  server.close();
  return `${subject.CN} by ${issuer.CN}`;
}

Deno.test("secure context serves many handshakes, and changes in between", async () => {
  const context = new SecureContext(SERVER);
  for (let i = 0; i < 3; i++) assertEquals(await shown(context), "localhost by Sluice test CA");
  context.setIdentity(identity("foreign"));
  assertEquals(await shown(context), "localhost by Another CA");
  context.addContext("*.b.test", identity("b_test"));
  assertEquals(await shown(context, "x.b.test"), "b.test by Sluice test CA");
});

Deno.test("secure context serves handshakes side by side", async () => {
  const context = new SecureContext({ ...SERVER, sni: { "a.example.com": identity("a_example") } });
  const names = Array.from({ length: 20 }, (_, i) => i % 2 === 0 ? "localhost" : "a.example.com");
  const subjects = await Promise.all(names.map((name) => shown(context, name)));
  assertEquals(subjects, names.map((name) => `${name} by Sluice test CA`));
});

Deno.test("secure context knows names in every spelling, as clients ask for them", async () => {
  const context = new SecureContext({ ...SERVER, sni: { "München.test": identity("a_example") } });
  context.addContext("dot.test.", identity("a_example"));
  context.addContext("*.bücher.test", identity("a_example"));
  for (const name of ["münchen.test", "xn--mnchen-3ya.test", "dot.test", "x.bücher.test"]) {
    // These names stand in no certificate: what counts is which one is shown.
    const subject = await shown(context, name, { rejectUnauthorized: false });
    assertEquals(subject, "a.example.com by Sluice test CA", name);
  }
});

Deno.test("secure context refuses what is no good", () => {
  assertThrows(() => new SecureContext({}), TypeError, "certificate");
  assertThrows(() => new SecureContext({ ...SERVER, implementation: "deno" }), NetError, "Deno");
  const context = new SecureContext(SERVER);
  assertThrows(() => context.setIdentity({ cert: "x", key: "y" }), TypeError);
  // No client asks for an address (RFC 6066, 3).
  for (const name of ["*", "a.*.test", "**.test", "", "a b", "127.0.0.1", "::1"]) {
    assertThrows(() => context.addContext(name, SERVER), TypeError, "SNI name");
  }
});
