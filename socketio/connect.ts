// Floor 3: driver.
import { checkOptionSpelling } from "../net/option_names.ts";
import { FOREIGN_CLIENT_OPTIONS, refuseForeign } from "./_foreign_options.ts";
import { checkPath, checkRecord, flag } from "./_option_kinds.ts";
import type { SocketIoClientOptions } from "./client_options.ts";
import { SocketIoClientSocket } from "./client_socket.ts";
import { SocketIoManager } from "./manager.ts";
import type { DefaultEventMap, EventMap } from "./types.ts";

/** Connections that are in use, by what they were made with. */
const managers: Map<string, SocketIoManager> = new Map();

/** The options that are a socket's alone: a connection may be shared by sockets that differ in them. */
const SOCKET_OPTIONS: ReadonlySet<string> = new Set([
  "auth",
  "connectTimeout",
  "retries",
  "ackTimeout",
  "maxBufferedEvents",
  "maxBufferedBytes",
  "maxBufferedPackets",
  "maxPendingAcks",
  "autoConnect",
  "multiplex",
  "forceNew",
  "signal",
]);

const OPTIONS: Readonly<Record<keyof SocketIoClientOptions, true>> = {
  auth: true,
  connectTimeout: true,
  retries: true,
  ackTimeout: true,
  maxBufferedEvents: true,
  maxBufferedBytes: true,
  maxBufferedPackets: true,
  maxPendingAcks: true,
  path: true,
  addTrailingSlash: true,
  transports: true,
  upgrade: true,
  tryAllTransports: true,
  query: true,
  extraHeaders: true,
  withCredentials: true,
  reconnection: true,
  reconnectionAttempts: true,
  reconnectionDelay: true,
  reconnectionDelayMax: true,
  randomizationFactor: true,
  timeout: true,
  autoConnect: true,
  multiplex: true,
  forceNew: true,
  maxHttpBufferSize: true,
  maxAttachments: true,
  maxAttachmentBytes: true,
  signal: true,
  parser: true,
  proxy: true,
  tls: true,
  proxyTls: true,
  policy: true,
  fetch: true,
  WebSocket: true,
};

/** The options that are objects which connections are made with, as they are. */
const OBJECTS: ReadonlySet<string> = new Set(["tls", "proxyTls", "policy"]);
const identities: WeakMap<object, number> = new WeakMap();
let nextIdentity = 0;

/** What two sockets must have in common to share a connection; `undefined` if that can't be told. */
function sharingKey(url: URL, options: SocketIoClientOptions): string | undefined {
  const own = Object.entries(options).filter(([name, value]) =>
    !SOCKET_OPTIONS.has(name) && value !== undefined && value !== null
  );
  if (own.some(([, value]) => typeof value === "function" || "parser" in options)) return undefined;
  own.sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([url.href, own.map(([name, value]) => [name, comparable(name, value)])]);
}

/** What JSON tells apart wherever a connection would differ. */
function comparable(name: string, value: unknown): unknown {
  if (name === "proxy") return [value].flat().map(proxyParts);
  // Functions, keys and bytes are in them: only the same one is the same.
  return OBJECTS.has(name) && typeof value === "object" ? identityOf(value!) : value;
}

/** A proxy's text may leave its login out. */
function proxyParts(proxy: unknown): unknown[] {
  const { username, password } = proxy as { username?: string; password?: string };
  return [`${proxy}`, username, password];
}

function identityOf(object: object): number {
  let identity = identities.get(object);
  if (identity === undefined) identities.set(object, identity = nextIdentity++);
  return identity;
}

function parseTarget(target: string | URL): { url: URL; nsp: string } {
  // In a page anything else would be a path too, and no URL at all a namespace of the name "undefined".
  if (!/^\s*(?:[a-z][a-z\d+.-]*:|\/)/i.test(String(target))) {
    throw new TypeError(
      `Cannot connect: the URL begins neither with a scheme nor, for the page's own server, with "/"`,
    );
  }
  const base = (globalThis as { location?: { href?: string } }).location?.href;
  // The error of `URL` repeats it, with the password and the query.
  if (!URL.canParse(target, base)) throw new TypeError("Cannot connect: the URL is not valid");
  const url = new URL(target, base);
  if (url.protocol === "ws:") url.protocol = "http:";
  if (url.protocol === "wss:") url.protocol = "https:";
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`Cannot connect: the URL has the scheme "${url.protocol}"`);
  }
  url.hash = "";
  return { url, nsp: namespaceOf(url) };
}

function namespaceOf({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname) || "/";
  } catch {
    throw new TypeError(
      `Cannot connect: the namespace ${JSON.stringify(pathname)} is not encoded as UTF-8`,
    );
  }
}

/** A connection that is found by its key, unless there is one already, for as long as it is in use. */
function makeManager(
  url: URL,
  options: SocketIoClientOptions,
  key: string | undefined,
): SocketIoManager {
  const share = () => {
    if (key !== undefined && !managers.has(key)) managers.set(key, manager);
  };
  const manager: SocketIoManager = new SocketIoManager(url, options, share, () => {
    if (key !== undefined && managers.get(key) === manager) managers.delete(key);
  });
  share();
  return manager;
}

/**
 * Connects to a Socket.IO server: of this package, of npm's `socket.io`, or of any other that speaks protocol revision
 * 5. The path of the URL is the namespace. In a page, `"/"` and what else begins with a slash is for its own server.
 *
 * It works in Deno, in workers and in browsers: it uses `fetch` and `WebSocket`, those of the platform unless the
 * options say otherwise. The connection comes back by itself, without end by default, and events wait meanwhile.
 *
 * The type parameters type the events: those of the server, and those of the client.
 *
 * @throws {TypeError} for a URL or an option that can't be used, those of npm's `socket.io-client` included that are not here.
 * @throws {RangeError} for a number out of range.
 *
 * @example
 * ```ts
 * import { connectSocketIo, SocketIoServer } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const io = new SocketIoServer();
 * io.of("/admin").on("connection", (socket) => {
 *   socket.emit("news", `hello, ${socket.handshake.auth.name}`);
 *   socket.on("question", (number, answer) => answer(number + 1));
 * });
 * const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
 *
 * const socket = connectSocketIo(`http://127.0.0.1:${port}/admin`, { auth: { name: "ann" } });
 * const news = new Promise((resolve) => socket.on("news", resolve));
 * assertEquals(await socket.timeout(5000).emitWithAck("question", 41), 42);
 * assertEquals(await news, "hello, ann");
 * await socket.close();
 * await io.close();
 * ```
 */
export function connectSocketIo<
  ListenEvents extends EventMap<ListenEvents> = DefaultEventMap,
  EmitEvents extends EventMap<EmitEvents> = ListenEvents,
>(
  url: string | URL,
  given?: SocketIoClientOptions | null,
): SocketIoClientSocket<ListenEvents, EmitEvents> {
  const options = given ?? {};
  refuseForeign(options, FOREIGN_CLIENT_OPTIONS);
  checkOptionSpelling("Cannot connect", options, OPTIONS);
  const target = parseTarget(url);
  // It ends a name: servers would end every connection for what is behind it.
  if (target.nsp.includes(",") && !options.parser) {
    throw new TypeError(
      `Cannot connect: the namespace ${
        JSON.stringify(target.nsp)
      } has a comma, which packets can't carry`,
    );
  }
  for (const name of ["addTrailingSlash", "multiplex", "forceNew", "autoConnect"] as const) {
    flag(name, options[name], true);
  }
  checkPath(options.path);
  checkRecord("query", options.query);
  const path = (options.path ?? "/socket.io").replace(/\/$/, "");
  target.url.pathname = options.addTrailingSlash === false ? path : `${path}/`;
  for (const [name, value] of Object.entries(options.query ?? {})) {
    target.url.searchParams.set(name, value);
  }
  const key = options.multiplex === false || options.forceNew
    ? undefined
    : sharingKey(target.url, options);
  let manager = key === undefined ? undefined : managers.get(key);
  // Two sockets of one namespace need two connections.
  if (manager?._get(target.nsp) !== undefined) manager = undefined;
  if (manager === undefined) {
    manager = makeManager(target.url, options, key);
  }
  const { signal } = options;
  const socket = new SocketIoClientSocket<ListenEvents, EmitEvents>(
    manager,
    target.nsp,
    options,
    signal,
  );
  if (signal?.aborted) return socket;
  if (options.autoConnect !== false) socket.connect();
  return socket;
}
