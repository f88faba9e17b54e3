// Floor 3: driver.
import type { ServerResponse } from "node:http";
import { TransportDuplex } from "../net/node_transport.ts";
import type { TlsInfo } from "../net/tls_options.ts";

/** A connection that is handed to node:http with the head of its first request, and what its requests tell of TLS. */
export class HttpDuplex extends TransportDuplex {
  /** Whether the connection came over TLS; node's request asks for it here. */
  encrypted = false;
  /** What the TLS handshake came to, where it is known. */
  tls: TlsInfo | undefined;
  /** Called when node:http reads on, which read nothing while too many responses waited. */
  onReadOn: () => void = () => {};
  #heldBack = false;
  #last: ServerResponse | undefined;
  /** How many requests wait for the end of their response: at first the one whose head was handed over. */
  #answering = 1;
  #first = true;
  #whenAnswered: (() => void) | undefined;

  /** A request came. Its response tells of its end in any case (`watchResponse`). */
  begin(response: ServerResponse): void {
    this.#last = response;
    if (this.#first) this.#first = false;
    else this.#answering++;
    response.once("close", () => this.#answered());
  }

  /** Whether the body of the last request has not come whole, though it is read. */
  get late(): boolean {
    return !this.#heldBack && this.#last?.req.complete === false;
  }

  override pause(): this {
    if ((this as { _paused?: boolean })._paused === true) this.#heldBack = true;
    return super.pause();
  }

  override resume(): this {
    if (this.#heldBack) {
      this.#heldBack = false;
      this.onReadOn();
    }
    return super.resume();
  }

  /** An upgrade came. Calls back once the responses to all requests before it have left, unless the connection has ended with them. */
  upgrade(callback: () => void): void {
    this.#whenAnswered = () => void (this.destroyed || this.writableEnded || callback());
    if (this.#first) {
      this.#first = false;
      this.#answered();
    } else if (this.#answering === 0) this.#whenAnswered();
  }

  /** Ends the connection once the responses to all requests that have come have left. */
  finish(): void {
    const end = () => void this.end(() => this.destroy());
    this.#whenAnswered = end;
    if (this.#answering === 0) end();
  }

  #answered(): void {
    if (--this.#answering === 0) this.#whenAnswered?.();
  }
}
