// Floor 2: protocol.
import type { EnginePacket } from "./engine_packet.ts";

/** Limits of a {@linkcode PacketQueue}. */
export interface PacketQueueLimits {
  /** The most bytes that may wait, as far as they are known without encoding: a character counts as one. */
  readonly maxBytes: number;
  /** The most packets that may wait. */
  readonly maxPackets: number;
}

/** Packets that wait for a client to fetch them. Bounded in packets and in bytes. */
export class PacketQueue {
  readonly #limits: PacketQueueLimits;
  #packets: EnginePacket[] = [];
  #bytes = 0;

  constructor(limits: PacketQueueLimits) {
    this.#limits = limits;
  }

  /** How many packets wait. */
  get length(): number {
    return this.#packets.length;
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Puts a packet in. Returns `false`, and does nothing, if a limit does not allow it; a first one always goes in. */
  push(packet: EnginePacket): boolean {
    const size = (packet.data?.length ?? 0) + 1;
    const { length } = this.#packets;
    if (
      length > 0 &&
      (length >= this.#limits.maxPackets || this.#bytes + size > this.#limits.maxBytes)
    ) return false;
    this.#packets.push(packet);
    this.#bytes += size;
    return true;
  }

  /** Takes all packets out. */
  take(): EnginePacket[] {
    const packets = this.#packets;
    this.#packets = [];
    this.#bytes = 0;
    return packets;
  }
}
