// Floor 3: driver.
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ignoreOtherUpgrades } from "../websocket/other_upgrades.ts";

/** Who has the first look at what comes to a server of `node:http`. */
export interface ServerGuest {
  /** Takes a request, or returns `false` if it is somebody else's. */
  takesRequest(request: IncomingMessage, response: ServerResponse): boolean;
  /** Takes a request for another protocol, or returns `false` if it is somebody else's. */
  takesUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): boolean;
  /** How long an upgrade may stay that nobody takes, in ms; undefined for as long as it likes. */
  readonly patience: number | undefined;
}

/** An upgrade that somebody else may take. */
interface LeftUpgrade {
  /** Runs out when somebody must have taken it. */
  timer: ReturnType<typeof setTimeout>;
  /** Looks whether somebody has taken it, and ends it if not. */
  look(): void;
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** How many listeners to `upgrade` the guests have. */
const OWN_LISTENERS = 2;

/** The guests of one server: what none of them takes goes to the server's own listeners. */
class ServerGuests {
  readonly #server: HttpServer;
  /** The newest one first. */
  #guests: ServerGuest[] = [];
  /** The server's own listeners, which come last. */
  #own: RequestListener[] = [];
  /** The upgrades that somebody else may take. */
  readonly #left = new Map<Duplex, LeftUpgrade>();
  /** What had been written to an upgrade's socket before anybody saw it, in bytes. */
  readonly #written = new WeakMap<Duplex, number>();
  #stopIgnoring = () => {};

  constructor(server: HttpServer) {
    this.#server = server;
  }

  get size(): number {
    return this.#guests.length;
  }

  add(guest: ServerGuest): void {
    const server = this.#server;
    const listeners = server.listeners("request") as RequestListener[];
    this.#own.push(...listeners.filter((listener) => listener !== this.#onRequest));
    server.removeAllListeners("request");
    server.on("request", this.#onRequest);
    if (this.#guests.length === 0) {
      server.prependListener("upgrade", this.#beforeUpgrade);
      server.on("upgrade", this.#onUpgrade);
      this.#stopIgnoring = ignoreOtherUpgrades(server, this.#beforeUpgrade, this.#onUpgrade);
    }
    this.#guests = [guest, ...this.#guests];
  }

  remove(guest: ServerGuest): void {
    this.#guests = this.#guests.filter((other) => other !== guest);
    if (this.#guests.length > 0) return;
    const server = this.#server;
    server.removeListener("request", this.#onRequest);
    server.removeListener("upgrade", this.#beforeUpgrade);
    server.removeListener("upgrade", this.#onUpgrade);
    this.#stopIgnoring();
    for (const listener of this.#own) server.on("request", listener);
    this.#own = [];
    // Others still have their time, which keeps no program running; where there are none, nobody can take it any more.
    const others = server.listenerCount("upgrade") > 0;
    for (const { timer, look } of [...this.#left.values()]) {
      if (others) Deno.unrefTimer(timer);
      else look();
    }
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (this.#guests.some((guest) => guest.takesRequest(request, response))) return;
    for (const listener of this.#own) listener.call(this.#server, request, response);
  };

  /** Notes how much was written for the requests before, as a listener that comes before the guests may answer at once. */
  readonly #beforeUpgrade = (_request: IncomingMessage, socket: Duplex): void => {
    this.#written.set(socket, writtenTo(socket));
  };

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array): void => {
    // A listener that came before has had the last one leave.
    if (this.#guests.length === 0) return;
    if (this.#guests.some((guest) => guest.takesUpgrade(request, socket, head))) return;
    // The most patient one decides: what it promises to others holds whoever else is here.
    const patience = Math.max(...this.#guests.map((guest) => guest.patience ?? Infinity));
    if (patience === Infinity) return;
    // Somebody else's, if there is anybody: else it would stay open for nothing.
    if (this.#server.listenerCount("upgrade") === OWN_LISTENERS) socket.destroy();
    else this.#leave(socket, patience);
  };

  /** Leaves an upgrade to others, and ends it if nobody has begun to read it by then, or to answer. */
  #leave(socket: Duplex, patience: number): void {
    const written = this.#written.get(socket);
    // Without a listener an error would end the program.
    socket.on("error", ignore);
    const done = () => {
      clearTimeout(timer);
      this.#left.delete(socket);
      socket.removeListener("close", done);
    };
    const look = () => {
      done();
      const isRead = socket.listenerCount("data") + socket.listenerCount("readable") > 0;
      if (!socket.writable) return;
      // Who has it hears of its errors, and of those that nobody listens to as well.
      if (isRead || writtenTo(socket) !== written) socket.removeListener("error", ignore);
      else socket.end(() => socket.destroy());
    };
    const timer = setTimeout(look, patience);
    this.#left.set(socket, { timer, look });
    socket.on("close", done);
  }
}

function ignore(): void {}

function writtenTo(socket: Duplex): number {
  return (socket as { bytesWritten?: number }).bytesWritten ?? 0;
}

const known = new WeakMap<HttpServer, ServerGuests>();

/**
 * Lets a guest have the first look at what comes to a server. Returns how it leaves: with the last one, the server's own
 * listeners have all of it again.
 */
export function addServerGuest(server: HttpServer, guest: ServerGuest): () => void {
  let guests = known.get(server);
  if (guests === undefined) known.set(server, guests = new ServerGuests(server));
  guests.add(guest);
  return () => {
    guests.remove(guest);
    if (guests.size === 0 && known.get(server) === guests) known.delete(server);
  };
}
