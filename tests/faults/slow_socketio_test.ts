/**
 * Socket.IO over a network that takes its time: what is sent comes late and cut anywhere, and now and then all
 * connections are lost. Events, acknowledgements and broadcasts come in order and once; where nothing was lost, all of them.
 */
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import { waitFor } from "../../net/wait.ts";
import type { SocketIoClientSocket } from "../../socketio/client_socket.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import type { SocketIoSocket } from "../../socketio/socket.ts";
import { FaultRelay } from "../_support/fault_relay.ts";
import { randomFrom } from "../_support/random.ts";

type Random = (below: number) => number;

/** Nothing here takes so long, however busy the machine is, in ms. */
const STUCK = 60_000;
const TRANSPORTS: ("polling" | "websocket")[][] = [
  ["polling"],
  ["websocket"],
  ["polling", "websocket"],
];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** How long each piece takes, and how many of the bytes that are there it has. */
function slowly(random: Random): (available: number) => Promise<number> {
  const most = random(3) === 0 ? 0 : 1 + random(8);
  return async (available) => {
    const lag = random(16) - 8;
    if (lag > 5 && most > 0) await sleep(random(most));
    else for (let turn = 0; turn < lag; turn++) await setImmediate();
    return random(3) > 0 ? available : 1 + random(available);
  };
}

/** What is sent as number `i`: nothing, text short and long, bytes, and bytes within an object. */
function payload(random: Random, i: number): unknown {
  const kind = random(6);
  if (kind === 0) return new Uint8Array(random(random(4) === 0 ? 40_000 : 200)).fill(i);
  if (kind === 1) return { a: ["é€", i], bytes: new Uint8Array(random(2000)).fill(i) };
  if (kind === 2) return "x".repeat(random(30_000));
  return kind === 3 ? null : `message ${i}`;
}

/** Bytes come as bytes, and as the ones that were sent. */
function checkPayload(payload: unknown, i: number): void {
  const { bytes = payload } = (payload ?? {}) as { bytes?: unknown };
  if (typeof bytes === "string" || bytes === null) return;
  assert(bytes instanceof Uint8Array);
  assert(bytes.every((byte) => byte === (i & 255)));
}

/** One direction between the server and a client: what was sent, by numbers, and what came. */
class Direction {
  sent = 0;
  readonly got: number[] = [];
  /** The numbers of those that an acknowledgement was asked for, and of those whose acknowledgement came. */
  readonly asked: Set<number> = new Set();
  readonly acknowledged: number[] = [];

  receive(i: number, payload: unknown): void {
    checkPayload(payload, i);
    const last = this.got.at(-1) ?? -1;
    assert(i > last, `number ${i} came after ${last}`);
    this.got.push(i);
  }

  /** What came has no gap; those with an acknowledgement are not kept for who is away, as in npm's server. */
  checkNoGap(): void {
    const got = new Set(this.got);
    for (let i = this.got.at(-1) ?? 0; i > 0; i--) {
      assert(got.has(i) || this.asked.has(i), `number ${i} is missing`);
    }
  }
}

interface Guest {
  client: SocketIoClientSocket;
  socket: SocketIoSocket | undefined;
  up: Direction;
  down: Direction;
  broadcasts: Direction;
  /** The ends of all waits for an acknowledgement. */
  answers: Promise<void>[];
  /** Whether its session was taken up each time that it came back. */
  recovered: boolean;
  sessions: number;
  ended: number;
  losses: number;
}

async function play(random: Random): Promise<void> {
  let lossPossible = false;
  const faults: unknown[] = [];
  const checked = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      faults.push(error);
    }
  };
  const io = new SocketIoServer({
    pingInterval: 30 + random(200),
    pingTimeout: STUCK,
    connectionStateRecovery: random(2) === 0 ? {} : undefined,
    perMessageDeflate: random(3) === 0,
    httpCompression: random(3) === 0,
  });
  const guests: Guest[] = [];
  const stuck = performance.now() + STUCK;
  const changed = async (condition: () => boolean): Promise<void> => {
    while (!condition() && faults.length === 0) {
      // Nobody waits for it any more.
      if (performance.now() > stuck) throw new Error("Cannot go on: what was sent does not come");
      await sleep(2);
    }
  };

  io.on("connection", (socket: SocketIoSocket) => {
    const guest = guests[Number(socket.handshake.auth.guest)];
    guest.socket = socket;
    guest.sessions++;
    socket.join("all");
    socket.on("m", (i: number, payload: unknown, done?: (i: number) => void) => {
      checked(() => guest.up.receive(i, payload));
      done?.(i);
    });
    socket.on("disconnect", () => guest.ended++);
  });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  await using relay = new FaultRelay(port, { portion: slowly(random) });

  for (let n = 1 + random(3); n > 0; n--) {
    const client: SocketIoClientSocket = connectSocketIo(`http://127.0.0.1:${relay.port}/`, {
      transports: TRANSPORTS[random(3)],
      auth: { guest: guests.length },
      forceNew: true,
      reconnectionDelay: 1,
      reconnectionDelayMax: 10,
    });
    const guest: Guest = {
      client,
      socket: undefined,
      up: new Direction(),
      down: new Direction(),
      broadcasts: new Direction(),
      answers: [],
      recovered: true,
      sessions: 0,
      ended: 0,
      losses: 0,
    };
    guests.push(guest);
    client.on("m", (i: number, payload: unknown, done?: unknown) => {
      checked(() => guest.down.receive(i, payload));
      // Where connections are recovered, an event that nobody has to acknowledge has its place in the log there.
      if (typeof done === "function") done(i);
    });
    client.on("b", (i: number, payload: unknown) => {
      checked(() => guest.broadcasts.receive(i, payload));
    });
    client.on("connect", () => {
      if (guest.losses > 0 && !client.recovered) guest.recovered = false;
    });
    client.on("disconnect", () => guest.losses++);
  }
  await changed(() =>
    guests.every(({ client, socket }) => client.connected && socket !== undefined)
  );

  const ask = (guest: Guest, by: "client" | "socket"): void => {
    const direction = by === "client" ? guest.up : guest.down;
    const i = direction.sent++;
    // In time for what counts the answers to say which are missing.
    const answer = guest[by]!.timeout(STUCK / 2).emitWithAck("m", i, payload(random, i));
    direction.asked.add(i);
    // Where a connection is lost, no answer comes.
    guest.answers.push(answer.then((got: unknown) => {
      checked(() => assertEquals(got, i));
      direction.acknowledged.push(i);
    }, () => {}));
  };
  let broadcasts = 0;
  const cuts = random(3) === 0 ? 1 + random(3) : 0;
  const steps = 20 + random(60);
  for (let step = 0; step < steps; step++) {
    const guest = guests[random(guests.length)];
    const what = random(6);
    if (what < 2) guest.client.emit("m", guest.up.sent, payload(random, guest.up.sent++));
    else if (what === 2) ask(guest, "client");
    else if (what === 3) {
      guest.socket!.emit("m", guest.down.sent, payload(random, guest.down.sent++));
    } else if (what === 4) ask(guest, "socket");
    else io.to("all").emit("b", broadcasts, payload(random, broadcasts++));
    if (random(3) === 0) await sleep(random(4));
    if (random(steps) < cuts) {
      lossPossible = true;
      relay.cut("end");
    }
  }

  if (lossPossible) await changed(() => guests.every(({ client }) => client.connected));
  else {
    await changed(() =>
      guests.every((guest) =>
        guest.up.got.length === guest.up.sent && guest.down.got.length === guest.down.sent &&
        guest.broadcasts.got.length === broadcasts
      )
    );
    await Promise.all(guests.flatMap(({ answers }) => answers));
    for (const { up, down } of guests) {
      for (const { asked, acknowledged } of [up, down]) {
        assertEquals(acknowledged.toSorted((a, b) => a - b), [...asked]);
      }
    }
    assertEquals(guests.map(({ losses }) => losses), guests.map(() => 0));
  }

  // What is sent right before an end of the client's own still comes.
  const last = guests.map(({ client, up }) => {
    client.emit("m", up.sent, "last");
    return client.connected ? up.sent++ : -1;
  });
  if (random(2) === 0) {
    for (const { client } of guests) client.close();
    if (!lossPossible) {
      await changed(() => guests.every(({ up }, n) => up.got.at(-1) === last[n]));
    }
  }
  await io.close();
  for (const { client } of guests) client.close();
  await Promise.all(guests.flatMap(({ answers }) => answers));
  await changed(() => guests.every(({ sessions, ended }) => sessions === ended));
  for (const { up, down, broadcasts, recovered } of guests) {
    for (const { got, acknowledged } of [up, down]) {
      checked(() =>
        assert(acknowledged.every((i) => got.includes(i)), "acknowledged, and not got")
      );
    }
    if (recovered) { for (const way of [down, broadcasts]) checked(() => way.checkNoGap()); }
  }
  if (faults.length > 0) throw faults[0];
}

Deno.test("slow network: Socket.IO loses, doubles and mixes up nothing, and tells of each end", async () => {
  for (let from = 0; from < 60; from += 4) {
    await Promise.all([0, 1, 2, 3].map(async (i) => {
      const run = play(randomFrom(from + i));
      try {
        await waitFor(run, "come to the end", { timeout: STUCK });
      } catch (cause) {
        throw new Error(`Seed ${from + i}: ${(cause as Error).message}`, { cause });
      }
    }));
  }
});
