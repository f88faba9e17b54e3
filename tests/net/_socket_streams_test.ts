import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Incoming } from "../../net/_incoming.ts";
import { IncomingStream, OutgoingStream } from "../../net/_socket_streams.ts";
import { pair, type PairEnd } from "../../net/pair.ts";

Deno.test("a stream out waits for room, ends, and gives up, through its sink", async () => {
  const told: string[] = [];
  let room = Promise.withResolvers<void>();
  const { stream } = new OutgoingStream({
    write: (chunk) => (told.push(`write ${chunk}`), chunk.length < 2),
    drained: () => room.promise,
    end: () => (told.push("end"), Promise.resolve()),
    abort: (reason) => void told.push(`abort ${reason}`),
  });
  const writer = stream.getWriter();
  await writer.write(new Uint8Array([1]));
  let done = false;
  const writing = writer.write(new Uint8Array([2, 3])).then(() => done = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(done, false);
  room.resolve();
  await writing;
  room = Promise.withResolvers();
  await writer.close();
  assertEquals(told, ["write 1", "write 2,3", "end"]);
});

Deno.test("a stream out that is aborted gives the connection up at once, also while a peer takes nothing", async () => {
  for (const under of ["a write", "the end"]) {
    const told: unknown[] = [];
    const stuck = Promise.withResolvers<void>();
    const { stream } = new OutgoingStream({
      write: () => false,
      drained: () => stuck.promise,
      end: () => stuck.promise,
      abort: (reason) => {
        told.push(reason);
        stuck.reject(new Error("closed"));
      },
    });
    const writer = stream.getWriter();
    const stuckThere = under === "a write" ? writer.write(new Uint8Array(9)) : writer.close();
    const failing = assertRejects(() => stuckThere, Error, "closed");
    await Promise.resolve();
    await writer.abort("enough").catch(() => {});
    assertEquals(told, ["enough"], under);
    await failing;
    await writer.closed.catch(() => {});
  }
});

Deno.test("a stream out takes bytes only", async () => {
  const { stream } = new OutgoingStream({
    write: () => true,
    drained: () => Promise.resolve(),
    end: () => Promise.resolve(),
    abort: () => {},
  });
  const writer = stream.getWriter();
  await assertRejects(() => writer.write("text" as never), TypeError);
  await writer.closed.catch(() => {});
});

function rig(): { incoming: Incoming; peer: PairEnd; ended: () => boolean; close(): void } {
  const [a, peer] = pair();
  let over = false;
  const incoming = new Incoming({
    onactivity: () => {},
    onflow: () => {},
    ondata: () => {},
    onend: () => over = true,
    onreadfail: () => {},
  });
  incoming.attach(a);
  return {
    incoming,
    peer,
    ended: () => over,
    close(): void {
      incoming.stop(new Error("over"));
      a.close();
      peer.close();
    },
  };
}

Deno.test("a stream in claims its socket with the first read, and ends after the last chunk", async () => {
  const it = rig();
  const { stream } = new IncomingStream(it.incoming, () => {});
  const reader = stream.getReader();
  await it.peer.write(new Uint8Array([1, 2]));
  await it.peer.closeWrite();
  assertEquals((await reader.read()).value?.length, 2);
  assertThrows(() => it.incoming.claim("events"), TypeError);
  assertEquals(it.ended(), false);
  assertEquals((await reader.read()).done, true);
  assertEquals(it.ended(), true);
  it.close();
});

Deno.test("a stream in tells its socket when its reader gives it up, and is silent then", async () => {
  const it = rig();
  let cancelled = 0;
  const streams = new IncomingStream(it.incoming, () => cancelled++);
  await streams.stream.cancel();
  streams.stop(new Error("closed"));
  assertEquals(cancelled, 1);
  it.close();
});

Deno.test("a stream in that was stopped fails, or ends when all was read", async () => {
  const it = rig();
  const broken = new IncomingStream(it.incoming, () => {});
  const reading = broken.stream.getReader().read();
  it.incoming.stop(new Error("cut"));
  broken.stop(new Error("cut"));
  broken.stop(new Error("again"));
  await assertRejects(() => reading, Error, "cut");
  it.close();
  const other = rig();
  other.incoming.begin();
  await other.peer.closeWrite();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const whole = new IncomingStream(other.incoming, () => {});
  whole.stop(new Error("not told"));
  assertEquals((await whole.stream.getReader().read()).done, true);
  other.close();
});

Deno.test("a stream in that failed its reader, as the socket is read in another way, is stopped in peace", async () => {
  const it = rig();
  const streams = new IncomingStream(it.incoming, () => {});
  it.incoming.claim("events");
  const { stream } = streams;
  await assertRejects(() => stream.getReader().read(), TypeError, "Cannot read the socket");
  it.incoming.flow();
  await it.peer.closeWrite();
  while (!it.ended()) await new Promise((resolve) => setTimeout(resolve, 0));
  streams.stop(new Error("not told"));
  it.close();
});

Deno.test("a stream out that was stopped fails, unless it is closing", async () => {
  const ended = Promise.withResolvers<void>();
  const make = (): OutgoingStream =>
    new OutgoingStream({
      write: () => true,
      drained: () => Promise.resolve(),
      end: () => ended.promise,
      abort: () => {},
    });
  const open = make();
  open.stop(new Error("cut"));
  await assertRejects(() => open.stream.getWriter().closed, Error, "cut");
  const closing = make();
  const closed = closing.stream.close();
  await new Promise((resolve) => setTimeout(resolve, 0));
  closing.stop(new Error("not told"));
  ended.resolve();
  await closed;
});
