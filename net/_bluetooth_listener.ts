// Floor 3: driver.
import type { FfiSocket } from "./_bluetooth_socket.ts";
import { systemToNetError } from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";
import type { OtherAddr } from "./transport.ts";
import { deadlineSignal, type WaitOptions } from "./wait.ts";

/** How a {@linkcode FfiListener} makes transports out of connections. */
export interface FfiListenerOptions<T> {
  addr: OtherAddr;
  /** The size of the peer's address. */
  addressSize: number;
  /** What it accepts, in the words of an error text. */
  what: string;
  connection(socket: FfiSocket, address: Uint8Array): T;
  /** Called once, at close. */
  closed?(): void;
}

/** A listening socket of the system. */
export class FfiListener<T> implements AsyncIterable<T>, Disposable, AsyncDisposable {
  readonly addr: OtherAddr;
  readonly #socket: FfiSocket;
  readonly #options: FfiListenerOptions<T>;

  constructor(socket: FfiSocket, options: FfiListenerOptions<T>) {
    this.#socket = socket;
    this.#options = options;
    this.addr = options.addr;
  }

  get closed(): boolean {
    return this.#socket.closed;
  }

  async accept(options: WaitOptions = {}): Promise<T> {
    const what = `accept ${this.#options.what}`;
    const deadline = deadlineSignal(what, options);
    try {
      const { socket, address } = await this.#socket.accept(this.#options.addressSize, deadline);
      try {
        return this.#options.connection(socket, address);
      } catch (error) {
        socket.close();
        throw error;
      }
    } catch (error) {
      throw systemToNetError(error, `Cannot ${what}`, { port: this.addr.port });
    } finally {
      deadline.clear();
    }
  }

  /** Ends at close; leaving the loop closes, as with a listener of Deno. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) yield await this.accept();
    } catch (error) {
      if (!(error instanceof NetError && error.code === "ERR_SOCKET_CLOSED")) throw error;
    } finally {
      this.close();
    }
  }

  close(): void {
    if (this.#socket.closed) return;
    this.#socket.close();
    this.#options.closed?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#socket.settled();
  }
}
