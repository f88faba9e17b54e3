// Floor 3: driver.
// A socket of the system, through its C library: never blocks, and frees its descriptor exactly once.
import type { Libc } from "./_bluetooth_libc.ts";
import { type PollEntry, type Poller, sharedPoller } from "./_bluetooth_poller.ts";
import {
  EAGAIN,
  ECONNABORTED,
  EINPROGRESS,
  EINTR,
  ENOTCONN,
  SO_ERROR,
  SOL_SOCKET,
  SystemError,
} from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";
import type { Deadline } from "./wait.ts";

const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;

/**
 * After so many reads (or writes) that didn't have to wait, the next one goes through the event loop: a peer that is faster
 * than us must not keep timers and other connections from their turn.
 */
const MAX_IMMEDIATE = 32;

export class FfiSocket {
  readonly #libc: Libc;
  readonly #poller: Poller;
  readonly #entry: PollEntry;
  #open = true;
  #immediateReads = 0;
  #immediateWrites = 0;

  /** Takes over `fd`, which must not block. */
  constructor(libc: Libc, fd: number, poller: Poller = sharedPoller(libc)) {
    this.#libc = libc;
    this.#poller = poller;
    this.#entry = poller.add(fd);
  }

  /** @throws {SystemError} */
  static create(libc: Libc, domain: number, type: number, protocol: number): FfiSocket {
    return new FfiSocket(libc, libc.socket(domain, type, protocol));
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** The descriptor. @throws {NetError} `ERR_SOCKET_CLOSED` */
  get fd(): number {
    if (!this.#open) throw closedError();
    return this.#entry.fd;
  }

  bind(address: Uint8Array): void {
    this.#libc.bind(this.fd, address);
  }

  listen(backlog: number): void {
    this.#libc.listen(this.fd, backlog);
  }

  localAddress(size: number): Uint8Array {
    return this.#libc.localAddress(this.fd, size);
  }

  remoteAddress(size: number): Uint8Array | undefined {
    return this.#libc.remoteAddress(this.fd, size);
  }

  getOption(level: number, name: number, size: number): Uint8Array {
    return this.#libc.getOption(this.fd, level, name, size);
  }

  setOption(level: number, name: number, value: Uint8Array): void {
    this.#libc.setOption(this.fd, level, name, value);
  }

  #wait(direction: "readable" | "writable", deadline?: Deadline): Promise<boolean> {
    if (direction === "readable") this.#immediateReads = 0;
    else this.#immediateWrites = 0;
    return this.#poller.wait(this.#entry, direction, deadline);
  }

  /** @throws {SystemError} with what the system has against it; {@linkcode NetError} when the deadline fires. */
  async connect(address: Uint8Array, deadline?: Deadline): Promise<void> {
    const errno = await this.tryConnect(address, deadline);
    if (errno !== 0) throw new SystemError("connect", errno);
  }

  /** As {@linkcode connect}, but returns what the system has against it: an errno, or 0. */
  async tryConnect(address: Uint8Array, deadline?: Deadline): Promise<number> {
    if (deadline?.fired) throw deadline.fired;
    const errno = this.#libc.connect(this.fd, address);
    if (errno !== EINPROGRESS && errno !== EINTR) return errno;
    await this.#wait("writable", deadline);
    return new DataView(this.getOption(SOL_SOCKET, SO_ERROR, 4).buffer).getInt32(0, true);
  }

  /** The next connection and the peer's address, which takes `size` bytes. */
  async accept(
    size: number,
    deadline?: Deadline,
  ): Promise<{ socket: FfiSocket; address: Uint8Array }> {
    for (;;) {
      if (deadline?.fired) throw deadline.fired;
      const address = new Uint8Array(size);
      const result = this.#libc.accept(this.fd, address);
      if (result >= 0) {
        return { socket: new FfiSocket(this.#libc, result, this.#poller), address };
      }
      if (result === -EAGAIN) await this.#wait("readable", deadline);
      else if (result !== -EINTR && result !== -ECONNABORTED) {
        throw new SystemError("accept", -result);
      }
    }
  }

  /** Reads what is there, or waits for it; 0 at the end of the stream, and for an empty packet. */
  async read(into: Uint8Array, deadline?: Deadline): Promise<number> {
    if (++this.#immediateReads > MAX_IMMEDIATE) await this.#wait("readable", deadline);
    for (let gone = false;;) {
      const result = this.#libc.receive(this.fd, into);
      if (result >= 0) return result;
      if (result === -EINTR) continue;
      if (result !== -EAGAIN) throw new SystemError("read", -result);
      // Gone, without an error and with nothing to read: some protocols report that but once.
      if (gone) return 0;
      gone = await this.#wait("readable", deadline);
    }
  }

  /** Writes as much as the system takes, at least one byte (or one packet). */
  async write(bytes: Uint8Array, deadline?: Deadline): Promise<number> {
    if (++this.#immediateWrites > MAX_IMMEDIATE) await this.#wait("writable", deadline);
    for (let gone = false;;) {
      const result = this.#libc.send(this.fd, bytes);
      if (result >= 0) return result;
      if (result === -EINTR) continue;
      if (result !== -EAGAIN || gone) throw new SystemError("write", gone ? ENOTCONN : -result);
      gone = await this.#wait("writable", deadline);
    }
  }

  /** Whether the other end is gone, now. */
  get hungUp(): boolean {
    return (this.#libc.pollNow(this.fd, POLLRDHUP) & (POLLHUP | POLLRDHUP)) !== 0;
  }

  /** Returns 0 or more, or the errno as a negative number. */
  control(request: number, argument: Uint8Array): number {
    return this.#libc.control(this.fd, request, argument);
  }

  shutdown(how: number): void {
    this.#libc.shutdown(this.fd, how);
  }

  /** Closes; whoever waits gets a {@linkcode NetError} with code `ERR_SOCKET_CLOSED`. Again: nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#poller.remove(this.#entry, closedError());
    this.#libc.close(this.#entry.fd);
  }

  /** After {@linkcode close}: resolves when nothing is under way any more. */
  settled(): Promise<void> {
    return this.#poller.settled();
  }
}

export function closedError(): NetError {
  return new NetError("Cannot use the socket: it is closed", { code: "ERR_SOCKET_CLOSED" });
}
