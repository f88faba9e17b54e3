// Floor 3: driver.
import type { TransportExtras } from "./_transport_extras.ts";
import { NetError } from "./errors.ts";
import type { SocketOptions } from "./socket_options.ts";
import { configureTransport } from "./transport_settings.ts";

/** Sets what the options say on a connection that is new, and has the usual settings. */
export function beginSettings(
  transport: TransportExtras,
  options: SocketOptions,
  refed: boolean,
): void {
  const { noDelay = true, keepAlive, keepAliveInitialDelay } = options;
  configureTransport(transport, {
    noDelay: noDelay || undefined,
    keepAlive: keepAlive || undefined,
    keepAliveInitialDelay,
  });
  if (!refed) transport.unref?.();
}

/**
 * Checks that a connection that is open takes a delay of its keep-alive probes.
 *
 * @throws {NetError} `ERR_UNSUPPORTED` when it can't: one of Deno's own can't.
 */
export function checkKeepAliveDelay(transport: TransportExtras): void {
  if ((transport.setKeepAlive?.length ?? 0) >= 2) return;
  throw new NetError(
    "Cannot set the keep-alive delay: Deno can't on an open connection; give keepAlive and keepAliveInitialDelay to connect() or createServer()",
    { code: "ERR_UNSUPPORTED" },
  );
}

/** What of the options of one connection holds for the next one, too. */
export function lastingOptions(options: SocketOptions): SocketOptions {
  const { allowHalfOpen, highWaterMark, maxSendQueueBytes, noDelay } = options;
  const { keepAlive, keepAliveInitialDelay, limits } = options;
  return {
    allowHalfOpen,
    highWaterMark,
    maxSendQueueBytes,
    noDelay,
    keepAlive,
    keepAliveInitialDelay,
    limits,
  };
}
