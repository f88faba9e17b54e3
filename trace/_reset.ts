// Floor 3: driver.
// Deno can't close a connection with a reset. On Linux the C library can: connecting a socket to nowhere (AF_UNSPEC) drops its connection, and
// the kernel tells the other end by RST (connect(2), tcp_disconnect). Deno does not give the socket's number either: it is found by its addresses.
import { parseIp } from "../net/ip.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
/** Asks how many bytes the other end has not acknowledged (tcp(7)). */
const SIOCOUTQ = 0x5411;
const SOCK_STREAM = 1;
/** The system gives the lowest numbers that are free: behind a gap like this there are no more sockets. */
const LARGEST_GAP = 4096;
const ADDRESS_SIZE = 28; // sockaddr_in6
/** How often the system is asked whether the other end has all, in ms. */
const ASK_AGAIN = 5;

const CALLS = {
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
} as const satisfies Record<string, Deno.ForeignFunction>;

type Calls = { [K in keyof typeof CALLS]: (...args: unknown[]) => number };

/** The calls of the C library; null where they can't be had. */
let calls: Calls | null | undefined;

function loadCalls(): Calls | null {
  if (Deno.build.os !== "linux") return null;
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return null;
  const pointers = { type: "pointer" } as const;
  const names = Object.keys(CALLS) as (keyof typeof CALLS)[];
  try {
    const library = Deno.dlopen(
      "libc.so.6",
      Object.fromEntries(names.map((name) => [name, pointers])) as Record<string, typeof pointers>,
    );
    const entries = names.map((name) => {
      const pointer = library.symbols[name] as Deno.PointerObject;
      const call = new Deno.UnsafeFnPointer<Deno.ForeignFunction>(
        pointer as Deno.PointerObject<Deno.ForeignFunction>,
        CALLS[name] as Deno.ForeignFunction,
      );
      return [name, (...args: unknown[]) => call.call(...args as never[]) as number];
    });
    // The C library itself stays loaded, and so do its functions.
    library.close();
    return Object.fromEntries(entries) as Calls;
  } catch {
    return null;
  }
}

/** An IP address in 16 bytes, and a port. */
function comparable(addr: TransportAddr): string | undefined {
  if (!("hostname" in addr)) return undefined;
  const bytes = parseIp(addr.hostname)?.bytes;
  if (bytes === undefined) return undefined;
  return `${bytes.length === 4 ? `0,0,0,0,0,0,0,0,0,0,255,255,${bytes}` : bytes}/${addr.port}`;
}

const buffer = new Uint8Array(ADDRESS_SIZE);
const size = new Uint32Array(1);

/** An end of the socket `fd`, as the system tells it. */
function endOf(call: Calls["getpeername"], fd: number): string | undefined {
  size[0] = ADDRESS_SIZE;
  if (call(fd, buffer, size) !== 0) return undefined;
  const family = new Uint16Array(buffer.buffer)[0];
  const port = buffer[2] << 8 | buffer[3];
  if (family === AF_INET) return `0,0,0,0,0,0,0,0,0,0,255,255,${buffer.subarray(4, 8)}/${port}`;
  return family === AF_INET6 ? `${buffer.subarray(8, 24)}/${port}` : undefined;
}

function isStream(fd: number): boolean {
  const type = new Uint32Array(1);
  size[0] = 4;
  return calls!.getsockopt(fd, SOL_SOCKET, SO_TYPE, type, size) === 0 && type[0] === SOCK_STREAM;
}

function findSocket(conn: Transport): number {
  const local = comparable(conn.localAddr);
  const remote = comparable(conn.remoteAddr);
  if (local === undefined || remote === undefined) return -1;
  for (let fd = 3, last = 3; fd < last + LARGEST_GAP; fd++) {
    const peer = endOf(calls!.getpeername, fd);
    if (peer !== undefined) last = fd;
    if (peer !== remote) continue;
    if (endOf(calls!.getsockname, fd) === local && isStream(fd)) return fd;
  }
  return -1;
}

/** Whether {@linkcode resetConnection} can do it for this connection: TCP, on Linux, with `--allow-ffi`. */
export function canReset(conn: Transport): boolean {
  if (!("hostname" in conn.localAddr)) return false;
  calls ??= loadCalls();
  return calls !== null;
}

/** Closes a TCP connection of Deno's with a reset; returns false where that can't be done, and does nothing then. */
export function resetConnection(conn: Transport): boolean {
  if (!canReset(conn)) return false;
  const fd = findSocket(conn);
  // Sixteen zeros are an address of the family AF_UNSPEC.
  return fd >= 0 && calls!.connect(fd, new Uint8Array(16), 16) === 0;
}

/** Whether bytes that were written have not come to the other end's system yet. */
function isSending(fd: number): boolean {
  const unsent = new Int32Array(1);
  return calls!.ioctl(fd, SIOCOUTQ, unsent) === 0 && unsent[0] > 0;
}

/** A connection of Deno's that can be reset, where {@linkcode canReset} says so. */
export class ResettableTransport implements Transport {
  /** Whether `reset` gives the peer a reset, and not an ordinary end. */
  readonly resets: boolean;
  readonly #conn: Transport;
  #closed = false;
  #onclose: (() => void) | undefined;

  constructor(conn: Transport) {
    this.#conn = conn;
    this.resets = canReset(conn);
  }

  get localAddr(): TransportAddr {
    return this.#conn.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#conn.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#conn.read(p);
  }

  write(p: Uint8Array): Promise<number> {
    return this.#conn.write(p);
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onclose?.();
    try {
      this.#conn.close();
    } catch {
      // closed already
    }
  }

  /**
   * Resolves when the other end's system has all that was written, which a reset would discard; where that can't be told, at once; and when
   * the connection is closed. Not to be called twice at a time.
   */
  async arrived(): Promise<void> {
    const fd = this.resets && !this.#closed ? findSocket(this.#conn) : -1;
    while (fd >= 0 && !this.#closed && isSending(fd)) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ASK_AGAIN);
        this.#onclose = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Closes with a reset, or, where that can't be done, at once. */
  reset(): void {
    if (!this.#closed) resetConnection(this.#conn);
    this.close();
  }
}
