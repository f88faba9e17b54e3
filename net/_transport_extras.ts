// Floor 3: driver.
import type { Transport } from "./transport.ts";

/** What a transport may have beside its duty: `Deno.TcpConn` has most of it. */
export interface TransportExtras {
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean, initialDelay?: number): void;
  ref?(): void;
  unref?(): void;
  /** Closes with a reset (RST) instead of an ordinary end. */
  reset?(): void;
}

/** Gives a transport that stands before another one what that one has: who asks for it sees what there is. */
export function passExtras(
  upon: Transport & TransportExtras,
  below: Transport & TransportExtras,
): void {
  passSettings(upon, below);
  upon.reset = below.reset?.bind(below);
}

/** The same of what a connection can be set to, without the reset. */
export function passSettings(
  upon: Transport & TransportExtras,
  below: Transport & TransportExtras,
): void {
  const { setNoDelay, setKeepAlive, ref, unref } = below;
  upon.setNoDelay = setNoDelay?.bind(below);
  upon.setKeepAlive = setKeepAlive?.bind(below);
  upon.ref = ref?.bind(below);
  upon.unref = unref?.bind(below);
}
