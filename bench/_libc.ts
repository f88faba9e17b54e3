// The few system calls that the load generator lives on. Linux only; each call costs some 50 ns more than in C.

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const IPPROTO_IP = 0;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;

export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

function open(): Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] {
  if (Deno.build.os !== "linux") {
    throw new Error("Cannot make load: the generator needs Linux (epoll)");
  }
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS).symbols;
  } catch {
    return Deno.dlopen(`libc.musl-${Deno.build.arch}.so.1`, SYMBOLS).symbols;
  }
}

const libc = open();

function fail(what: string): never {
  const at = libc.__errno_location();
  const errno = at === null ? 0 : new Deno.UnsafePointerView(at).getInt32();
  throw new Error(`Cannot ${what}: errno ${errno}`);
}

function loopback(port: number, host: number): Uint8Array {
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  view.setUint32(4, 0x7f000001 + host);
  return address;
}

const ON = new Int32Array([1]);

/**
 * A connection to `port` on loopback, from 127.0.0.1 + `host`; its file descriptor. Its reads wait up to 10 s unless
 * told not to.
 */
export function connect(port: number, host: number): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) fail("open a socket");
  const option = (level: number, name: number, value: BufferSource): void => {
    libc.setsockopt(fd, level, name, value, value.byteLength);
  };
  option(IPPROTO_TCP, TCP_NODELAY, ON);
  option(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, ON);
  option(SOL_SOCKET, SO_RCVTIMEO, new BigInt64Array([10n, 0n]));
  if (libc.bind(fd, loopback(0, host), 16) < 0) fail(`bind to 127.0.0.1 + ${host}`);
  if (libc.connect(fd, loopback(port, 0), 16) < 0) fail(`connect to port ${port}`);
  return fd;
}

export function close(fd: number): void {
  libc.close(fd);
}

/** Sends all of `bytes`, waiting. */
export function sendAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const n = libc.send(fd, bytes.subarray(at), BigInt(bytes.length - at), MSG_NOSIGNAL);
    if (n <= 0) fail("send");
    at += n;
  }
}

/** Sends what fits; how many bytes that was. */
export function sendSome(fd: number, bytes: Uint8Array): number {
  const n = libc.send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL);
  return n < 0 ? 0 : n;
}

/** Receives, waiting; 0 at the end. */
export function receive(fd: number, into: Uint8Array): number {
  const n = libc.recv(fd, into, BigInt(into.length), 0);
  if (n < 0) fail("receive");
  return n;
}

/** Receives what is there: 0 at the end, negative when there is nothing. */
export function receiveSome(fd: number, into: Uint8Array): number {
  return libc.recv(fd, into, BigInt(into.length), MSG_DONTWAIT);
}

/** Waits for many connections at once. */
export class Poll {
  readonly #fd: number;
  // struct epoll_event is packed on x86-64 only.
  readonly #stride = Deno.build.arch === "x86_64" ? 12 : 16;
  readonly #events: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;

  constructor(most = 1024) {
    this.#fd = libc.epoll_create1(0);
    if (this.#fd < 0) fail("poll");
    this.#events = new Uint8Array(most * this.#stride);
    this.#view = new DataView(this.#events.buffer);
  }

  #control(operation: number, fd: number, index: number, events: number): void {
    const event = new Uint8Array(this.#stride);
    const view = new DataView(event.buffer);
    view.setUint32(0, events, true);
    view.setUint32(this.#stride - 8, index, true);
    if (libc.epoll_ctl(this.#fd, operation, fd, event) < 0) fail("watch a connection");
  }

  /** Watches a connection; its events come with `index`. */
  add(fd: number, index: number): void {
    this.#control(EPOLL_CTL_ADD, fd, index, EPOLLIN);
  }

  /** Whether to tell when a connection can be written, too. */
  watchWrite(fd: number, index: number, on: boolean): void {
    this.#control(EPOLL_CTL_MOD, fd, index, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** Waits up to `timeout` ms; how many connections have something. */
  wait(timeout: number): number {
    const n = libc.epoll_wait(
      this.#fd,
      this.#events,
      this.#events.length / this.#stride,
      timeout,
    );
    return n < 0 ? 0 : n;
  }

  /** What the `i`th of them has. */
  events(i: number): number {
    return this.#view.getUint32(i * this.#stride, true);
  }

  /** The index of the `i`th of them. */
  index(i: number): number {
    return this.#view.getUint32(i * this.#stride + this.#stride - 8, true);
  }

  close(): void {
    libc.close(this.#fd);
  }
}
