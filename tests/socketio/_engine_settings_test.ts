import { assertEquals, assertThrows } from "@std/assert";
import { formatCookie, resolveEngineOptions } from "../../socketio/_engine_settings.ts";
import type { EngineCookieOptions } from "../../socketio/engine_options.ts";

Deno.test("settings have the defaults of npm's engine.io, and limits on what waits", () => {
  const settings = resolveEngineOptions({}, "/engine.io");
  assertEquals(settings.path, "/engine.io/");
  assertEquals(settings.pingInterval, 25_000);
  assertEquals(settings.pingTimeout, 20_000);
  assertEquals(settings.upgradeTimeout, 10_000);
  assertEquals(settings.decisionTimeout, 10_000);
  assertEquals(settings.destroyUpgradeTimeout, 1000);
  const left = resolveEngineOptions({ destroyUpgrade: false }, "/x");
  assertEquals(left.destroyUpgradeTimeout, undefined);
  assertEquals(settings.maxHttpBufferSize, 1_000_000);
  assertEquals([...settings.transports], ["polling", "websocket"]);
  assertEquals(settings.cors, undefined);
  assertEquals(settings.cookie, undefined);
  assertEquals(settings.deflate, undefined);
  assertEquals(settings.compressionThreshold, 1024);
  assertEquals(settings.slowClient, "close");
  assertEquals(settings.maxBufferedBytes, 16_777_216);
});

Deno.test("settings follow the options", () => {
  const settings = resolveEngineOptions({
    path: "/x/",
    addTrailingSlash: false,
    cookie: true,
    perMessageDeflate: { threshold: 5 },
    httpCompression: false,
  }, "/engine.io");
  assertEquals(settings.path, "/x");
  assertEquals(settings.cookie, {});
  assertEquals(settings.deflate, { threshold: 5 });
  assertEquals(settings.compressionThreshold, Infinity);
});

Deno.test("an option that can't be honoured throws", () => {
  for (const name of ["allowEIO3", "wsEngine", "jsonp", "initialPacket"]) {
    assertThrows(() => resolveEngineOptions({ [name]: true }, "/"), TypeError, name);
    resolveEngineOptions({ [name]: false }, "/");
  }
  const transports = ["webtransport"] as never;
  assertThrows(() => resolveEngineOptions({ transports }, "/"), TypeError, "webtransport");
  assertThrows(() => resolveEngineOptions({ transports: [] }, "/"), TypeError, "empty");
  assertThrows(() => resolveEngineOptions({ slowClient: "wait" as never }, "/"), TypeError);
});

Deno.test("an option that is either true or false takes nothing else", () => {
  for (const name of ["destroyUpgrade", "allowUpgrades", "addTrailingSlash"]) {
    for (const value of ["no", "false", 0, {}]) {
      assertThrows(() => resolveEngineOptions({ [name]: value }, "/"), TypeError, name);
    }
    for (const value of [true, false, undefined]) resolveEngineOptions({ [name]: value }, "/");
  }
  assertEquals(resolveEngineOptions({}, "/x").path, "/x/");
  assertEquals(resolveEngineOptions({ allowUpgrades: false }, "/x").allowUpgrades, false);
});

Deno.test("a number out of range throws", () => {
  for (const value of [0, -1, NaN, 2 ** 31]) {
    assertThrows(
      () => resolveEngineOptions({ pingInterval: value }, "/"),
      RangeError,
      "pingInterval",
    );
  }
  for (const name of ["maxHttpBufferSize", "maxBufferedBytes", "maxBufferedPackets"]) {
    assertThrows(() => resolveEngineOptions({ [name]: 0 }, "/"), RangeError, name);
  }
});

Deno.test("cookie has safe attributes by default", () => {
  assertEquals(formatCookie({}, "a b"), "io=a%20b; Path=/; HttpOnly; SameSite=Lax");
  assertEquals(
    formatCookie({
      name: "s",
      path: "/x",
      domain: "a.com",
      httpOnly: false,
      sameSite: "none",
      secure: true,
      maxAge: 9.5,
    }, "v"),
    "s=v; Path=/x; Domain=a.com; Max-Age=9; Secure; SameSite=None",
  );
  assertEquals(
    formatCookie({ secure: true, partitioned: true, sameSite: "none" }, "v"),
    "io=v; Path=/; HttpOnly; Secure; Partitioned; SameSite=None",
  );
  assertEquals(formatCookie({ partitioned: false }, "v"), formatCookie({}, "v"));
});

Deno.test("cookie with what would end its header throws", () => {
  assertThrows(() => formatCookie({ name: "a b" }, "v"), TypeError);
  assertThrows(() => formatCookie({ path: "/; Secure" }, "v"), TypeError);
  assertThrows(() => formatCookie({ domain: "a\r\nSet-Cookie: b" }, "v"), TypeError);
});

Deno.test("cookie with what npm's takes and this one does not throws, and says what it is", () => {
  for (
    const [option, why] of [
      [{ path: true }, "Path"],
      [{ domain: false }, "Domain"],
      [{ sameSite: "true" }, "sameSite"],
      [{ sameSite: "Lax; Domain=a" }, "sameSite"],
      [{ expires: new Date(0) }, "expires"],
      [{ priority: "high" }, "priority"],
      [{ partitioned: true }, "partitioned needs secure"],
      [{ maxAge: NaN }, "maxAge"],
      [{ maxAge: Infinity }, "maxAge"],
      [{ maxAge: "1h" }, "maxAge"],
    ] as [unknown, string][]
  ) {
    const cookie = option as unknown as EngineCookieOptions;
    assertThrows(() => resolveEngineOptions({ cookie }, "/"), TypeError, why);
  }
  assertEquals(
    formatCookie({ path: false, sameSite: true }, "v"),
    "io=v; HttpOnly; SameSite=Strict",
  );
  assertEquals(formatCookie({ sameSite: false }, "v"), "io=v; Path=/; HttpOnly");
  const sameSite = "Strict" as "strict";
  assertEquals(formatCookie({ sameSite }, "v"), "io=v; Path=/; HttpOnly; SameSite=Strict");
});

Deno.test("cookie refuses what it does not know, and what is of the wrong kind", () => {
  for (const cookie of ["x", 5, [], { Domain: "x" }, { signed: true }, { name: 5 }]) {
    assertThrows(() => resolveEngineOptions({ cookie: cookie as never }, "/"), TypeError, "cookie");
  }
  for (const name of ["httpOnly", "secure", "partitioned"]) {
    const cookie = { [name]: "false" };
    assertThrows(() => resolveEngineOptions({ cookie }, "/"), TypeError, name);
  }
});

Deno.test("engine settings take cors of false or null for none, as npm's do", () => {
  for (const none of [false, null]) {
    const settings = resolveEngineOptions({ cors: none as never }, "/socket.io");
    assertEquals(settings.cors, undefined);
  }
});

Deno.test("a path that no request can have is refused", () => {
  for (const path of ["socket.io", "x/", "http://127.0.0.1/x", "*"]) {
    assertThrows(() => resolveEngineOptions({ path }, "/e"), TypeError, "begin with a slash");
  }
  for (const path of ["", "/", "/x", "/x/"]) resolveEngineOptions({ path }, "/e");
});
