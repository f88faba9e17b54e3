import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Socks5ClientHandshake } from "../../net/socks5_client_handshake.ts";
import { Socks5ServerHandshake } from "../../net/socks5_server_handshake.ts";
import { cut, hex, join, utf8 } from "../_support/framing.ts";

const REQUEST = hex("050100030b6578616d706c652e6f726701bb");

Deno.test("SOCKS5 server serves a client without authentication", () => {
  const handshake = new Socks5ServerHandshake();
  handshake.receive(hex("050100"));
  assertEquals(handshake.takeOutput(), hex("0500"));
  handshake.receive(REQUEST);
  assertEquals(handshake.event, {
    type: "request",
    command: "connect",
    address: { hostname: "example.org", port: 443 },
  });
  handshake.reply(0, { hostname: "192.0.2.1", port: 80 });
  assertEquals(handshake.takeOutput(), hex("05000001c00002010050"));
  assertEquals([handshake.done, handshake.event, handshake.error], [true, undefined, undefined]);
});

Deno.test("SOCKS5 server lets a client log in", () => {
  const handshake = new Socks5ServerHandshake({ authentication: true });
  handshake.receive(hex("05020002"));
  assertEquals(handshake.takeOutput(), hex("0502"));
  handshake.receive(join([hex("0104"), utf8("user"), hex("03"), utf8("pä")]));
  assertEquals(handshake.event, { type: "credentials", username: "user", password: "pä" });
  handshake.login(true);
  assertEquals(handshake.takeOutput(), hex("0100"));
  handshake.receive(REQUEST);
  assertEquals(handshake.event?.type, "request");
});

Deno.test("SOCKS5 server turns away who does not log in, or insists on what it has not", () => {
  const cases: [boolean, string][] = [
    [true, "050100"],
    [false, "050102"],
    [false, "05020102"],
    [true, "0500"],
  ];
  for (const [authentication, greeting] of cases) {
    const handshake = new Socks5ServerHandshake({ authentication });
    handshake.receive(hex(greeting));
    assertEquals(handshake.takeOutput(), hex("05ff"));
    assertEquals(handshake.error?.code, "ERR_PROXY_AUTH");
  }
});

Deno.test("SOCKS5 server tells wrong credentials, and goes no further", () => {
  const handshake = new Socks5ServerHandshake({ authentication: true });
  handshake.receive(join([hex("05010201 01 61 01 62"), REQUEST]));
  assertEquals(handshake.event, { type: "credentials", username: "a", password: "b" });
  handshake.login(false);
  assertEquals(handshake.takeOutput(), hex("05020101"));
  assertEquals([handshake.error?.code, handshake.event], ["ERR_PROXY_AUTH", undefined]);
  assertThrows(() => handshake.login(true), TypeError);
});

Deno.test("SOCKS5 server takes the same client however its bytes are cut, with all sent at once", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(fc.uint8Array(), sizes, (more, cuts) => {
    const handshake = new Socks5ServerHandshake({ authentication: true });
    const bytes = join([hex("050102 0101 61 0162"), REQUEST, more]);
    for (const chunk of cut(bytes, cuts)) {
      handshake.receive(chunk);
      if (handshake.event?.type === "credentials") handshake.login(true);
    }
    assertEquals(handshake.event?.type, "request");
    handshake.reply(0);
    assertEquals(handshake.done, true);
    assertEquals(handshake.leftover, more);
  }));
});

Deno.test("SOCKS5 server refuses what it does not know by the right reply", () => {
  const cases: [string, number][] = [
    ["05090001c00002010050", 7],
    ["05010002c00002010050", 8],
    ["05010003 01ff 0050", 4],
    ["05010003 00 0050", 4],
  ];
  for (const [request, reply] of cases) {
    const handshake = new Socks5ServerHandshake();
    handshake.receive(hex("050100"));
    handshake.takeOutput();
    handshake.receive(hex(request));
    assertEquals(handshake.takeOutput(), hex(`05 0${reply} 00 01 00000000 0000`));
    assertEquals(handshake.error?.reply, reply);
  }
});

Deno.test("SOCKS5 server refuses other protocols and broken ones", () => {
  for (const bytes of ["0401", "4745", "1603", "050100 0401", "050100 4745 5420"]) {
    const handshake = new Socks5ServerHandshake();
    handshake.receive(hex(bytes));
    handshake.receive(hex("0000"));
    assertEquals(handshake.error?.code, "ERR_PROXY_PROTOCOL", bytes);
    // Nothing is kept of what such a peer goes on to send.
    assertEquals([handshake.needed, handshake.leftover], [0, hex("")], bytes);
  }
  const login = new Socks5ServerHandshake({ authentication: true });
  login.receive(hex("050102 0501"));
  assertEquals(login.error?.code, "ERR_PROXY_PROTOCOL");
});

Deno.test("SOCKS5 server reports a client that closes at any point", () => {
  const bytes = join([hex("050102 0101 61 0162"), REQUEST]);
  for (let at = 0; at < bytes.length; at++) {
    const handshake = new Socks5ServerHandshake({ authentication: true });
    handshake.receive(bytes.subarray(0, at));
    if (handshake.event?.type === "credentials") handshake.login(true);
    handshake.end();
    assertEquals(handshake.error?.code, "ECONNRESET", `${at}`);
  }
});

Deno.test("SOCKS5 server refuses by the code that it is told", () => {
  const handshake = new Socks5ServerHandshake();
  handshake.receive(join([hex("050100"), REQUEST]));
  handshake.reply(5);
  assertEquals(handshake.takeOutput(), hex("0500 05050001000000000000"));
  assertEquals([handshake.done, handshake.error?.reply], [false, 5]);
  assertThrows(() => handshake.reply(0), TypeError);
});

Deno.test("SOCKS5 server needs no byte more than its handshake has", () => {
  const bytes = join([hex("050102 0101 61 0162"), REQUEST, hex("99")]);
  const handshake = new Socks5ServerHandshake({ authentication: true });
  let at = 0;
  while (handshake.event?.type !== "request") {
    const { needed } = handshake;
    handshake.receive(bytes.subarray(at, at + needed));
    at += needed;
    if (handshake.event?.type === "credentials") handshake.login(true);
  }
  assertEquals([at, handshake.needed], [bytes.length - 1, 0]);
});

Deno.test("SOCKS5 server keeps no credentials that it could show", () => {
  const handshake = new Socks5ServerHandshake({ authentication: true });
  handshake.receive(join([hex("050102 0104"), utf8("us3r"), hex("06"), utf8("s3cr3t")]));
  handshake.login(false);
  const shown = `${Deno.inspect(handshake, { showHidden: true })}${Deno.inspect(handshake.error)}`;
  assertEquals(/us3r|s3cr3t/.test(shown), false);
});

Deno.test("SOCKS5 client and server understand each other, byte by byte", () => {
  const client = new Socks5ClientHandshake({ hostname: "2001:db8::1", port: 1 }, {
    username: "u".repeat(255),
    password: "p".repeat(255),
  });
  const server = new Socks5ServerHandshake({ authentication: true });
  for (let turns = 0; !client.done && turns < 10; turns++) {
    for (const byte of client.takeOutput()) server.receive(new Uint8Array([byte]));
    const event = server.event;
    if (event?.type === "credentials") {
      assertEquals([event.username.length, event.password.length], [255, 255]);
      server.login(true);
    } else if (event?.type === "request") {
      assertEquals(event.address, { hostname: "2001:db8::1", port: 1 });
      server.reply(0, { hostname: "::1", port: 2 });
    }
    for (const byte of server.takeOutput()) client.receive(new Uint8Array([byte]));
  }
  assertEquals([client.done, server.done, client.bound], [true, true, {
    hostname: "::1",
    port: 2,
  }]);
});

Deno.test("SOCKS5 server survives random bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, authentication) => {
      const handshake = new Socks5ServerHandshake({ authentication });
      handshake.receive(bytes);
      if (handshake.event?.type === "credentials") handshake.login(true);
      handshake.end();
      assert(handshake.event !== undefined || handshake.error !== undefined);
      assertStrictEquals(handshake.done, false);
    }),
  );
});
