import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Incoming, type ReadStyle } from "../../net/_incoming.ts";
import { Budget } from "../../net/budget.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";

function rig(options: PairOptions = {}): {
  incoming: Incoming;
  peer: Transport;
  told: string[];
} & Disposable {
  const [a, peer] = pair(options);
  const told: string[] = [];
  const incoming = new Incoming({
    onactivity: () => {},
    onflow: () => {},
    ondata: (chunk) => void told.push(`data ${[...chunk]}`),
    onend: () => void told.push("end"),
    onreadfail: (error) => void told.push(`fail ${(error as { code: string }).code}`),
  });
  incoming.attach(a);
  return {
    incoming,
    peer,
    told,
    [Symbol.dispose](): void {
      incoming.stop(new Error("over"));
      a.close();
      peer.close();
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

Deno.test("incoming takes one chunk ahead, and gives it to who pulls", async () => {
  using it = rig({ capacity: 2 });
  it.incoming.begin();
  await it.peer.write(bytes(1, 2));
  await turn();
  assertEquals([...await it.incoming.next() ?? []], [1, 2]);
  assertEquals(it.incoming.take(), undefined);
  const next = it.incoming.next();
  await it.peer.write(bytes(3));
  assertEquals([...await next ?? []], [3]);
  await it.peer.closeWrite();
  assertEquals([await it.incoming.next(), await it.incoming.next()], [null, null]);
  assertEquals([it.told, it.incoming.bytesRead], [["end"], 3]);
});

Deno.test("incoming tells of an end without data although nobody reads", async () => {
  using it = rig();
  it.incoming.begin();
  await it.peer.closeWrite();
  await turn();
  assertEquals(it.told, ["end"]);
});

Deno.test("incoming that is to hold counts what a read under way brings, and gives it later", async () => {
  const budget = new Budget(100, "wait", 90);
  const [a, peer] = pair();
  const told: string[] = [];
  const incoming = new Incoming({
    onactivity: () => void told.push("activity"),
    onflow: () => {},
    ondata: (chunk) => void told.push(`data ${[...chunk]}`),
    onend: () => void told.push("end"),
    onreadfail: (error) => void told.push(`fail ${error}`),
  });
  incoming.attach(a, budget);
  incoming.claim("events");
  incoming.flow();
  await turn();
  incoming.hold();
  await peer.write(bytes(1, 2));
  await peer.write(bytes(3));
  await turn();
  assertEquals([incoming.bytesRead, budget.used, told], [2, 2, ["activity"]]);
  incoming.flow();
  await turn();
  assertEquals([incoming.bytesRead, budget.used], [3, 0]);
  assertEquals(told, ["activity", "data 1,2", "activity", "data 3"]);
  incoming.stop(new Error("over"));
  a.close();
  peer.close();
});

Deno.test("incoming that is to hold inside a chunk reads nothing more", async () => {
  const [a, peer] = pair({ capacity: 2 });
  const incoming: Incoming = new Incoming({
    onactivity: () => {},
    onflow: () => {},
    ondata: () => incoming.hold(),
    onend: () => {},
    onreadfail: () => {},
  });
  incoming.attach(a);
  incoming.claim("events");
  incoming.flow();
  await peer.write(bytes(1, 2));
  await turn();
  await peer.write(bytes(3, 4));
  await turn();
  assertEquals(incoming.bytesRead, 2);
  incoming.stop(new Error("over"));
  a.close();
  peer.close();
});

Deno.test("incoming that is to hold gives the chunk that somebody waits for, and no other", async () => {
  using it = rig();
  const next = it.incoming.next();
  it.incoming.hold();
  await it.peer.write(bytes(1, 2));
  assertEquals([...await next ?? []], [1, 2]);
  await it.peer.write(bytes(3));
  await turn();
  assertEquals([it.incoming.take(), it.incoming.bytesRead], [undefined, 2]);
  assertEquals([...await it.incoming.next() ?? []], [3]);
});

Deno.test("incoming flows, holds, and flows again, losing nothing", async () => {
  using it = rig();
  it.incoming.flow();
  await it.peer.write(bytes(1));
  await turn();
  it.incoming.hold();
  assertEquals(it.incoming.flowing, false);
  await it.peer.write(bytes(2));
  await it.peer.closeWrite();
  await turn();
  assertEquals(it.told, ["data 1"]);
  it.incoming.flow();
  await turn();
  assertEquals(it.told, ["data 1", "data 2", "end"]);
});

Deno.test("incoming is read in one style only", () => {
  const styles: ReadStyle[] = ["events", "stream", "iterator"];
  for (const first of styles) {
    using it = rig();
    it.incoming.claim(first);
    it.incoming.claim(first);
    for (const second of styles) {
      if (second !== first) assertThrows(() => it.incoming.claim(second), TypeError);
    }
  }
});

Deno.test("incoming tells of a failure, and fails who waits when it is stopped", async () => {
  using it = rig({ faults: [{ at: 0, action: "reset" }] });
  it.incoming.begin();
  await turn();
  await turn();
  assertEquals(it.told, ["fail ECONNRESET"]);
  using other = rig();
  const waiting = other.incoming.next();
  other.incoming.stop(new Error("closed"));
  await assertRejects(() => waiting, Error, "closed");
  await assertRejects(() => other.incoming.next(), Error, "closed");
});

Deno.test("incoming tells who pulls of the end only when it asks for what comes after", async () => {
  for (const style of ["stream", "iterator"] as const) {
    using it = rig();
    it.incoming.claim(style);
    const first = it.incoming.next();
    await it.peer.write(bytes(1));
    await it.peer.closeWrite();
    assertEquals([...await first ?? []], [1]);
    // The end comes without being asked for, as after TLS has started.
    it.incoming.begin();
    await turn();
    assertEquals([it.told, it.incoming.done], [[], false]);
    assertEquals([it.incoming.take(), it.told, it.incoming.done], [null, ["end"], true]);
    assertEquals(await it.incoming.next(), null);
    assertEquals(it.told, ["end"]);
  }
});

Deno.test("incoming whose end nobody took before it was stopped fails", async () => {
  using it = rig();
  it.incoming.claim("iterator");
  const first = it.incoming.next();
  await it.peer.write(bytes(1));
  await it.peer.closeWrite();
  await first;
  it.incoming.begin();
  await turn();
  it.incoming.stop(new Error("closed"));
  await assertRejects(() => it.incoming.next(), Error, "closed");
  assertEquals(it.told, []);
});

Deno.test("incoming lets one wait at a time", async () => {
  using it = rig();
  const first = it.incoming.next();
  await assertRejects(() => it.incoming.next(), TypeError);
  await it.peer.write(bytes(7));
  assertEquals([...await first ?? []], [7]);
});

Deno.test("incoming hands over what it has read and nobody took, and goes on with another transport", async () => {
  const [a, b] = pair();
  const [c, d] = pair();
  const told: string[] = [];
  const incoming = new Incoming({
    onactivity: () => {},
    onflow: () => {},
    ondata: (chunk) => void told.push(`data ${[...chunk]}`),
    onend: () => void told.push("end"),
    onreadfail: () => void told.push("fail"),
  });
  incoming.attach(a);
  incoming.begin();
  await b.write(bytes(1));
  await turn();
  const raw = incoming.handOver(a);
  await b.write(bytes(2));
  const buffer = new Uint8Array(4);
  assertEquals([await raw.read(buffer), buffer[0], await raw.read(buffer), buffer[0]], [
    1,
    1,
    1,
    2,
  ]);
  incoming.attach(c);
  incoming.flow();
  await d.write(bytes(3));
  await d.closeWrite();
  await turn();
  assertEquals([told, incoming.bytesRead], [["data 3", "end"], 2]);
  for (const transport of [a, b, c, d]) transport.close();
});

Deno.test("incoming reads nothing ahead of who pulls, but the first chunk", async () => {
  using it = rig({ capacity: 1 });
  it.incoming.begin();
  for (let i = 0; i < 4; i++) {
    const next = it.incoming.next();
    assertEquals(await it.peer.write(bytes(i)), 1);
    assertEquals([...await next ?? []], [i]);
    await turn();
  }
  // One chunk is on the way; nobody takes it.
  await it.peer.write(bytes(9));
  let written = false;
  const blocked = it.peer.write(bytes(10)).then(() => written = true, () => {});
  await turn();
  assertEquals([written, it.incoming.bytesRead], [false, 4]);
  it.peer.close();
  await blocked;
});

Deno.test("incoming has the budget count what it holds, and gives it back however that goes", async () => {
  const budget = new Budget(1000, "wait", 100);
  for (const end of ["take", "flow", "stop", "hand over"] as const) {
    const [a, peer] = pair();
    const told: number[] = [];
    const incoming = new Incoming({
      onactivity: () => {},
      onflow: () => {},
      ondata: (chunk) => void told.push(chunk.length),
      onend: () => {},
      onreadfail: () => {},
    });
    incoming.attach(a, budget);
    incoming.begin();
    await peer.write(bytes(1, 2, 3));
    await turn();
    assertEquals(budget.used, 3);
    if (end === "take") assertEquals(incoming.take()?.length, 3);
    if (end === "flow") {
      incoming.flow();
      await turn();
      assertEquals(told, [3]);
    }
    if (end === "hand over") incoming.handOver(a);
    if (end === "stop") incoming.stop(new Error("over"));
    assertEquals(budget.used, 0, end);
    incoming.stop(new Error("over"));
    a.close();
    peer.close();
  }
});

Deno.test("incoming tells that it flows once for each time that it does, before the first chunk", async () => {
  const [a, peer] = pair();
  const told: string[] = [];
  const incoming = new Incoming({
    onactivity: () => {},
    onflow: () => void told.push("flow"),
    ondata: (chunk) => void told.push(`data ${[...chunk]}`),
    onend: () => {},
    onreadfail: () => {},
  });
  incoming.attach(a);
  incoming.claim("events");
  incoming.begin();
  await peer.write(bytes(1));
  await turn();
  assertEquals([incoming.held, incoming.everRead], [1, false]);
  incoming.flow();
  incoming.hold();
  incoming.flow();
  await turn();
  assertEquals([told, incoming.held, incoming.everRead], [["flow", "data 1"], 0, true]);
  incoming.hold();
  incoming.flow();
  incoming.hold();
  await turn();
  assertEquals(told, ["flow", "data 1"]);
  incoming.flow();
  incoming.stop(new Error("over"));
  await turn();
  assertEquals(told, ["flow", "data 1"]);
  a.close();
  peer.close();
});
