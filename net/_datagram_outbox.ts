// Floor 3: driver.
import { Line } from "./_line.ts";
import { NetError } from "./errors.ts";
import type { Deadline } from "./wait.ts";

/** How much may wait in a {@linkcode DatagramOutbox}. */
export interface DatagramOutboxLimits {
  /** The most datagrams. */
  maxSendQueue: number;
  /** The most bytes. */
  maxSendQueueBytes: number;
}

/** A datagram on its way out. */
export interface OutgoingDatagram {
  /** What it carries. */
  readonly data: Uint8Array;
  /** The port that it goes to. */
  readonly port: number;
  /** The address or the name that it goes to. */
  readonly address: string;
  /** Whether that was found, and judged by the policy, before. */
  readonly found: boolean;
  /** Ends the lookup of its name, when there is one. */
  stop?: AbortController;
}

interface Item extends OutgoingDatagram {
  resolve(size: number): void;
  reject(error: unknown): void;
  given: boolean;
}

/** The datagrams that wait to be sent. One follows the other: Deno puts sends that are under way together into any order. */
export class DatagramOutbox {
  readonly #limits: DatagramOutboxLimits;
  readonly #transmit: (datagram: OutgoingDatagram) => Promise<void>;
  readonly #queue: Line<Item> = new Line();
  #bytes = 0;
  #sending = false;
  #sent = 0;
  #bytesSent = 0;

  /** `transmit` resolves when the system has taken the datagram. */
  constructor(
    limits: DatagramOutboxLimits,
    transmit: (datagram: OutgoingDatagram) => Promise<void>,
  ) {
    this.#limits = limits;
    this.#transmit = transmit;
  }

  /** How many datagrams wait, with the one that the system has been given. */
  get length(): number {
    return this.#queue.length;
  }

  /** How many bytes they have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many datagrams were sent. */
  get sent(): number {
    return this.#sent;
  }

  /** How many bytes were sent. */
  get bytesSent(): number {
    return this.#bytesSent;
  }

  /**
   * Sends a datagram behind those that wait, and resolves to its size. The deadline is the caller's, who clears it.
   *
   * @throws {NetError} `ERR_BUFFER_LIMIT`, at once.
   */
  add(datagram: OutgoingDatagram, deadline: Deadline): Promise<number> {
    const { length } = datagram.data;
    const { maxSendQueue, maxSendQueueBytes } = this.#limits;
    const queue = this.#queue;
    if (queue.length >= maxSendQueue || this.#bytes + length > maxSendQueueBytes) {
      throw new NetError(
        `Cannot send: ${queue.length} datagrams (${this.#bytes} bytes) wait already`,
        { code: "ERR_BUFFER_LIMIT", syscall: "send" },
      );
    }
    return new Promise<number>((resolve, reject) => {
      const item: Item = { ...datagram, resolve, reject, given: false };
      const place = queue.push(item);
      this.#bytes += length;
      // What the system has been given can't be called back; the caller stops to wait for it.
      deadline.onfire((error) => {
        if (!item.given && this.#queue.remove(place)) this.#bytes -= length;
        item.stop?.abort();
        reject(error);
      });
      if (!this.#sending) void this.#sendAll();
    });
  }

  /** Forgets all, and tells each caller why. Deno never calls back for the one that it was given, either. */
  fail(why: () => NetError): void {
    this.#bytes = 0;
    for (const item of this.#queue.takeAll()) item.reject(why());
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    for (let item; (item = this.#queue.first) !== undefined;) {
      item.given = true;
      try {
        await this.#transmit(item);
        this.#sent++;
        this.#bytesSent += item.data.length;
        item.resolve(item.data.length);
      } catch (error) {
        item.reject(error);
      }
      // It is the first one still, unless all were forgotten meanwhile.
      if (this.#queue.first !== item) continue;
      this.#queue.shift();
      this.#bytes -= item.data.length;
    }
    this.#sending = false;
  }
}
