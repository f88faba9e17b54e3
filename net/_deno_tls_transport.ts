// Floor 3: driver.
import type { Libc } from "./_bluetooth_libc.ts";
import { cutConnection, grantedLibc } from "./_tcp_descriptors.ts";
import { BELOW } from "./_transport_extras.ts";
import type { Transport } from "./transport.ts";

/** What is used of a `Deno.TlsConn`. */
export type DenoTlsConn =
  & Transport
  & Pick<Deno.TlsConn, "handshake" | "ref" | "unref">;

/**
 * A connection with Deno's TLS that is gone when it is closed in the handshake, or while a write waits. Deno itself holds it open until
 * the peer has taken part in the handshake, and taken what was written, however long that lasts.
 */
class DenoTlsTransport implements DenoTlsConn {
  readonly [BELOW]: DenoTlsConn;
  readonly #conn: DenoTlsConn;
  readonly #libc: Libc;
  #shaking = true;
  #writing: Promise<unknown> | null = null;

  constructor(conn: DenoTlsConn, libc: Libc) {
    this[BELOW] = this.#conn = conn;
    this.#libc = libc;
  }

  get localAddr(): Transport["localAddr"] {
    return this.#conn.localAddr;
  }

  get remoteAddr(): Transport["remoteAddr"] {
    return this.#conn.remoteAddr;
  }

  async handshake(): Promise<Deno.TlsHandshakeInfo> {
    try {
      return await this.#conn.handshake();
    } finally {
      this.#shaking = false;
    }
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#conn.read(p);
  }

  write(p: Uint8Array): Promise<number> {
    const writing = this.#conn.write(p);
    this.#writing = writing;
    return writing;
  }

  closeWrite(): Promise<void> {
    const writing = this.#conn.closeWrite();
    this.#writing = writing;
    return writing;
  }

  close(): void {
    const cut = (): void => void cutConnection(this.#libc, this.#conn);
    if (this.#shaking) cut();
    // A write that closing interrupts was waiting for the peer: Deno goes on to wait for it.
    else this.#writing?.catch((error) => error instanceof Deno.errors.Interrupted && cut());
    this.#conn.close();
  }

  ref(): void {
    this.#conn.ref();
  }

  unref(): void {
    this.#conn.unref();
  }
}

/** Makes connections with Deno's TLS ones that are gone when they are closed, where the C library may be asked for that. */
export function makeClosable(): (conn: DenoTlsConn) => DenoTlsConn {
  const libc = grantedLibc();
  return (conn) => libc === undefined ? conn : new DenoTlsTransport(conn, libc);
}
