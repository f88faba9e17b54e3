/**
 * The server of the chat: named sockets, one channel for each user. What a user sends goes verbatim to all, the
 * sender included; `BYE` leaves.
 */
import { SocketBook } from "@sluice/sockets/socket";

/** A row of the server's table. */
export interface UserRow {
  /** The user's address. */
  address: string;
  /** The name of the user's socket. */
  socket: string;
  /** When something came from the user last. */
  lastAction: Date;
}

/** What a server tells. */
export interface ChatServerEvents {
  /** The table has changed. */
  onrows(rows: readonly UserRow[]): void;
  /** A message went to all. */
  onmessage(text: string): void;
  /** Something went wrong that people should know. */
  onerror(text: string): void;
}

/** A user who is not on a named socket: a browser. */
export interface ChatGuest {
  readonly row: UserRow;
  send(text: string): void;
  close(): void;
}

const LISTENING = "LISTENING_SOCKET";
/** What one user may send at most, in bytes. */
const MAX_MESSAGE = 16_384;

export class ChatServer {
  readonly #book = new SocketBook({ maxMessageBytes: MAX_MESSAGE, maxSendQueueBytes: 262_144 });
  readonly #events: ChatServerEvents;
  readonly #rows = new Map<string, UserRow>();
  readonly #guests = new Map<string, ChatGuest>();
  #running: Promise<void> | null = null;

  constructor(events: ChatServerEvents) {
    this.#events = events;
  }

  /** The port that the server listens on. */
  get port(): number {
    return this.#book.localPort(LISTENING);
  }

  /** The table: who is connected. */
  get rows(): UserRow[] {
    return [...this.#rows.values()];
  }

  /** Begins to listen. @returns Whether it does; if not, `onerror` was told why. */
  async start(port: number, address = "127.0.0.1"): Promise<boolean> {
    if (!await this.#book.create(LISTENING, port, { address })) {
      this.#events.onerror(
        `Cannot set up the listening socket on port ${port}: ${
          this.#book.lastErrorOf(LISTENING)?.message
        }`,
      );
      return false;
    }
    this.#running = this.#acceptAll();
    return true;
  }

  /** Sends `text` to all. */
  async broadcast(text: string): Promise<void> {
    this.#events.onmessage(text);
    for (const guest of this.#guests.values()) guest.send(text);
    // A user who does not read must not hold up the others: what does not fit into the queue ends that user only.
    await Promise.all(
      [...this.#rows.keys()].filter((socket) => !this.#guests.has(socket)).map(
        async (socket) => {
          if (!await this.#book.write(socket, text, { timeout: 5000 })) {
            await this.#book.close(
              socket,
            );
          }
        },
      ),
    );
  }

  /** Lets in a user who is not on a named socket. @returns What the user's messages are given to. */
  join(guest: ChatGuest): { say(text: string): void; leave(): void } {
    const { socket } = guest.row;
    this.#guests.set(socket, guest);
    this.#rows.set(socket, guest.row);
    this.#changed();
    const leave = (): void => {
      if (!this.#guests.delete(socket)) return;
      this.#rows.delete(socket);
      this.#changed();
    };
    return {
      say: (text) => {
        this.#touch(socket);
        if (text !== "BYE") this.broadcast(text.slice(0, MAX_MESSAGE));
        else {
          leave();
          guest.close();
        }
      },
      leave,
    };
  }

  /** Closes all channels and the listening socket. */
  async stop(): Promise<void> {
    for (const guest of this.#guests.values()) guest.close();
    await this.#book.closeAll();
    await this.#running;
  }

  async #acceptAll(): Promise<void> {
    const users = new Set<Promise<void>>();
    while (this.#book.exists(LISTENING)) {
      if (!await this.#book.waitForConnection(LISTENING, 1000)) continue;
      const socket = await this.#book.accept(LISTENING, 0);
      if (socket !== "") {
        const user = this.#serve(socket);
        users.add(user);
        user.finally(() => users.delete(user));
      } else if (this.#book.lastErrorOf(LISTENING)?.kind === "LIMIT_REACHED") {
        this.#events.onerror("Cannot create the socket that the new connection needs");
        await this.#book.refuse(LISTENING);
      }
    }
    await Promise.all(users);
  }

  async #serve(socket: string): Promise<void> {
    this.#rows.set(socket, {
      address: this.#book.clientInfo(socket),
      socket,
      lastAction: new Date(),
    });
    this.#changed();
    for (;;) {
      const text = await this.#book.read(socket);
      // An empty message is nothing to send on; an error means that the user has gone.
      if (text === "" && this.#book.lastErrorOf(socket) !== null) break;
      this.#touch(socket);
      if (text === "BYE") break;
      if (text !== "") await this.broadcast(text);
    }
    this.#rows.delete(socket);
    await this.#book.close(socket);
    this.#changed();
  }

  #touch(socket: string): void {
    const row = this.#rows.get(socket);
    if (row === undefined) return;
    row.lastAction = new Date();
    this.#changed();
  }

  #changed(): void {
    this.#events.onrows(this.rows);
  }
}
