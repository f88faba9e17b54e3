// Floor 3: driver.
import { checkPath, checkPort } from "./_connect_arguments.ts";
import type { ConnectOptions } from "./connect_options.ts";
import { toNetError } from "./os_error.ts";
import type { Transport } from "./transport.ts";

/** Stand-in. */
export async function openTransport(
  options: ConnectOptions,
  signal: AbortSignal,
  onlookup: (e: Error | null, a: string | null, f: 4 | 6 | null, h: string) => void,
): Promise<Transport> {
  void onlookup;
  try {
    if (options.path !== undefined) {
      return await Deno.connect({ transport: "unix", path: checkPath(options.path) });
    }
    return await Deno.connect({
      hostname: options.host ?? options.hostname ?? "localhost",
      port: checkPort(options.port),
      signal,
    });
  } catch (e) {
    throw toNetError(e, {
      syscall: "connect",
      address: options.path ?? options.host ?? "localhost",
      port: options.port,
    });
  }
}
