// Floor 3: driver.
import { toNetError } from "./os_error.ts";
import type { Transport } from "./transport.ts";
import { deadlineSignal, type WaitOptions } from "./wait.ts";
import { writeAll } from "./write_all.ts";

/** How long a handshake may take unless told otherwise, in ms. */
export const HANDSHAKE_TIMEOUT = 30_000;

/** The most bytes that are read at once where a handshake can't tell how many it needs. */
const READ_SIZE = 1024;

/** A handshake without a socket. */
export interface Handshake {
  /** Set where no byte may be read that does not belong to the handshake. */
  readonly needed?: number;
  readonly done: boolean;
  readonly error: Error | undefined;
  takeOutput(): Uint8Array;
  receive(chunk: Uint8Array): void;
  end(): void;
}

/** Reads once what a handshake needs next; the end of the stream goes to its `end`. */
export async function readInto(
  transport: Transport,
  handshake: Pick<Handshake, "needed" | "receive" | "end">,
): Promise<void> {
  const buffer = new Uint8Array(handshake.needed ?? READ_SIZE);
  const n = await transport.read(buffer);
  if (n === null) handshake.end();
  else handshake.receive(buffer.subarray(0, n));
}

/**
 * Runs the work of one phase under a deadline; `what` is for errors: "connect to ...". Whatever fails closes the transport, and so
 * ends the work that the deadline cut off.
 */
export async function withDeadline<T>(
  transport: Transport,
  what: string,
  options: WaitOptions,
  work: () => Promise<T>,
): Promise<T> {
  try {
    const deadline = deadlineSignal(what, { timeout: HANDSHAKE_TIMEOUT, ...definedOf(options) });
    try {
      return await new Promise<T>((resolve, reject) => {
        deadline.onfire(reject);
        if (deadline.fired === null) work().then(resolve, reject);
      });
    } finally {
      deadline.clear();
    }
  } catch (error) {
    try {
      transport.close();
    } catch {
      // It is closed already.
    }
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    throw toNetError(error, { syscall: "connect", what: `Cannot ${what}` });
  }
}

function definedOf(options: WaitOptions): WaitOptions {
  return options.timeout === undefined ? { signal: options.signal } : options;
}

/** Drives the client's side of a handshake to its end. */
export function driveHandshake(
  transport: Transport,
  handshake: Handshake,
  what: string,
  options: WaitOptions,
): Promise<void> {
  return withDeadline(transport, what, options, async () => {
    for (;;) {
      const output = handshake.takeOutput();
      if (output.length > 0) await writeAll(transport, output);
      if (handshake.error !== undefined) throw handshake.error;
      if (handshake.done) return;
      await readInto(transport, handshake);
    }
  });
}
