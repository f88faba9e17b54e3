// Floor 2: protocol.
import type { NetErrorCode } from "./errors.ts";
import { toNetError } from "./os_error.ts";

/** What `accept` fails with for the one connection that it was about to give, which is gone. */
const GONE: readonly NetErrorCode[] = ["ECONNABORTED", "ECONNRESET", "ENOTCONN"];

/** How many are passed over in a row: more than come at once, and few enough not to hold up the process. */
const MAX_PASSED = 64;

/**
 * Tells a loop that accepts connections after which failures it goes on at once. `accept` fails with `ECONNABORTED`, `ECONNRESET` or
 * `ENOTCONN` when a client has reset its connection before it was accepted, as balancers do that only look whether somebody listens: the
 * next connection may be there already. A listener that is itself broken can fail so as well, for ever and without a pause; no timer and
 * no signal handler would run any more. So at the most 64 such failures in a row are passed over, and the next one is a failure as others
 * are: the loop rests, at least for a turn of the event loop, before it goes on.
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
 *       if (!failures.passOver(error)) await rest();
 *     }
 *   }
 * }
 *
 * let accepts = 0;
 * const accept = () =>
 *   Promise.reject(++accepts < 100 ? new Deno.errors.NotConnected() : new Deno.errors.BadResource());
 * let rests = 0;
 * await acceptAll({ accept } as unknown as Deno.Listener, async () => void rests++);
 * assertEquals([accepts, rests], [100, 1]);
 * ```
 */
export class AcceptFailures {
  #passed = 0;

  /** Whether to accept again at once, and tell nobody; if not, the loop is to rest, and the count begins anew. */
  passOver(error: unknown): boolean {
    const gone = GONE.includes(toNetError(error, { syscall: "accept" }).code);
    if (gone && this.#passed < MAX_PASSED) {
      this.#passed++;
      return true;
    }
    this.#passed = 0;
    return false;
  }

  /** A connection was accepted: the count begins anew. */
  clear(): void {
    this.#passed = 0;
  }
}
