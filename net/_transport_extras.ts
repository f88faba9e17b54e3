// Floor 3: driver.
import type { Transport } from "./transport.ts";

/** What a transport stands before: the connection itself, whatever addresses are told of it. */
export const BELOW: unique symbol = Symbol("below");

/** What a transport may have beside its duty: `Deno.TcpConn` has most of it. */
export interface TransportExtras {
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean, initialDelay?: number): void;
  ref?(): void;
  unref?(): void;
  /** Closes with a reset (RST) instead of an ordinary end. */
  reset?(): void;
  /** Whether `reset` really does that; if it does not say, it does. */
  readonly resets?: boolean;
  readonly [BELOW]?: Transport & TransportExtras;
}

type Whole = Transport & TransportExtras;

/** Gives a transport that stands before another one what that one has: who asks for it sees what there is. */
export function passExtras(upon: Whole, below: Whole): void {
  passSettings(upon, below);
  passReset(upon, below);
}

/** The same of what a connection can be set to, without the reset. */
export function passSettings(upon: Whole, below: Whole): void {
  const { setNoDelay, setKeepAlive, ref, unref } = below;
  upon.setNoDelay = setNoDelay?.bind(below);
  upon.setKeepAlive = setKeepAlive?.bind(below);
  upon.ref = ref?.bind(below);
  upon.unref = unref?.bind(below);
}

/** The same of the reset alone. */
export function passReset(upon: Whole, below: Whole): void {
  const { reset, resets } = below;
  Object.assign(upon, { reset: reset?.bind(below), resets, [BELOW]: below });
}
