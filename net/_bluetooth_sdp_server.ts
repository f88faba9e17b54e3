// Floor 3: driver.
import type { FfiListener } from "./_bluetooth_listener.ts";
import { SdpDatabase } from "./sdp_database.ts";
import { BLUETOOTH_ANY } from "./bluetooth_address.ts";
import type { SdpRecord } from "./sdp_record.ts";
import type { OtherAddr, Transport } from "./transport.ts";

/** The largest packet that L2CAP can carry. */
const MAX_PACKET = 0xffff;

/** A connection that the server answers: packets, with a largest size. */
export interface SdpConnection extends Transport {
  readonly mtu: number | undefined;
  readonly localAddr: OtherAddr;
}

/** What bounds an {@linkcode SdpServer}. */
export interface SdpServerOptions {
  /** The most connections; further ones are closed at once. @default {16} */
  maxConnections?: number;
  /** A connection on which a request and its answer take longer than so many milliseconds is closed. @default {30000} */
  idleTimeout?: number;
}

/** Answers SDP requests on the connections of a listener, until it is closed. */
export class SdpServer {
  readonly #database = new SdpDatabase();
  /** The adapter of each record. */
  readonly #adapters = new Map<number, string>();
  readonly #listener: FfiListener<SdpConnection>;
  readonly #connections = new Set<SdpConnection>();
  readonly #maxConnections: number;
  readonly #idleTimeout: number;

  constructor(listener: FfiListener<SdpConnection>, options: SdpServerOptions = {}) {
    this.#listener = listener;
    this.#maxConnections = options.maxConnections ?? 16;
    this.#idleTimeout = options.idleTimeout ?? 30_000;
    this.#accept();
  }

  /** How many records it has. */
  get size(): number {
    return this.#adapters.size;
  }

  /** Adds a record that is visible through one adapter (by its address), or all; returns its handle. */
  add(adapter: string, record: SdpRecord): number {
    const handle = this.#database.add(record);
    this.#adapters.set(handle, adapter);
    return handle;
  }

  /** Removes a record; returns whether there was one. */
  remove(handle: number): boolean {
    return this.#adapters.delete(handle) && this.#database.remove(handle);
  }

  /** Whether it accepts connections. */
  get open(): boolean {
    return !this.#listener.closed;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#connections.size;
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        if (this.#connections.size >= this.#maxConnections) connection.close();
        else this.#serve(connection);
      }
    } catch {
      // The adapter is gone: the listener has closed itself, and nobody can ask any more.
    }
  }

  async #serve(connection: SdpConnection): Promise<void> {
    this.#connections.add(connection);
    const packet = new Uint8Array(MAX_PACKET);
    const { mtu = 48, localAddr } = connection;
    const visible = (handle: number) => {
      const adapter = this.#adapters.get(handle);
      return adapter === BLUETOOTH_ANY || adapter === localAddr.address;
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      for (;;) {
        timer = setTimeout(() => connection.close(), this.#idleTimeout);
        const count = await connection.read(packet);
        if (count === null) break;
        await connection.write(this.#database.answer(packet.subarray(0, count), mtu, visible));
        clearTimeout(timer);
      }
    } catch {
      // The client is gone, or was idle for too long.
    } finally {
      clearTimeout(timer);
      this.#connections.delete(connection);
      connection.close();
    }
  }

  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
  }
}

let server: SdpServer | undefined;

/**
 * Publishes a record for an adapter (by its address) and returns what takes it back. There is one server for all adapters,
 * which `listen` opens for the first record and which closes after the last. (With one server bound to each adapter, Linux would
 * give the requests to a server that is bound to all of them, if there is one.)
 */
export function publishRecord(
  adapter: string,
  record: SdpRecord,
  listen: () => FfiListener<SdpConnection>,
): () => void {
  if (!server?.open) server = new SdpServer(listen());
  const own = server;
  const handle = own.add(adapter, record);
  return () => {
    if (own.remove(handle) && own.size === 0) own.close();
  };
}
