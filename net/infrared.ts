// Floor 3: driver.
import { loadLibc } from "./_bluetooth_libc.ts";
import { FfiListener } from "./_bluetooth_listener.ts";
import { FfiSocket } from "./_bluetooth_socket.ts";
import {
  AF_IRDA,
  decodeIrdaAddr,
  encodeIrdaAddr,
  ENOTCONN,
  type InfraredEnd,
  IRDA_NAME_MAX,
  SOCK_STREAM,
  SOCKADDR_IRDA,
  SystemError,
  systemToNetError,
} from "./_bluetooth_sys.ts";
import { FfiTransport } from "./_bluetooth_transport.ts";
import { NetError } from "./errors.ts";
import type { OtherAddr, Transport } from "./transport.ts";
import { deadlineSignal, type WaitOptions } from "./wait.ts";

/** An infrared (IrDA, TinyTP) connection. */
export interface InfraredTransport extends Transport, Disposable, AsyncDisposable {
  /** This end: `address` is the service's name. */
  readonly localAddr: OtherAddr;
  /** The other end: `address` is the device (8 hex digits), or the service's name. */
  readonly remoteAddr: OtherAddr;
  /** Closes. */
  [Symbol.dispose](): void;
  /** Closes, and waits until the system has let go. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The other end of an infrared connection. */
export interface InfraredTarget {
  /** The service's name, at most 24 bytes: `"IrDA:TinyTP"` and so on. */
  service: string;
  /**
   * The device's address, 32 bits.
   *
   * @default {0, the first device in sight}
   */
  device?: number;
}

/** Options of {@linkcode connectInfrared}. */
export interface ConnectInfraredOptions extends WaitOptions {
  /**
   * Gives up after so many milliseconds; no limit with 0.
   *
   * @default {30000}
   */
  timeout?: number;
}

/** Options of {@linkcode listenInfrared}. */
export interface ListenInfraredOptions {
  /** The service's name, at most 24 bytes. */
  service: string;
  /**
   * How many connections may wait for `accept`.
   *
   * @default {8}
   */
  backlog?: number;
}

/** Accepts infrared connections; made by {@linkcode listenInfrared}. */
export interface InfraredListener
  extends AsyncIterable<InfraredTransport>, Disposable, AsyncDisposable {
  /** `address` is the service's name. */
  readonly addr: OtherAddr;
  /**
   * The next connection.
   *
   * @throws {NetError} `ERR_SOCKET_CLOSED` after close, `ETIMEDOUT`, `ABORT_ERR`.
   */
  accept(options?: WaitOptions): Promise<InfraredTransport>;
  /** The connections as they come, until close; leaving the loop closes the listener. */
  [Symbol.asyncIterator](): AsyncIterator<InfraredTransport>;
  /** Accepts no more; an `accept` that waits fails. */
  close(): void;
  /** Closes. */
  [Symbol.dispose](): void;
  /** Closes, and waits until the system has let go. */
  [Symbol.asyncDispose](): Promise<void>;
}

function checkService(service: string): string {
  const length = typeof service === "string" ? new TextEncoder().encode(service).length : 0;
  if (length < 1 || length > IRDA_NAME_MAX || service.includes("\0")) {
    throw new TypeError(
      `An infrared service name has 1 to ${IRDA_NAME_MAX} bytes and no NUL: ${
        JSON.stringify(service)
      }`,
    );
  }
  return service;
}

function openSocket(what: string): FfiSocket {
  return FfiSocket.create(loadLibc(what), AF_IRDA, SOCK_STREAM, 0);
}

function explain(error: unknown, what: string, service: string): unknown {
  if (!(error instanceof SystemError) || error.syscall !== "socket") {
    return systemToNetError(error, what, { address: service });
  }
  const { code } = systemToNetError(error, what) as NetError;
  if (code !== "EAFNOSUPPORT") return systemToNetError(error, what, { address: service });
  return new NetError(
    `${what}: EAFNOSUPPORT, this kernel has no infrared sockets (Linux dropped IrDA in 4.17)`,
    { code, syscall: "socket", address: service, cause: error },
  );
}

function toAddr(end: InfraredEnd): OtherAddr {
  const device = end.device.toString(16).padStart(8, "0");
  return { transport: "infrared", address: end.service === "" ? device : end.service };
}

function toTransport(socket: FfiSocket, remote: InfraredEnd): InfraredTransport {
  return new FfiTransport(socket, {
    localAddr: toAddr(decodeIrdaAddr(socket.localAddress(SOCKADDR_IRDA))),
    remoteAddr: toAddr(remote),
  });
}

/**
 * Connects to an infrared service (IrDA over TinyTP), where the kernel has IrDA sockets: Linux up to 4.16. Takes
 * `--allow-ffi`. There the kernel itself may block for some seconds while it looks for the device.
 *
 * Not verified on a kernel that has them: none is packaged any more.
 *
 * @throws {TypeError} if the name is empty or too long.
 * @throws {RangeError} if `device` isn't a number of 32 bits.
 * @throws {NetError} `EAFNOSUPPORT` (the kernel has no IrDA: every Linux since 4.17), `EPERM` (no `--allow-ffi`), `ETIMEDOUT`,
 * `ABORT_ERR`, and what the system says.
 *
 * @example
 * ```ts ignore
 * import { connectInfrared } from "@sluice/sockets/net";
 *
 * await using phone = await connectInfrared({ service: "IrDA:IrCOMM" }, { timeout: 5_000 });
 * ```
 */
export async function connectInfrared(
  target: InfraredTarget,
  options: ConnectInfraredOptions = {},
): Promise<InfraredTransport> {
  const { device = 0 } = target;
  const service = checkService(target.service);
  if (!Number.isInteger(device) || device < 0 || device > 0xffffffff) {
    throw new RangeError(`An infrared device address is a number of 32 bits, not ${device}`);
  }
  const what = `Cannot connect to infrared "${service}"`;
  const deadline = deadlineSignal(`connect to infrared "${service}"`, {
    timeout: options.timeout ?? 30_000,
    signal: options.signal,
  });
  let socket: FfiSocket | undefined;
  try {
    if (deadline.fired) throw deadline.fired;
    socket = openSocket(what);
    await socket.connect(encodeIrdaAddr({ device, service }), deadline);
    if (socket.remoteAddress(SOCKADDR_IRDA) === undefined) {
      throw new SystemError("connect", ENOTCONN);
    }
    return toTransport(socket, { device, service });
  } catch (error) {
    socket?.close();
    throw explain(error, what, service);
  } finally {
    deadline.clear();
  }
}

/**
 * Listens for infrared connections to a service, where the kernel has IrDA sockets: Linux up to 4.16. Takes `--allow-ffi`.
 * Not verified on a kernel that has them.
 *
 * @throws {TypeError} if the name is empty or too long.
 * @throws {RangeError} if the backlog isn't at least 1.
 * @throws {NetError} `EAFNOSUPPORT` (the kernel has no IrDA: every Linux since 4.17), `EPERM` (no `--allow-ffi`), and what the
 * system says.
 *
 * @example
 * ```ts ignore
 * import { listenInfrared } from "@sluice/sockets/net";
 *
 * using listener = listenInfrared({ service: "IrDA:IrCOMM" });
 * const connection = await listener.accept({ timeout: 60_000 });
 * ```
 */
export function listenInfrared(options: ListenInfraredOptions): InfraredListener {
  const service = checkService(options.service);
  const { backlog = 8 } = options;
  if (!Number.isInteger(backlog) || backlog < 1) {
    throw new RangeError(`A backlog is at least 1, not ${backlog}`);
  }
  const what = `Cannot listen for infrared "${service}"`;
  let socket: FfiSocket | undefined;
  try {
    socket = openSocket(what);
    socket.bind(encodeIrdaAddr({ device: 0, service }));
    socket.listen(backlog);
    return new FfiListener<InfraredTransport>(socket, {
      addr: { transport: "infrared", address: service },
      addressSize: SOCKADDR_IRDA,
      what: "an infrared connection",
      connection: (peer, address) => toTransport(peer, decodeIrdaAddr(address)),
    });
  } catch (error) {
    socket?.close();
    throw explain(error, what, service);
  }
}
