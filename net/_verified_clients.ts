// Floor 2: protocol.

/** How many are remembered: more than there are sessions that can be resumed. */
const MAX_CLIENTS = 4096;

/**
 * The certificates of clients that were verified in whole handshakes, each with the authorities that vouched for it. The oldest are
 * forgotten first.
 */
export class VerifiedClients {
  readonly #known = new Set<string>();
  readonly #max: number;

  constructor(max = MAX_CLIENTS) {
    this.#max = max;
  }

  /** Remembers a certificate, by its fingerprint, that `authorities` have vouched for. */
  add(authorities: string, fingerprint: string): void {
    const key = `${authorities} ${fingerprint}`;
    this.#known.delete(key);
    this.#known.add(key);
    if (this.#known.size <= this.#max) return;
    const [oldest] = this.#known;
    this.#known.delete(oldest);
  }

  /** Whether these authorities have vouched for the certificate. */
  has(authorities: string, fingerprint: string): boolean {
    if (!this.#known.has(`${authorities} ${fingerprint}`)) return false;
    this.add(authorities, fingerprint);
    return true;
  }
}
