// Floor 3: driver.
import type { NetErrorCode } from "./errors.ts";
import { toNetError } from "./os_error.ts";

/** What `accept` fails with for the one connection that it was about to give, which is gone. */
const GONE: readonly NetErrorCode[] = ["ECONNABORTED", "ECONNRESET", "ENOTCONN"];

/** After so many in a row the process has its turn. */
const A_TURN = 64;

/** How many are passed over in a row: more than a system keeps waiting. */
const MAX_PASSED = 16_384;

/**
 * Tells a loop that accepts connections after which failures it goes on at once. `accept` fails with `ECONNABORTED`, `ECONNRESET` or
 * `ENOTCONN` when a client has reset its connection before it was accepted, as balancers do that only look whether somebody listens, and
 * as anybody can do by the thousand: the next connection may be there already. A listener that is itself broken can fail so as well, for ever
 * and without a pause, and then no timer and no signal handler would run any more. So after each 64 such failures in a row a turn of the event
 * loop passes, and the next one after 16,384 is a failure as others are: the loop is to tell of it, and to rest before it goes on.
 *
 * @example
 * ```ts
 * import { AcceptFailures } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const failures = new AcceptFailures();
 * async function acceptAll(listener: Deno.Listener, rest: () => Promise<void>) {
 *   for (;;) {
 *     try {
 *       const conn = await listener.accept();
 *       failures.clear();
 *       conn.close();
 *     } catch (error) {
 *       if (error instanceof Deno.errors.BadResource) return;
 *       if (!await failures.passOver(error)) await rest();
 *     }
 *   }
 * }
 *
 * let accepts = 0;
 * const accept = () =>
 *   Promise.reject(++accepts < 20_000 ? new Deno.errors.NotConnected() : new Deno.errors.BadResource());
 * let rests = 0;
 * await acceptAll({ accept } as unknown as Deno.Listener, async () => void rests++);
 * assertEquals([accepts, rests], [20_000, 1]);
 * ```
 */
export class AcceptFailures {
  #passed = 0;

  /** Whether to accept again, and tell nobody; if not, the loop is to rest, and the count begins anew. */
  async passOver(error: unknown): Promise<boolean> {
    const gone = GONE.includes(toNetError(error, { syscall: "accept" }).code);
    if (!gone || this.#passed === MAX_PASSED) {
      this.#passed = 0;
      return false;
    }
    if (++this.#passed % A_TURN === 0) await new Promise<void>((resolve) => setTimeout(resolve));
    return true;
  }

  /** A connection was accepted: the count begins anew. */
  clear(): void {
    this.#passed = 0;
  }
}
