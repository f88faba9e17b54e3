import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../net/clock.ts";
import { NetError } from "../../net/errors.ts";
import { pair, type PairEnd } from "../../net/pair.ts";
import { EventHub } from "../../trace/_event_hub.ts";
import {
  hasFaults,
  OpenFailure,
  StreamSession,
  type TracedEnd,
} from "../../trace/_stream_session.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";
import type { TraceFaults } from "../../trace/tracer_options.ts";
import { microtasks } from "../_support/microtasks.ts";

interface Rig {
  client: PairEnd;
  server: PairEnd;
  /** The session's end of the server's connection. */
  serverEnd: PairEnd;
  session: StreamSession;
  clock: ManualClock;
  /** What was told, in short. */
  log: string[];
  opening: AbortSignal | undefined;
  run(why?: Error): Promise<void>;
}

function short(event: TraceEvent): string {
  switch (event.type) {
    case "data":
      return `data ${event.from} ${event.offset} ${new TextDecoder().decode(event.bytes)}`;
    case "reset":
      return `reset ${event.from} ${event.passedOn}`;
    case "error":
      return `error ${event.side} ${(event.error as NetError).code ?? event.error.message}`;
    case "close":
      return `close ${event.clientBytes} ${event.serverBytes}`;
    case "end":
      return `end ${event.from}`;
    case "fault":
      return `cut ${event.from} ${event.after}`;
    default:
      return event.type;
  }
}

interface RigOptions {
  faults?: TraceFaults;
  resets?: boolean;
  open?: () => Promise<void>;
  capacity?: number;
  hold?: (event: TraceEvent) => Promise<void> | undefined;
}

function rig({ faults = {}, resets = true, open, capacity, hold }: RigOptions = {}): Rig {
  const [client, clientEnd] = pair({ capacity });
  const [serverEnd, server] = pair({ capacity });
  const clock = new ManualClock();
  const log: string[] = [];
  const event = (each: TraceEvent): Promise<void> | undefined => {
    log.push(short(each));
    return hold?.(each);
  };
  const traced = (end: PairEnd): TracedEnd => ({
    transport: end,
    resets,
    reset: () => resets ? end.reset() : end.close(),
  });
  const it = { client, server, serverEnd, clock, log } as Rig;
  it.session = new StreamSession(1, {
    hub: new EventHub([{ event }]),
    clock,
    faults,
    dissector: { secrets: undefined, decode: true, maxMessage: 100, inflate: () => undefined },
    open: async (_transport, signal) => {
      it.opening = signal;
      await open?.();
      return { client: traced(clientEnd), server: traced(serverEnd) };
    },
  });
  it.run = (why) => it.session.run(traced(clientEnd), { transport: "tcp", server: "s:1" }, why);
  return it;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function read(end: PairEnd): Promise<string | null> {
  const p = new Uint8Array(100_000);
  const n = await end.read(p);
  return n === null ? null : new TextDecoder().decode(p.subarray(0, n));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(() => "none", (error) => (error as NetError).code);
}

Deno.test("a session passes bytes on both ways, and each end", async () => {
  const { client, server, session, log, run } = rig();
  await run();
  await client.write(bytes("ping"));
  assertEquals(await read(server), "ping");
  await client.closeWrite();
  assertEquals(await read(server), null);
  await server.write(bytes("late"));
  assertEquals(await read(client), "late");
  await server.closeWrite();
  assertEquals(await read(client), null);
  await session.finished;
  assertEquals(log, [
    "open",
    "connect",
    "data client 0 ping",
    "end client",
    "data server 0 late",
    "end server",
    "close 4 4",
  ]);
});

for (const resets of [true, false]) {
  Deno.test(`a session passes a reset on ${resets ? "as one" : "as an end where it can't"}`, async () => {
    const { client, server, session, log, run } = rig({ resets });
    await run();
    await client.write(bytes("last"));
    assertEquals(await read(server), "last");
    client.reset();
    if (resets) assertEquals(await codeOf(read(server)), "ECONNRESET");
    else assertEquals(await read(server), null);
    await session.finished;
    assertEquals(log.slice(2), ["data client 0 last", `reset client ${resets}`, "close 4 0"]);
  });
}

Deno.test("a session passes on what was sent before a reset, as long as the other side takes it", async () => {
  const { client, server, session, run } = rig({ capacity: 4 });
  await run();
  for (const part of ["abcd", "efgh"]) await client.write(bytes(part));
  client.reset();
  assertEquals(await read(server), "abcd");
  assertEquals(await read(server), "efgh");
  assertEquals(await codeOf(read(server)), "ECONNRESET");
  await session.finished;
});

Deno.test("a session passes on what was sent before a reset though it is late", async () => {
  const { client, server, session, clock, log, run } = rig({ faults: { delay: 300 } });
  await run();
  await client.write(bytes("abcd"));
  const words = read(server);
  await microtasks(50);
  clock.advance(200);
  client.reset();
  await microtasks(50);
  assert(log.includes("reset client true"));
  clock.advance(100);
  assertEquals(await words, "abcd");
  const after = codeOf(read(server));
  await microtasks(50);
  assertEquals(log.at(-1), "reset client true");
  clock.advance(200); // the reset is late, too
  assertEquals(await after, "ECONNRESET");
  await session.finished;
});

Deno.test("a session resets a client whose server is gone while it sends", async () => {
  const { client, server, session, log, run } = rig();
  await run();
  await server.closeWrite();
  assertEquals(await read(client), null);
  server.close();
  await client.write(bytes("anybody?"));
  await session.finished;
  assertEquals(await codeOf(client.write(bytes("x"))), "ECONNRESET");
  assertEquals(log.slice(2), [
    "end server",
    "data client 0 anybody?",
    "reset server true",
    "close 8 0",
  ]);
});

Deno.test("a session resets a client whose server takes nothing more and then ends as if all were well", async () => {
  const { client, server, serverEnd, session, log, run } = rig();
  serverEnd.write = () => Promise.reject(new NetError("gone", { code: "EPIPE" }));
  await run();
  await client.write(bytes("anybody?"));
  await microtasks(50);
  await server.write(bytes("bye"));
  await server.closeWrite();
  await session.finished;
  assertEquals(log.slice(2), [
    "data client 0 anybody?",
    "data server 0 bye",
    "reset server true",
    "close 8 3",
  ]);
});

Deno.test("a session that can't write waits five seconds for last words, and no longer", async () => {
  const { client, server, session, log, clock, run } = rig({ capacity: 4 });
  await run();
  await server.write(bytes("abcd"));
  await server.write(bytes("efgh"));
  await server.write(bytes("ijkl"));
  server.close();
  await client.write(bytes("x"));
  await microtasks(50);
  clock.advance(5000);
  assert(log.includes("reset server true"));
  // What is left can't be written either: its own deadline is in real time, so the client takes it now.
  assertEquals(await read(client), "abcd");
  while (await read(client).catch(() => null) !== null);
  await session.finished;
  assertEquals(
    log.at(-1),
    `close 1 ${log.filter((line) => line.startsWith("data server")).length * 4}`,
  );
});

Deno.test("a session tells an error that is no reset, and breaks off", async () => {
  const it = rig();
  const broken = Promise.withResolvers<number>();
  it.serverEnd.read = () => broken.promise;
  await it.run();
  broken.reject(new NetError("Cannot read: cut", { code: "ERR_TLS_TRUNCATED" }));
  assertEquals(await codeOf(read(it.client)), "ECONNRESET");
  await it.session.finished;
  assertEquals(it.log.slice(2), ["error server ERR_TLS_TRUNCATED", "close 0 0"]);
  it.server.close();
});

Deno.test("a session whose server can't be reached resets the client", async () => {
  const why = new NetError("Cannot connect", { code: "ECONNREFUSED" });
  const { client, server, session, log, run } = rig({
    open: () => Promise.reject(new OpenFailure("server", why)),
  });
  await run();
  await session.finished;
  assertEquals(await codeOf(read(client)), "ECONNRESET");
  assertEquals(log, ["open", "error server ECONNREFUSED", "close 0 0"]);
  server.close();
});

Deno.test("a session that is refused tells why", async () => {
  const { client, server, session, log, run } = rig();
  await run(new Error("Cannot trace: full"));
  await session.finished;
  assertEquals(await codeOf(read(client)), "ECONNRESET");
  assertEquals(log, ["open", "error client Cannot trace: full", "close 0 0"]);
  server.close();
});

Deno.test("a session that is stopped closes both sides", async () => {
  const { client, server, session, log, run } = rig();
  await run();
  session.stop();
  session.stop();
  await session.finished;
  assertEquals([await read(client), await read(server)], [null, null]);
  assertEquals(log, ["open", "connect", "close 0 0"]);
});

Deno.test("a session that is stopped while it opens gives that up, and closes what came of it", async () => {
  const gate = Promise.withResolvers<void>();
  const it = rig({ open: () => gate.promise });
  const running = it.run();
  it.session.stop();
  assertEquals(it.opening?.aborted, true);
  gate.resolve();
  await running;
  await it.session.finished;
  assertEquals(await read(it.server), null);
  assertEquals(it.log.at(-1), "close 0 0");
  it.client.close();
});

Deno.test("a session that is stopped while it opens tells no error", async () => {
  const gate = Promise.withResolvers<void>();
  const it = rig({ open: () => gate.promise });
  const running = it.run();
  it.session.stop();
  gate.reject(new Error("aborted"));
  await running;
  assertEquals(it.log, ["open", "close 0 0"]);
  it.client.close();
  it.server.close();
});

Deno.test("a session is held back by a sink", async () => {
  const gate = Promise.withResolvers<void>();
  const { client, server, session, log, run } = rig({
    hold: (event) => event.type === "data" ? gate.promise : undefined,
  });
  await run();
  await client.write(bytes("a"));
  assertEquals(await read(server), "a");
  await client.write(bytes("b"));
  await microtasks(50);
  assertEquals(log.length, 3);
  gate.resolve();
  assertEquals(await read(server), "b");
  session.stop();
  client.close();
  server.close();
});

Deno.test("a session cuts where it is asked to, and resets both sides", async () => {
  const { client, server, session, log, run } = rig({ faults: { cutAfter: 3, from: "client" } });
  await run();
  await server.write(bytes("hello"));
  assertEquals(await read(client), "hello");
  const got = read(server);
  await client.write(bytes("abcdef"));
  assertEquals(await got, "abc");
  await session.finished;
  assertEquals(await codeOf(read(server)), "ECONNRESET");
  assertEquals(await codeOf(read(client)), "ECONNRESET");
  assertEquals(log.slice(3), ["data client 0 abcdef", "cut client 3", "close 6 5"]);
});

Deno.test("a session that cuts before the first byte tells of it before it closes", async () => {
  const { client, server, session, log, run } = rig({ faults: { cutAfter: 0, from: "client" } });
  await run();
  await client.write(bytes("abc"));
  await session.finished;
  assertEquals(await codeOf(read(server)), "ECONNRESET");
  assertEquals(log.slice(2), ["data client 0 abc", "cut client 0", "close 3 0"]);
});

Deno.test("faults concern whom they are meant for", () => {
  assertEquals(hasFaults({}), { client: false, server: false });
  assertEquals(hasFaults({ delay: 1 }), { client: true, server: true });
  assertEquals(hasFaults({ split: 1, from: "client" }), { client: true, server: false });
  assertEquals(hasFaults({ rate: 1, from: "server" }), { client: false, server: true });
});
