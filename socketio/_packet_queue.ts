// Floor 2: protocol.
import type { Budget, BudgetEntry, BudgetHolder } from "../net/budget.ts";
import type { EnginePacket } from "./engine_packet.ts";

/** Limits of a {@linkcode PacketQueue}. */
export interface PacketQueueLimits {
  /** The most bytes that may wait, as far as they are known without encoding: a character counts as one. */
  readonly maxBytes: number;
  /** The most packets that may wait. */
  readonly maxPackets: number;
}

/** What counts the bytes of many queues. */
export interface PacketQueueBudget {
  /** The budget. */
  readonly budget: Budget;
  /** This queue was emptied, because all together are at the limit and this one was the longest. */
  onOverBudget(): void;
}

/** Packets that wait for a client to fetch them. Bounded in packets and in bytes. */
export class PacketQueue implements BudgetHolder {
  readonly #limits: PacketQueueLimits;
  readonly #shared: PacketQueueBudget | undefined;
  /** For the budget. */
  entry: BudgetEntry | undefined = undefined;
  #packets: EnginePacket[] = [];
  #bytes = 0;

  constructor(limits: PacketQueueLimits, shared?: PacketQueueBudget) {
    this.#limits = limits;
    this.#shared = shared;
  }

  /** How many packets wait. */
  get length(): number {
    return this.#packets.length;
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many bytes the budget counts. */
  get held(): number {
    return this.#bytes;
  }

  /** For the budget. */
  onOverBudget(): void {
    this.take();
    this.#shared!.onOverBudget();
  }

  /** Puts a packet in. Returns `false`, and does nothing, if a limit does not allow it; a first one always goes in. */
  push(packet: EnginePacket): boolean {
    const size = (packet.data?.length ?? 0) + 1;
    const { length } = this.#packets;
    if (
      length > 0 &&
      (length >= this.#limits.maxPackets || this.#bytes + size > this.#limits.maxBytes)
    ) return false;
    const budget = this.#shared?.budget;
    if (length > 0 && budget?.refuses) return false;
    this.#packets.push(packet);
    this.#bytes += size;
    if (budget !== undefined) {
      if (length === 0) budget.watch(this);
      if (budget.add(size)) budget.relieve();
    }
    return true;
  }

  /** Takes all packets out. */
  take(): EnginePacket[] {
    const packets = this.#packets;
    const budget = this.#shared?.budget;
    if (budget !== undefined && packets.length > 0) {
      budget.unwatch(this);
      budget.remove(this.#bytes);
    }
    this.#packets = [];
    this.#bytes = 0;
    return packets;
  }
}
