import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProxyError } from "../../net/proxy_error.ts";
import {
  Socks5ClientHandshake,
  type Socks5ClientHandshakeOptions,
} from "../../net/socks5_client_handshake.ts";
import { cut, hex, join, utf8 } from "../_support/framing.ts";

const TARGET = { hostname: "example.org", port: 443 };
const REQUEST = "050100030b6578616d706c652e6f726701bb";

function start(options?: Socks5ClientHandshakeOptions): Socks5ClientHandshake {
  return new Socks5ClientHandshake(TARGET, options);
}

function failure(handshake: Socks5ClientHandshake): [string | undefined, number | undefined] {
  return [handshake.error?.code, handshake.error?.reply];
}

Deno.test("SOCKS5 client speaks the bytes of RFC 1928 without authentication", () => {
  const handshake = start();
  assertEquals(handshake.takeOutput(), hex("050100"));
  assertEquals(handshake.takeOutput(), hex(""));
  handshake.receive(hex("0500"));
  assertEquals(handshake.takeOutput(), hex(REQUEST));
  handshake.receive(hex("05000001c00002011f90"));
  assertEquals(handshake.done, true);
  assertEquals(handshake.bound, { hostname: "192.0.2.1", port: 8080 });
  assertEquals([handshake.needed, handshake.error, handshake.leftover], [0, undefined, hex("")]);
});

Deno.test("SOCKS5 client logs in as RFC 1929 says, when the proxy chooses so", () => {
  const handshake = start({ username: "user", password: "pässword" });
  assertEquals(handshake.takeOutput(), hex("05020002"));
  handshake.receive(hex("0502"));
  assertEquals(
    handshake.takeOutput(),
    join([hex("0104"), utf8("user"), hex("09"), utf8("pässword")]),
  );
  handshake.receive(hex("0100"));
  assertEquals(handshake.takeOutput(), hex(REQUEST));
});

Deno.test("SOCKS5 client keeps its credentials when the proxy wants none", () => {
  const handshake = start({ username: "user", password: "secret" });
  handshake.takeOutput();
  handshake.receive(hex("0500"));
  assertEquals(handshake.takeOutput(), hex(REQUEST));
});

Deno.test("SOCKS5 client asks for a relay of datagrams", () => {
  const handshake = new Socks5ClientHandshake({ hostname: "0.0.0.0", port: 0 }, {
    command: "associate",
  });
  handshake.takeOutput();
  handshake.receive(hex("0500"));
  assertEquals(handshake.takeOutput(), hex("05030001000000000000"));
  handshake.receive(hex("0507"));
  assertEquals(
    handshake.error?.message,
    "Cannot relay datagrams through proxy: the proxy does not support the command (SOCKS5 reply 7)",
  );
});

Deno.test("SOCKS5 client takes replies of every address type, cut anywhere, and gives back what follows", () => {
  const replies = [
    "05000001c00002010050",
    "0500000420010db8000000000000000000000001 0050",
    "05000003 0161 0050",
    "05000003 00 0050",
    `05000003 ff ${"61".repeat(255)} 0050`,
  ].map(hex);
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.constantFrom(...replies), fc.uint8Array(), sizes, (reply, more, cuts) => {
      const handshake = start({ username: "u", password: "p" });
      for (const chunk of cut(join([hex("0502 0100"), reply, more]), cuts)) {
        handshake.receive(chunk);
      }
      assertEquals([handshake.done, handshake.error], [true, undefined]);
      assertEquals(handshake.leftover, more);
    }),
  );
});

Deno.test("SOCKS5 client keeps the port that was told with a name that is none", () => {
  const handshake = start();
  handshake.receive(hex("0500 05000003 00 1234"));
  assertEquals(handshake.bound, { hostname: "0.0.0.0", port: 0x1234 });
});

Deno.test("SOCKS5 client needs no byte more than its handshake has", () => {
  for (const reply of ["05000001c00002010050", `05000003 ff ${"61".repeat(255)} 0050`]) {
    const bytes = join([hex("0500"), hex(reply), hex("99")]);
    const handshake = start();
    let at = 0;
    while (handshake.needed > 0) {
      const { needed } = handshake;
      handshake.receive(bytes.subarray(at, at + needed));
      at += needed;
    }
    assertEquals([handshake.done, at], [true, bytes.length - 1]);
    assertEquals(handshake.leftover, hex(""));
  }
});

Deno.test("SOCKS5 client reports each refusal by its own code, as soon as it shows", () => {
  const codes = [
    "ERR_PROXY_REFUSED",
    "EACCES",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ERR_UNSUPPORTED",
    "EAFNOSUPPORT",
    "ERR_PROXY_PROTOCOL",
  ];
  for (const [i, code] of codes.entries()) {
    const handshake = start();
    handshake.receive(hex("0500"));
    handshake.receive(new Uint8Array([5, i + 1]));
    assert(handshake.error instanceof ProxyError);
    assertEquals(failure(handshake), [code, i + 1]);
    assertStringIncludes(
      handshake.error.message,
      'Cannot connect to "example.org:443" through proxy: ',
    );
  }
});

Deno.test("SOCKS5 client refuses what breaks the protocol", () => {
  const cases: [string, string][] = [
    ["0400", "ERR_PROXY_PROTOCOL"],
    ["4854", "ERR_PROXY_PROTOCOL"], // HTTP/1.1 400
    ["0501", "ERR_PROXY_PROTOCOL"], // GSSAPI was not offered
    ["05ff", "ERR_PROXY_AUTH"],
    ["0502 0500", "ERR_PROXY_PROTOCOL"],
    ["0502 0101", "ERR_PROXY_AUTH"],
    ["0500 0400", "ERR_PROXY_PROTOCOL"],
    ["0500 050000 02 00", "ERR_PROXY_PROTOCOL"],
  ];
  for (const [bytes, code] of cases) {
    const handshake = start({ username: "user", password: "secret" });
    handshake.receive(hex(bytes));
    assertEquals([bytes, ...failure(handshake)], [bytes, code, undefined]);
    // What comes later changes nothing.
    handshake.receive(hex("0500"));
    handshake.end();
    assertEquals([handshake.done, handshake.error?.code], [false, code]);
  }
});

Deno.test("SOCKS5 client never logs in without having offered it", () => {
  const handshake = start();
  handshake.takeOutput();
  handshake.receive(hex("0502"));
  assertEquals(handshake.error?.code, "ERR_PROXY_PROTOCOL");
  assertEquals(handshake.takeOutput(), hex(""));
});

Deno.test("SOCKS5 client reports a proxy that closes at any point", () => {
  const answer = hex("0502 0100 05000001c0000201");
  for (let at = 0; at <= answer.length; at++) {
    const handshake = start({ username: "u" });
    handshake.receive(answer.subarray(0, at));
    handshake.end();
    assertEquals(handshake.error?.code, "ECONNRESET", `${at}`);
  }
});

Deno.test("SOCKS5 client refuses what it can't send, without showing a secret", () => {
  const secret = "s3cr3t".repeat(50);
  for (
    const options of [{ username: secret }, { username: "u", password: secret }, {
      password: secret,
    }]
  ) {
    const error = assertThrows(() => start(options), TypeError);
    assertEquals(error.message.includes("s3cr3t"), false);
  }
  assertThrows(() => start({ username: "" }), TypeError);
  assertThrows(() => start({ command: "udp" as "connect" }), TypeError);
  assertThrows(() => new Socks5ClientHandshake({ hostname: "a\0b", port: 1 }), TypeError);
  assertThrows(() => new Socks5ClientHandshake({ hostname: "a", port: 70_000 }), RangeError);
});

Deno.test("SOCKS5 client shows no credentials in its errors or its inspection", () => {
  const handshake = start({ username: "us3r", password: "s3cr3t" });
  handshake.receive(hex("0502 0101"));
  const shown = `${Deno.inspect(handshake, { showHidden: true })} ${JSON.stringify(handshake)} ${
    Deno.inspect(handshake.error)
  }`;
  assertEquals(/us3r|s3cr3t/.test(shown), false);
});

Deno.test("SOCKS5 client survives random bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const handshake = start({ username: "u" });
    handshake.receive(bytes);
    handshake.end();
    assert(handshake.done || handshake.error !== undefined);
  }));
});
