// Floor 3: driver.
import { closedError, type FfiSocket } from "./_bluetooth_socket.ts";
import {
  ECONNRESET,
  ENOTCONN,
  EPIPE,
  SHUT_WR,
  SystemError,
  systemToNetError,
} from "./_bluetooth_sys.ts";
import type { OtherAddr, Transport } from "./transport.ts";

/** After the peer's close, so many reads in a row that give nothing are the end of its packets. */
const MAX_EMPTY = 8;

/** How a {@linkcode FfiTransport} moves its bytes. */
export interface FfiTransportOptions {
  localAddr: OtherAddr;
  remoteAddr: OtherAddr;
  /** Packets instead of a stream: the largest out and in. What is read in pieces is kept. */
  packets?: { outgoing: number; incoming: number };
  /** Whether a reset is how the peer's close shows (RFCOMM). @default {false} */
  resetIsEnd?: boolean;
}

/** A byte transport over a socket of the system. */
export class FfiTransport implements Transport, Disposable, AsyncDisposable {
  readonly localAddr: OtherAddr;
  readonly remoteAddr: OtherAddr;
  readonly mtu: number | undefined;
  readonly #socket: FfiSocket;
  readonly #incoming: number;
  readonly #resetIsEnd: boolean;
  #packet: Uint8Array | undefined;
  #rest: Uint8Array | undefined;
  #ended = false;
  #writable = true;

  constructor(socket: FfiSocket, options: FfiTransportOptions) {
    this.#socket = socket;
    this.localAddr = options.localAddr;
    this.remoteAddr = options.remoteAddr;
    this.mtu = options.packets?.outgoing;
    this.#incoming = options.packets?.incoming ?? 0;
    this.#resetIsEnd = options.resetIsEnd ?? false;
  }

  async read(p: Uint8Array): Promise<number | null> {
    if (this.#socket.closed) throw closedError();
    if (p.length === 0) return 0;
    if (this.#rest !== undefined) return this.#takeRest(p);
    if (this.#ended) return null;
    // A packet that is read into too little room is cut short, so small reads go through a buffer.
    const buffered = p.length < this.#incoming;
    const into = buffered ? this.#packet ??= new Uint8Array(this.#incoming) : p;
    const count = await this.#receive(into);
    if (count === 0) {
      this.#ended = true;
      return null;
    }
    if (!buffered) return count;
    this.#rest = into.subarray(0, count);
    return this.#takeRest(p);
  }

  #takeRest(p: Uint8Array): number {
    const rest = this.#rest!;
    const count = Math.min(rest.length, p.length);
    p.set(rest.subarray(0, count));
    this.#rest = count < rest.length ? rest.subarray(count) : undefined;
    return count;
  }

  /** 0 at the end of the stream. */
  async #receive(into: Uint8Array): Promise<number> {
    try {
      let count = await this.#socket.read(into);
      if (this.#incoming === 0) return count;
      // An empty packet is no end, and no data either. Nor is the first 0 after the peer's close the end: Linux reports the
      // close first, and gives the packets that came before it afterwards.
      for (let empty = 0; count === 0 && empty < MAX_EMPTY;) {
        empty = this.#socket.hungUp ? empty + 1 : 0;
        count = await this.#socket.read(into);
      }
      return count;
    } catch (error) {
      if (error instanceof SystemError) {
        if (error.errno === ECONNRESET && this.#resetIsEnd) return 0;
        if (error.errno === ENOTCONN && !this.#writable) return 0;
      }
      throw this.#explain(error, "read from");
    }
  }

  async write(p: Uint8Array): Promise<number> {
    if (this.#socket.closed) throw closedError();
    if (!this.#writable) throw this.#explain(new SystemError("write", EPIPE), "write to");
    if (p.length === 0) return 0;
    try {
      return await this.#socket.write(this.mtu === undefined ? p : p.subarray(0, this.mtu));
    } catch (error) {
      throw this.#explain(error, "write to");
    }
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) throw closedError();
      if (this.#writable) {
        this.#writable = false;
        try {
          this.#socket.shutdown(SHUT_WR);
        } catch (error) {
          // The peer was faster.
          if (!(error instanceof SystemError && error.errno === ENOTCONN)) {
            throw this.#explain(error, "end");
          }
        }
      }
      resolve();
    });
  }

  close(): void {
    this.#socket.close();
    this.#rest = this.#packet = undefined;
  }

  #explain(error: unknown, verb: string): unknown {
    const { address, port } = this.remoteAddr;
    return systemToNetError(error, `Cannot ${verb} "${address}"`, { address, port });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#socket.settled();
  }
}
