// Floor 1: codec.
import { foreignText } from "./_foreign_text.ts";
import { errorOf } from "./error_of.ts";
import { NetError, type NetErrorCode } from "./errors.ts";
import { toTlsError } from "./tls_error.ts";

/** Where an operation failed: what {@linkcode toNetError} puts into the text and the fields. */
export interface NetErrorContext {
  /** The operation, for example `"connect"`. */
  syscall: string;
  /** The host, the IP address or the path concerned. */
  address?: string;
  /** The port concerned. */
  port?: number;
  /**
   * What could not be done, for example `Cannot connect to "example.org:80"`.
   *
   * @default {made from the other fields}
   */
  what?: string;
}

const BY_NAME: Record<string, NetErrorCode> = {
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
  BadResource: "ERR_SOCKET_CLOSED",
  BrokenPipe: "EPIPE",
  ConnectionAborted: "ECONNABORTED",
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  Interrupted: "ERR_SOCKET_CLOSED",
  NotCapable: "EPERM",
  NotConnected: "ENOTCONN",
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
  TimedOut: "ETIMEDOUT",
  UnexpectedEof: "ERR_TLS_TRUNCATED",
};

const KNOWN: ReadonlySet<string> = new Set<NetErrorCode>([
  "EACCES",
  "EADDRINUSE",
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EINVAL",
  "ELOOP",
  "EMFILE",
  "EMSGSIZE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENFILE",
  "ENOENT",
  "ENOSPC",
  "ENOTCONN",
  "ENOTDIR",
  "ENOTFOUND",
  "EPERM",
  "EPIPE",
  "EPROTO",
  "ETIMEDOUT",
]);

/** How a sentence says an operation, where an address follows. */
const VERBS: Partial<Record<string, string>> = { connect: "connect to", listen: "listen on" };

function codeOf(error: Error): NetErrorCode {
  try {
    return knownCode(error);
  } catch {
    // What somebody's own lookup threw may throw when it is looked at.
    return "EIO";
  }
}

function knownCode(error: Error): NetErrorCode {
  const own = (error as { code?: unknown }).code;
  // Windows: Deno takes both for a file that is not there.
  if (/\(os error 1100[14]\)$/.test(error.message)) return "ENOTFOUND"; // WSAHOST_NOT_FOUND, WSANO_DATA
  if (error.message.endsWith("(os error 11002)")) return "EAI_AGAIN"; // WSATRY_AGAIN
  // Unix sockets where Deno has none.
  if (own === "ENOSYS") return "ERR_UNSUPPORTED";
  if (typeof own === "string" && KNOWN.has(own)) return own as NetErrorCode;
  const byName = BY_NAME[error.name];
  if (byName !== undefined) return byName;
  if (error.name === "AbortError" || own === "ABORT_ERR") return "ABORT_ERR";
  if (error.name === "TimeoutError") return "ETIMEDOUT";
  // getaddrinfo failures carry neither a class nor a code. glibc's text, and musl's:
  if (/failed to lookup address.*: (Temporary failure|Try again)/i.test(error.message)) {
    return "EAI_AGAIN";
  }
  if (/failed to lookup address|name or service not known|no such host/i.test(error.message)) {
    return "ENOTFOUND";
  }
  // What Deno's TLS throws, and node:tls's codes for what OpenSSL would say.
  if (error.name === "InvalidData" || /^ERR_SSL_/.test(`${own}`)) return "ERR_TLS";
  return "EIO";
}

/**
 * The text of an endpoint: `host:port`, `[v6]:port`, or a path.
 *
 * @example
 * ```ts
 * import { formatEndpoint } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatEndpoint("::1", 80), "[::1]:80");
 * assertEquals(formatEndpoint("/run/app.sock"), "/run/app.sock");
 * ```
 */
export function formatEndpoint(address: string | undefined, port?: number): string {
  if (address === undefined) return port === undefined ? "" : `:${port}`;
  if (port === undefined) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Turns what Deno or Node threw into a {@linkcode NetError} with Node's code, a failure of TLS into a `TlsError`; a `NetError`
 * comes back as it is.
 *
 * @example
 * ```ts
 * import { toNetError } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = toNetError(new Deno.errors.ConnectionRefused("refused"), {
 *   syscall: "connect",
 *   address: "::1",
 *   port: 9,
 * });
 * assertEquals(error.code, "ECONNREFUSED");
 * assertEquals(error.message, 'Cannot connect to "[::1]:9": ECONNREFUSED, refused');
 * ```
 */
export function toNetError(error: unknown, context: NetErrorContext): NetError {
  const cause = errorOf(error);
  if (cause instanceof NetError) return cause;
  const code = codeOf(cause);
  const endpoint = formatEndpoint(context.address, context.port);
  const verb = VERBS[context.syscall] ?? context.syscall;
  const what = context.what ??
    `Cannot ${endpoint === "" ? context.syscall : `${verb} "${endpoint}"`}`;
  if (code === "ERR_TLS" || code === "ERR_TLS_TRUNCATED") {
    const { syscall, address, port } = context;
    return toTlsError(error, { what, syscall, address, port });
  }
  return new NetError(`${what}: ${code}, ${foreignText(cause.message)}`, {
    code,
    cause: error,
    syscall: context.syscall,
    address: context.address,
    port: context.port,
  });
}
