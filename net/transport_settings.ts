// Floor 3: driver.
import { NetError } from "./errors.ts";
import type { Transport } from "./transport.ts";

/** What a connection can be set to while it is open. What is left out stays as it is. */
export interface TransportSettings {
  /** Whether small writes are sent at once; `false` has the system gather them (Nagle's algorithm). */
  noDelay?: boolean;
  /** Whether the system probes a silent connection. */
  keepAlive?: boolean;
  /** After how many ms of silence the first probe is sent, where the transport takes that; else the system decides. */
  keepAliveInitialDelay?: number;
}

/** The part of a transport that has settings: a `Deno.TcpConn` has it. */
export interface ConfigurableTransport {
  /** Switches Nagle's algorithm off or on. */
  setNoDelay?(on: boolean): unknown;
  /** Has the system probe a silent connection. */
  setKeepAlive?(on: boolean, initialDelay?: number): unknown;
}

/**
 * Sets a connection as far as it can be set: a transport without such a setting is left as it is. It never throws. Some systems refuse it once
 * the peer has left, which is no fault of the program, and which reading tells, too; Deno refuses it while something is written, see
 * {@linkcode LateSettings}.
 *
 * @returns Whether nothing was refused.
 *
 * @example
 * ```ts
 * import { configureTransport } from "@sluice/sockets/net";
 * import { assert } from "@std/assert";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * using client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
 * assert(configureTransport(client, { noDelay: true, keepAlive: true }));
 * ```
 */
export function configureTransport(
  transport: Transport | ConfigurableTransport,
  settings: TransportSettings,
): boolean {
  const configurable = transport as ConfigurableTransport;
  const { noDelay, keepAlive, keepAliveInitialDelay } = settings;
  try {
    if (noDelay !== undefined) configurable.setNoDelay?.(noDelay);
    if (keepAlive !== undefined) setKeepAlive(configurable, keepAlive, keepAliveInitialDelay);
    return true;
  } catch {
    return false;
  }
}

function setKeepAlive(transport: ConfigurableTransport, on: boolean, delay?: number): void {
  try {
    transport.setKeepAlive?.(on, delay);
  } catch (error) {
    // A socket of this module over one of Deno's, which takes no delay: the probes are what matters.
    if (!(error instanceof NetError && error.code === "ERR_UNSUPPORTED")) throw error;
    transport.setKeepAlive?.(on);
  }
}

/**
 * Settings that a connection refused, until they can be repeated: Deno's own refuse them while a write is under way.
 *
 * @example
 * ```ts
 * import { LateSettings } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * let writing = true;
 * const set: boolean[] = [];
 * const transport = {
 *   setNoDelay(on: boolean) {
 *     if (writing) throw new Deno.errors.Busy();
 *     set.push(on);
 *   },
 * };
 * const late = new LateSettings();
 * assertEquals(late.set(transport, { noDelay: true }), false);
 * writing = false;
 * late.repeat(transport);
 * assertEquals(set, [true]);
 * ```
 */
export class LateSettings {
  #late: TransportSettings | null = null;

  /**
   * Sets a connection, also to what was refused before.
   *
   * @returns Whether nothing is left for {@linkcode LateSettings.repeat}.
   */
  set(transport: Transport | ConfigurableTransport, settings: TransportSettings): boolean {
    const { noDelay, keepAlive } = settings;
    const all: TransportSettings = { ...this.#late };
    if (noDelay !== undefined) all.noDelay = noDelay;
    if (keepAlive !== undefined) {
      all.keepAlive = keepAlive;
      all.keepAliveInitialDelay = settings.keepAliveInitialDelay;
    }
    this.#late = configureTransport(transport, all) ? null : all;
    return this.#late === null;
  }

  /** To be called when a write is over, before the next one: tries once more what was refused. */
  repeat(transport: Transport | ConfigurableTransport): void {
    const late = this.#late;
    if (late === null) return;
    this.#late = null;
    configureTransport(transport, late);
  }
}
