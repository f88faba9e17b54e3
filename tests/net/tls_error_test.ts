import { assert, assertEquals } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { TlsError, type TlsErrorReason, toTlsError } from "../../net/tls_error.ts";

Deno.test("TLS error's code follows from its reason", () => {
  const rows: [TlsErrorReason, string][] = [
    ["CERT_HAS_EXPIRED", "ERR_TLS_CERT"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "ERR_TLS_CERT"],
    ["CERT_REQUIRED", "ERR_TLS_CERT"],
    ["TRUNCATED", "ERR_TLS_TRUNCATED"],
    ["PEER_REFUSED_CERT", "ERR_TLS"],
    ["NO_TLS", "ERR_TLS"],
  ];
  for (const [reason, code] of rows) {
    const error = new TlsError("Cannot start TLS", { reason, address: "a.example", port: 443 });
    assertEquals([error.name, error.code, error.reason], ["TlsError", code, reason]);
    assertEquals([error.address, error.port], ["a.example", 443]);
    assert(error instanceof NetError);
  }
});

Deno.test("TLS error is made of what Deno and node write", () => {
  const rows: [string, string, TlsErrorReason][] = [
    ["InvalidData", "invalid peer certificate: UnknownIssuer", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    [
      "InvalidData",
      "invalid peer certificate: certificate expired: verification time 5",
      "CERT_HAS_EXPIRED",
    ],
    ["InvalidData", "invalid peer certificate: certificate not valid yet: x", "CERT_NOT_YET_VALID"],
    [
      "InvalidData",
      'invalid peer certificate: certificate not valid for name "x"',
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ],
    ["InvalidData", "certificate does not allow extended key usage for server", "INVALID_PURPOSE"],
    ["InvalidData", "invalid peer certificate: Revoked", "CERT_REVOKED"],
    ["InvalidData", "received fatal alert: NoApplicationProtocol", "NO_APPLICATION_PROTOCOL"],
    ["InvalidData", "received fatal alert: ProtocolVersion", "PROTOCOL_VERSION"],
    ["Error", "peer is incompatible: SupportedVersionsExtensionRequired", "PROTOCOL_VERSION"],
    ["Error", "peer is incompatible: SignatureAlgorithmsExtensionRequired", "PROTOCOL_VERSION"],
    ["Error", "peer is incompatible: NoCipherSuitesInCommon", "HANDSHAKE_FAILURE"],
    ["InvalidData", "received fatal alert: CertificateRequired", "PEER_REFUSED_CERT"],
    ["InvalidData", "received fatal alert: UnknownCA", "PEER_REFUSED_CERT"],
    ["InvalidData", "received fatal alert: BadCertificate", "PEER_REFUSED_CERT"],
    ["InvalidData", "received corrupt message of type InvalidContentType", "NO_TLS"],
    ["Error", "peer sent no certificates", "CERT_REQUIRED"],
    ["UnexpectedEof", "peer closed connection without sending TLS close_notify", "TRUNCATED"],
    ["InvalidData", "cannot decrypt peer's message", "BAD_RECORD"],
    ["Error", "received fatal alert: BadRecordMac", "BAD_RECORD"],
    ["Error", "something new", "HANDSHAKE_FAILURE"],
  ];
  for (const [name, message, reason] of rows) {
    const cause = Object.assign(new Error(message), { name });
    const error = toTlsError(cause, { what: 'Cannot start TLS with "x:1"', syscall: "startTls" });
    assertEquals((error as TlsError).reason, reason, message);
    assertEquals(error.cause, cause);
    assert(error.message.startsWith('Cannot start TLS with "x:1": '));
    assert(error.message.endsWith(message));
  }
});

Deno.test("TLS error does not speak of a handshake that is over", () => {
  const cause = new Error("received fatal alert: InternalError");
  const text = (syscall: string) => toTlsError(cause, { what: "W", syscall }).message;
  assertEquals(text("startTls"), "W: the handshake failed, received fatal alert: InternalError");
  assertEquals(text("read"), "W: TLS failed, received fatal alert: InternalError");
});

Deno.test("TLS error leaves net errors alone, and knows a connection that was cut", () => {
  const known = new NetError("x", { code: "ETIMEDOUT" });
  assertEquals(toTlsError(known, { what: "w" }), known);
  for (const code of ["ECONNRESET", "ECONNABORTED", "EPIPE"]) {
    const cut = toTlsError(Object.assign(new Error("x"), { code }), { what: "w" });
    assertEquals([cut.code, cut.message], [code, "w: the peer cut the connection"]);
  }
  const { BrokenPipe, ConnectionAborted, ConnectionReset } = Deno.errors;
  const byDeno = [BrokenPipe, ConnectionAborted, ConnectionReset].map((Class) =>
    toTlsError(new Class("x"), { what: "w" }).code
  );
  assertEquals(byDeno, ["EPIPE", "ECONNABORTED", "ECONNRESET"]);
  for (const error of [new Deno.errors.Interrupted("x"), new Deno.errors.BadResource("x")]) {
    assertEquals(toTlsError(error, { what: "w" }).code, "ERR_SOCKET_CLOSED");
  }
  assertEquals(toTlsError("odd", { what: "w" }).code, "ERR_TLS");
});
