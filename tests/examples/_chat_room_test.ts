import { assert, assertEquals } from "@std/assert";
import { type ChatConnection, type ChatMember, ChatRoom } from "../../examples/_chat_room.ts";

/** A guest in memory: what it was shown, and whether it was hung up on. */
class Guest implements ChatConnection {
  readonly address = "memory";
  queued = 0;
  shown: string[] = [];
  closed = false;

  send(text: string): void {
    this.shown.push(text);
  }

  close(text: string): void {
    this.shown.push(text);
    this.closed = true;
  }

  /** What was shown since the last call. */
  take(): string[] {
    return this.shown.splice(0);
  }
}

function join(room: ChatRoom, name: string): { guest: Guest; member: ChatMember } {
  const guest = new Guest();
  const member = room.enter(guest);
  member.receive(name);
  guest.take();
  return { guest, member };
}

Deno.test("chat room asks for a name and tells the others who comes, talks and goes", () => {
  const log: string[] = [];
  const room = new ChatRoom({ log: (text) => log.push(text) });
  const ann = new Guest();
  const first = room.enter(ann);
  assertEquals(ann.take(), ["Welcome to the chat. What is your name?"]);
  assertEquals(room.members, []);
  first.receive("Ann");
  assert(ann.take().includes("* 1 here: Ann"));

  const bob = join(room, "bob");
  assertEquals(ann.take(), ["* bob joined"]);
  bob.member.receive("hello");
  assertEquals(ann.take(), ["bob: hello"]);
  assertEquals(bob.guest.take(), []);
  bob.member.leave();
  assertEquals(ann.take(), ["* bob left"]);
  bob.member.receive("still here?");
  assertEquals(ann.take(), []);
  assertEquals(log, [
    "Ann joined from memory (1 here)",
    "bob joined from memory (2 here)",
    "bob left (1 here)",
  ]);
});

Deno.test("chat room refuses names that are taken, look alike, or are none", () => {
  const room = new ChatRoom({ linesPerSecond: 100 });
  join(room, "Ann");
  const guest = new Guest();
  const member = room.enter(guest);
  for (
    const name of ["Ann", "ann", "\uff21nn", "", "two words", "-dash", "*", "x".repeat(21), "a/b"]
  ) {
    member.receive(name);
    assertEquals(member.name, "", name);
  }
  member.receive("Zoë.2");
  assertEquals(member.name, "Zoë.2");
});

Deno.test("chat room knows /who, /nick, /quit and /help, and says so of others", () => {
  const room = new ChatRoom({ linesPerSecond: 100 });
  const ann = join(room, "ann");
  const bob = join(room, "bob");
  ann.guest.take();
  ann.member.receive("/who");
  assertEquals(ann.guest.take(), ["* 2 here: ann, bob"]);
  ann.member.receive("/nick bob");
  assertEquals(ann.guest.take(), ["* The name bob is taken"]);
  ann.member.receive("/nick Ann");
  assertEquals(bob.guest.take(), ["* ann is now Ann"]);
  ann.guest.take();
  ann.member.receive("/dance");
  assert(ann.guest.take()[0].startsWith("* There is no /dance."));
  ann.member.receive("/help");
  assert(ann.guest.take()[0].includes("/quit leaves"));
  ann.member.receive("/quit");
  assertEquals(ann.guest.take(), ["* Goodbye"]);
  assert(ann.guest.closed);
  assertEquals(bob.guest.take(), ["* Ann left"]);
  // The name is free again.
  assertEquals(join(room, "ann").member.name, "ann");
});

Deno.test("chat room lets no command but /quit and /help in before the name", () => {
  const room = new ChatRoom();
  const guest = new Guest();
  const member = room.enter(guest);
  guest.take();
  member.receive("/who");
  assertEquals(guest.take(), ["* First tell your name"]);
  member.receive("/quit");
  assertEquals(guest.take(), ["* Goodbye"]);
});

Deno.test("chat room strips what could steer another guest's terminal", () => {
  const room = new ChatRoom();
  const ann = join(room, "ann");
  const bob = join(room, "bob");
  ann.guest.take();
  bob.member.receive("\x1b[2J\x07red\u202egreen\u009b1m\r");
  assertEquals(ann.guest.take(), ["bob: [2Jredgreen1m"]);
  bob.member.receive(" \x00 ");
  assertEquals(ann.guest.take(), []);
  bob.member.receive("x".repeat(501));
  assertEquals(ann.guest.take(), []);
  assert(bob.guest.take()[0].includes("nobody saw it"));
});

Deno.test("chat room holds back who is too fast, and drops who goes on", () => {
  let now = 0;
  const room = new ChatRoom({ linesPerSecond: 2, now: () => now });
  const ann = join(room, "ann");
  now += 10_000;
  const bob = join(room, "bob");
  ann.guest.take();
  // The name was one of the four that may come at once.
  for (let i = 0; i < 5; i++) bob.member.receive(`line ${i}`);
  assertEquals(ann.guest.take(), ["bob: line 0", "bob: line 1", "bob: line 2"]);
  assertEquals(bob.guest.take(), ["* Slowly, please: the last line was not passed on"]);
  now += 500;
  bob.member.receive("later");
  assertEquals(ann.guest.take(), ["bob: later"]);
  for (let i = 0; i < 30; i++) bob.member.receive("flood");
  assert(bob.guest.closed);
  assertEquals(bob.guest.take().at(-1), "* You were dropped: too many lines");
  assertEquals(ann.guest.take(), ["* bob left (dropped: too many lines)"]);
});

Deno.test("chat room drops who does not read, tells why, and goes on with the others", () => {
  const room = new ChatRoom({ maxQueue: 100 });
  const ann = join(room, "ann");
  const bob = join(room, "bob");
  const eve = join(room, "eve");
  for (const { guest } of [ann, bob, eve]) guest.take();
  bob.guest.queued = 101;
  eve.guest.queued = 100;
  ann.member.receive("hello");
  const reason = "more than 100 bytes were unread";
  assertEquals(bob.guest.take(), ["ann: hello", `* You were dropped: ${reason}`]);
  assert(bob.guest.closed);
  assertEquals(eve.guest.take(), ["ann: hello", `* bob left (dropped: ${reason})`]);
  assertEquals(ann.guest.take(), [`* bob left (dropped: ${reason})`]);
  assertEquals(room.members.map(({ name }) => name), ["ann", "eve"]);
});

Deno.test("chat room that is full sends guests away, and one that closes says goodbye to all", () => {
  const room = new ChatRoom({ maxMembers: 2 });
  const ann = join(room, "ann");
  const nameless = new Guest();
  room.enter(nameless);
  nameless.take();
  const late = new Guest();
  room.enter(late).receive("late");
  assertEquals(late.shown, ["* The room is full, come back later"]);
  assert(late.closed);
  room.close("Closing");
  assertEquals(ann.guest.shown, ["* Closing"]);
  assertEquals(nameless.shown, ["* Closing"]);
  assertEquals(room.members, []);
});
