// Floor 3: driver.

interface PendingPing {
  key: number;
  sent: number;
  resolve(ms: number): void;
  reject(error: Error): void;
}

/** The pings that a program has sent and that are not answered, each with a key of four bytes as its payload. */
export class PendingPings {
  #pings: PendingPing[] = [];
  #key = 0;

  /** How many there are. */
  get count(): number {
    return this.#pings.length;
  }

  /** The payload of a ping that is to be sent now. */
  nextPayload(): Uint8Array {
    const key = this.#key = (this.#key + 1) >>> 0;
    return new Uint8Array([key >>> 24, key >>> 16, key >>> 8, key]);
  }

  /** A ping with this payload was sent. Resolves to the time until its answer came, in ms. */
  sent(payload: Uint8Array): Promise<number> {
    const key = keyOf(payload);
    return new Promise((resolve, reject) => {
      this.#pings.push({ key, sent: performance.now(), resolve, reject });
    });
  }

  /** A pong came. An answer answers all pings before it, too: a peer may skip some. */
  answer(payload: Uint8Array): void {
    if (payload.length !== 4) return;
    const key = keyOf(payload);
    const index = this.#pings.findIndex((ping) => ping.key === key);
    if (index < 0) return;
    const now = performance.now();
    for (const ping of this.#pings.splice(0, index + 1)) ping.resolve(now - ping.sent);
  }

  /** No answer comes any more. */
  fail(makeError: () => Error): void {
    for (const ping of this.#pings.splice(0)) ping.reject(makeError());
  }
}

function keyOf(payload: Uint8Array): number {
  return (payload[0] << 24 | payload[1] << 16 | payload[2] << 8 | payload[3]) >>> 0;
}
