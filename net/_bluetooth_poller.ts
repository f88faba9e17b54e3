// Floor 3: driver.
// Waits for sockets to become readable or writable: one epoll for the process, and at most one call that waits, on another
// thread, and only while someone waits. A socket is armed for one event at a time (EPOLLONESHOT).
import type { Libc } from "./_bluetooth_libc.ts";
import type { Deadline } from "./wait.ts";

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1;
const EPOLLOUT = 0x4;
const EPOLLERR = 0x8;
const EPOLLHUP = 0x10;
const EPOLLRDHUP = 0x2000;
const EPOLLONESHOT = 1 << 30;
const MAX_EVENTS = 64;

/** What a socket can be waited for. */
export type Direction = "readable" | "writable";

interface Waiter {
  resolve(hangup: boolean): void;
  reject(error: unknown): void;
}

/** One socket in the eyes of the poller. */
export interface PollEntry {
  readonly fd: number;
  /** Never 0 and never used twice, so that a late event can't reach a new socket with the same descriptor. */
  readonly token: number;
  readonly waiters: Record<Direction, Set<Waiter>>;
  added: boolean;
  armed: number;
}

export class Poller {
  readonly #libc: Libc;
  readonly #entries = new Map<number, PollEntry>();
  readonly #eventSize: number;
  readonly #dataAt: number;
  readonly #events: Uint8Array;
  #nextToken = 1;
  #epoll = -1;
  #wake = -1;
  #waiting = 0;
  #running: Promise<void> | undefined;
  #cancelled: (() => void)[] = [];

  /** `arch` decides the layout of struct epoll_event, which is packed on x86-64 only. */
  constructor(libc: Libc, arch: string = Deno.build.arch) {
    this.#libc = libc;
    this.#dataAt = arch === "x86_64" ? 4 : 8;
    this.#eventSize = this.#dataAt + 8;
    this.#events = new Uint8Array(this.#eventSize * MAX_EVENTS);
  }

  /** How many waits are under way. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether a thread waits, or the poller's own descriptors are open. */
  get active(): boolean {
    return this.#epoll >= 0;
  }

  /** Resolves when nothing that was cancelled holds the waiting thread any more. */
  async settled(): Promise<void> {
    while (this.#running !== undefined && this.#waiting === 0) await this.#running;
  }

  add(fd: number): PollEntry {
    const entry: PollEntry = {
      fd,
      token: this.#nextToken++,
      waiters: { readable: new Set(), writable: new Set() },
      added: false,
      armed: 0,
    };
    this.#entries.set(entry.token, entry);
    return entry;
  }

  /** Forgets a socket, before it is closed; whoever waits for it gets `error`. */
  remove(entry: PollEntry, error: unknown): void {
    if (!this.#entries.delete(entry.token)) return;
    if (entry.added) this.#control(EPOLL_CTL_DEL, entry.fd, 0, 0);
    for (const waiters of Object.values(entry.waiters)) {
      for (const waiter of waiters) this.#cancel(waiters, waiter, error);
    }
    this.#closeIfIdle();
  }

  /** Waits until the socket is ready; resolves to whether its other end is gone (or it failed). */
  wait(entry: PollEntry, direction: Direction, deadline?: Deadline): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (deadline?.fired) return reject(deadline.fired);
      const waiters = entry.waiters[direction];
      const waiter: Waiter = { resolve, reject };
      waiters.add(waiter);
      this.#waiting++;
      try {
        this.#arm(entry);
      } catch (error) {
        waiters.delete(waiter);
        this.#waiting--;
        return reject(error);
      }
      deadline?.onfire((error) => this.#cancel(waiters, waiter, error));
      this.#running ??= this.#run();
    });
  }

  /** The rejection waits for the thread to come back, so that nothing is under way when the caller hears of it. */
  #cancel(waiters: Set<Waiter>, waiter: Waiter, error: unknown): void {
    if (!waiters.delete(waiter)) return;
    this.#waiting--;
    if (this.#running === undefined) return waiter.reject(error);
    this.#cancelled.push(() => waiter.reject(error));
    this.#libc.signalEvent(this.#wake);
  }

  #control(operation: number, fd: number, events: number, token: number): void {
    const event = new DataView(new ArrayBuffer(this.#eventSize));
    event.setUint32(0, events >>> 0, true);
    event.setUint32(this.#dataAt, token, true);
    this.#libc.epollControl(this.#epoll, operation, fd, new Uint8Array(event.buffer));
  }

  #open(): void {
    if (this.#epoll >= 0) return;
    this.#epoll = this.#libc.epollCreate();
    try {
      this.#wake = this.#libc.eventfd();
      this.#control(EPOLL_CTL_ADD, this.#wake, EPOLLIN, 0);
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  #close(): void {
    if (this.#epoll >= 0) this.#libc.close(this.#epoll);
    if (this.#wake >= 0) this.#libc.close(this.#wake);
    this.#epoll = this.#wake = -1;
  }

  #closeIfIdle(): void {
    if (this.#entries.size === 0 && this.#running === undefined) this.#close();
  }

  #arm(entry: PollEntry): void {
    let events = 0;
    if (entry.waiters.readable.size > 0) events |= EPOLLIN | EPOLLRDHUP;
    if (entry.waiters.writable.size > 0) events |= EPOLLOUT;
    if (events === entry.armed) return;
    this.#open();
    this.#control(
      entry.added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
      entry.fd,
      events | EPOLLONESHOT,
      entry.token,
    );
    entry.added = true;
    entry.armed = events;
  }

  async #run(): Promise<void> {
    while (this.#waiting > 0 || this.#cancelled.length > 0) {
      // -1 is EINTR: every other reason would be an error of this file.
      const count = await this.#libc.epollWait(this.#epoll, this.#events, MAX_EVENTS);
      for (const reject of this.#cancelled.splice(0)) reject();
      this.#dispatch(count);
    }
    this.#running = undefined;
    this.#closeIfIdle();
  }

  #dispatch(count: number): void {
    const view = new DataView(this.#events.buffer);
    for (let i = 0; i < count; i++) {
      const events = view.getUint32(i * this.#eventSize, true);
      const token = view.getUint32(i * this.#eventSize + this.#dataAt, true);
      if (token === 0) this.#libc.clearEvent(this.#wake);
      const entry = this.#entries.get(token);
      if (entry !== undefined) this.#fire(entry, events);
    }
  }

  #fire(entry: PollEntry, events: number): void {
    entry.armed = 0;
    const broken = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    const { readable, writable } = entry.waiters;
    if (broken || (events & (EPOLLIN | EPOLLRDHUP)) !== 0) this.#release(readable, broken);
    if (broken || (events & EPOLLOUT) !== 0) this.#release(writable, broken);
    if (readable.size + writable.size === 0) return;
    try {
      this.#arm(entry);
    } catch (error) {
      for (const waiters of [readable, writable]) {
        for (const waiter of waiters) this.#cancel(waiters, waiter, error);
      }
    }
  }

  #release(waiters: Set<Waiter>, broken: boolean): void {
    this.#waiting -= waiters.size;
    for (const waiter of waiters) waiter.resolve(broken);
    waiters.clear();
  }
}

let poller: Poller | undefined;

/** The poller of this process (of this worker, where there are several). */
export function sharedPoller(libc: Libc): Poller {
  return poller ??= new Poller(libc);
}
