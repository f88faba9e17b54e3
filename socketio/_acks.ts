// Floor 3: driver.
import { timerTime } from "./_time.ts";
import { SocketIoError } from "./errors.ts";
import type { AdapterPacket, SocketIoAdapter, Untyped } from "./types.ts";

/** Takes the arguments of an acknowledgement. */
export type AckCallback = (...args: Untyped[]) => void;

/** What may be known of an adapter: how to take acknowledgements back, or its namespace. */
interface KnownAdapter {
  _forgetAcks?(packet: AdapterPacket): void;
  nsp?: { sockets?: ReadonlyMap<string, { acks: Map<number, unknown> }> };
}

interface Wait {
  readonly event: string;
  readonly timer: ReturnType<typeof setTimeout> | undefined;
  readonly fail: (error: Untyped) => void;
}

/**
 * The acknowledgements that one socket waits for. It is a map from number to callback, as npm's adapters expect it, and
 * knows beside it which of them must be told when no acknowledgement will come.
 *
 * Bounded: above the limit the oldest one is given up.
 */
export class AckMap extends Map<number, AckCallback> {
  readonly #limit: number;
  #waits: Map<number, Wait> | undefined;

  /** Makes a map for at most `limit` acknowledgements. */
  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override set(id: number, callback: AckCallback): this {
    if (this.size >= this.#limit && !this.has(id)) {
      const oldest = this.keys().next().value as number;
      this.#fail(oldest, "ERR_LIMIT", `${this.#limit} later ones wait already`);
    }
    return super.set(id, callback);
  }

  override delete(id: number): boolean {
    const wait = this.#waits?.get(id);
    if (wait !== undefined) {
      clearTimeout(wait.timer);
      this.#waits!.delete(id);
    }
    return super.delete(id);
  }

  /**
   * Waits for an acknowledgement, for at most `timeout` ms. `fail` is called in place of `callback` when it does not
   * come in time, or when the socket is disconnected first.
   */
  wait(
    id: number,
    event: string,
    timeout: number | undefined,
    callback: AckCallback,
    fail: (error: Untyped) => void,
  ): void {
    this.set(id, callback);
    const timer = timeout === undefined ? undefined : setTimeout(
      () => this.#fail(id, "ERR_TIMEOUT", `no answer within ${timeout} ms`),
      timerTime(timeout),
    );
    (this.#waits ??= new Map()).set(id, { event, timer, fail });
  }

  /** Takes the callback of an acknowledgement that came. */
  take(id: number): AckCallback | undefined {
    const callback = this.get(id);
    if (callback !== undefined) this.delete(id);
    return callback;
  }

  /** Gives one up: who must be told, is. */
  giveUp(id: number, reason: string): void {
    this.#fail(id, "ERR_DISCONNECTED", reason);
  }

  /** Gives one up whose question could not be sent. Returns whether somebody had to be told why. */
  refuse(id: number, error: unknown): boolean {
    const wait = this.#waits?.get(id);
    this.delete(id);
    wait?.fail(error);
    return wait !== undefined;
  }

  /** Gives all up but those to keep: those who must be told, are. */
  abandon(reason: string, keep?: ReadonlySet<number | undefined>): void {
    for (const id of [...this.keys()]) {
      if (!keep?.has(id)) this.#fail(id, "ERR_DISCONNECTED", reason);
    }
  }

  #fail(id: number, code: "ERR_TIMEOUT" | "ERR_DISCONNECTED" | "ERR_LIMIT", why: string): void {
    const wait = this.#waits?.get(id);
    this.delete(id);
    wait?.fail(new SocketIoError(code, `Cannot emit "${wait.event}" with an answer: ${why}`));
  }
}

/** The sockets of this server need not wait for the acknowledgements of a broadcast that would come too late. */
export function forgetAcks(adapter: SocketIoAdapter, packet: AdapterPacket): void {
  const known = adapter as unknown as KnownAdapter;
  if (known._forgetAcks !== undefined) return known._forgetAcks(packet);
  if (packet.id === undefined) return;
  for (const socket of known.nsp?.sockets?.values() ?? []) socket.acks.delete(packet.id);
}
