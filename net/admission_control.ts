// Floor 3: driver.
import { Admission } from "./_admission.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { dropInfo, tell } from "./_socket_util.ts";
import { passExtras, type TransportExtras } from "./_transport_extras.ts";
import { checkOptionNames } from "./option_names.ts";
import type { AdmissionControlOptions, DropInfo, DropReason } from "./server_options.ts";
import type { Transport, TransportAddr } from "./transport.ts";

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof AdmissionControlOptions, true> = {
  maxConnectionsPerAddress: true,
  ipv6PrefixLength: true,
  blockList: true,
  allowList: true,
  acceptRate: true,
  onDrop: true,
};

/**
 * Lets connections in, or drops them: by lists of addresses, a cap for each address, and a rate. `createServer`, `serveWebSocket` and
 * `io.listen` have it as options; this is for accept loops of one's own.
 *
 * @example
 * ```ts
 * import { AdmissionControl } from "@sluice/sockets/net";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const dropped: string[] = [];
 * const admission = new AdmissionControl({
 *   maxConnectionsPerAddress: 1,
 *   onDrop: ({ reason }) => dropped.push(reason),
 * });
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const { port } = listener.addr;
 * using _one = await Deno.connect({ hostname: "127.0.0.1", port });
 * using _two = await Deno.connect({ hostname: "127.0.0.1", port });
 * const first = admission.admit(await listener.accept());
 * assert(first !== undefined);
 * assertEquals(admission.admit(await listener.accept()), undefined);
 * assertEquals(dropped, ["maxConnectionsPerAddress"]);
 * first.close(); // makes room for the next one
 * ```
 */
export class AdmissionControl {
  readonly #admission: Admission;
  readonly #onDrop: ((info: DropInfo) => void) | undefined;

  /**
   * Makes one that has let nobody in yet.
   *
   * @throws {RangeError} For a cap or a rate that would let nobody in.
   * @throws {TypeError} `ERR_INVALID_ARG_TYPE` for a list that can't be asked, `ERR_INVALID_ARG_VALUE` for options that there are not; and when
   * `onDrop` is no function.
   */
  constructor(options: AdmissionControlOptions = {}) {
    // Unseen, a misspelt list would let everybody in.
    checkOptionNames("Cannot make an admission control", options, OPTIONS);
    const { onDrop } = options;
    if (onDrop !== undefined && typeof onDrop !== "function") {
      throw new TypeError("Cannot make a server: onDrop is not a function");
    }
    this.#admission = new Admission(options);
    this.#onDrop = onDrop;
  }

  /**
   * That of a server, among whose options are others.
   *
   * @ignore
   */
  static _of(options: AdmissionControlOptions): AdmissionControl {
    const names = Object.keys(OPTIONS) as (keyof AdmissionControlOptions)[];
    return new AdmissionControl(
      Object.fromEntries(names.map((name) => [name, options[name]])) as AdmissionControlOptions,
    );
  }

  /**
   * Lets a connection in, or closes it.
   *
   * @param full Whether there is no place for any: all are dropped with `maxConnections` then, if not by a list, and take nothing of the rate.
   * @returns What to go on with in its place: its `close` makes room for another one of the same address. `undefined` for one that was dropped.
   * @throws {Error} What the check of a list throws; the connection is closed then.
   */
  admit(transport: Transport, full = false): Transport | undefined {
    const { remoteAddr } = transport;
    const address = "hostname" in remoteAddr ? remoteAddr.hostname : undefined;
    let reason: DropReason | undefined;
    try {
      reason = this.#admission.enter(address, performance.now(), full);
    } catch (error) {
      closeQuietly(transport);
      throw error;
    }
    if (reason !== undefined) {
      this.tell(transport, reason);
      closeQuietly(transport);
      return undefined;
    }
    if (address === undefined || !this.#admission.counts) return transport;
    return new AdmittedTransport(transport, () => this.#admission.leave(address));
  }

  /** Tells `onDrop` of a connection that is not let in for another reason. */
  tell(transport: Transport, reason: DropReason): void {
    const onDrop = this.#onDrop;
    if (onDrop !== undefined) tell("a server", () => onDrop(dropInfo(transport, reason)));
  }
}

/** A connection that is counted until it is closed. */
class AdmittedTransport implements Transport {
  readonly #transport: Transport;
  #leave: (() => void) | undefined;

  constructor(transport: Transport & TransportExtras, leave: () => void) {
    this.#transport = transport;
    this.#leave = leave;
    passExtras(this, transport);
    if (transport.reset === undefined) return;
    (this as TransportExtras).reset = () => {
      this.#left();
      transport.reset!();
    };
  }

  get localAddr(): TransportAddr {
    return this.#transport.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#transport.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#transport.read(p);
  }

  write(p: Uint8Array): Promise<number> {
    return this.#transport.write(p);
  }

  closeWrite(): Promise<void> {
    return this.#transport.closeWrite();
  }

  close(): void {
    this.#left();
    this.#transport.close();
  }

  #left(): void {
    this.#leave?.();
    this.#leave = undefined;
  }
}
