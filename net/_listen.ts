// Floor 3: driver.
import { checkPath, checkPort, codedTypeError } from "./_connect_arguments.ts";
import { NetError } from "./errors.ts";
import { toNetError } from "./os_error.ts";
import type { ListenOptions, TransportListener } from "./server_options.ts";

/** Takes `([port | path | options] [, host] [, backlog] [, listener])` apart, as Node's `listen` and Luvit's do. */
export function listenArguments(
  args: readonly unknown[],
): { options: ListenOptions; listener?: () => void } {
  const rest = [...args];
  const last = rest.at(-1);
  const listener = typeof last === "function" ? rest.pop() as () => void : undefined;
  const [first, ...others] = rest;
  const backlog = others.find((value) => typeof value === "number");
  if (typeof first === "object" && first !== null) {
    const { port, path } = first as ListenOptions;
    if (path === undefined) checkPort(port ?? 0);
    else checkPath(path);
    return { options: first as ListenOptions, listener };
  }
  if (typeof first === "string" && !/^\s*\d+\s*$/.test(first)) {
    return { options: { path: checkPath(first), backlog }, listener };
  }
  const host = others.find((value) => typeof value === "string");
  return { options: { port: checkPort(first ?? 0), host, backlog }, listener };
}

/**
 * Opens a listener. A host with a NUL or another character that no host has is refused before the system sees it.
 *
 * @throws {TypeError} For a bad host. @throws {NetError} With Node's code.
 */
export async function openListener(options: ListenOptions): Promise<TransportListener> {
  const { path, port = 0, backlog } = options;
  const hostname = options.host ?? options.hostname;
  // deno-lint-ignore no-control-regex
  if (hostname !== undefined && /[\x00-\x20\x7f]/.test(hostname)) {
    throw codedTypeError(
      "ERR_INVALID_ARG_VALUE",
      "Cannot listen: the host holds a control character",
    );
  }
  try {
    if (path !== undefined) return await listenUnix(path, options.removeStale === true);
    const settings = { port, tcpBacklog: backlog, reusePort: options.reusePort };
    if (hostname !== undefined) return Deno.listen({ ...settings, hostname });
    try {
      return Deno.listen({ ...settings, hostname: "::" });
    } catch (error) {
      const { code } = toNetError(error, { syscall: "listen" });
      if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL") throw error;
      return Deno.listen({ ...settings, hostname: "0.0.0.0" });
    }
  } catch (error) {
    const address = path ?? hostname ?? "::";
    const what = `Cannot listen on "${path ?? `${address}:${port}`}"`;
    throw toNetError(error, {
      syscall: "listen",
      address,
      port: path === undefined ? port : undefined,
      what,
    });
  }
}

async function listenUnix(path: string, removeStale: boolean): Promise<TransportListener> {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse) || !await isStale(path)) throw error;
    if (!removeStale) {
      throw new NetError(
        `Cannot listen on "${path}": EADDRINUSE, a socket file is there that nobody listens on; ` +
          "remove it, or set removeStale",
        { code: "EADDRINUSE", syscall: "listen", address: path, cause: error },
      );
    }
    await Deno.remove(path);
    return Deno.listen({ transport: "unix", path });
  }
}

/** Whether a socket file is there, but nobody behind it. */
async function isStale(path: string): Promise<boolean> {
  try {
    if (!(await Deno.lstat(path)).isSocket) return false;
    const conn = await Deno.connect({ transport: "unix", path });
    conn.close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused;
  }
}
