import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { reported } from "../_support/console_errors.ts";
import { microtasks } from "../_support/microtasks.ts";
import { fakeServer } from "../_support/socketio_rig.ts";
import { BroadcastOperator, RemoteSocket } from "../../socketio/broadcast_operator.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import type { BroadcastOptions, SocketIoAdapter } from "../../socketio/types.ts";

/** An adapter that writes down what it is asked for. */
function recorder(overrides: Partial<SocketIoAdapter> = {}): {
  adapter: SocketIoAdapter;
  log: unknown[];
} {
  const log: unknown[] = [];
  const record = (name: string) => (...args: unknown[]) => {
    log.push([name, ...args]);
  };
  const adapter = {
    broadcast: record("broadcast"),
    addSockets: record("addSockets"),
    delSockets: record("delSockets"),
    disconnectSockets: record("disconnectSockets"),
    serverCount: () => Promise.resolve(1),
    ...overrides,
  } as unknown as SocketIoAdapter;
  return { adapter, log };
}

const set = (...values: string[]) => new Set(values);

Deno.test("each step of a choice is a new one", () => {
  const { adapter, log } = recorder();
  const all = new BroadcastOperator(adapter);
  const a = all.to("a");
  a.to(["b", "c"]).except("d").except(["e"]).volatile.compress(false).local.timeout(9).emit("x", 1);
  a.emit("y");
  all.in("z").emit("z");
  const options = (entry: unknown) => (entry as [string, unknown, BroadcastOptions])[2];
  assertEquals(options(log[0]), {
    rooms: set("a", "b", "c"),
    except: set("d", "e"),
    flags: { volatile: true, compress: false, local: true, timeout: 9 },
  });
  assertEquals(options(log[1]), { rooms: set("a"), except: set(), flags: {} });
  assertEquals(options(log[2]).rooms, set("z"));
});

Deno.test("what is done to the chosen sockets reaches the adapter", () => {
  const { adapter, log } = recorder();
  const operator = new BroadcastOperator(adapter).to("a");
  operator.socketsJoin("r");
  operator.socketsLeave(["r", "s"]);
  operator.disconnectSockets(true);
  const options = { rooms: set("a"), except: set(), flags: {} };
  assertEquals(log, [
    ["addSockets", options, ["r"]],
    ["delSockets", options, ["r", "s"]],
    ["disconnectSockets", options, true],
  ]);
});

Deno.test("an empty list of rooms chooses nobody, and adds nobody to a choice", async () => {
  const { io, join } = fakeServer({ connectionStateRecovery: {} });
  const conns = [join(), join()];
  const [socket, other] = io.sockets.sockets.values();
  for (const conn of conns) conn.take();
  for (const from of [io, io.sockets, socket, socket.broadcast, io.except("x"), io.local]) {
    for (const chosen of [from.to([]), from.in([]), from.to([]).to([]).except("x")]) {
      chosen.emit("a");
      chosen.socketsJoin("room");
      chosen.disconnectSockets();
      assertEquals(await chosen.timeout(1000).emitWithAck("b"), []);
      assertEquals([await chosen.fetchSockets(), (await chosen.allSockets()).size], [[], 0]);
    }
  }
  assertEquals(conns.map((conn) => conn.take()), [[], []]);
  assertEquals([io.sockets.sockets.size, io.sockets.adapter.rooms.has("room")], [2, false]);
  const rooms = (chosen: { fetchSockets(): Promise<{ id: string }[]> }) =>
    chosen.fetchSockets().then((found) => found.map(({ id }) => id));
  assertEquals(await rooms(io.to([]).to(socket.id)), [socket.id]);
  assertEquals(await rooms(io.to(other.id).to([])), [other.id]);
  for (const conn of conns) conn.close();
  await io.close();
});

Deno.test("a reserved event can't be sent", () => {
  const { adapter } = recorder();
  assertThrows(() => new BroadcastOperator(adapter).emit("connect"), TypeError, "connect");
});

Deno.test("acknowledgements of all servers are waited for", async () => {
  let told: ((count: number) => void) | undefined;
  let ack: ((value: unknown) => void) | undefined;
  const { adapter } = recorder({
    serverCount: () => Promise.resolve(2),
    broadcastWithAck: (_packet, options, count, done) => {
      assertEquals(options.flags, { timeout: 5_000 });
      [told, ack] = [count, done];
    },
  });
  const answers = new BroadcastOperator(adapter).emitWithAck("x");
  told!(1);
  ack!("a");
  await Promise.resolve();
  told!(2);
  ack!("b");
  ack!("c");
  ack!("too many");
  assertEquals((await answers).slice(0, 3), ["a", "b", "c"]);
});

Deno.test("servers that have nobody to ask are waited for, and for nothing else", async () => {
  let told: ((count: number) => void) | undefined;
  const { adapter } = recorder({
    serverCount: () => Promise.resolve(2),
    broadcastWithAck: (_packet, _options, count) => told = count,
  });
  const answers = new BroadcastOperator(adapter).emitWithAck("x");
  await microtasks(5);
  told!(0);
  told!(0);
  assertEquals(await answers, []);
});

Deno.test("a cluster that can't be counted is an error", async () => {
  const { adapter } = recorder({
    serverCount: () => Promise.reject(new Error("no connection")),
    broadcastWithAck: (_packet, _options, count) => count(0),
  });
  const error = await assertRejects(
    () => new BroadcastOperator(adapter).emitWithAck("x"),
    SocketIoError,
  );
  assertEquals(error.code, "ERR_TRANSPORT");
  assertEquals((error.cause as Error).message, "no connection");
});

Deno.test("a message that can't be encoded throws, and leaves no timer behind", () => {
  const { io, join } = fakeServer();
  const conn = join();
  assertThrows(() => io.timeout(60_000).emit("x", 1n, () => {}), TypeError);
  assertThrows(() => io.emit("x", 1n), TypeError);
  conn.close();
});

Deno.test("sockets of this server are found as they are, those of others as copies", async () => {
  const { io, join } = fakeServer();
  const conn = join();
  const [socket] = io.sockets.sockets.values();
  const [found] = await io.fetchSockets();
  assert(found === socket);
  conn.take();
  const answer = found.timeout(1000).emitWithAck("x", 1);
  assertEquals(conn.take(), ['20["x",1]']);
  conn.deliver("30[2]");
  assertEquals(await answer, 2);
  conn.close();
  const handshake = { auth: { user: 1 } };
  const { adapter, log } = recorder({
    fetchSockets: () =>
      Promise.resolve([{ id: "far", handshake, rooms: ["far", "r"], data: { a: 1 } }]),
  });
  const [far] = await new BroadcastOperator(adapter).fetchSockets();
  assert(far instanceof RemoteSocket);
  assertEquals(
    [far.id, far.handshake, far.rooms, far.data],
    ["far", handshake, set("far", "r"), { a: 1 }],
  );
  far.emit("x", 1);
  far.join("s");
  far.leave("s");
  far.disconnect();
  far.disconnect(true);
  const chosen = { rooms: set("far"), except: set(), flags: { expectSingleResponse: true } };
  assertEquals(log.map((entry) => (entry as unknown[])[0]), [
    "broadcast",
    "addSockets",
    "delSockets",
    "disconnectSockets",
    "disconnectSockets",
  ]);
  assertEquals(log.slice(3).map((entry) => (entry as unknown[])[2]), [false, true]);
  assertEquals((log[0] as unknown[])[2], chosen);
});

Deno.test("a socket of another server gives one answer, not a list", async () => {
  const { adapter } = recorder({
    broadcastWithAck: (_packet, _options, count, done) => {
      count(1);
      done("answer");
    },
  });
  const far = new RemoteSocket(adapter, {
    id: "far",
    handshake: {} as never,
    rooms: [],
    data: {},
  });
  const answer = await new Promise((resolve) => {
    far.timeout(100).emit("x", (...args: unknown[]) => resolve(args));
  });
  assertEquals(answer, [null, "answer"]);
  assertEquals(await far.timeout(100).emitWithAck("x"), "answer");
  const silent = recorder({ broadcastWithAck: (_packet, _options, count) => count(1) });
  const deaf = new RemoteSocket(silent.adapter, far);
  const error = await assertRejects(() => deaf.timeout(1).emitWithAck("x"), SocketIoError);
  assertEquals(error.code, "ERR_TIMEOUT");
});

Deno.test("broadcasts with a blob keep their order", async () => {
  const { io, join } = fakeServer();
  const conn = join();
  conn.take();
  io.emit("a", new Blob(["x"]));
  io.emit("b");
  assertEquals(conn.take(), []);
  const answer = io.emitWithAck("c");
  while (conn.writes.length < 4) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(conn.take(), [
    '51-["a",{"_placeholder":true,"num":0}]',
    new TextEncoder().encode("x"),
    '2["b"]',
    '20["c"]',
  ]);
  conn.deliver("30[1]");
  assertEquals(await answer, [1]);
  io.emit("d");
  assertEquals(conn.take(), ['2["d"]']);
  conn.close();
});

Deno.test("a broadcast waits for the blobs of all that were made before it", async () => {
  const { io, join } = fakeServer();
  const conn = join();
  conn.take();
  const last = Promise.withResolvers<ArrayBuffer>();
  const names = () => conn.take().map((part) => String(part).match(/"(\w)"/)?.[1] ?? "");
  io.emit("a", new Blob(["x"]));
  io.emit("b", Object.assign(new Blob(), { arrayBuffer: () => last.promise }));
  while (conn.writes.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  io.emit("c");
  assertEquals(names(), ["a", ""]);
  last.resolve(new ArrayBuffer(1));
  while (conn.writes.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(names(), ["b", "", "c"]);
  conn.close();
});

Deno.test("a broadcast with a blob that can't be read, or with what can't be encoded beside it, is told of", async () => {
  const { io } = fakeServer();
  const unreadable = Object.assign(new Blob(), {
    arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")),
  });
  // With what the blob failed with, as a socket tells it.
  await assertRejects(() => io.emitWithAck("a", unreadable), DOMException, "gone");
  await assertRejects(() => io.emitWithAck("a", new Blob(["x"]), 1n), TypeError, "BigInt");
  const { adapter } = io.sockets;
  const single = await new Promise<unknown[]>((resolve) => {
    const operator = new BroadcastOperator(adapter, set(), set(), { expectSingleResponse: true });
    operator.emit("a", new Blob(["x"]), 1n, (...args: unknown[]) => resolve(args));
  });
  assertEquals([single[0] instanceof TypeError, single[1]], [true, undefined]);
  // Where nobody waits, the console is told.
  const errors = await reported(async () => {
    io.emit("a", unreadable);
    io.emit("a", new Blob(["x"]), 1n);
    await io.emitWithAck("b");
  });
  assertEquals(errors.map((error) => (error as Error).name), ["NotReadableError", "TypeError"]);
});

Deno.test("what the callback of a broadcast throws, or rejects with, ends nothing, and the console is told", async () => {
  for (const who of ["nobody", "who answers", "who is silent"]) {
    for (const rejects of [false, true]) {
      const { io, join } = fakeServer();
      const conn = who === "nobody" ? undefined : join();
      const wrong = new Error(who);
      const errors = await reported(async () => {
        await new Promise<void>((resolve) => {
          io.timeout(5).emit("a", () => {
            resolve();
            if (rejects) return Promise.reject(wrong);
            throw wrong;
          });
          if (who === "who answers") conn!.deliver("30[1]");
        });
        await Promise.resolve();
      });
      assertEquals(errors, [wrong]);
      conn?.close();
    }
  }
});

Deno.test("acknowledgements of a broadcast may take longer than a timer can", async () => {
  let ack: ((value: unknown) => void) | undefined;
  const { adapter } = recorder({
    broadcastWithAck: (_packet, _options, count, done) => {
      count(1);
      ack = done;
    },
  });
  const answers = new BroadcastOperator(adapter).timeout(Infinity).emitWithAck("x");
  await new Promise((resolve) => setTimeout(resolve, 10));
  ack!("a");
  assertEquals(await answers, ["a"]);
});

Deno.test("an acknowledgement that comes too late is not among the responses", async () => {
  let ack: ((value: unknown) => void) | undefined;
  const { adapter } = recorder({
    broadcastWithAck: (_packet, _options, count, done) => {
      count(2);
      ack = done;
    },
  });
  const answers = new BroadcastOperator(adapter).timeout(1).emitWithAck("x");
  ack!("a");
  const { responses } = await assertRejects(() => answers, SocketIoError);
  ack!("b");
  assertEquals(responses, ["a"]);
});

Deno.test("acknowledgements of a local broadcast are those of this server alone", async () => {
  const { adapter } = recorder({
    serverCount: () => Promise.resolve(2),
    broadcastWithAck: (_packet, _options, count, done) => {
      count(2);
      done("one");
      queueMicrotask(() => done("two"));
    },
  });
  const operator = new BroadcastOperator(adapter);
  assertEquals(await operator.local.timeout(1000).emitWithAck("x"), ["one", "two"]);
  const error = await assertRejects(() => operator.timeout(1).emitWithAck("x"), SocketIoError);
  assertEquals(error.code, "ERR_TIMEOUT");
});

Deno.test("the ids of all sockets are those of all servers, also where the adapter counts its own alone", async () => {
  const asked: BroadcastOptions[] = [];
  const { adapter } = recorder({
    sockets: () => Promise.resolve(set("here")),
    fetchSockets: (options) => {
      asked.push(options);
      return Promise.resolve([{ id: "here" }, { id: "there" }]);
    },
  });
  const operator = new BroadcastOperator(adapter).in("a").except("b");
  assertEquals(await operator.allSockets(), set("here", "there"));
  assertEquals(asked, [{ rooms: set("a"), except: set("b"), flags: {} }]);
});

Deno.test("the chosen sockets keep their connections unless these are to be closed", () => {
  const { adapter, log } = recorder();
  new BroadcastOperator(adapter).disconnectSockets();
  assertEquals(log, [["disconnectSockets", { rooms: set(), except: set(), flags: {} }, false]]);
});

Deno.test("a local broadcast waits for an adapter that tells later whom it asked", async () => {
  const { adapter } = recorder({
    broadcastWithAck: (_packet, _options, count, done) => {
      queueMicrotask(() => {
        count(1);
        done("late");
      });
    },
  });
  assertEquals(await new BroadcastOperator(adapter).local.emitWithAck("x"), ["late"]);
});

Deno.test("acknowledgements that are given up, as the cluster can't be counted or is counted late, are told of once", async () => {
  const counted = Promise.withResolvers<number>();
  let told = (_count: number) => {};
  for (const serverCount of [() => counted.promise, () => Promise.reject(new Error("no"))]) {
    const { adapter } = recorder({
      serverCount,
      broadcastWithAck: (_packet, _options, count, done) => {
        count(1);
        done("a");
        told = count;
      },
    });
    const calls: [SocketIoError | null, unknown][] = [];
    const called = Promise.withResolvers<void>();
    new BroadcastOperator(adapter).timeout(1).emit("x", (error: SocketIoError, got: unknown) => {
      calls.push([error, got]);
      called.resolve();
    });
    await called.promise;
    counted.resolve(1);
    await microtasks(10);
    told(0);
    assertEquals(calls.length, 1);
    assertEquals([calls[0][0]!.responses, calls[0][1]], [["a"], ["a"]]);
  }
});

Deno.test("an adapter that never answers who is there, or too late, is given up in time", async () => {
  const answer = Promise.withResolvers<{ id: string }[]>();
  const { adapter } = recorder({ fetchSockets: () => answer.promise });
  const operator = new BroadcastOperator(adapter).timeout(5);
  for (const ask of [() => operator.fetchSockets(), () => operator.allSockets()]) {
    const error = await assertRejects(ask, SocketIoError, "no answer from the adapter within 5 ms");
    assertEquals(error.code, "ERR_TIMEOUT");
  }
  answer.reject(new Error("nobody waits for it any more"));
  const patient = recorder({ fetchSockets: () => Promise.resolve([]) });
  assertEquals(await new BroadcastOperator(patient.adapter).timeout(0).fetchSockets(), []);
});

Deno.test("who is there is asked for 30 s if nothing else is said, and longer where the adapter waits longer", async () => {
  const { adapter } = recorder({ fetchSockets: () => new Promise(() => {}) });
  const { setTimeout: real } = globalThis;
  const waited: unknown[] = [];
  globalThis.setTimeout = ((run: () => void, ms?: number) => {
    waited.push(ms);
    return real(run, 0);
  }) as typeof setTimeout;
  try {
    for (const asked of [adapter, { ...adapter, requestsTimeout: 20_000 }]) {
      await assertRejects(() => new BroadcastOperator(asked).fetchSockets(), SocketIoError);
    }
  } finally {
    globalThis.setTimeout = real;
  }
  assertEquals(waited, [30_000, 40_000]);
});
