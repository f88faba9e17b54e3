// Floor 3: driver.
import { passExtras } from "./_transport_extras.ts";
import type { Transport, TransportAddr } from "./transport.ts";

class PrefixedTransport implements Transport {
  readonly #transport: Transport;
  #prefix: Uint8Array;

  constructor(transport: Transport, prefix: Uint8Array) {
    this.#transport = transport;
    this.#prefix = prefix;
    passExtras(this, transport);
  }

  get localAddr(): TransportAddr {
    return this.#transport.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#transport.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    const { length } = this.#prefix;
    if (length === 0) return this.#transport.read(p);
    const taken = Math.min(length, p.length);
    p.set(this.#prefix.subarray(0, taken));
    this.#prefix = this.#prefix.subarray(taken);
    return Promise.resolve(taken);
  }

  write(p: Uint8Array): Promise<number> {
    return this.#transport.write(p);
  }

  closeWrite(): Promise<void> {
    return this.#transport.closeWrite();
  }

  close(): void {
    this.#prefix = this.#prefix.subarray(0, 0);
    this.#transport.close();
  }
}

/**
 * A transport that first gives `prefix` to its reader, then what `transport` gives: for bytes that were read too far. Without
 * such bytes it is `transport` itself.
 *
 * @example
 * ```ts
 * import { pair, prefixTransport } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const [here, there] = pair();
 * const transport = prefixTransport(here, new Uint8Array([1, 2, 3]));
 * const buffer = new Uint8Array(2);
 * assertEquals([await transport.read(buffer), ...buffer], [2, 1, 2]);
 * assertEquals([await transport.read(buffer), buffer[0]], [1, 3]);
 * transport.close();
 * there.close();
 * ```
 */
export function prefixTransport(transport: Transport, prefix: Uint8Array): Transport {
  return prefix.length === 0 ? transport : new PrefixedTransport(transport, prefix.slice());
}
