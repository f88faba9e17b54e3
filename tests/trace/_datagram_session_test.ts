import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../../net/clock.ts";
import { createDatagramSocket, type DatagramSocket } from "../../net/datagram_socket.ts";
import { EventHub } from "../../trace/_event_hub.ts";
import { type DatagramContext, DatagramSession } from "../../trace/_datagram_session.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";
import { microtasks } from "../_support/microtasks.ts";

interface Rig extends AsyncDisposable {
  server: DatagramSocket;
  session: DatagramSession;
  clock: ManualClock;
  log: string[];
  /** What went back to the client. */
  answers: string[];
  /** Waits for an event. */
  told(line: string): Promise<void>;
}

function short(event: TraceEvent): string {
  switch (event.type) {
    case "data":
      return `data ${event.from} ${event.offset} ${new TextDecoder().decode(event.bytes)}`;
    case "close":
      return `close ${event.clientBytes} ${event.serverBytes}`;
    case "drop":
      return `drop ${event.from} ${event.size} ${event.reason}`;
    case "fault":
      return `cut ${event.from} ${event.after}`;
    default:
      return event.type;
  }
}

async function rig(part: Partial<DatagramContext> = {}): Promise<Rig> {
  const server = await createDatagramSocket().bind(0, "127.0.0.1");
  const clock = new ManualClock();
  const log: string[] = [];
  const answers: string[] = [];
  const waiters: [string, () => void][] = [];
  const session = new DatagramSession(
    4,
    {
      hub: new EventHub([{
        event(event) {
          log.push(short(event));
          for (const [line, resolve] of waiters) if (log.includes(line)) resolve();
        },
      }]),
      clock,
      faults: {},
      server: { hostname: "127.0.0.1", port: server.address().port },
      idleTimeout: 1000,
      connectTimeout: 5000,
      answer(bytes) {
        answers.push(new TextDecoder().decode(bytes));
        return Promise.resolve();
      },
      onclose: () => log.push("gone"),
      ...part,
    },
    { transport: "udp", hostname: "192.0.2.1", port: 9 },
    "s:1",
  );
  return {
    server,
    session,
    clock,
    log,
    answers,
    told: (line) =>
      log.includes(line)
        ? Promise.resolve()
        : new Promise((resolve) => waiters.push([line, resolve])),
    async [Symbol.asyncDispose]() {
      session.stop();
      await session.finished;
      await server.close();
    },
  };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

Deno.test("a datagram session passes datagrams on both ways, and tells of them", async () => {
  await using it = await rig();
  it.session.push(bytes("one"));
  it.session.push(bytes(""));
  it.session.push(bytes("two"));
  const first = await it.server.receive({ timeout: 5000 });
  assertEquals(text(first.data), "one");
  assertEquals((await it.server.receive({ timeout: 5000 })).data.length, 0);
  assertEquals(text((await it.server.receive({ timeout: 5000 })).data), "two");
  await it.server.send("answer", first);
  await it.told("data server 0 answer");
  assertEquals(it.answers, ["answer"]);
  it.session.stop();
  await it.session.finished;
  assertEquals(it.log, [
    "open",
    "connect",
    "data client 0 one",
    "data client 3 ",
    "data client 3 two",
    "data server 0 answer",
    "close 6 6",
    "gone",
  ]);
});

Deno.test("a datagram session is over when nothing has come for a while", async () => {
  await using it = await rig();
  it.clock.advance(999);
  it.session.push(bytes("x"));
  it.clock.advance(999);
  assert(!it.log.includes("gone"));
  it.clock.advance(1);
  assertEquals(it.log.at(-1), "gone");
  assertEquals(it.clock.pending, 0);
});

Deno.test("a datagram session is not over as long as a datagram is late", async () => {
  await using it = await rig({ faults: { delay: 2500 } });
  it.session.push(bytes("late"));
  for (let i = 0; i < 5; i++) it.clock.advance(500);
  const { data } = await it.server.receive({ timeout: 5000 });
  assertEquals(text(data), "late");
  await it.told("data client 0 late");
  await microtasks(50);
  it.clock.advance(1000);
  it.clock.advance(1000);
  assertEquals(it.log.slice(-2), ["close 4 0", "gone"]);
});

Deno.test("a datagram session tells of a server that is not found, and tries again", async () => {
  await using it = await rig({ server: { hostname: "no.such.host.invalid", port: 9 } });
  it.session.push(bytes("abc"));
  it.session.push(bytes("de"));
  const until = Date.now() + 10_000;
  while (it.log.length < 3 && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals(it.log.slice(1).map((line) => line.split(" ").slice(0, 3).join(" ")), [
    "drop client 3",
    "drop client 2",
  ]);
});

Deno.test("a datagram session does not let more wait than it may", async () => {
  await using it = await rig({ faults: { delay: 500 } });
  for (let i = 0; i < 4097; i++) it.session.push(bytes("x"));
  it.session.push(new Uint8Array(10));
  assertEquals(it.log.slice(1), [
    "drop client 1 too many wait already",
    "drop client 10 too many wait already",
  ]);
  await using other = await rig({ faults: { delay: 500 } });
  const size = 1 << 16;
  for (let i = 0; i < (4 << 20) / size; i++) other.session.push(new Uint8Array(size));
  other.session.push(new Uint8Array(1));
  assertEquals(other.log.slice(1), ["drop client 1 too many wait already"]);
});

Deno.test("a datagram session goes on as long as one side sends", async () => {
  await using it = await rig();
  it.session.push(bytes("hello"));
  const first = await it.server.receive({ timeout: 5000 });
  for (const from of ["client", "server", "client", "server"]) {
    it.clock.advance(600);
    if (from === "client") it.session.push(bytes("x"));
    else {
      const count = it.answers.length;
      await it.server.send("y", first);
      for (let i = 0; it.answers.length === count && i < 1000; i++) {
        await new Promise((r) => setTimeout(r, 1));
      }
    }
  }
  it.clock.advance(999);
  assert(!it.log.includes("gone"));
  it.clock.advance(1);
  assert(it.log.includes("gone"));
});

Deno.test("a datagram session counts what waits, not what has gone", async () => {
  await using it = await rig();
  const size = 60_000;
  for (let sent = 0; sent <= 4 << 20; sent += size) {
    it.session.push(new Uint8Array(size));
    assertEquals((await it.server.receive({ timeout: 5000 })).data.length, size);
  }
  assertEquals(it.log.filter((line) => line.startsWith("drop")), []);
});

Deno.test("a datagram session delays in order", async () => {
  await using it = await rig({ faults: { delay: 500 } });
  it.session.push(bytes("a"));
  it.clock.advance(300);
  it.session.push(bytes("b"));
  const received = it.server.receive({ timeout: 5000 });
  it.clock.advance(200);
  assertEquals(text((await received).data), "a");
  assertEquals(it.server.metrics().queued, 0);
  await it.told("data client 0 a");
  await Promise.resolve();
  for (let i = 0; it.clock.pending < 2 && i < 1000; i++) await new Promise((r) => setTimeout(r, 1));
  it.clock.advance(300);
  assertEquals(text((await it.server.receive({ timeout: 5000 })).data), "b");
});

Deno.test("a datagram session swallows what comes behind a cut", async () => {
  await using it = await rig({ faults: { cutAfter: 3, from: "client" } });
  for (const part of ["ab", "c", "d", "e", "f"]) it.session.push(bytes(part));
  assertEquals(text((await it.server.receive({ timeout: 5000 })).data), "ab");
  assertEquals(text((await it.server.receive({ timeout: 5000 })).data), "c");
  await it.told("data client 2 c");
  assertEquals(it.log.filter((line) => line.startsWith("cut")), ["cut client 3"]);
  it.session.stop();
  assertEquals(it.log.at(-2), "close 3 0");
});
