import { assertEquals } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import {
  type ConfigurableTransport,
  configureTransport,
  LateSettings,
} from "../../net/transport_settings.ts";

/** A transport that tells what was set, and refuses it while `refuses` says with what. */
function rig() {
  const set: unknown[][] = [];
  const told = (...what: unknown[]) => {
    if (state.refuses !== null) throw state.refuses;
    set.push(what);
  };
  const transport: ConfigurableTransport = {
    setNoDelay: (...args) => told("noDelay", ...args),
    setKeepAlive: (...args) => told("keepAlive", ...args),
  };
  const state = { transport, set, refuses: null as Error | null };
  return state;
}

Deno.test("configureTransport sets what is said, and leaves the rest as it is", () => {
  const { transport, set } = rig();
  assertEquals(configureTransport(transport, {}), true);
  assertEquals(configureTransport(transport, { keepAliveInitialDelay: 5 }), true);
  assertEquals(set, []);
  assertEquals(configureTransport(transport, { noDelay: false }), true);
  assertEquals(configureTransport(transport, { keepAlive: false }), true);
  configureTransport(transport, { noDelay: true, keepAlive: true, keepAliveInitialDelay: 9 });
  assertEquals(set, [
    ["noDelay", false],
    ["keepAlive", false, undefined],
    ["noDelay", true],
    ["keepAlive", true, 9],
  ]);
});

Deno.test("configureTransport passes over what there is not, and tells what is refused", () => {
  const [a, b] = pair();
  assertEquals(configureTransport(a, { noDelay: true, keepAlive: true }), true);
  a.close();
  b.close();
  const gone = rig();
  gone.refuses = new Error("not connected");
  assertEquals(configureTransport(gone.transport, { noDelay: true }), false);
  assertEquals(configureTransport(gone.transport, { keepAlive: true }), false);
});

Deno.test("configureTransport leaves a delay out that the transport can't have", () => {
  const set: unknown[] = [];
  const transport = {
    setKeepAlive(on: boolean, delay?: number) {
      if (delay !== undefined) throw new NetError("it can't", { code: "ERR_UNSUPPORTED" });
      set.push(on);
    },
  };
  const settings = { keepAlive: true, keepAliveInitialDelay: 1000 };
  assertEquals(configureTransport(transport, settings), true);
  assertEquals(set, [true]);
});

Deno.test("late settings are the last that were refused, and are repeated once", () => {
  const state = rig();
  const { transport, set } = state;
  const late = new LateSettings();
  late.repeat(transport);
  assertEquals(late.set(transport, { keepAlive: false }), true);
  set.length = 0;

  state.refuses = new Error("busy");
  assertEquals(late.set(transport, { noDelay: true }), false);
  assertEquals(late.set(transport, { keepAlive: true, keepAliveInitialDelay: 7 }), false);
  assertEquals(late.set(transport, { noDelay: undefined, keepAlive: undefined }), false);
  state.refuses = null;
  late.repeat(transport);
  late.repeat(transport);
  assertEquals(set.splice(0), [["noDelay", true], ["keepAlive", true, 7]]);

  state.refuses = new Error("busy");
  late.set(transport, { noDelay: true });
  state.refuses = null;
  assertEquals(late.set(transport, { noDelay: false }), true);
  assertEquals(set.splice(0), [["noDelay", false]]);
  late.repeat(transport);
  assertEquals(set, []);
});

Deno.test("late settings that are refused again are given up", () => {
  const state = rig();
  const late = new LateSettings();
  state.refuses = new Error("gone");
  late.set(state.transport, { noDelay: true });
  late.repeat(state.transport);
  state.refuses = null;
  late.repeat(state.transport);
  assertEquals(state.set, []);
});
