import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Adapter, ClusterAdapterWithHeartbeat } from "socket.io-adapter";
import { microtasks } from "../_support/microtasks.ts";
import { peerTest } from "../_support/peers.ts";
import { fakeServer } from "../_support/socketio_rig.ts";
import type { SocketIoAdapterFactory } from "../../socketio/types.ts";

const needs = ["npm:socket.io-adapter"];

/** What `ClusterAdapter` sends to the others, and they to it. */
type Message = Parameters<ClusterAdapterWithHeartbeat["onMessage"]>[0];
type Reply = Parameters<ClusterAdapterWithHeartbeat["onResponse"]>[0];

/** A cluster in one process, by npm's own base class. */
function bus(): SocketIoAdapterFactory {
  const members = new Set<Member>();
  class Member extends ClusterAdapterWithHeartbeat {
    constructor(nsp: unknown) {
      super(nsp, { heartbeatInterval: 1000 });
      members.add(this);
    }
    protected override doPublish(message: Message): Promise<string> {
      for (const member of members) {
        if (member !== this) queueMicrotask(() => member.onMessage(structuredClone(message)));
      }
      return Promise.resolve("");
    }
    protected override doPublishResponse(uid: string, response: Reply): Promise<void> {
      for (const member of members) if (member.uid === uid) member.onResponse(response);
      return Promise.resolve();
    }
    override close(): void {
      super.close();
      members.delete(this);
    }
  }
  return Member;
}

peerTest("npm's plain adapter keeps our rooms", { needs }, async () => {
  const { io, join } = fakeServer({ adapter: Adapter });
  assert(io.sockets.adapter instanceof Adapter);
  const conns = [join(), join()];
  const [a] = io.sockets.sockets.values();
  a.join("room");
  io.to("room").emit("x", new Uint8Array([1]));
  assertEquals(conns[0].take(), ['51-["x",{"_placeholder":true,"num":0}]', new Uint8Array([1])]);
  io.except("room").emit("y");
  assertEquals(conns[1].take(), ['2["y"]']);
  const answers = io.timeout(1000).emitWithAck("z");
  conns[0].deliver("30[1]");
  conns[1].deliver("30[2]");
  assertEquals(await answers, [1, 2]);
  assertStrictEquals((await io.in("room").fetchSockets())[0], a);
  for (const conn of conns) conn.close();
  await io.close();
});

// The adapter leaves the timer of an acknowledgement running.
const test = { sanitizeOps: false, sanitizeResources: false };

peerTest("npm's cluster adapter with a heartbeat joins our servers", { needs, test }, async () => {
  const adapter = bus();
  const [one, two] = [fakeServer({ adapter }), fakeServer({ adapter })];
  await microtasks(20);
  assertEquals(await one.io.sockets.adapter.serverCount(), 2);
  const conns = [one.join(), two.join()];
  one.io.emit("x", 1);
  await microtasks(20);
  assertEquals(conns.map((conn) => conn.take()), [['2["x",1]'], ['2["x",1]']]);
  one.io.socketsJoin("room");
  await microtasks(20);
  assertEquals((await two.io.in("room").fetchSockets()).length, 2);
  const answers = two.io.timeout(1000).emitWithAck("z");
  await microtasks(20);
  for (const conn of conns) {
    const [text] = conn.take() as string[];
    conn.deliver(`3${text.match(/\d+/)![0].slice(1)}["ok"]`);
  }
  assertEquals(await answers, ["ok", "ok"]);
  two.io.on("hello", (value, answer) => answer(`heard ${value}`));
  assertEquals(await one.io.serverSideEmitWithAck("hello", 1), ["heard 1"]);
  one.io.disconnectSockets();
  await microtasks(20);
  assertEquals([one.io.sockets.sockets.size, two.io.sockets.sockets.size], [0, 0]);
  for (const conn of conns) conn.close();
  await Promise.all([one.io.close(), two.io.close()]);
});
