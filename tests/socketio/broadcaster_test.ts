import { assertEquals } from "@std/assert";
import { BroadcastOperator } from "../../socketio/broadcast_operator.ts";
import { Broadcaster, RoomChooser } from "../../socketio/broadcaster.ts";
import type { BroadcastOptions, SocketIoAdapter } from "../../socketio/types.ts";

/** An adapter that writes down what it is asked for: the method, the options, and what else is given. */
function recorder(): { adapter: SocketIoAdapter; log: [string, BroadcastOptions, unknown][] } {
  const log: [string, BroadcastOptions, unknown][] = [];
  const adapter = {
    broadcast(packet: { data: unknown }, options: BroadcastOptions) {
      log.push(["broadcast", options, packet.data]);
    },
    broadcastWithAck(
      packet: { data: unknown },
      options: BroadcastOptions,
      count: (clients: number) => void,
      ack: (answer: unknown) => void,
    ) {
      log.push(["broadcastWithAck", options, packet.data]);
      count(1);
      ack("answer");
    },
    serverCount: () => Promise.resolve(1),
    sockets: () => Promise.resolve(new Set(["id"])),
    fetchSockets(options: BroadcastOptions) {
      log.push(["fetchSockets", options, undefined]);
      return Promise.resolve([]);
    },
    addSockets: (options: BroadcastOptions, rooms: string[]) =>
      log.push(["addSockets", options, rooms]),
    delSockets: (options: BroadcastOptions, rooms: string[]) =>
      log.push(["delSockets", options, rooms]),
    disconnectSockets: (options: BroadcastOptions, close: boolean) =>
      log.push(["disconnectSockets", options, close]),
  } as unknown as SocketIoAdapter;
  return { adapter, log };
}

class All extends Broadcaster {
  constructor(readonly adapter: SocketIoAdapter) {
    super();
  }
  _choose(): BroadcastOperator {
    return new BroadcastOperator(this.adapter);
  }
}

/** Stands for everyone but `me`, as a socket does. */
class Others extends RoomChooser {
  readonly emitted: unknown[][] = [];
  constructor(readonly adapter: SocketIoAdapter) {
    super();
  }
  _choose(): BroadcastOperator {
    return new BroadcastOperator(this.adapter, new Set(), new Set(["me"]));
  }
  emit(...args: unknown[]): void {
    this.emitted.push(args);
  }
}

const set = (...values: string[]) => new Set(values);
const none = { rooms: set(), except: set(), flags: {} };

Deno.test("room chooser begins each choice from what it stands for", () => {
  const { adapter, log } = recorder();
  const others = new Others(adapter);
  others.to("a").emit("1");
  others.in(["a", "b"]).emit("2");
  others.except("c").emit("3");
  others.local.emit("4");
  assertEquals(log.map(([, options]) => options), [
    { rooms: set("a"), except: set("me"), flags: {} },
    { rooms: set("a", "b"), except: set("me"), flags: {} },
    { rooms: set(), except: set("me", "c"), flags: {} },
    { rooms: set(), except: set("me"), flags: { local: true } },
  ]);
});

Deno.test("room chooser sends a message event where emit sends", () => {
  const others = new Others(recorder().adapter);
  assertEquals(others.send("a", 1).write("b"), others);
  assertEquals(others.emitted, [["message", "a", 1], ["message", "b"]]);
});

Deno.test("broadcaster sends to all, with flags and without", () => {
  const { adapter, log } = recorder();
  const all = new All(adapter);
  assertEquals(all.emit("x", 1), true);
  all.send("y");
  all.compress(false).emit("x");
  all.volatile.emit("x");
  all.timeout(7).emit("x");
  assertEquals(log.slice(0, 2), [["broadcast", none, ["x", 1]], ["broadcast", none, [
    "message",
    "y",
  ]]]);
  assertEquals(log.slice(2).map(([, { flags }]) => flags), [
    { compress: false },
    { volatile: true },
    { timeout: 7 },
  ]);
});

Deno.test("broadcaster asks all, and resolves to their answers", async () => {
  const { adapter, log } = recorder();
  assertEquals(await new All(adapter).emitWithAck("x", 1), ["answer"]);
  assertEquals(log, [["broadcastWithAck", { ...none, flags: { timeout: 5_000 } }, ["x", 1]]]);
});

Deno.test("broadcaster finds, moves and disconnects all", async () => {
  const { adapter, log } = recorder();
  const all = new All(adapter);
  assertEquals(await all.fetchSockets(), []);
  assertEquals(await all.allSockets(), set());
  all.socketsJoin("a");
  all.socketsLeave(["a", "b"]);
  all.disconnectSockets();
  all.disconnectSockets(true);
  assertEquals(log, [
    ["fetchSockets", none, undefined],
    ["fetchSockets", none, undefined],
    ["addSockets", none, ["a"]],
    ["delSockets", none, ["a", "b"]],
    ["disconnectSockets", none, false],
    ["disconnectSockets", none, true],
  ]);
});
