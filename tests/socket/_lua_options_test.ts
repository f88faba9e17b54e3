import { assertThrows } from "@std/assert";
import { checkLuaOptions } from "../../socket/_lua_options.ts";
import { EventWebSocket } from "../../socket/event_web_socket.ts";
import { SyncWebSocket } from "../../socket/sync_web_socket.ts";

Deno.test("options that a Lua client would not hear are refused, with what takes their place", () => {
  const rows: [string, unknown, string][] = [
    ["protocols", "echo", "go to connect()"],
    ["tls", { ca: "" }, "goes to connect()"],
    ["handshakeTimeout", 5, "a part of `connectTimeout`"],
  ];
  for (const [name, value, why] of rows) {
    const options = { [name]: value };
    assertThrows(() => new SyncWebSocket(options), TypeError, `\`${name}\``);
    assertThrows(() => new EventWebSocket(options), TypeError, why);
    checkLuaOptions({ [name]: undefined, toString: 1 }, "timeout");
  }
  const options: object = { signal: AbortSignal.abort() };
  assertThrows(() => new EventWebSocket(options), TypeError, "close() ends all");
});

Deno.test("the time of each Lua client has one name", () => {
  checkLuaOptions({ timeout: 1, origin: "https://example.org" }, "timeout");
  checkLuaOptions({ connectTimeout: 1, headers: {} }, "connectTimeout");
  const sync: object = { connectTimeout: 5 };
  assertThrows(() => new SyncWebSocket(sync), TypeError, "`connectTimeout` is `timeout` here");
  const events: object = { timeout: 5 };
  assertThrows(() => new EventWebSocket(events), TypeError, "`timeout` is `connectTimeout` here");
});
