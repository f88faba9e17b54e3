// Floor 3: driver.
import {
  checkPath,
  checkPort,
  checkSignal,
  checkText,
  codedRangeError,
  codedTypeError,
  isPath,
  refuseOptions,
} from "./_connect_arguments.ts";
import { listenOn } from "./_listen_on.ts";
import { listenNode } from "./_node_listener.ts";
import { NetError } from "./errors.ts";
import { parseHost } from "./host.ts";
import { checkOptionSpelling } from "./option_names.ts";
import { formatEndpoint, toNetError } from "./os_error.ts";
import type { ListenOptions, TransportListener } from "./server_options.ts";
import type { Transport } from "./transport.ts";

const SECURE = "`cert` and `key` go to createSecureServer()";
/**
 * What says elsewhere (an `address()`, Bun, other servers) where to listen and with which certificate, and what does here: without it the
 * port would be open to all, or not encrypted.
 */
const INSTEAD: Readonly<Record<string, string>> = {
  address: "it is `host` here",
  interface: "it is `host` here",
  unix: "it is `path` here",
  tls: SECURE,
  cert: SECURE,
  key: SECURE,
  secureContext: SECURE,
};
/** That, and what `listen` of Node's takes beside what is taken here. */
const FOREIGN_OPTIONS = ["fd", "handle", "ipv6Only", "readableAll", "writableAll"]
  .concat(Object.keys(INSTEAD));

const OPTIONS: Record<keyof Required<ListenOptions>, true> = {
  port: true,
  host: true,
  hostname: true,
  path: true,
  backlog: true,
  reusePort: true,
  removeStale: true,
  signal: true,
};

/**
 * Takes `([port | path | options] [, host] [, backlog] [, listener])` apart, as Node's `listen` and Luvit's do, and checks it.
 *
 * @throws {RangeError} `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE`.
 * @throws {TypeError} `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`.
 */
export function listenArguments(
  args: readonly unknown[],
): { options: ListenOptions; listener?: () => void } {
  const rest = [...args];
  const last = rest.at(-1);
  const listener = typeof last === "function" ? rest.pop() as () => void : undefined;
  const [first, ...others] = rest;
  if (typeof first === "object" && first !== null) {
    return { options: checkListen(first as ListenOptions), listener };
  }
  const backlog = others.find((value) => typeof value === "number");
  if (isPath(first)) {
    return { options: checkListen({ path: first, backlog }), listener };
  }
  const host = others.find((value) => typeof value === "string");
  return { options: checkListen({ port: (first ?? 0) as number, host, backlog }), listener };
}

function checkListen(given: ListenOptions): ListenOptions {
  const options = { ...given };
  // As in Node what is null is as good as not given; of the port it is enough that it is named.
  for (const name of ["path", "host", "hostname", "backlog"] as const) {
    if (options[name] === null) delete options[name];
  }
  const { path, port, host, hostname, backlog } = options;
  refuseOptions(options, FOREIGN_OPTIONS, INSTEAD);
  checkOptionSpelling("Cannot listen", options, OPTIONS);
  // As in Node: a mistyped name, or a path that is not known, must not come to any free port on all addresses.
  if (path === undefined && !("port" in options)) {
    throw codedTypeError("ERR_INVALID_ARG_VALUE", 'Cannot listen: "port" or "path" must be given');
  }
  checkSignal(options.signal);
  if (backlog !== undefined && !(Number.isInteger(backlog) && backlog >= 0)) {
    throw codedRangeError("ERR_OUT_OF_RANGE", `Cannot listen with a backlog of ${backlog}`);
  }
  if (path !== undefined) return { ...options, path: checkPath(path) };
  if (host !== undefined) checkText("host", host);
  if (hostname !== undefined) checkText("hostname", hostname);
  // As in Node, no text is no address in particular.
  return {
    ...options,
    host: host || undefined,
    hostname: hostname || undefined,
    port: checkPort(port ?? 0),
  };
}

/**
 * Opens a listener: at once, but for a socket file that has to be looked at first, and for one `viaNode`, whose
 * connections can set a keep-alive delay. One of those that finds as many waiting as may goes to `turnAway`.
 *
 * @throws {NetError} With Node's code.
 */
export function openListener(
  options: ListenOptions,
  viaNode = false,
  turnAway?: (transport: Transport) => void,
): TransportListener | Promise<TransportListener> {
  const { path, reusePort = false } = options;
  try {
    // Deno ends the program when it is asked for this without the flag.
    if (reusePort && (viaNode || path !== undefined || !("listenDatagram" in Deno))) {
      throw new NetError("Cannot share the port: it needs Deno's own TCP and --unstable-net", {
        code: "ERR_UNSUPPORTED",
        syscall: "listen",
      });
    }
    if (path !== undefined) return listenUnix(path, options.removeStale === true);
    const opened = viaNode ? listenNode(options, turnAway) : listenTcp(options);
    return opened instanceof Promise ? opened.catch((error) => fail(error, options)) : opened;
  } catch (error) {
    return fail(error, options);
  }
}

function fail(error: unknown, options: ListenOptions): never {
  const { path, port } = options;
  const address = path ?? options.host ?? options.hostname ?? "::";
  const known = toNetError(error, {
    syscall: "listen",
    address,
    port: path === undefined ? port : undefined,
    what: `Cannot listen on "${path ?? formatEndpoint(address, port)}"`,
  });
  if (known.code === "EIO" && path === undefined) requireHost(address, port);
  throw known;
}

/** As in Node, and as where one connects: what can't be a host is not found. @throws {NetError} `ENOTFOUND`. */
function requireHost(address: string, port: number | undefined): void {
  try {
    parseHost(address);
  } catch (cause) {
    const { message } = cause as Error;
    throw new NetError(message, { code: "ENOTFOUND", syscall: "listen", address, port, cause });
  }
}

function listenTcp(options: ListenOptions): TransportListener {
  const { port = 0, backlog, reusePort } = options;
  return listenOn(
    options.host ?? options.hostname,
    port,
    (hostname, port) => Deno.listen({ hostname, port, tcpBacklog: backlog, reusePort }),
  );
}

function listenUnix(
  path: string,
  removeStale: boolean,
): TransportListener | Promise<TransportListener> {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return takeOver(path, removeStale, error);
  }
}

/** A file is in the way: when it is a socket that nobody listens on, it can be removed. */
async function takeOver(
  path: string,
  removeStale: boolean,
  cause: unknown,
): Promise<TransportListener> {
  const why = async (): Promise<string> => {
    const file = await Deno.lstat(path);
    if (!file.isSocket) return "a file is there that is no socket";
    if (!await isStale(path)) return "another program listens on it";
    if (!removeStale) {
      return "a socket file is there that nobody listens on; remove it, or set removeStale";
    }
    // Another server may have come meanwhile, and its file is not stale.
    if (Deno.lstatSync(path).ino !== file.ino) return "another program has just begun to listen";
    Deno.removeSync(path);
    return "";
  };
  const reason = await why().catch((error) => fail(error, { path }));
  if (reason === "") {
    try {
      return Deno.listen({ transport: "unix", path });
    } catch (error) {
      return fail(error, { path });
    }
  }
  throw new NetError(`Cannot listen on "${path}": EADDRINUSE, ${reason}`, {
    code: "EADDRINUSE",
    syscall: "listen",
    address: path,
    cause,
  });
}

/** Whether nobody is behind a socket file. */
async function isStale(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.ConnectionRefused;
  }
}
