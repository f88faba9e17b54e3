// Floor 3: driver.
import { inRange } from "./_option_kinds.ts";
import { InMemoryAdapter } from "./in_memory_adapter.ts";
import { PacketType } from "./packet.ts";
import type {
  AdapterNamespace,
  AdapterPacket,
  BroadcastOptions,
  RecoveredSession,
  Room,
  SessionToPersist,
  SocketId,
} from "./types.ts";

/** Options of connection state recovery: how much is kept for clients that lost their connection, and how long. */
export interface ConnectionStateRecoveryOptions {
  /**
   * How long a client may be away, in ms.
   *
   * @default {120_000}
   */
  maxDisconnectionDuration?: number;
  /**
   * Whether a client that comes back is let in without the namespace's middleware, so also one that middleware would keep out by now.
   *
   * @default {true}
   */
  skipMiddlewares?: boolean;
  /**
   * The most events that are kept for those who are away; the oldest go first.
   *
   * @default {10_000}
   */
  maxPackets?: number;
  /**
   * The most bytes that these events have together, as far as that is known without encoding them (a character counts as one); the
   * oldest go first.
   *
   * @default {67_108_864}
   */
  maxBytes?: number;
  /**
   * The most sessions that are kept; the oldest go first.
   *
   * @default {10_000}
   */
  maxSessions?: number;
}

interface KeptPacket {
  rooms: Set<Room>;
  except: Set<Room>;
  /** Absent once the event turned out to be none that can be sent: its number stays. */
  data: unknown[] | undefined;
  size: number;
  at: number;
}

interface KeptSession extends SessionToPersist {
  at: number;
  start: number;
}

/**
 * Keeps, beside the rooms, what connection state recovery needs: for a while, the events that were sent and the sessions
 * of those who lost their connection. In memory, so for a server that stands alone.
 *
 * The offset of each event is its last argument, as the protocol of Socket.IO's own recovery has it. A volatile event that ends in a text
 * has that of the newest event that is kept.
 *
 * @example
 * ```ts
 * import { SessionAwareAdapter, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assert } from "@std/assert";
 *
 * const io = new SocketIoServer({
 *   connectionStateRecovery: { maxDisconnectionDuration: 60_000, maxPackets: 1000 },
 * });
 * assert(io.sockets.adapter instanceof SessionAwareAdapter);
 * await io.close();
 * ```
 */
export class SessionAwareAdapter extends InMemoryAdapter {
  readonly #maxAge: number;
  readonly #maxPackets: number;
  readonly #maxBytes: number;
  readonly #maxSessions: number;
  readonly #prefix: string = Date.now().toString(36) + ".";
  /** Oldest first; a head index in place of shifting each one out. */
  #packets: KeptPacket[] = [];
  /** The number of the first kept packet; those of the others follow. */
  #first = 0;
  /** What the kept packets have together. */
  #bytes = 0;
  readonly #sessions: Map<string, KeptSession> = new Map();
  /** For each socket, the number of the next packet when it connected: where one that saw no event yet begins. */
  readonly #starts: Map<SocketId, number> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Nothing is kept then: sockets that are gone may still be used. */
  #closed = false;

  /**
   * Makes an adapter for a namespace.
   *
   * @throws {RangeError} For a number of `connectionStateRecovery` that is negative or none.
   */
  constructor(nsp: AdapterNamespace) {
    super(nsp);
    const options: ConnectionStateRecoveryOptions = nsp.server.opts.connectionStateRecovery ?? {};
    const { maxDisconnectionDuration, maxPackets, maxBytes, maxSessions } = options;
    const limits = { maxDisconnectionDuration, maxPackets, maxBytes, maxSessions };
    for (const [name, value] of Object.entries(limits)) {
      inRange(name, value ?? undefined, 0);
    }
    this.#maxAge = options.maxDisconnectionDuration ?? 120_000;
    this.#maxPackets = options.maxPackets ?? 10_000;
    this.#maxBytes = options.maxBytes ?? 67_108_864;
    this.#maxSessions = options.maxSessions ?? 10_000;
  }

  /** Forgets everything, and keeps nothing until a socket comes again. */
  override close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#first += this.#packets.length;
    this.#packets = [];
    this.#bytes = 0;
    this.#sessions.clear();
    this.#starts.clear();
  }

  /** Puts a socket into rooms. */
  override addAll(id: SocketId, rooms: Set<Room>): void {
    this.#closed = false;
    if (!this.#starts.has(id)) this.#starts.set(id, this.#first + this.#packets.length);
    super.addAll(id, rooms);
  }

  /** Takes a socket out of all rooms. */
  override delAll(id: SocketId): void {
    this.#starts.delete(id);
    super.delAll(id);
  }

  /** Sends a packet; an event that is not volatile and wants no acknowledgement is kept for those who are away. */
  override broadcast(packet: AdapterPacket, options: BroadcastOptions): void {
    if (this.#closed || !isNumbered(packet)) return super.broadcast(packet, options);
    const number = this.#first + this.#packets.length;
    const { data } = packet;
    if (options.flags?.volatile) {
      // Clients take the last argument of an event for its offset if it is a text: npm's its name, too.
      if (typeof data.at(-1) === "string") data.push(this.#offsetOf(number - 1));
      return super.broadcast(packet, options);
    }
    data.push(this.#offsetOf(number));
    const kept: KeptPacket = {
      rooms: new Set(options.rooms),
      except: new Set(options.except),
      data,
      size: 0,
      at: performance.now(),
    };
    this.#packets.push(kept);
    try {
      super.broadcast(packet, options);
    } catch (error) {
      kept.data = undefined;
      throw error;
    } finally {
      this.#arm();
      if (this.#packets.length > this.#maxPackets) this.#drop(this.#packets.length >> 2 || 1);
    }
    // It may be gone by what listeners sent meanwhile.
    if (number < this.#first) return;
    kept.size = sizeOf(data, this.#maxBytes);
    this.#bytes += kept.size;
    if (this.#bytes > this.#maxBytes) this.#dropDownTo(this.#maxBytes * 0.75);
  }

  /** Keeps the session of a client that lost its connection. */
  override persistSession(session: SessionToPersist): void {
    if (this.#closed) return;
    this.#sessions.delete(session.pid);
    const start = this.#starts.get(session.sid) ?? this.#first + this.#packets.length;
    this.#sessions.set(session.pid, { ...session, at: performance.now(), start });
    if (this.#sessions.size > this.#maxSessions) {
      this.#sessions.delete(this.#sessions.keys().next().value as string);
    }
    this.#arm();
  }

  /**
   * Takes a session up again, with the events that the client missed since `offset`; without one, since it connected. A
   * session is handed out once.
   */
  override restoreSession(
    pid: string,
    offset: string | undefined,
  ): Promise<RecoveredSession> | null {
    const session = this.#sessions.get(pid);
    if (session === undefined) return null;
    // What was sent before the session began is not for it. npm's client keeps the offset of a session that could not be taken up.
    const after = offset === undefined ? 0 : this.#after(offset);
    if (session.at + this.#maxAge < performance.now() || after === undefined) return null;
    const next = Math.max(after, session.start);
    if (next < this.#first) return null;
    this.#sessions.delete(pid);
    // If this connection is lost as well before an event comes through, the next one starts at the same place.
    this.#starts.set(session.sid, session.start);
    const { sid, rooms, data } = session;
    const missed = () => this.#since(next, rooms);
    return Promise.resolve({
      sid,
      pid,
      rooms,
      data,
      // Looked up when the socket is connected: middleware may take its time, and events go on.
      get missedPackets() {
        return missed();
      },
    });
  }

  #since(number: number, rooms: Room[]): unknown[][] {
    const missed: unknown[][] = [];
    const own = new Set(rooms);
    for (let i = Math.max(0, number - this.#first); i < this.#packets.length; i++) {
      const packet = this.#packets[i];
      if (packet.data !== undefined && concerns(own, packet)) missed.push(packet.data);
    }
    return missed;
  }

  #offsetOf(number: number): string {
    return this.#prefix + number.toString(36);
  }

  /** The number that follows an offset, if it is one of this adapter. */
  #after(offset: string): number | undefined {
    const number = parseInt(offset.slice(this.#prefix.length), 36);
    if (this.#offsetOf(number) !== offset) return undefined;
    const next = number + 1;
    return next >= 0 && next <= this.#first + this.#packets.length ? next : undefined;
  }

  #drop(count: number): void {
    for (const { size } of this.#packets.splice(0, count)) this.#bytes -= size;
    this.#first += count;
  }

  #dropDownTo(bytes: number): void {
    let count = 0;
    for (let left = this.#bytes; left > bytes; count++) left -= this.#packets[count].size;
    this.#drop(count);
  }

  /** A timer runs only while something is kept. It does not keep the process alive. */
  #arm(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => this.#sweep(), Math.min(this.#maxAge, 60_000));
    unref(this.#timer);
  }

  #sweep(): void {
    this.#timer = undefined;
    const oldest = performance.now() - this.#maxAge;
    for (const [pid, session] of this.#sessions) {
      if (session.at >= oldest) break;
      this.#sessions.delete(pid);
    }
    const young = this.#packets.findIndex((packet) => packet.at >= oldest);
    this.#drop(young === -1 ? this.#packets.length : young);
    if (this.#packets.length > 0 || this.#sessions.size > 0) this.#arm();
  }
}

/** About how many bytes a value takes; what is above the limit is not counted to its end, as it may have none. */
function sizeOf(value: unknown, limit: number): number {
  const waiting: unknown[] = [value];
  let size = 0;
  while (waiting.length > 0 && size <= limit) {
    const next = waiting.pop();
    size += 8;
    if (typeof next === "string") size += next.length;
    else if (typeof next !== "object" || next === null) continue;
    else if (ArrayBuffer.isView(next) || next instanceof ArrayBuffer) size += next.byteLength;
    else if (next instanceof Blob) size += next.size;
    else if (Array.isArray(next)) { for (const item of next) waiting.push(item); }
    else {
      for (const [key, item] of Object.entries(next)) {
        size += key.length;
        waiting.push(item);
      }
    }
  }
  return size;
}

function isNumbered(packet: AdapterPacket): boolean {
  return packet.type === PacketType.EVENT && packet.id === undefined;
}

/** Goes through the rooms of the packet, or the socket's if those are fewer: a socket may be in thousands. */
function concerns(own: ReadonlySet<Room>, { rooms, except }: KeptPacket): boolean {
  return (rooms.size === 0 || !own.isDisjointFrom(rooms)) && own.isDisjointFrom(except);
}

function unref(timer: unknown): void {
  const handle = timer as number | { unref?(): void };
  if (typeof handle === "object") handle.unref?.();
  else if (typeof Deno !== "undefined") Deno.unrefTimer(handle);
}
