import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Hub, type HubMember } from "../../websocket/_hub.ts";
import type { RawLink } from "../../websocket/_raw_link.ts";
import type { WebSocketData } from "../../websocket/types.ts";
import { decodeFrame } from "../../websocket/frame.ts";
import { microtasks } from "../_support/microtasks.ts";
import { Rig } from "../_support/websocket_rig.ts";

/** A member whose link records the frames that it is given. */
class Member implements HubMember {
  taken = 0;
  got: string[] = [];
  writes: Uint8Array[] = [];
  later: WebSocketData[] = [];
  forgot = 0;
  open = true;
  takesEncoded = true;
  idle = true;
  readonly link: RawLink;
  constructor(hub: Hub, readonly windowBits = 0) {
    this.taken = hub.next;
    // deno-lint-ignore no-this-alias
    const member = this;
    this.link = {
      get open() {
        return member.open;
      },
      get takesEncoded() {
        return member.takesEncoded;
      },
      get idle() {
        return member.idle;
      },
      sendEncoded: (frames: Uint8Array, compressed: boolean) => {
        this.writes.push(frames);
        if (compressed) this.forgot++;
        for (let rest = frames; rest.length > 0;) {
          const frame = decodeFrame(rest);
          if (!("payload" in frame)) throw new Error("an incomplete frame");
          const text = new TextDecoder().decode(frame.payload);
          this.got.push(frame.rsv ? `compressed ${frame.payload.length}` : text);
          rest = rest.subarray(frame.size);
        }
      },
    } as unknown as RawLink;
  }
  sendLater(data: WebSocketData): void {
    this.later.push(data);
  }
}

Deno.test("hub joins the messages of one turn, and gives all members the same bytes", async () => {
  const hub = new Hub({}, 256);
  const members = [new Member(hub), new Member(hub)];
  const group = new Set(members);
  assertEquals(hub.send(group, "a", undefined, undefined), 2);
  hub.send(group, new Uint8Array([0x62]), undefined, undefined);
  assertEquals([hub.pending, members[0].got], [true, []]);
  await Promise.resolve();
  assertEquals(hub.pending, false);
  for (const member of members) assertEquals(member.got, ["a", "b"]);
  assertEquals(members[0].writes.length, 1);
  assertEquals(members[0].writes[0] === members[1].writes[0], true);
});

Deno.test("hub sends before a burst of one turn grows large", async () => {
  const hub = new Hub({}, Infinity);
  const member = new Member(hub);
  const other = new Member(hub);
  const group = new Set([member, other]);
  const text = "x".repeat(100_000);
  const counts = [1, 2, 3, 4].map(() => {
    hub.send(group, text, undefined, undefined);
    return member.got.length;
  });
  assertEquals(counts, [0, 0, 3, 3]);
  // The one who is left out of the message that is too much gets those before it.
  for (let i = 0; i < 2; i++) assertEquals(hub.send(group, text, undefined, other), 1);
  assertEquals([member.got.length, other.got.length, hub.pending], [6, 4, false]);
  await Promise.resolve();
  assertEquals([member.got.length, other.got.length], [6, 4]);
});

Deno.test("hub keeps bytes as they were when they were given", () => {
  const hub = new Hub({}, 256);
  const member = new Member(hub);
  const bytes = new Uint8Array([0x61]);
  hub.send(new Set([member]), bytes, undefined, undefined);
  bytes[0] = 0x62;
  hub.flush();
  assertEquals(member.got, ["a"]);
});

Deno.test("hub compresses once for each window", () => {
  const hub = new Hub({}, 10);
  const members = [0, 15, 15, 9].map((bits) => new Member(hub, bits));
  hub.send(new Set(members), "x".repeat(100), undefined, undefined);
  hub.send(new Set(members), "short", undefined, undefined);
  hub.flush();
  // From the threshold on, and not only above it.
  hub.send(new Set([members[1]]), "y".repeat(10), undefined, undefined);
  hub.flush();
  assertEquals(members[1].got.pop()?.startsWith("compressed"), true);
  members[1].writes.pop();
  members[1].forgot--;
  const [plain, wide, wide2, narrow] = members;
  assertEquals([plain.forgot, wide.forgot, narrow.forgot], [0, 1, 1]);
  assertEquals(wide.writes.at(-1) === wide2.writes.at(-1), true);
  assertEquals(plain.got[0], "x".repeat(100));
  assertEquals(wide.got[0].startsWith("compressed"), true);
  assertEquals([plain.got[1], wide.got[1], narrow.got[1]], ["short", "short", "short"]);
});

Deno.test("hub passes by who is closed, and leaves messages to who sends in fragments", () => {
  const hub = new Hub({}, 256);
  const members = [new Member(hub), new Member(hub), new Member(hub)];
  members[0].open = false;
  members[1].takesEncoded = false;
  hub.send(new Set(members), "a", undefined, undefined);
  hub.flush();
  assertEquals(members.map(({ got, later }) => [got, later]), [[[], []], [[], ["a"]], [["a"], []]]);
});

Deno.test("hub gives every member what was sent to it, in order, whatever is flushed when", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("send" as const),
      group: fc.nat(2),
      except: fc.option(fc.nat(3), { nil: undefined }),
    }),
    fc.record({ kind: fc.constant("catchUp" as const), member: fc.nat(3) }),
    fc.record({ kind: fc.constant("flush" as const) }),
    fc.record({ kind: fc.constant("join" as const), group: fc.nat(2) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const hub = new Hub({}, 256);
    const members = Array.from({ length: 4 }, () => new Member(hub));
    const groups = [new Set(members), new Set(members.slice(1, 3)), new Set([members[0]])];
    const expected = new Map<Member, string[]>(members.map((member) => [member, []]));
    steps.forEach((step, i) => {
      if (step.kind === "flush") hub.flush();
      else if (step.kind === "catchUp") hub.catchUp(members[step.member]);
      else if (step.kind === "join") {
        const member = new Member(hub);
        members.push(member);
        groups[step.group].add(member);
        expected.set(member, []);
      } else {
        const except = step.except === undefined ? undefined : members[step.except];
        const count = hub.send(groups[step.group], `${i}`, undefined, except);
        const targets = [...groups[step.group]].filter((member) => member !== except);
        assertEquals(count, targets.length);
        for (const member of targets) expected.get(member)!.push(`${i}`);
      }
    });
    hub.flush();
    for (const member of members) assertEquals(member.got, expected.get(member)!);
  }));
});

Deno.test("hub's frames are those that a receiver understands", () => {
  const hub = new Hub({}, 256);
  const member = new Member(hub);
  const group = new Set([member]);
  for (const data of ["é", "x".repeat(70_000), new Uint8Array(126)]) {
    hub.send(group, data, undefined, undefined);
  }
  hub.flush();
  const rig = new Rig("client").feed(member.writes[0], 1000);
  assertEquals(rig.events.map(([kind]) => kind), ["text", "text", "binary"]);
});

/** A hub, and the turns of the event loop that it asks for. */
function turningHub(): { hub: Hub; turns: Array<() => void> } {
  const turns: Array<() => void> = [];
  return { hub: new Hub({}, 256, (callback) => turns.push(callback)), turns };
}

Deno.test("hub serves a large group in one turn while writes are done at once", async () => {
  const { hub, turns } = turningHub();
  const members = Array.from({ length: 100 }, () => new Member(hub));
  hub.send(new Set(members), "a", undefined, undefined);
  await microtasks(1000);
  assertEquals([turns.length, hub.pending], [0, false]);
  for (const { got } of members) assertEquals(got, ["a"]);
});

Deno.test("hub serves a large group in several turns when writes have to wait, and waits for none of them", async () => {
  const { hub, turns } = turningHub();
  const members = Array.from({ length: 300 }, () => {
    const member = new Member(hub);
    const { link } = member;
    const { sendEncoded } = link;
    link.sendEncoded = (...args) => {
      const outcome = sendEncoded.apply(link, args);
      member.idle = false;
      return outcome;
    };
    return member;
  });
  const group = new Set(members);
  const served = () => members.filter(({ got }) => got.length > 0).length;
  hub.send(group, "a", undefined, undefined);
  await microtasks(1000);
  assertEquals([served(), turns.length, hub.pending], [8, 1, true]);
  hub.send(group, "b", undefined, members[299]);
  assertEquals([members[299].got, members[0].got], [["a"], ["a"]]);
  hub.catchUp(members[298]);
  assertEquals(members[298].got, ["a", "b"]);
  // One that has the first message already, and would send something of its own now.
  hub.catchUp(members[1]);
  assertEquals(members[1].got, ["a", "b"]);
  turns.shift()!();
  await microtasks(1000);
  assertEquals([served(), turns.length], [130, 1]);
  turns.shift()!();
  await microtasks(1000);
  assertEquals([served(), turns.length], [250, 1]);
  turns.shift()!();
  await microtasks(1000);
  assertEquals([served(), turns.length], [300, 1]);
  turns.shift()!();
  await microtasks(1000);
  // All have something to write now: nothing tells that the system makes writes wait.
  assertEquals([turns.length, hub.pending], [0, false]);
  for (const { got } of members.slice(0, 299)) assertEquals(got, ["a", "b"]);
  assertEquals(members[299].got, ["a"]);
});

Deno.test("hub ends at once what it has begun when it is flushed", async () => {
  const { hub, turns } = turningHub();
  const members = Array.from({ length: 40 }, () => new Member(hub));
  members.forEach((member) => {
    const { sendEncoded } = member.link;
    member.link.sendEncoded = (...args) => {
      member.idle = false;
      return sendEncoded.apply(member.link, args);
    };
  });
  hub.send(new Set(members), "a", undefined, undefined);
  await microtasks(1000);
  assertEquals(members[39].got, []);
  hub.flush();
  assertEquals([members[39].got, hub.pending], [["a"], false]);
  turns.shift()!();
  await microtasks(1000);
  hub.send(new Set(members), "b", undefined, undefined);
  await microtasks(1000);
  for (const { got } of members) assertEquals(got, ["a", "b"]);
});

Deno.test("hub keeps the order of a large group's messages, whatever comes between its slices", async () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("send" as const), group: fc.nat(2) }) },
    // The first ones have been served when the first slice is done.
    fc.record({
      kind: fc.constant("catchUp" as const),
      member: fc.oneof(fc.nat(9), fc.nat(59)),
    }),
    fc.record({ kind: fc.constant("flush" as const) }),
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("turn" as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("settle" as const) }) },
    fc.record({ kind: fc.constant("leave" as const), member: fc.nat(59) }),
    fc.record({ kind: fc.constant("join" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.nat(7), async (steps, busy) => {
      const { hub, turns } = turningHub();
      const members = Array.from({ length: 60 }, (_, i) => {
        const member = new Member(hub);
        // Some take everything at once, others never.
        const { sendEncoded } = member.link;
        member.link.sendEncoded = (...args) => {
          if (i % 8 < busy) member.idle = false;
          return sendEncoded.apply(member.link, args);
        };
        Object.defineProperty(member.link, "idle", {
          get: () => {
            const { idle } = member;
            member.idle = true;
            return idle;
          },
        });
        return member;
      });
      const groups = [new Set(members), new Set(members.slice(10, 50)), new Set(members.slice(30))];
      const expected = new Map<Member, string[]>(members.map((member) => [member, []]));
      for (const [i, step] of steps.entries()) {
        if (step.kind === "flush") hub.flush();
        else if (step.kind === "catchUp") hub.catchUp(members[step.member]);
        else if (step.kind === "turn") turns.shift()?.();
        else if (step.kind === "settle") await microtasks(1000);
        else if (step.kind === "leave") {
          hub.flush();
          groups[0].delete(members[step.member]);
        } else if (step.kind === "join") {
          const member = new Member(hub);
          groups[0].add(member);
          expected.set(member, []);
        } else {
          hub.send(groups[step.group], `${i}`, undefined, undefined);
          for (const member of groups[step.group]) expected.get(member as Member)!.push(`${i}`);
        }
      }
      while (hub.pending) {
        await microtasks(1000);
        turns.shift()?.();
      }
      for (const [{ got }, wanted] of expected) assertEquals(got, wanted);
    }),
    { numRuns: 60 },
  );
});
