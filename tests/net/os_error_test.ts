import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { unshowable } from "../_support/console_errors.ts";
import { MISSING_NAME, missingNameCode } from "../_support/missing_name.ts";
import { NetError, type NetErrorCode } from "../../net/errors.ts";
import { formatEndpoint, toNetError } from "../../net/os_error.ts";
import { TlsError } from "../../net/tls_error.ts";

const codeOf = (error: unknown): NetErrorCode => toNetError(error, { syscall: "read" }).code;

Deno.test("toNetError knows Deno's errors by their class", () => {
  const cases: [Error, NetErrorCode][] = [
    [new Deno.errors.AddrInUse("x"), "EADDRINUSE"],
    [new Deno.errors.AddrNotAvailable("x"), "EADDRNOTAVAIL"],
    [new Deno.errors.BadResource("x"), "ERR_SOCKET_CLOSED"],
    [new Deno.errors.BrokenPipe("x"), "EPIPE"],
    [new Deno.errors.ConnectionAborted("x"), "ECONNABORTED"],
    [new Deno.errors.ConnectionRefused("x"), "ECONNREFUSED"],
    [new Deno.errors.ConnectionReset("x"), "ECONNRESET"],
    [new Deno.errors.Interrupted("x"), "ERR_SOCKET_CLOSED"],
    [new Deno.errors.NotCapable("x"), "EPERM"],
    [new Deno.errors.NotConnected("x"), "ENOTCONN"],
    [new Deno.errors.NotFound("x"), "ENOENT"],
    [new Deno.errors.PermissionDenied("x"), "EACCES"],
    [new Deno.errors.TimedOut("x"), "ETIMEDOUT"],
    [new Deno.errors.UnexpectedEof("x"), "ERR_TLS_TRUNCATED"],
    [new Deno.errors.InvalidData("x"), "ERR_TLS"],
    [new DOMException("x", "AbortError"), "ABORT_ERR"],
    [new DOMException("x", "TimeoutError"), "ETIMEDOUT"],
    [new Error("who knows"), "EIO"],
  ];
  assertEquals(cases.map(([error]) => codeOf(error)), cases.map(([, code]) => code));
});

Deno.test("toNetError takes the system's own code first", () => {
  const codes =
    "EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAI_AGAIN ECONNABORTED ECONNREFUSED ECONNRESET EHOSTDOWN " +
    "EHOSTUNREACH EINVAL ELOOP EMFILE EMSGSIZE ENETDOWN ENETUNREACH ENFILE ENOENT ENOSPC ENOTCONN ENOTDIR " +
    "ENOTFOUND EPERM EPIPE EPROTO ETIMEDOUT";
  for (const code of codes.split(" ")) {
    assertEquals(codeOf(Object.assign(new Deno.errors.Http("x"), { code })), code);
  }
  assertEquals(codeOf(Object.assign(new Error("x"), { code: "ENOTHING" })), "EIO");
  assertEquals(codeOf(Object.assign(new Error("x"), { code: "ABORT_ERR" })), "ABORT_ERR");
});

Deno.test("toNetError makes a TLS error of what TLS threw", () => {
  const refused = new Error("received fatal alert: CertificateRequired");
  const code = "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED";
  for (
    const cause of [Object.assign(refused, { code }), new Deno.errors.InvalidData(refused.message)]
  ) {
    const error = toNetError(cause, { syscall: "read", address: "h", port: 1 });
    assertInstanceOf(error, TlsError);
    assertEquals([error.code, error.reason], ["ERR_TLS", "PEER_REFUSED_CERT"]);
    assertEquals([error.syscall, error.address, error.port], ["read", "h", 1]);
    assertStrictEquals(error.cause, cause);
  }
  const cut = toNetError(new Deno.errors.UnexpectedEof("x"), { syscall: "read" });
  assertInstanceOf(cut, TlsError);
  assertEquals(cut.reason, "TRUNCATED");
});

Deno.test("toNetError knows paths that lead nowhere", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/file`, "");
    const listen = () => Deno.listen({ transport: "unix", path: `${folder}/file/socket` }).close();
    let error: unknown;
    try {
      listen();
    } catch (thrown) {
      error = thrown;
    }
    if (Deno.build.os !== "windows") assertEquals(codeOf(error), "ENOTDIR");
    assertEquals(codeOf(Object.assign(new Error("x"), { code: "ELOOP" })), "ELOOP");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("toNetError knows a name that does not resolve", async () => {
  let error: unknown;
  try {
    (await Deno.connect({ hostname: MISSING_NAME, port: 1 })).close();
  } catch (thrown) {
    error = thrown;
  }
  assertEquals(codeOf(error), await missingNameCode());
  const failed = "failed to lookup address information: ";
  assertEquals(codeOf(new Error(failed + "Name or service not known")), "ENOTFOUND");
  // In the words of glibc, and of musl.
  assertEquals(codeOf(new Error(failed + "Temporary failure in name resolution")), "EAI_AGAIN");
  assertEquals(codeOf(new Error(failed + "Try again")), "EAI_AGAIN");
});

Deno.test("toNetError leaves a net error as it is, and takes what is no error, too", () => {
  const error = new NetError("x", { code: "EPROTO" });
  assertStrictEquals(toNetError(error, { syscall: "read" }), error);
  const other = toNetError("a string", { syscall: "read", address: "h", port: 1 });
  assertEquals(other.message, 'Cannot read "h:1": EIO, a string');
  assertEquals([other.syscall, other.address, other.port], ["read", "h", 1]);
});

Deno.test("toNetError says what could not be done in the caller's words", () => {
  const error = toNetError(new Deno.errors.AddrInUse("taken"), {
    syscall: "listen",
    what: 'Cannot listen on "::"',
  });
  assertEquals(error.message, 'Cannot listen on "::": EADDRINUSE, taken');
});

Deno.test("endpoints are written as in URLs", () => {
  assertEquals(formatEndpoint("example.org", 80), "example.org:80");
  assertEquals(formatEndpoint("::1", 80), "[::1]:80");
  assertEquals(formatEndpoint("/run/x.sock"), "/run/x.sock");
  assertEquals([formatEndpoint(undefined, 80), formatEndpoint(undefined)], [":80", ""]);
});

Deno.test("toNetError says where nothing could be listened on", () => {
  const taken = new Deno.errors.AddrInUse("taken");
  const error = toNetError(taken, { syscall: "listen", address: "::1", port: 80 });
  assertEquals(error.message, 'Cannot listen on "[::1]:80": EADDRINUSE, taken');
  assertEquals(
    toNetError(taken, { syscall: "listen" }).message,
    "Cannot listen: EADDRINUSE, taken",
  );
});

Deno.test("toNetError makes an error of what throws when it is looked at", () => {
  const fail = () => {
    throw new Error("not to be seen");
  };
  const error = new Error("x");
  for (const name of ["code", "name"]) {
    const odd = Object.defineProperty(new Error("x"), name, { get: fail });
    const known = toNetError(odd, { syscall: "connect", address: "::1", port: 9 });
    assertEquals([known.code, known.cause === odd], ["EIO", true]);
  }
  assertEquals(codeOf(Object.assign(error, { code: Symbol("odd") })), "EIO");
  const revoked = unshowable();
  assertStrictEquals(toNetError(revoked, { syscall: "read" }).cause, revoked);
  const own = new NetError("own", { code: "EPIPE" });
  assertStrictEquals(toNetError(own, { syscall: "read" }), own);
});
