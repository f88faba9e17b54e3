import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { InMemoryAdapter } from "../../socketio/in_memory_adapter.ts";
import type { AdapterNamespace, AdapterSocket } from "../../socketio/types.ts";
import { encodePacket } from "../../socketio/packet.ts";

interface Fake {
  adapter: InMemoryAdapter;
  /** What each socket was sent. */
  sent: Map<string, unknown[]>;
  acks: Map<string, Map<number, (...args: unknown[]) => void>>;
  encodings: number;
}

function make(ids: string[] = []): Fake {
  const sent = new Map<string, unknown[]>();
  const acks = new Map<string, Map<number, (...args: unknown[]) => void>>();
  const sockets = new Map<string, AdapterSocket>();
  const fake: Fake = { adapter: undefined as never, sent, acks, encodings: 0 };
  const nsp: AdapterNamespace = {
    name: "/n",
    sockets,
    _ids: 5,
    server: {
      encoder: {
        encode(packet) {
          fake.encodings++;
          return encodePacket(packet);
        },
      },
      opts: {},
    },
    _onServerSideEmit() {},
  };
  const adapter = fake.adapter = new InMemoryAdapter(nsp);
  for (const id of ids) {
    sent.set(id, []);
    acks.set(id, new Map());
    sockets.set(id, {
      id,
      data: {},
      handshake: {} as never,
      acks: acks.get(id)!,
      get rooms() {
        return adapter.socketRooms(id) ?? new Set();
      },
      client: { writeToEngine: (encoded) => void sent.get(id)!.push(...encoded) },
      join: (rooms) => adapter.addAll(id, new Set(rooms)),
      leave: (room) => adapter.del(id, room),
      disconnect: () => sockets.delete(id),
      notifyOutgoingListeners() {},
    });
    adapter.addAll(id, new Set([id]));
  }
  return fake;
}

const set = (...values: string[]) => new Set(values);

Deno.test("adapter tells when rooms come and go", () => {
  const { adapter } = make();
  const log: string[] = [];
  for (const event of ["create-room", "delete-room", "join-room", "leave-room"] as const) {
    adapter.on(event, (...args: string[]) => log.push(`${event} ${args}`));
  }
  adapter.addAll("a", set("a", "r"));
  adapter.addAll("b", set("r", "r"));
  adapter.del("a", "r");
  adapter.delAll("b");
  adapter.delAll("b");
  adapter.del("a", "nowhere");
  assertEquals(log, [
    "create-room a",
    "join-room a,a",
    "create-room r",
    "join-room r,a",
    "join-room r,b",
    "leave-room r,a",
    "leave-room r,b",
    "delete-room r",
  ]);
});

Deno.test("adapter's listeners can be removed", () => {
  const { adapter } = make();
  let calls = 0;
  const listener = () => calls++;
  adapter.on("create-room", listener).off("create-room", listener);
  adapter.addAll("a", set("a"));
  assertEquals(calls, 0);
});

const step = fc.oneof(
  fc.record({
    kind: fc.constant("join" as const),
    id: fc.constantFrom("a", "b", "c"),
    rooms: fc.uniqueArray(fc.constantFrom("a", "b", "c", "r", "s", "__proto__"), { minLength: 1 }),
  }),
  fc.record({
    kind: fc.constant("leave" as const),
    id: fc.constantFrom("a", "b", "c"),
    rooms: fc.tuple(fc.constantFrom("a", "b", "c", "r", "s", "__proto__")),
  }),
  fc.record({
    kind: fc.constant("all" as const),
    id: fc.constantFrom("a", "b", "c"),
    rooms: fc.constant([] as string[]),
  }),
);

Deno.test("adapter's two sides agree with each other and with a plain list of memberships", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const { adapter } = make();
    const model = new Set<string>();
    for (const { kind, id, rooms } of steps) {
      if (kind === "join") {
        adapter.addAll(id, new Set(rooms));
        for (const room of rooms) model.add(`${id} ${room}`);
      } else if (kind === "leave") {
        adapter.del(id, rooms[0]);
        model.delete(`${id} ${rooms[0]}`);
      } else {
        adapter.delAll(id);
        for (const room of ["a", "b", "c", "r", "s", "__proto__"]) model.delete(`${id} ${room}`);
      }
      const bySocket = [...adapter.sids].flatMap(([id, rooms]) =>
        [...rooms].map((room) => `${id} ${room}`)
      );
      const byRoom = [...adapter.rooms].flatMap(([room, ids]) => {
        assert(ids.size > 0, "an empty room is no room");
        return [...ids].map((id) => `${id} ${room}`);
      });
      assertEquals(bySocket.sort(), [...model].sort());
      assertEquals(byRoom.sort(), [...model].sort());
    }
  }));
});

Deno.test("adapter sends to everyone, to rooms, and not to those that are left out", () => {
  const { adapter, sent } = make(["a", "b", "c"]);
  adapter.addAll("a", set("r"));
  adapter.addAll("b", set("r", "s"));
  const send = (name: string, rooms: string[], except: string[] = []) =>
    adapter.broadcast({ type: 2, data: [name] }, {
      rooms: new Set(rooms),
      except: new Set(except),
    });
  send("all", []);
  send("r", ["r"]);
  send("r s", ["r", "s"]);
  send("not s", [], ["s"]);
  send("r not s", ["r"], ["s"]);
  send("not r s", [], ["r", "s"]);
  send("c", ["c"]);
  send("nobody", ["nowhere"]);
  const names = (id: string) =>
    sent.get(id)!.map((text) => JSON.parse((text as string).slice(4))[0]);
  assertEquals(names("a"), ["all", "r", "r s", "not s", "r not s"]);
  assertEquals(names("b"), ["all", "r", "r s"]);
  assertEquals(names("c"), ["all", "not s", "not r s", "c"]);
});

Deno.test("adapter encodes a broadcast once", () => {
  const fake = make(["a", "b", "c"]);
  fake.adapter.broadcast({ type: 2, data: ["x", new Uint8Array([1])] }, { rooms: set() });
  assertEquals(fake.encodings, 1);
  const [first, second] = ["a", "b"].map((id) => fake.sent.get(id)!);
  assert(first[1] === second[1], "the same bytes");
});

Deno.test("adapter gathers acknowledgements under one number", () => {
  const { adapter, acks, sent } = make(["a", "b"]);
  const answers: unknown[] = [];
  let count = 0;
  adapter.broadcastWithAck(
    { type: 2, data: ["x"] },
    { rooms: set() },
    (clients) => count = clients,
    (answer) => answers.push(answer),
  );
  assertEquals(count, 2);
  assertEquals(sent.get("a"), ['2/n,5["x"]']);
  acks.get("a")!.get(5)!("from a");
  acks.get("b")!.get(5)!("from b");
  assertEquals(answers, ["from a", "from b"]);
  assertEquals(adapter.nsp._ids, 6);
});

Deno.test("adapter finds, moves and disconnects sockets", async () => {
  const { adapter } = make(["a", "b", "c"]);
  adapter.addSockets({ rooms: set("a", "b") }, ["r", "s"]);
  assertEquals(await adapter.sockets(set("r")), set("a", "b"));
  assertEquals(await adapter.sockets(set()), set("a", "b", "c"));
  adapter.delSockets({ rooms: set("a") }, ["r"]);
  const found = await adapter.fetchSockets({ rooms: set("r") });
  assertEquals(found.map(({ id }) => id), ["b"]);
  adapter.disconnectSockets({ rooms: set("s") }, false);
  assertEquals([...adapter.nsp.sockets.keys()], ["c"]);
  assertEquals(await adapter.serverCount(), 1);
});

Deno.test("adapter of one server has nobody to emit to", async () => {
  const { adapter } = make();
  adapter.serverSideEmit(["hello"]);
  const answers = await new Promise((resolve) => {
    adapter.serverSideEmit(["hello", (error: unknown, list: unknown) => resolve([error, list])]);
  });
  assertEquals(answers, [null, []]);
});

Deno.test("adapter keeps no sessions", () => {
  const { adapter } = make();
  adapter.init();
  adapter.persistSession({ sid: "a", pid: "b", rooms: [], data: {} });
  assertEquals(adapter.restoreSession("b", "c"), null);
  adapter.close();
  assertFalse(adapter.sids.has("a"));
});

Deno.test("sockets that leave a room and join it again while it is sent to are reached once", () => {
  const { adapter, sent } = make(["a", "b", "c"]);
  for (const id of ["a", "b"]) adapter.addAll(id, set("r"));
  let told = 0;
  for (const [id, socket] of adapter.nsp.sockets) {
    socket.notifyOutgoingListeners = () => {
      if (++told > 10) throw new Error("without an end");
      adapter.del(id, "r");
      adapter.addAll(id, set("r"));
      adapter.addAll("c", set("r"));
    };
  }
  adapter.broadcast({ type: 2, data: ["x"] }, { rooms: set("r"), except: set() });
  assertEquals([...sent.values()].map((list) => list.length), [1, 1, 0]);
});

Deno.test("a socket that joins another one's own room is in it, and the other in no room of the first", () => {
  const { adapter, sent } = make(["a", "b"]);
  const log: string[] = [];
  adapter.on("create-room", (...args: string[]) => log.push(`create ${args}`));
  adapter.on("join-room", (...args: string[]) => log.push(`join ${args}`));
  adapter.addAll("a", set("b"));
  assertEquals([adapter.socketRooms("a"), adapter.socketRooms("b")], [set("a", "b"), set("b")]);
  adapter.broadcast({ type: 2, data: ["x"] }, { rooms: set("b"), except: set() });
  assertEquals([...sent.values()].map((list) => list.length), [1, 1]);
  adapter.delAll("b");
  assertEquals([adapter.rooms.get("b"), adapter.socketRooms("a")], [set("a"), set("a", "b")]);
  adapter.addAll("c", set("c"));
  assertEquals(log, ["join b,a", "create c", "join c,c"]);
});

Deno.test("a room with a socket that is not connected yet, as in middleware, is sent to without it", async () => {
  const { adapter, sent } = make(["a"]);
  adapter.addAll("waits", set("waits", "r"));
  adapter.addAll("a", set("r"));
  adapter.broadcast({ type: 2, data: ["x"] }, { rooms: set("r"), except: set() });
  assertEquals(sent.get("a")!.length, 1);
  assertEquals(await adapter.sockets(set("r")), set("a"));
});
