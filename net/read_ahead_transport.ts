// Floor 3: driver.
import { passExtras } from "./_transport_extras.ts";
import type { Transport, TransportAddr } from "./transport.ts";

const NOTHING = new Uint8Array(0);

/**
 * A transport whose next bytes are read before anybody asks for them, once, to learn whether the peer leaves; who reads afterwards
 * gets what that brought.
 *
 * @example
 * ```ts
 * import { pair, ReadAheadTransport } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [here, there] = pair();
 * const left = Promise.withResolvers<string>();
 * const watched = new ReadAheadTransport(here, 512, () => left.resolve("it has left"));
 * there.close();
 * assertEquals(await left.promise, "it has left");
 * watched.close();
 * ```
 */
export class ReadAheadTransport implements Transport {
  readonly #transport: Transport;
  #bytes: Uint8Array;
  /** The read ahead, until somebody has taken all that it brought. */
  #ahead: Promise<number | null> | undefined;
  #onleave: ((fault?: unknown) => void) | undefined;

  /** Reads up to `size` bytes; `onleave`, which must not throw, is told when there is an end, or a fault, in place of bytes. */
  constructor(transport: Transport, size: number, onleave: (fault?: unknown) => void) {
    this.#transport = transport;
    this.#bytes = new Uint8Array(size);
    this.#onleave = onleave;
    passExtras(this, transport);
    this.#ahead = transport.read(this.#bytes);
    this.#ahead.then((n) => {
      this.#bytes = this.#bytes.subarray(0, n ?? 0);
      if (n === null) this.#onleave?.();
    }, (fault) => this.#onleave?.(fault));
  }

  /** Tells nobody of an end any more: whoever reads comes upon it. */
  unwatch(): void {
    this.#onleave = undefined;
  }

  get localAddr(): TransportAddr {
    return this.#transport.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#transport.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#ahead === undefined ? this.#transport.read(p) : this.#readBrought(this.#ahead, p);
  }

  async #readBrought(ahead: Promise<number | null>, p: Uint8Array): Promise<number | null> {
    const n = await ahead;
    const taken = Math.min(this.#bytes.length, p.length);
    p.set(this.#bytes.subarray(0, taken));
    this.#bytes = this.#bytes.subarray(taken);
    if (this.#bytes.length === 0) {
      this.#ahead = undefined;
      this.#bytes = NOTHING;
    }
    return n === null ? null : taken;
  }

  write(p: Uint8Array): Promise<number> {
    return this.#transport.write(p);
  }

  closeWrite(): Promise<void> {
    return this.#transport.closeWrite();
  }

  close(): void {
    this.unwatch();
    this.#ahead = undefined;
    this.#transport.close();
  }
}
