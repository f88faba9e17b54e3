// Floor 3: driver.

/** Closes a transport or a listener that may be closed already, or taken over by another. */
export function closeQuietly(open: { close(): void } | undefined): void {
  try {
    open?.close();
  } catch {
    // It is closed.
  }
}
