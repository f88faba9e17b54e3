import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { closeQuietly } from "../../net/_close_quietly.ts";
import {
  checkTlsClientOptions,
  checkTlsServerOptions,
  denoTlsInfo,
  recallTls,
  rememberTls,
  startTlsUnder,
} from "../../net/_tls_start.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import type { TlsClientOptions, TlsServerOptions } from "../../net/tls_options.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { CA, identity } from "../_support/certs.ts";

Deno.test("TLS options are checked before anything is dialled", () => {
  checkTlsClientOptions({ caCerts: [CA], servername: "a.example", ALPNProtocols: ["h2"] });
  checkTlsServerOptions({ ...identity("server"), minVersion: "TLSv1.3", handshakeTimeout: 0 });
  const wrong: TlsClientOptions[] = [
    { ciphers: "x" } as TlsClientOptions,
    { minVersion: "SSLv3" as "TLSv1.2" },
    { ALPNProtocols: ["a".repeat(256)] },
    { servername: "a b" },
    { caCerts: ["x"] },
  ];
  for (const options of wrong) assertThrows(() => checkTlsClientOptions(options), TypeError);
  assertThrows(() => checkTlsClientOptions({ handshakeTimeout: -1 }), RangeError);
  checkTlsClientOptions({ handshakeTimeout: Infinity });
  // Its length counts in bytes.
  checkTlsClientOptions({ ALPNProtocols: [`é${"a".repeat(253)}`] });
  const ALPNProtocols = [`é${"a".repeat(254)}`];
  assertThrows(() => checkTlsClientOptions({ ALPNProtocols }), TypeError);
  assertThrows(() => checkTlsServerOptions({ ...identity("server"), ALPNProtocols }), TypeError);
  const server = { ...identity("server"), handshakeTimeout: 3e9 };
  assertThrows(() => checkTlsServerOptions(server), RangeError);
});

Deno.test("TLS options that decide who is let in are true or false, and nothing like it", () => {
  for (const value of [1, 0, "true", "", null]) {
    for (const option of ["requestCert", "rejectUnauthorized"]) {
      const server = { ...identity("server"), ca: CA, [option]: value };
      assertThrows(() => checkTlsServerOptions(server), TypeError, option);
    }
    const client = { rejectUnauthorized: value } as unknown as TlsClientOptions;
    assertThrows(() => checkTlsClientOptions(client), TypeError, "rejectUnauthorized");
  }
  const undecided = { requestCert: undefined, rejectUnauthorized: undefined };
  checkTlsServerOptions({ ...identity("server"), ...undecided });
  checkTlsServerOptions({ ...identity("server"), requestCert: true, rejectUnauthorized: false });
});

Deno.test("TLS options of the wrong kind are refused when they are given", () => {
  const { cert, key } = identity("server");
  const most = Array.from({ length: 128 }, (_, i) => `${i}`.padEnd(255, "x"));
  const long = [...most, "x"];
  const fits = { ALPNProtocols: most };
  checkTlsClientOptions(fits);
  checkTlsServerOptions({ cert, key, ...fits });
  checkTlsServerOptions({ cert, key, ALPNProtocols: null, SNICallback: null } as never);
  for (const ALPNProtocols of [long, "h2", [1], {}]) {
    const options = { ALPNProtocols } as unknown as TlsClientOptions;
    assertThrows(() => checkTlsClientOptions(options), TypeError, "ALPN");
    assertThrows(() => checkTlsServerOptions({ cert, key, ...options }), TypeError, "ALPN");
  }
  for (const checkServerIdentity of ["x", null, {}]) {
    const options = { checkServerIdentity } as unknown as TlsClientOptions;
    assertThrows(() => checkTlsClientOptions(options), TypeError, "checkServerIdentity");
  }
  for (const servername of [1, null, {}]) {
    const options = { servername } as unknown as TlsClientOptions;
    assertThrows(() => checkTlsClientOptions(options), TypeError, "servername: it is no text");
  }
  const odd = ["x", null, [], new Map(), { "a.example": undefined }, { "a.example": "x" }];
  for (const sni of odd) {
    const options = { cert, key, sni } as unknown as TlsServerOptions;
    assertThrows(() => checkTlsServerOptions(options), TypeError, "sni");
  }
  for (const SNICallback of ["x", {}]) {
    const options = { cert, key, SNICallback } as unknown as TlsServerOptions;
    assertThrows(() => checkTlsServerOptions(options), TypeError, "SNICallback");
  }
});

Deno.test("TLS options that Deno's own can't honour are refused for it", () => {
  const implementation = "deno";
  checkTlsClientOptions({ implementation, caCerts: [CA], ALPNProtocols: ["h2"] });
  checkTlsServerOptions({ implementation, ...identity("server"), ALPNProtocols: ["h2"] });
  const client: TlsClientOptions[] = [
    identity("client"),
    { ca: CA },
    { minVersion: "TLSv1.3" },
    { maxVersion: "TLSv1.2" },
    { rejectUnauthorized: false },
    { checkServerIdentity: () => undefined },
  ];
  for (const options of client) {
    const error = assertThrows(
      () => checkTlsClientOptions({ implementation, ...options }),
      NetError,
    );
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
  const server: TlsServerOptions[] = [
    { requestCert: true },
    { ca: CA },
    { sni: {} },
    { SNICallback: () => undefined },
    { minVersion: "TLSv1.3" },
    { maxVersion: "TLSv1.2" },
  ];
  for (const options of server) {
    const error = assertThrows(
      () => checkTlsServerOptions({ implementation, ...options }),
      NetError,
    );
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
});

Deno.test("TLS info is remembered with its transport", () => {
  const [transport, other] = pair();
  const info = denoTlsInfo("h2", "a.example", true);
  assertEquals(rememberTls({ transport, info }), transport);
  assertEquals(recallTls(transport), info);
  assertEquals(recallTls(other), undefined);
  assertThrows(() => info.getPeerCertificate(), NetError, "Deno's TLS");
  transport.close();
  closeQuietly(transport);
  other.close();
});

Deno.test("TLS of Deno's that is given up while it starts leaves no connection open", {
  ignore: Deno.build.os !== "linux", // it takes the C library
}, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  for (let turns = 0; turns < 8; turns++) {
    const [conn, peer] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port }),
      listener.accept(),
    ]);
    const controller = new AbortController();
    const deadline = deadlineSignal("dial", { signal: controller.signal });
    const starting = assertRejects(
      () => startTlsUnder(deadline, conn, { hostname: "localhost", implementation: "deno" }),
      NetError,
      "aborted",
    );
    for (let i = 0; i < turns; i++) await Promise.resolve();
    controller.abort();
    await starting;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      peer.close();
    }, 5000);
    while (await peer.read(new Uint8Array(1000)).catch(() => null) !== null);
    assertEquals(late, false);
    clearTimeout(timer);
    peer.close();
    deadline.clear();
  }
});

Deno.test("TLS under a deadline that has fired closes the transport at once", async () => {
  const [a, b] = pair();
  const deadline = deadlineSignal("dial", { signal: AbortSignal.abort() });
  await assertRejects(
    () => startTlsUnder(deadline, a, { hostname: "localhost" }),
    NetError,
    "aborted",
  );
  assertEquals(await b.read(new Uint8Array(1)), null);
  b.close();
});
