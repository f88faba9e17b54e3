/**
 * The messenger: each instance is client and server. Presence: who can connect to port 5010 is there. Requests for a
 * talk come on port 5011 and are answered with `OK` or `NON_DISPO`; `DEMANDE_ARRET` ends a talk. Messages have the
 * size header of the named sockets.
 */
import {
  createDatagramSocket,
  createServer,
  type DatagramSocket,
  dial,
  lookupHost,
  MessageSocket,
  parseIp,
  type Server,
  sizeHeaderFramer,
  type Transport,
} from "@sluice/sockets/net";
import type { AddressBook, Contact } from "./_address_book.ts";

export interface MessengerOptions {
  /** The own name, as others see it in the discovery. */
  name: string;
  /** The own address: where it listens, and where its connections come from. */
  address: string;
  presencePort: number;
  requestPort: number;
  /** The port of the multicast discovery; 0 switches it off. */
  discoveryPort: number;
  book: AddressBook;
  /** Told that something has changed. */
  onchange(): void;
  /** Told of what people should know. */
  onnotice(text: string): void;
  /** Told each message of a talk. */
  onmessage(contact: string, from: "me" | "them", text: string): void;
}

const GROUP = "239.255.50.10";
const PROBE_EVERY = 60_000;
const ANNOUNCE_EVERY = 15_000;
/** How long an announcement counts. */
const NEARBY_FOR = 50_000;
const ANSWER_WITHIN = 2000;
const MAX_MESSAGE = 16_384;
const MAX_NEARBY = 200;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether it is oneself that is at the other end. */
function isOwn({ localAddr, remoteAddr }: Pick<Transport, "localAddr" | "remoteAddr">): boolean {
  return "hostname" in localAddr && "hostname" in remoteAddr &&
    localAddr.hostname === remoteAddr.hostname;
}

export class Messenger implements AsyncDisposable {
  /** The contacts that are there. */
  readonly online = new Set<string>();
  /** The talks that are going on, by contact. */
  readonly #talks = new Map<string, MessageSocket>();
  /** The calls that are not answered yet, by contact. */
  readonly #calls = new Map<string, Promise<string>>();
  readonly #nearby = new Map<string, { address: string; until: number }>();
  readonly #options: MessengerOptions;
  readonly #stop = new AbortController();
  #presence: Server | undefined;
  #requests: Deno.TcpListener | undefined;
  #answering = 0;
  #discovery: DatagramSocket | undefined;
  #timers: ReturnType<typeof setInterval>[] = [];
  /** Whether requests are accepted. */
  available = true;

  constructor(options: MessengerOptions) {
    this.#options = options;
  }

  /** With whom there is a talk. */
  get talks(): string[] {
    return [...this.#talks.keys()];
  }

  /** Who announced itself on the local network lately. */
  get nearby(): { name: string; address: string }[] {
    const now = Date.now();
    for (const [name, { until }] of this.#nearby) if (until < now) this.#nearby.delete(name);
    return [...this.#nearby].map(([name, { address }]) => ({ name, address }));
  }

  /** Listens on both ports, looks who is there, and announces itself. */
  async start(): Promise<void> {
    const { address, presencePort, requestPort, discoveryPort } = this.#options;
    const limits = { maxConnections: 64, maxConnectionsPerAddress: 8, ipv6PrefixLength: 128 };
    this.#presence = createServer({ ...limits, allowHalfOpen: true }, (socket) => {
      // Who got through knows enough.
      socket.setTimeout(500, () => socket.destroy());
      socket.on("error", () => {});
    });
    await this.#presence.listen(presencePort, address);
    this.#requests = Deno.listen({ hostname: address, port: requestPort });
    this.#acceptRequests(this.#requests);
    if (discoveryPort !== 0) {
      // Contacts can be talked with all the same.
      await this.#discover(discoveryPort).catch(async (error) => {
        await this.#discovery?.close();
        console.error(`Nobody nearby will be found, give another --address: ${error.message}`);
      });
    }
    this.#timers.push(setInterval(() => this.probe(), PROBE_EVERY));
    this.probe();
  }

  /** Looks which contacts are there, all at once. */
  async probe(): Promise<void> {
    const { book, presencePort } = this.#options;
    await Promise.all(book.contacts.map(async (contact) => {
      let there = false;
      try {
        const transport = await this.#dial(contact, presencePort, 5000);
        transport.close();
        there = !isOwn(transport);
      } catch {
        // Not there.
      }
      if (this.#stop.signal.aborted || there === this.online.has(contact.name)) return;
      if (there) this.online.add(contact.name);
      else this.online.delete(contact.name);
      this.#notice(`${contact.name} ${there ? "is there" : "has left"}`);
    }));
  }

  /** Asks a contact for a talk. @returns What is wrong, or an empty text. */
  async call(name: string): Promise<string> {
    const contact = this.#options.book.find(name);
    if (contact === undefined) return `"${name}" is not in the address book`;
    if (this.#talks.has(name)) return "";
    let call = this.#calls.get(name);
    if (call === undefined) {
      call = this.#ask(contact).finally(() => this.#calls.delete(name));
      this.#calls.set(name, call);
    }
    return await call;
  }

  /** Sends a message in a talk. @returns What is wrong, or an empty text. */
  async say(name: string, text: string): Promise<string> {
    const talk = this.#talks.get(name);
    if (talk === undefined) return `There is no talk with ${name}`;
    if (text.trim() === "") return "Please give a text to send";
    if (text === "DEMANDE_ARRET") return "That text would end the talk";
    const bytes = encoder.encode(text);
    if (bytes.length > MAX_MESSAGE) return "The text is too long";
    try {
      await talk.write(bytes, { timeout: 10_000 });
    } catch {
      return "The message could not be sent";
    }
    this.#options.onmessage(name, "me", text);
    return "";
  }

  /** Ends a talk. */
  async hangUp(name: string): Promise<void> {
    const talk = this.#talks.get(name);
    if (talk === undefined) return;
    this.#talks.delete(name);
    this.#options.onchange();
    await talk.write(encoder.encode("DEMANDE_ARRET"), { timeout: 2000 }).catch(() => {});
    await talk.close({ timeout: 2000 }).catch(() => {});
  }

  /** Ends all talks and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const timer of this.#timers) clearInterval(timer);
    this.#requests?.close();
    await Promise.all(this.talks.map((name) => this.hangUp(name)));
    await this.#discovery?.close();
    await this.#presence?.close({ drain: 0 });
  }

  async #ask(contact: Contact): Promise<string> {
    const { name } = contact;
    let talk: MessageSocket | undefined;
    let answer = "";
    try {
      const transport = await this.#dial(contact, this.#options.requestPort, ANSWER_WITHIN);
      talk = this.#messages(transport);
      if (isOwn(transport)) {
        talk.destroy();
        return "That is your own address";
      }
      const bytes = await talk.read({ timeout: ANSWER_WITHIN, signal: this.#stop.signal });
      answer = decoder.decode(bytes);
    } catch {
      // No answer, or nobody there.
    }
    // The contact may have called meanwhile.
    const talking = this.#talks.has(name);
    if (answer === "OK" && talk !== undefined && !talking) {
      this.#begin(name, talk);
      return "";
    }
    talk?.destroy();
    if (talking) return "";
    return answer === "NON_DISPO"
      ? "The contact is not available at the moment"
      : "The contact has not answered in time";
  }

  #notice(text: string): void {
    this.#options.onnotice(text);
    this.#options.onchange();
  }

  #dial(contact: Contact, port: number, timeout: number): ReturnType<typeof dial> {
    const { address } = this.#options;
    return dial({ hostname: contact.ip ?? contact.dns!, port }, {
      timeout,
      signal: this.#stop.signal,
      // A machine with several addresses calls from the one that others know it by.
      ...(/^(0\.0\.0\.0|::|127\.0\.0\.1)$/.test(address) ? {} : { localAddress: address }),
    });
  }

  #messages(transport: Transport): MessageSocket {
    return new MessageSocket(transport, sizeHeaderFramer({ maxLength: MAX_MESSAGE }));
  }

  async #acceptRequests(listener: Deno.TcpListener): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        const conn = await listener.accept();
        if (this.#answering >= 16) conn.close();
        else this.#answer(conn);
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // Out of descriptors, perhaps.
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Answers a request: only who is in the address book is let in. */
  async #answer(conn: Deno.TcpConn): Promise<void> {
    if (isOwn(conn)) return conn.close();
    this.#answering++;
    const address = conn.remoteAddr.hostname;
    const talk = this.#messages(conn);
    try {
      const caller = await this.#callerAt(address);
      if (caller === undefined) {
        this.#notice(`Request from an unknown user: ${address}`);
        return talk.destroy();
      }
      // Where two call each other at once, the call from the lower address comes first, on both sides.
      if (conn.localAddr.hostname < address) await this.#calls.get(caller.name);
      const free = this.available && !this.#talks.has(caller.name);
      await talk.write(encoder.encode(free ? "OK" : "NON_DISPO"), { timeout: ANSWER_WITHIN });
      if (!free) return await talk.close({ timeout: ANSWER_WITHIN });
      this.#begin(caller.name, talk);
      this.#notice(`${caller.name} wants to talk`);
    } catch (error) {
      talk.destroy();
      this.#notice(`A request from ${address} failed: ${(error as Error).message}`);
    } finally {
      this.#answering--;
    }
  }

  async #callerAt(address: string): Promise<Contact | undefined> {
    const plain = address.replace(/^::ffff:/, "");
    for (const contact of this.#options.book.contacts) {
      if (contact.ip === plain) return contact;
      if (contact.dns === undefined) continue;
      const found = await lookupHost(contact.dns, { timeout: ANSWER_WITHIN }).catch(
        (): string[] => [],
      );
      if (found.includes(plain)) return contact;
    }
    return undefined;
  }

  async #begin(name: string, talk: MessageSocket): Promise<void> {
    // Nobody would end a talk that begins after all have been ended.
    if (this.#stop.signal.aborted) return talk.destroy();
    this.#talks.set(name, talk);
    this.#options.onchange();
    let why = `The connection with ${name} has ended`;
    try {
      for await (const bytes of talk) {
        const text = decoder.decode(bytes);
        if (text === "DEMANDE_ARRET") {
          why = `${name} has asked to end the talk`;
          break;
        }
        this.#options.onmessage(name, "them", text);
      }
    } catch (error) {
      why = `The connection with ${name} broke: ${(error as Error).message}`;
    }
    talk.destroy();
    // A talk that was ended on this side is gone from the list already.
    if (this.#talks.get(name) !== talk) return;
    this.#talks.delete(name);
    this.#notice(why);
  }

  async #discover(port: number): Promise<void> {
    const { name, address } = this.#options;
    const socket = this.#discovery = createDatagramSocket({ reuseAddr: true });
    await socket.bind(port, "0.0.0.0");
    const own = /^(0\.0\.0\.0|::)$/.test(address) ? undefined : address;
    // The group is one of IPv4, whatever the own address is.
    const card = own !== undefined && parseIp(own)?.family === 4 ? own : undefined;
    socket.addMembership(GROUP, card);
    if (card !== undefined) socket.setMulticastInterface(card);
    socket.setMulticastTTL(1);
    socket.on("error", () => {});
    const id = crypto.randomUUID();
    const announce = (): void => {
      socket.send(JSON.stringify({ sluice: "messenger", id, name, address: own }), {
        port,
        address: GROUP,
      })
        .catch(() => {});
    };
    socket.on("message", (data, { address: from }) => {
      try {
        const heard = JSON.parse(decoder.decode(data.subarray(0, 1024)));
        if (heard.sluice !== "messenger" || heard.id === id || typeof heard.name !== "string") {
          return;
        }
        const name = heard.name.slice(0, 60);
        const known = this.#nearby.has(name);
        if (!known && this.#nearby.size >= MAX_NEARBY) return;
        const where = typeof heard.address === "string" ? heard.address : from;
        this.#nearby.set(name, {
          address: where,
          until: Date.now() + NEARBY_FOR,
        });
        if (!known) {
          announce();
          this.#options.onchange();
        }
      } catch {
        // Not ours.
      }
    });
    this.#timers.push(setInterval(announce, ANNOUNCE_EVERY));
    announce();
  }
}
