import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { BlockList } from "node:net";
import { reported } from "../_support/console_errors.ts";
import { AdmissionControl } from "../../net/admission_control.ts";
import type { Transport, TransportAddr } from "../../net/transport.ts";

interface Fake extends Transport {
  readonly calls: string[];
  reset?(): void;
}

/** A connection from an address, which says what is done to it. */
function from(hostname: string, more: Partial<Fake> = {}): Fake {
  const calls: string[] = [];
  return {
    calls,
    read: (p) => Promise.resolve(calls.push("read") && p.length),
    write: (p) => Promise.resolve(calls.push("write") && p.length),
    closeWrite: () => Promise.resolve(void calls.push("closeWrite")),
    close: () => void calls.push("close"),
    localAddr: { transport: "tcp", hostname: "192.0.2.1", port: 80 },
    remoteAddr: { transport: "tcp", hostname, port: 5000 },
    ...more,
  };
}

Deno.test("admission control counts an address until its connections are closed, each once", () => {
  const dropped: unknown[] = [];
  const admission = new AdmissionControl({
    maxConnectionsPerAddress: 2,
    onDrop: (info) => dropped.push(info),
  });
  const first = admission.admit(from("192.0.2.7"))!;
  const second = admission.admit(from("192.0.2.7"))!;
  const third = from("192.0.2.7");
  assertEquals(admission.admit(third), undefined);
  assertEquals(third.calls, ["close"]);
  assertEquals(dropped, [{
    reason: "maxConnectionsPerAddress",
    localAddress: "192.0.2.1",
    localPort: 80,
    localFamily: "IPv4",
    remoteAddress: "192.0.2.7",
    remotePort: 5000,
    remoteFamily: "IPv4",
  }]);
  assert(admission.admit(from("192.0.2.8")) !== undefined);
  first.close();
  first.close();
  assert(admission.admit(from("192.0.2.7")) !== undefined);
  assertEquals(admission.admit(from("192.0.2.7")), undefined);
  second.close();
  assert(admission.admit(from("192.0.2.7")) !== undefined);
});

Deno.test("admission control gives a connection that is as good as the one that came", async () => {
  const admission = new AdmissionControl({ maxConnectionsPerAddress: 1 });
  const resets: string[] = [];
  const came = from("192.0.2.7", { reset: () => void resets.push("reset") });
  const admitted = admission.admit(came) as Fake;
  assertEquals([admitted.localAddr, admitted.remoteAddr], [came.localAddr, came.remoteAddr]);
  assertEquals(await admitted.read(new Uint8Array(3)), 3);
  assertEquals(await admitted.write(new Uint8Array(4)), 4);
  await admitted.closeWrite();
  assertEquals(came.calls, ["read", "write", "closeWrite"]);
  assertEquals(admission.admit(from("192.0.2.7")), undefined);
  // A reset is an end as well.
  admitted.reset!();
  assertEquals(resets, ["reset"]);
  const next = admission.admit(from("192.0.2.7")) as Fake;
  admitted.close();
  assertEquals(admission.admit(from("192.0.2.7")), undefined);
  assertEquals(next.reset, undefined);
});

Deno.test("admission control without a cap for addresses leaves connections as they are", () => {
  const admission = new AdmissionControl({ acceptRate: { perSecond: 0.001, burst: 2 } });
  const one = from("192.0.2.7");
  assertStrictEquals(admission.admit(one), one);
  assertStrictEquals(new AdmissionControl().admit(one), one);
  const unix: TransportAddr = { transport: "unix", path: "/s" };
  const local = from("", { remoteAddr: unix, localAddr: unix });
  const capped = new AdmissionControl({ maxConnectionsPerAddress: 1 });
  for (let i = 0; i < 3; i++) assertStrictEquals(capped.admit(local), local);
  assert(admission.admit(local) !== undefined);
  assertEquals(admission.admit(local), undefined);
});

Deno.test("admission control that has no place for any takes nothing of the rate for who is dropped", () => {
  const reasons: string[] = [];
  const admission = new AdmissionControl({
    blockList: { check: (address) => address === "192.0.2.9" },
    acceptRate: { perSecond: 0.001, burst: 1 },
    onDrop: ({ reason }) => reasons.push(reason),
  });
  assertEquals(admission.admit(from("192.0.2.9"), true), undefined);
  const late = from("192.0.2.7");
  assertEquals([admission.admit(late, true), late.calls], [undefined, ["close"]]);
  assertEquals(reasons, ["blocked", "maxConnections"]);
  assert(admission.admit(from("192.0.2.7")) !== undefined);
});

Deno.test("admission control drops by its lists, and tells what else is dropped", () => {
  const blockList = new BlockList();
  blockList.addSubnet("10.0.0.0", 8, "ipv4");
  const reasons: string[] = [];
  const admission = new AdmissionControl({
    blockList,
    onDrop: ({ reason }) => reasons.push(reason),
  });
  const blocked = from("10.1.2.3");
  assertEquals([admission.admit(blocked), blocked.calls], [undefined, ["close"]]);
  const other = from("192.0.2.7");
  admission.tell(other, "maxConnections");
  assertEquals([reasons, other.calls], [["blocked", "maxConnections"], []]);
  new AdmissionControl().tell(other, "limits");
});

Deno.test("admission control survives lists and functions that throw", async () => {
  const check = (): boolean => {
    throw new Error("out of order");
  };
  const listed = from("192.0.2.7");
  assertThrows(
    () => new AdmissionControl({ allowList: { check } }).admit(listed),
    Error,
    "out of order",
  );
  assertEquals(listed.calls, ["close"]);
  const told = await reported(async () => {
    for (const onDrop of [check, async () => await check()]) {
      const admission = new AdmissionControl({ maxConnectionsPerAddress: 1, onDrop });
      admission.admit(from("192.0.2.7"));
      assertEquals(admission.admit(from("192.0.2.7")), undefined);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  });
  assertEquals(told.map((error) => (error as Error).message), ["out of order", "out of order"]);
});

Deno.test("admission control refuses options that would let nobody in, or everybody", () => {
  for (const options of [{ maxConnectionsPerAddress: 0 }, { acceptRate: { perSecond: -1 } }]) {
    assertThrows(() => new AdmissionControl(options), RangeError);
  }
  for (const wrong of [{ allowlist: { check: () => false } }, { maxConnections: 5 }, null]) {
    const error = assertThrows(() => new AdmissionControl(wrong as never), TypeError);
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  }
  const onDrop = "log" as never;
  assertThrows(() => new AdmissionControl({ onDrop }), TypeError, "onDrop");
  assertThrows(() => new AdmissionControl({ allowList: [] as never }), TypeError, "allowList");
});
