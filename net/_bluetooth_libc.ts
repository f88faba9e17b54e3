// Floor 3: driver.
// The calls of the C library that a socket takes. They are found once and called through plain function pointers, so that
// no library handle stays open: the C library itself is never unloaded.
import { SystemError } from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";

const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

const CALLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32", nonblocking: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
} as const satisfies Record<string, Deno.ForeignFunction>;

type Name = keyof typeof CALLS;
type Pointers = {
  [K in Name]: {
    call(...args: unknown[]): (typeof CALLS)[K] extends { nonblocking: true } ? Promise<number>
      : number;
  };
};

const POINTERS = Object.fromEntries(
  [...Object.keys(CALLS), "__errno_location"].map((name) => [name, { type: "pointer" }]),
) as Record<string, { type: "pointer" }>;

/** The socket calls of the C library. Each throws a {@linkcode SystemError} when it fails, unless it says otherwise. */
export class Libc {
  readonly #calls: Pointers;
  readonly #errno: Deno.UnsafePointerView;

  constructor() {
    const library = Deno.dlopen("libc.so.6", POINTERS);
    const address = (name: string): Deno.PointerObject =>
      library.symbols[name] as Deno.PointerObject;
    this.#calls = Object.fromEntries(
      Object.entries(CALLS).map(([name, definition]) => [
        name,
        new Deno.UnsafeFnPointer(
          address(name) as Deno.PointerObject<typeof definition>,
          definition,
        ),
      ]),
    ) as unknown as Pointers;
    const location = { parameters: [], result: "pointer" } as const;
    const errno = new Deno.UnsafeFnPointer(
      address("__errno_location") as Deno.PointerObject<typeof location>,
      location,
    ).call();
    library.close();
    this.#errno = new Deno.UnsafePointerView(errno!);
  }

  /** The errno of the call before, on this thread: to be read before anything else is called. */
  get errno(): number {
    return this.#errno.getInt32();
  }

  #check(syscall: Name, result: number): number {
    if (result < 0) throw new SystemError(syscall, this.errno);
    return result;
  }

  /** A socket that doesn't block and isn't handed to programs that are started. */
  socket(domain: number, type: number, protocol: number): number {
    const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    return this.#check("socket", this.#calls.socket.call(domain, type | flags, protocol));
  }

  bind(fd: number, address: Uint8Array): void {
    this.#check("bind", this.#calls.bind.call(fd, address, address.length));
  }

  listen(fd: number, backlog: number): void {
    this.#check("listen", this.#calls.listen.call(fd, backlog));
  }

  /** Returns 0, or the errno. */
  connect(fd: number, address: Uint8Array): number {
    return this.#calls.connect.call(fd, address, address.length) < 0 ? this.errno : 0;
  }

  /** Returns the new socket, or the errno as a negative number. The peer's address goes to `address`. */
  accept(fd: number, address: Uint8Array): number {
    const length = Uint32Array.of(address.length);
    const result = this.#calls.accept4.call(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return result < 0 ? -this.errno : result;
  }

  localAddress(fd: number, size: number): Uint8Array {
    const address = new Uint8Array(size);
    this.#check("getsockname", this.#calls.getsockname.call(fd, address, Uint32Array.of(size)));
    return address;
  }

  /** The peer's address, or `undefined` when not connected. */
  remoteAddress(fd: number, size: number): Uint8Array | undefined {
    const address = new Uint8Array(size);
    const result = this.#calls.getpeername.call(fd, address, Uint32Array.of(size));
    return result < 0 ? undefined : address;
  }

  getOption(fd: number, level: number, name: number, size: number): Uint8Array {
    const value = new Uint8Array(size);
    const length = Uint32Array.of(size);
    this.#check("getsockopt", this.#calls.getsockopt.call(fd, level, name, value, length));
    return value;
  }

  setOption(fd: number, level: number, name: number, value: Uint8Array): void {
    const result = this.#calls.setsockopt.call(fd, level, name, value, value.length);
    this.#check("setsockopt", result);
  }

  /** Returns the number of bytes, or the errno as a negative number. */
  receive(fd: number, into: Uint8Array): number {
    const result = Number(this.#calls.recv.call(fd, into, BigInt(into.length), 0));
    return result < 0 ? -this.errno : result;
  }

  /** Returns the number of bytes, or the errno as a negative number. */
  send(fd: number, bytes: Uint8Array): number {
    const result = Number(this.#calls.send.call(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL));
    return result < 0 ? -this.errno : result;
  }

  /** Returns 0 or more, or the errno as a negative number. */
  control(fd: number, request: number, argument: Uint8Array): number {
    // Of variable arity in C, which makes no difference to such arguments on x86-64 and arm64 Linux.
    const result = this.#calls.ioctl.call(fd, BigInt(request), argument);
    return result < 0 ? -this.errno : result;
  }

  shutdown(fd: number, how: number): void {
    this.#check("shutdown", this.#calls.shutdown.call(fd, how));
  }

  /** Closes; Linux frees the descriptor whatever it returns. */
  close(fd: number): void {
    this.#calls.close.call(fd);
  }

  /** The events (`POLL*`) of one descriptor, now. */
  pollNow(fd: number, events: number): number {
    const entry = new DataView(new ArrayBuffer(8));
    entry.setInt32(0, fd, true);
    entry.setInt16(4, events, true);
    this.#calls.poll.call(new Uint8Array(entry.buffer), 1n, 0);
    return entry.getInt16(6, true);
  }

  epollCreate(): number {
    return this.#check("epoll_create1", this.#calls.epoll_create1.call(SOCK_CLOEXEC));
  }

  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): void {
    this.#check("epoll_ctl", this.#calls.epoll_ctl.call(epoll, operation, fd, event));
  }

  /** Waits on another thread, without end; the number of events, or -1 (no errno: it is that thread's). */
  epollWait(epoll: number, events: Uint8Array, max: number): Promise<number> {
    return this.#calls.epoll_wait.call(epoll, events, max, -1);
  }

  /** A counter that can be waited for. */
  eventfd(): number {
    return this.#check("eventfd", this.#calls.eventfd.call(0, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }

  /** Raises the counter. */
  signalEvent(fd: number): void {
    this.#calls.write.call(fd, new Uint8Array(BigUint64Array.of(1n).buffer), 8n);
  }

  /** Sets the counter to 0. */
  clearEvent(fd: number): void {
    this.#calls.read.call(fd, new Uint8Array(8), 8n);
  }
}

let libc: Libc | undefined;

/**
 * The C library of this process; `what` is what can't be done without it.
 *
 * @throws {NetError} `EAFNOSUPPORT` on other systems than Linux, `EPERM` without `--allow-ffi`.
 */
export function loadLibc(
  what: string,
  os: string = typeof Deno === "undefined" ? "unknown" : Deno.build.os,
): Libc {
  if (os !== "linux") {
    throw new NetError(`${what}: EAFNOSUPPORT, Linux only`, {
      code: "EAFNOSUPPORT",
      syscall: "socket",
    });
  }
  try {
    return libc ??= new Libc();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) {
      throw new NetError(`${what}: EPERM, it takes --allow-ffi`, {
        code: "EPERM",
        syscall: "socket",
        cause,
      });
    }
    throw new NetError(`${what}: the C library libc.so.6 can't be loaded`, {
      code: "ERR_UNSUPPORTED",
      syscall: "socket",
      cause,
    });
  }
}
