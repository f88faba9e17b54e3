// Floor 3: driver.
import type { Transport } from "./transport.ts";

/** Closes a transport that may be closed already, or taken over by another. */
export function closeQuietly(transport: Transport | undefined): void {
  try {
    transport?.close();
  } catch {
    // It is closed.
  }
}
