// Floor 3: driver.
import type { FfiListener } from "./_bluetooth_listener.ts";
import { SdpDatabase } from "./sdp_database.ts";
import type { SdpRecord } from "./sdp_record.ts";
import type { Transport } from "./transport.ts";

/** The largest packet that L2CAP can carry. */
const MAX_PACKET = 0xffff;

/** A connection that the server answers: packets, with a largest size. */
export interface SdpConnection extends Transport {
  readonly mtu: number | undefined;
}

/** What bounds an {@linkcode SdpServer}. */
export interface SdpServerOptions {
  /** The most connections; further ones are closed at once. @default {16} */
  maxConnections?: number;
  /** After so many milliseconds without a request a connection is closed. @default {30000} */
  idleTimeout?: number;
}

/** Answers SDP requests on the connections of a listener, until it is closed. */
export class SdpServer {
  readonly database = new SdpDatabase();
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
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      for (;;) {
        timer = setTimeout(() => connection.close(), this.#idleTimeout);
        const count = await connection.read(packet);
        clearTimeout(timer);
        if (count === null) break;
        const mtu = connection.mtu ?? 48;
        await connection.write(this.database.answer(packet.subarray(0, count), mtu));
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

const servers = new Map<string, SdpServer>();

/**
 * Publishes a record for an adapter (by its address) and returns what takes it back. There is one server for each adapter,
 * which `listen` opens for the first record and which closes after the last.
 */
export function publishRecord(
  localAddress: string,
  record: SdpRecord,
  listen: () => FfiListener<SdpConnection>,
): () => void {
  let server = servers.get(localAddress);
  if (!server?.open) servers.set(localAddress, server = new SdpServer(listen()));
  const handle = server.database.add(record);
  return () => {
    if (!server.database.remove(handle) || server.database.size > 0) return;
    server.close();
    if (servers.get(localAddress) === server) servers.delete(localAddress);
  };
}
