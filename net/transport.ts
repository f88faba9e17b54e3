// Floor 0: vocabulary.

/** The address of one end of an IP transport. */
export interface InetAddr {
  /** The protocol family of the endpoint. */
  transport: "tcp" | "udp";
  /** The numeric IP address. */
  hostname: string;
  /** The port, 0 to 65535. */
  port: number;
}

/** The address of one end of a Unix domain transport. */
export interface UnixAddr {
  /** The protocol family of the endpoint. */
  transport: "unix" | "unixpacket";
  /** The path of the socket file; of an end that has none, as clients have, `null` or empty. */
  path: string | null;
}

/** The address of one end of a transport that is neither IP nor Unix, for example Bluetooth or memory. */
export interface OtherAddr {
  /** The family's name, for example `"bluetooth"` or `"memory"`. */
  transport: "vsock" | "bluetooth" | "infrared" | "memory";
  /** The address in the family's own text form. */
  address?: string;
  /** The port or channel, if the family has one. */
  port?: number;
}

/** The address of one end of a {@linkcode Transport}. */
export type TransportAddr = InetAddr | UnixAddr | OtherAddr;

/**
 * A stream of bytes in both directions: the one interface that everything in this package runs over.
 *
 * It is a structural subset of `Deno.Conn`, so a `Deno.TcpConn`, `Deno.TlsConn` or `Deno.UnixConn` is one as it stands.
 * Only one `read` and one `write` may be under way at a time; the two are independent of each other.
 *
 * @example
 * ```ts
 * import type { Transport } from "@sluice/sockets/net";
 *
 * async function readAll(transport: Transport): Promise<number> {
 *   const buffer = new Uint8Array(1024);
 *   let total = 0;
 *   for (let n; (n = await transport.read(buffer)) !== null;) total += n;
 *   return total;
 * }
 * ```
 */
export interface Transport {
  /** Reads into `p`, and resolves to the number of bytes read, at least 1; `null` at the end of the stream. */
  read(p: Uint8Array): Promise<number | null>;
  /** Writes from `p`, and resolves to the number of bytes taken, at least 1, which may be fewer than `p` holds. */
  write(p: Uint8Array): Promise<number>;
  /** Ends the writing direction (FIN); reading goes on. */
  closeWrite(): Promise<void>;
  /** Closes both directions at once and frees the resource. A pending read or write rejects. */
  close(): void;
  /** The address of this end. */
  readonly localAddr: TransportAddr;
  /** The address of the other end. */
  readonly remoteAddr: TransportAddr;
}
