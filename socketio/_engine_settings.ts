// Floor 2: protocol.
import { Limits } from "../net/limits.ts";
import { MAX_DELAY } from "../net/max_delay.ts";
import { checkOptionNames, checkOptionSpelling } from "../net/option_names.ts";
import {
  checkDeflateOptions,
  type PerMessageDeflateOptions,
} from "../websocket/permessage_deflate.ts";
import { checkAllowedHosts } from "../websocket/request_url.ts";
import { checkCors } from "./_cors.ts";
import {
  FOREIGN_COMPRESSION_OPTIONS,
  FOREIGN_SERVER_OPTIONS,
  refuseForeign,
} from "./_foreign_options.ts";
import { checkCallable, checkPath, checkTransports, flag, positive } from "./_option_kinds.ts";
import type {
  AllowRequest,
  CorsOptions,
  EngineCookieOptions,
  SocketIoEngineOptions,
} from "./engine_options.ts";

/** The options with their defaults. */
export interface EngineSettings {
  readonly path: string;
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly upgradeTimeout: number;
  readonly decisionTimeout: number;
  /** How long an upgrade may stay that nobody takes, in ms; undefined for as long as it likes. */
  readonly destroyUpgradeTimeout: number | undefined;
  readonly closeTimeout: number;
  readonly maxHttpBufferSize: number;
  readonly transports: ReadonlySet<string>;
  readonly allowUpgrades: boolean;
  readonly allowRequest: AllowRequest | undefined;
  readonly cors: CorsOptions | undefined;
  readonly allowedHosts: readonly string[] | undefined;
  readonly cookie: EngineCookieOptions | undefined;
  readonly deflate: PerMessageDeflateOptions | undefined;
  readonly compressionThreshold: number;
  readonly maxBufferedBytes: number;
  readonly maxBufferedPackets: number;
  readonly slowClient: "close" | "drop";
  readonly maxConnections: number;
  readonly limits: Limits;
  readonly messageTimeout: number;
}

function threshold(option: boolean | { threshold?: number } | null = true): number {
  if (option === false) return Infinity;
  if (option === true || option === null) return 1024;
  if (typeof option !== "object") {
    throw new TypeError(
      "Cannot use the option httpCompression: it is neither true, false nor an object",
    );
  }
  refuseForeign(option, FOREIGN_COMPRESSION_OPTIONS, "httpCompression.");
  checkOptionNames("Cannot use the option httpCompression", option, { threshold: true });
  const { threshold = 1024 } = option;
  if (typeof threshold === "number" && threshold >= 0) return threshold;
  throw new RangeError(
    `Cannot use the option httpCompression: its threshold ${threshold} is out of range`,
  );
}

const OPTIONS: Readonly<Record<keyof SocketIoEngineOptions, true>> = {
  path: true,
  addTrailingSlash: true,
  pingInterval: true,
  pingTimeout: true,
  upgradeTimeout: true,
  decisionTimeout: true,
  destroyUpgrade: true,
  destroyUpgradeTimeout: true,
  closeTimeout: true,
  maxHttpBufferSize: true,
  transports: true,
  allowUpgrades: true,
  allowRequest: true,
  cors: true,
  allowedHosts: true,
  cookie: true,
  perMessageDeflate: true,
  httpCompression: true,
  maxBufferedBytes: true,
  maxBufferedPackets: true,
  slowClient: true,
  maxConnections: true,
  limits: true,
  messageTimeout: true,
};

/** Fills in the defaults. @throws {TypeError} for an option that can't be honoured, RangeError for a bad number. */
export function resolveEngineOptions(
  options: SocketIoEngineOptions,
  defaultPath: string,
): EngineSettings {
  refuseForeign(options, FOREIGN_SERVER_OPTIONS);
  checkOptionSpelling("Cannot make an engine", options, OPTIONS);
  const transports = options.transports ?? ["polling", "websocket"];
  checkTransports(transports);
  // As with npm's, what is false is none: then no page of another origin is let in.
  const cors = options.cors || undefined;
  if (cors !== undefined) checkCors(cors);
  checkCallable("allowRequest", options.allowRequest);
  checkPath(options.path);
  if (options.allowedHosts !== undefined) checkAllowedHosts(options.allowedHosts);
  const { cookie, slowClient = "close", perMessageDeflate } = options;
  const chosen = perMessageDeflate === true ? {} : perMessageDeflate || undefined;
  if (chosen !== undefined) checkDeflateOptions(chosen);
  const deflate = chosen && { ...chosen, threshold: chosen.threshold ?? 1024 };
  if (slowClient !== "close" && slowClient !== "drop") {
    throw new TypeError('Cannot use the option slowClient: it is neither "close" nor "drop"');
  }
  const named = cookie === true ? {} : cookie || undefined;
  if (named !== undefined) formatCookie(named, "id");
  const patience = positive(
    "destroyUpgradeTimeout",
    options.destroyUpgradeTimeout,
    1000,
    MAX_DELAY,
  );
  const path = (options.path ?? defaultPath).replace(/\/$/, "");
  if (path !== "" && !path.startsWith("/")) {
    throw new TypeError("Cannot use the option path: it does not begin with a slash");
  }
  return {
    path: flag("addTrailingSlash", options.addTrailingSlash, true) ? path + "/" : path,
    pingInterval: positive("pingInterval", options.pingInterval, 25_000, MAX_DELAY),
    pingTimeout: positive("pingTimeout", options.pingTimeout, 20_000, MAX_DELAY),
    upgradeTimeout: positive("upgradeTimeout", options.upgradeTimeout, 10_000, MAX_DELAY),
    decisionTimeout: positive("decisionTimeout", options.decisionTimeout, 10_000, MAX_DELAY),
    destroyUpgradeTimeout: flag("destroyUpgrade", options.destroyUpgrade, true)
      ? patience
      : undefined,
    closeTimeout: positive("closeTimeout", options.closeTimeout, 30_000, MAX_DELAY),
    maxHttpBufferSize: positive("maxHttpBufferSize", options.maxHttpBufferSize, 1_000_000),
    transports: new Set(transports),
    allowUpgrades: flag("allowUpgrades", options.allowUpgrades, true),
    allowRequest: options.allowRequest,
    cors,
    allowedHosts: options.allowedHosts,
    cookie: named,
    deflate,
    compressionThreshold: threshold(options.httpCompression),
    maxBufferedBytes: positive("maxBufferedBytes", options.maxBufferedBytes, 16_777_216),
    maxBufferedPackets: positive("maxBufferedPackets", options.maxBufferedPackets, 65_536),
    slowClient,
    maxConnections: positive("maxConnections", options.maxConnections, Infinity),
    limits: Limits._of(options.limits),
    messageTimeout: positive("messageTimeout", options.messageTimeout, 60_000, MAX_DELAY),
  };
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// deno-lint-ignore no-control-regex
const ATTRIBUTE = /^[^;\x00-\x1f\x7f]*$/;
/** What each value adds; texts in lower case. */
const SAME_SITE: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ["strict", "; SameSite=Strict"],
  ["lax", "; SameSite=Lax"],
  ["none", "; SameSite=None"],
  [true, "; SameSite=Strict"],
  [false, ""],
]);
/** By a type that has them all: one that is missing here does not compile. */
const COOKIE_OPTIONS: Record<keyof EngineCookieOptions, true> = {
  name: true,
  path: true,
  httpOnly: true,
  sameSite: true,
  secure: true,
  partitioned: true,
  maxAge: true,
  domain: true,
};
/** What npm's engine.io has beside: left out, a cookie would go where it should not, or not where it should. */
const NO_ATTRIBUTES = ["expires", "priority", "encode"];

/** The `Set-Cookie` header of a session. @throws {TypeError} if a part of it can't be sent. */
export function formatCookie(options: EngineCookieOptions, value: string): string {
  const { name = "io", path = "/", httpOnly = true, sameSite = "lax" } = options;
  if (typeof options !== "object" || Array.isArray(options)) {
    throw new TypeError("Cannot use the option cookie: it is neither true, false nor an object");
  }
  const { secure, partitioned, maxAge, domain } = options;
  if (typeof name !== "string" || !TOKEN.test(name)) {
    throw new TypeError("Cannot use the option cookie: its name is no token");
  }
  const site = SAME_SITE.get(
    typeof sameSite === "string" ? sameSite.toLowerCase() : sameSite,
  );
  if (site === undefined) {
    throw new TypeError(
      'Cannot use the option cookie: sameSite is neither "strict", "lax", "none", true nor false',
    );
  }
  for (const attribute of NO_ATTRIBUTES) {
    if ((options as Record<string, unknown>)[attribute] !== undefined) {
      throw new TypeError(`Cannot use the option cookie: ${attribute} is not supported`);
    }
  }
  checkOptionNames("Cannot use the option cookie", options, COOKIE_OPTIONS);
  for (const attribute of ["httpOnly", "secure", "partitioned"] as const) {
    flag(`cookie.${attribute}`, options[attribute], false);
  }
  if (partitioned && !secure) {
    throw new TypeError(
      "Cannot use the option cookie: partitioned needs secure; browsers drop it otherwise",
    );
  }
  if (maxAge !== undefined && !Number.isFinite(maxAge)) {
    throw new TypeError("Cannot use the option cookie: its maxAge is no number of seconds");
  }
  let cookie = `${name}=${encodeURIComponent(value)}`;
  for (const [attribute, text] of [["Path", path], ["Domain", domain]] as const) {
    if (text === undefined || attribute === "Path" && text === false) continue;
    if (typeof text !== "string" || !ATTRIBUTE.test(text)) {
      throw new TypeError(`Cannot use the option cookie: its ${attribute} can't be sent`);
    }
    cookie += `; ${attribute}=${text}`;
  }
  if (maxAge !== undefined) cookie += `; Max-Age=${Math.floor(maxAge)}`;
  if (httpOnly) cookie += "; HttpOnly";
  if (secure) cookie += "; Secure";
  if (partitioned) cookie += "; Partitioned";
  return cookie + site;
}
