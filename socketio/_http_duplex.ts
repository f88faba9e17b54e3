// Floor 3: driver.
import { TransportDuplex } from "../net/node_transport.ts";
import type { TlsInfo } from "../net/tls_options.ts";

/** A connection that is handed to a `node:http` server: its `setTimeout` works, so that idle connections end. */
export class HttpDuplex extends TransportDuplex {
  /** Whether the connection came over TLS; node's request asks for it here. */
  encrypted = false;
  /** What the TLS handshake came to, where it is known. */
  tls: TlsInfo | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  override setTimeout(ms: number, listener?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (listener !== undefined) this.once("timeout", listener);
    if (ms > 0) this.#timer = setTimeout(() => this.emit("timeout"), ms);
    return this;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    super._destroy(error, callback);
  }
}
