// Floor 3: driver.
import type { Encoding } from "../buffer/types.ts";
import type { TransportAddr } from "../net/transport.ts";
import type { WaitOptions } from "../net/wait.ts";

/** How somebody wants to read. */
export interface ReadRequest {
  /** How long to wait, in ms; `undefined` for ever. */
  timeout: number | undefined;
  signal: AbortSignal | undefined;
  /** The most bytes, where there are no messages. */
  maxBytes: number;
  /** How long to gather after the first bytes, in ms, where there are no messages. */
  receiveDelay: number;
  /** The encoding of the text that is wanted, whose characters are not to be cut; `undefined` for bytes. */
  encoding: Encoding | undefined;
}

/** Where somebody wants to write to, and for how long. */
export interface WriteRequest extends WaitOptions {
  /** The destination of a datagram. */
  address: string | undefined;
  port: number | undefined;
}

/** Who is at the other end. */
export interface PeerInfo {
  address: string;
  port: string;
}

/** What a name stands for. */
export interface NamedSocket {
  /** What came; `undefined` when nothing came in time. Text only where the peer sent text as such. */
  read(request: ReadRequest): Promise<Uint8Array | string | undefined>;
  /** Sends one message. Text is sent as text where there is a difference, else as `bytes`. */
  write(bytes: Uint8Array, request: WriteRequest, text?: string): Promise<void>;
  /** The peer, or `undefined` while there is none. */
  peer(): PeerInfo | undefined;
  /** Ends it: what waits fails, what is queued is sent within the time. Never rejects. */
  close(options: WaitOptions): Promise<void>;
}

/** The address of a peer, as WLangage tells it. */
export function peerInfo(addr: TransportAddr): PeerInfo {
  if ("hostname" in addr) return { address: addr.hostname, port: String(addr.port) };
  if ("path" in addr) return { address: addr.path ?? "", port: "" };
  return { address: addr.address ?? "", port: addr.port === undefined ? "" : String(addr.port) };
}
