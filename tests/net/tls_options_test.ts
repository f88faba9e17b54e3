import { assertEquals } from "@std/assert";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import type {
  PeerCertificate,
  SniCallback,
  TlsClientOptions,
  TlsServerOptions,
  TlsVersion,
} from "../../net/tls_options.ts";

Deno.test("TLS options of a client that node:tls has, too, are node's own", () => {
  const options: Omit<TlsClientOptions, "caCerts" | "implementation" | "checkServerIdentity"> = {
    servername: "a.example",
    cert: "cert",
    key: "key",
    passphrase: "words",
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
  };
  const { ca: _ca, cert, key, ALPNProtocols: _protocols, ...rest } = options;
  const node: ConnectionOptions = { ...rest, cert: cert as string, key: key as string };
  assertEquals(Object.keys(node).sort(), Object.keys(options).sort());
});

Deno.test("TLS options of a server that node:tls has, too, are node's own", () => {
  const options: TlsServerOptions = {
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: 5,
  };
  const { requestCert, rejectUnauthorized, handshakeTimeout, minVersion } = options;
  const node: TlsOptions = { requestCert, rejectUnauthorized, handshakeTimeout, minVersion };
  assertEquals(node.handshakeTimeout, 5);
});

Deno.test("TLS options take callbacks that answer at once or later", async () => {
  const certificate: Pick<PeerCertificate, "subject"> = { subject: { CN: "a.example" } };
  const identity = { cert: "c", key: "k" };
  const callbacks: SniCallback[] = [
    () => undefined,
    () => identity,
    () => Promise.resolve(identity),
  ];
  const answers = await Promise.all(
    callbacks.map((callback) => callback(`${certificate.subject.CN}`)),
  );
  assertEquals(answers, [undefined, identity, identity]);
  const versions: TlsVersion[] = ["TLSv1.2", "TLSv1.3"];
  assertEquals(versions.length, 2);
});
