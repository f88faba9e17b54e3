// Floor 3: driver.
import { closeQuietly } from "./_close_quietly.ts";
import { resetOf, sendingOf } from "./_reset.ts";
import { BELOW, passSettings, type TransportExtras } from "./_transport_extras.ts";
import type { Transport, TransportAddr } from "./transport.ts";

/** After how long the system is asked again whether the other end has all, in ms: each time later, up to the last. */
const ASK_FIRST = 5;
const ASK_LAST = 100;

/**
 * A transport that can be closed with a reset (RST), so that the peer does not take what came for all there is.
 *
 * Deno itself always ends a connection in order. Where the transport has a reset of its own (as {@linkcode NodeTransport} does), that is used.
 * Deno's TCP connections are reset by the C library: on Linux, with `--allow-ffi`; nobody is asked for the permission.
 *
 * @example
 * ```ts
 * import { pair, ResettableTransport } from "@sluice/sockets/net";
 * import { assert, assertRejects } from "@std/assert";
 *
 * const [a, b] = pair();
 * const transport = new ResettableTransport(a);
 * assert(transport.resets);
 * transport.reset();
 * await assertRejects(() => b.read(new Uint8Array(1)));
 * b.close();
 * ```
 */
export class ResettableTransport implements Transport {
  /** Whether `reset` gives the peer a reset, and not an ordinary end. */
  readonly resets: boolean;
  readonly #below: Transport & TransportExtras;
  readonly #reset: (() => void) | undefined;
  #closed = false;
  #onclose: (() => void) | undefined;

  /** Stands before a transport, which is used through it alone from then on. */
  constructor(below: Transport) {
    this.#below = below;
    this.#reset = resetOf(below);
    this.resets = this.#reset !== undefined;
    passSettings(this, below);
    Object.assign(this, { [BELOW]: below });
  }

  /** The own address. */
  get localAddr(): TransportAddr {
    return this.#below.localAddr;
  }

  /** The peer's address. */
  get remoteAddr(): TransportAddr {
    return this.#below.remoteAddr;
  }

  /** As {@linkcode Transport.read}. */
  read(p: Uint8Array): Promise<number | null> {
    return this.#below.read(p);
  }

  /** As {@linkcode Transport.write}. */
  write(p: Uint8Array): Promise<number> {
    return this.#below.write(p);
  }

  /** As {@linkcode Transport.closeWrite}. */
  closeWrite(): Promise<void> {
    return this.#below.closeWrite();
  }

  /** Closes in order. A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onclose?.();
    closeQuietly(this.#below);
  }

  /**
   * Resolves when the other end's system has all that was written, which a reset would discard; where that can't be told, at once; and when
   * the transport is closed. Not to be called twice at a time.
   */
  async arrived(): Promise<void> {
    const isSending = this.#closed ? undefined : sendingOf(this.#below);
    if (isSending === undefined) return;
    for (let wait = ASK_FIRST; !this.#closed && isSending();) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait);
        this.#onclose = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wait = Math.min(wait * 1.5, ASK_LAST);
    }
  }

  /** Closes with a reset, or, where that can't be done, at once. A second call does nothing. */
  reset(): void {
    if (this.#closed) return;
    try {
      this.#reset?.();
    } catch {
      // It is closed already.
    }
    this.close();
  }
}
