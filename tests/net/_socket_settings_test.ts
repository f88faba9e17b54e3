import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { beginSettings, checkKeepAliveDelay, lastingOptions } from "../../net/_socket_settings.ts";
import type { TransportExtras } from "../../net/_transport_extras.ts";
import type { ConnectOptions } from "../../net/connect_options.ts";
import { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";

/** Something that can be set, and what was set. */
function rig(): { transport: TransportExtras; set: unknown[] } {
  const set: unknown[] = [];
  const transport: TransportExtras = {
    setNoDelay: (on) => void set.push(["noDelay", on]),
    setKeepAlive: (on, delay) => void set.push(["keepAlive", on, delay]),
    ref: () => void set.push("ref"),
    unref: () => void set.push("unref"),
  };
  return { transport, set };
}

Deno.test("socket settings: a new connection gets what is not as usual, and small writes at once", () => {
  const usual = rig();
  beginSettings(usual.transport, {}, true);
  assertEquals(usual.set, [["noDelay", true]]);
  const other = rig();
  beginSettings(
    other.transport,
    { noDelay: false, keepAlive: true, keepAliveInitialDelay: 9 },
    false,
  );
  assertEquals(other.set, [["keepAlive", true, 9], "unref"]);
});

Deno.test("socket settings are passed over where there are none, or where the peer has left", () => {
  const set: string[] = [];
  const gone: TransportExtras = {
    setNoDelay: () => {
      throw new Error("not connected");
    },
    unref: () => void set.push("unref"),
  };
  for (const transport of [{}, gone]) {
    beginSettings(transport, { keepAlive: true }, false);
  }
  assertEquals(set, ["unref"]);
});

Deno.test("socket settings: a keep-alive delay needs a connection that takes one", () => {
  checkKeepAliveDelay(rig().transport);
  for (const transport of [{}, { setKeepAlive: (_on: boolean) => {} }]) {
    const error = assertThrows(() => checkKeepAliveDelay(transport), NetError);
    assertEquals(error.code, "ERR_UNSUPPORTED");
    assertStringIncludes(error.message, "keepAlive and keepAliveInitialDelay");
  }
});

Deno.test("socket settings hold for the next connection; where to and by when do not", () => {
  const settings = {
    allowHalfOpen: true,
    highWaterMark: 1,
    maxSendQueueBytes: 2,
    noDelay: false,
    keepAlive: true,
    keepAliveInitialDelay: 3,
    limits: new Limits(),
  };
  const once: ConnectOptions = { port: 4, host: "a.example", timeout: 5, tls: true };
  assertEquals(lastingOptions({ ...settings, ...once }), settings);
});
