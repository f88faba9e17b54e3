import { createServer } from "../../net/create_server.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  DEFAULT_LIMIT_POLICIES,
  DEFAULT_LIMITS,
  type LimitKind,
  Limits,
} from "../../net/limits.ts";

const KINDS: LimitKind[] = ["connections", "queuedBytes", "receivedBytes", "inflatingBytes"];

Deno.test("limits have safe defaults of every kind", () => {
  const limits = new Limits();
  for (const kind of KINDS) {
    assertEquals(limits[kind].limit, DEFAULT_LIMITS[kind]);
    assertEquals(limits[kind].policy, DEFAULT_LIMIT_POLICIES[kind]);
    assert(limits[kind].limit > 0 && limits[kind].limit < Infinity);
  }
  assertEquals(Object.keys(DEFAULT_LIMITS), KINDS);
});

Deno.test("limits take numbers and policies of their own", () => {
  const limits = new Limits({ connections: 5, policies: { connections: "wait" } });
  assertEquals([limits.connections.limit, limits.connections.policy], [5, "wait"]);
  assertEquals(limits.queuedBytes.limit, DEFAULT_LIMITS.queuedBytes);
  assertThrows(() => new Limits({ queuedBytes: -1 }), RangeError);
  assertThrows(() => new Limits({ policies: { receivedBytes: "ask" as "wait" } }), TypeError);
});

Deno.test("limits tell the pressure: each kind, and the highest of all", () => {
  const limits = new Limits({ connections: 10, queuedBytes: 100, receivedBytes: 100 });
  limits.connections.add(2);
  limits.receivedBytes.add(50);
  assertEquals(limits.pressure, {
    level: 0.5,
    connections: { used: 2, limit: 10 },
    queuedBytes: { used: 0, limit: 100 },
    receivedBytes: { used: 50, limit: 100 },
    inflatingBytes: { used: 0, limit: DEFAULT_LIMITS.inflatingBytes },
  });
});

Deno.test("limits of the process are one object", () => {
  assert(Limits.shared instanceof Limits);
  assertEquals(Limits.shared.connections.limit, DEFAULT_LIMITS.connections);
});

Deno.test("limits refuse kinds that there are not, and what is no object, which would limit nothing", () => {
  for (
    const wrong of [
      { connection: 5 },
      { policies: { queued: "drop" } },
      { policies: "wait" },
      { policies: 5 },
      5,
      new Map([["connections", 5]]),
      { policies: new Map([["connections", "wait"]]) },
      true,
    ]
  ) {
    assertThrows(() => new Limits(wrong as never), TypeError, "limits");
  }
  assertThrows(() => new Limits({ connections: "5" as never }), RangeError);
  new Limits({ policies: undefined });
});

Deno.test("limits of a server are Limits", () => {
  const limits = {} as Limits;
  assertThrows(() => createServer({ limits }), TypeError, "limits");
  assertThrows(() => new SocketIoServer({ limits }), TypeError, "limits");
  assertEquals(Limits._of(undefined), Limits.shared);
});
