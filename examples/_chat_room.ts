/**
 * One chat room, whatever its guests come in by: a front (TCP, WebSocket, Socket.IO) gives the room a
 * `ChatConnection` for each guest and passes on the guest's lines. Names, commands, limits and notices are here.
 */
import { printable } from "./_printable.ts";

/** One guest, as a front shows it to the room. */
export interface ChatConnection {
  /** Where the guest comes from, for the log. */
  readonly address: string;
  /** How many bytes were sent that the guest has not taken yet. */
  readonly queued: number;
  /** Shows a line to the guest. */
  send(text: string): void;
  /** Shows a last line, and hangs up. */
  close(text: string): void;
}

/** Options of a {@linkcode ChatRoom}. */
export interface ChatRoomOptions {
  /** How many guests there may be at once. @default {100} */
  maxMembers?: number;
  /** How many lines a second a guest may send on the average. Twice as many may come at once. @default {5} */
  linesPerSecond?: number;
  /** How many bytes may wait for a guest who does not read, before the guest is dropped. @default {65536} */
  maxQueue?: number;
  /** Told of what happens in the room. */
  log?(text: string): void;
  /** The time in ms. @default {performance.now()} */
  now?(): number;
}

/** After so many lines in a row that were too fast, the guest is dropped. */
const PATIENCE = 20;
const MAX_LINE = 500;
const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]{0,19}$/u;

const HELP = "/who lists who is here, /nick NAME changes your name, /quit leaves";

/** Everybody in one room hears everybody else. */
export class ChatRoom {
  readonly #options: Required<ChatRoomOptions>;
  readonly #guests = new Set<ChatMember>();
  readonly #members = new Map<string, ChatMember>();

  /** Makes an empty room. */
  constructor(options: ChatRoomOptions = {}) {
    this.#options = {
      maxMembers: 100,
      linesPerSecond: 5,
      maxQueue: 65_536,
      log: () => {},
      now: () => performance.now(),
      ...options,
    };
  }

  /** Who is in the room, in the order of coming; those who have not told a name are not. */
  get members(): ChatMember[] {
    return [...this.#members.values()];
  }

  /** A guest comes, and is asked for a name. */
  enter(connection: ChatConnection): ChatMember {
    const member = new ChatMember(this, connection, this.#options);
    if (this.#guests.size >= this.#options.maxMembers) {
      member.drop("The room is full, come back later");
      return member;
    }
    this.#guests.add(member);
    connection.send("Welcome to the chat. What is your name?");
    return member;
  }

  /** Says goodbye to all. */
  close(text: string): void {
    for (const member of this.#guests) {
      this.#guests.delete(member);
      member.drop(text);
    }
    this.#members.clear();
  }

  /** Shows a line to all members but `except`. Those who do not read are dropped. */
  tell(text: string, except?: ChatMember): void {
    const slow: ChatMember[] = [];
    for (const member of this.#members.values()) {
      if (member === except) continue;
      member.send(text);
      if (member.queued > this.#options.maxQueue) slow.push(member);
    }
    for (const member of slow) {
      const reason = `more than ${this.#options.maxQueue} bytes were unread`;
      member.drop(`You were dropped: ${reason}`, `dropped: ${reason}`);
    }
  }

  /** Gives a guest a name. Returns why not, where that can't be. */
  rename(member: ChatMember, wanted: string): string | undefined {
    const name = wanted.normalize("NFC");
    if (!NAME.test(name)) {
      return "A name has 1 to 20 letters, digits, dots, dashes and underscores, a letter or digit first";
    }
    const key = nameKey(name);
    const holder = this.#members.get(key);
    if (holder !== undefined && holder !== member) return `The name ${holder.name} is taken`;
    const old = member.name;
    if (old === name) return `You are ${name} already`;
    if (old !== "") this.#members.delete(nameKey(old));
    this.#members.set(key, member);
    member.name = name;
    if (old === "") {
      this.#options.log(`${name} joined from ${member.address} (${this.#members.size} here)`);
      member.send(`* You are ${name}. ${HELP}`);
      member.send(this.who());
      this.tell(`* ${name} joined`, member);
    } else {
      this.#options.log(`${old} is now ${name}`);
      this.tell(`* ${old} is now ${name}`);
    }
    return undefined;
  }

  /** A guest has gone, or has to. */
  leave(member: ChatMember, reason?: string): void {
    if (!this.#guests.delete(member) || member.name === "") return;
    this.#members.delete(nameKey(member.name));
    const why = reason === undefined ? "" : ` (${reason})`;
    this.#options.log(`${member.name} left${why} (${this.#members.size} here)`);
    this.tell(`* ${member.name} left${why}`);
  }

  /** Who is here, as a line of text. */
  who(): string {
    const names = this.members.map((member) => member.name);
    return `* ${names.length} here: ${names.join(", ")}`;
  }
}

/** One guest of a {@linkcode ChatRoom}. */
export class ChatMember {
  /** The name; empty until the guest has told it. */
  name = "";
  readonly #room: ChatRoom;
  readonly #connection: ChatConnection;
  readonly #options: Required<ChatRoomOptions>;
  #open = true;
  #tokens: number;
  #filled: number;
  #refused = 0;

  /** Made by {@linkcode ChatRoom.enter}. */
  constructor(room: ChatRoom, connection: ChatConnection, options: Required<ChatRoomOptions>) {
    this.#room = room;
    this.#connection = connection;
    this.#options = options;
    this.#tokens = 2 * options.linesPerSecond;
    this.#filled = options.now();
  }

  /** Where the guest comes from. */
  get address(): string {
    return this.#connection.address;
  }

  /** How many bytes wait for the guest. */
  get queued(): number {
    return this.#connection.queued;
  }

  /** Whether the guest is still served. */
  get open(): boolean {
    return this.#open;
  }

  /** Shows a line to the guest. */
  send(text: string): void {
    if (this.#open) this.#connection.send(text);
  }

  /** Takes a line from the guest. */
  receive(line: string): void {
    if (!this.#open) return;
    if (!this.#mayTalk()) return;
    const text = printable(line).trim();
    if (text === "") return;
    if (text.length > MAX_LINE) {
      this.send(`* That line is longer than ${MAX_LINE} characters, nobody saw it`);
    } else if (text.startsWith("/")) this.#command(text);
    else if (this.name === "") this.#answer(this.#room.rename(this, text));
    else this.#room.tell(`${this.name}: ${text}`, this);
  }

  /** The guest hung up, or the front lost it. */
  leave(reason?: string): void {
    this.#open = false;
    this.#room.leave(this, reason);
  }

  /** Hangs up with a last line. The others are told `reason`. */
  drop(text: string, reason?: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#connection.close(`* ${text}`);
    this.#room.leave(this, reason);
  }

  #command(text: string): void {
    const [command, argument = ""] = text.split(/\s+/, 2);
    if (command === "/quit") this.drop("Goodbye");
    else if (command === "/help") this.send(`* ${HELP}`);
    else if (this.name === "") this.send("* First tell your name");
    else if (command === "/who") this.send(this.#room.who());
    else if (command === "/nick") this.#answer(this.#room.rename(this, argument));
    else this.send(`* There is no ${command}. ${HELP}`);
  }

  #answer(fault: string | undefined): void {
    if (fault !== undefined) this.send(`* ${fault}`);
  }

  /** A bucket of lines that refills with time. */
  #mayTalk(): boolean {
    const { linesPerSecond: rate, now } = this.#options;
    const time = now();
    this.#tokens = Math.min(2 * rate, this.#tokens + (time - this.#filled) / 1000 * rate);
    this.#filled = time;
    if (this.#tokens >= 1) {
      this.#tokens--;
      this.#refused = 0;
      return true;
    }
    if (this.#refused++ === 0) this.send("* Slowly, please: the last line was not passed on");
    if (this.#refused > PATIENCE) {
      this.drop("You were dropped: too many lines", "dropped: too many lines");
    }
    return false;
  }
}

/** Names that look alike are one: `Ann`, `ann`, and `ａｎｎ` in full width. */
function nameKey(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
