// Floor 1: codec.
import { checkOptionNames } from "../net/option_names.ts";
import type { ExtensionParameter, WebSocketExtension } from "./extensions.ts";

/** The registered name of the extension (RFC 7692). */
export const PERMESSAGE_DEFLATE = "permessage-deflate";

/**
 * How messages are compressed (RFC 7692). `true` instead of these options means all defaults.
 *
 * Compression costs memory: with its defaults about 260 KiB for a connection that has sent and 40 KiB for one that
 * has received; nothing for one that is idle from the start. Never compress a secret together with text that an
 * attacker chooses: the size tells the secret (CRIME, BREACH). Send such messages with `compress: false`.
 */
export interface PerMessageDeflateOptions {
  /**
   * Whether the server forgets its window after each message. One compressor then serves all connections, and a
   * message compresses less.
   *
   * @default {false}
   */
  serverNoContextTakeover?: boolean;
  /**
   * The same for the client. A server that wants it can't compress with clients that do not listen: those of Tornado,
   * Mojolicious and Jetty keep their window all the same, and their first message that refers back ends the connection with 1007;
   * those of Netty end the handshake.
   *
   * @default {false}
   */
  clientNoContextTakeover?: boolean;
  /**
   * The base-2 logarithm of the server's window, 8 to 15; the peer may ask for less. Take 9 as the least where
   * you do not know the peers: zlib can't compress with 8, and many that stand on it end the handshake over it.
   *
   * @default {15}
   */
  serverMaxWindowBits?: number;
  /**
   * The same for the client's window, and the same about 8. A server that wants less than 15 declines to compress with
   * clients that can't limit theirs.
   *
   * @default {15}
   */
  clientMaxWindowBits?: number;
  /**
   * Messages shorter than this are sent as they are, in bytes.
   *
   * @default {256}
   */
  threshold?: number;
  /**
   * zlib's effort, 0 to 9, or -1 for zlib's own default.
   *
   * @default {-1}
   */
  level?: number;
  /**
   * zlib's memory for compression, 1 to 9: about `2 ** (memLevel + 9)` bytes.
   *
   * @default {8}
   */
  memLevel?: number;
}

/** What two peers agreed on for permessage-deflate. */
export interface PerMessageDeflateParameters {
  /** Whether the server forgets its window after each message. */
  serverNoContextTakeover: boolean;
  /** Whether the client does. */
  clientNoContextTakeover: boolean;
  /** The base-2 logarithm of the server's window, 8 to 15. */
  serverMaxWindowBits: number;
  /** The base-2 logarithm of the client's window, 8 to 15. */
  clientMaxWindowBits: number;
}

/** The parameters of one element, checked one by one but not against anything else. */
interface RawParameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  /** 0 for the parameter without a value. */
  clientMaxWindowBits: number | undefined;
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof PerMessageDeflateOptions, true> = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: true,
  clientMaxWindowBits: true,
  threshold: true,
  level: true,
  memLevel: true,
};

/** What npm's ws, Python's websockets and the header have, and what that is here. */
const FOREIGN: Readonly<Record<string, string>> = {
  zlibDeflateOptions: "is `level` and `memLevel` here",
  zlibInflateOptions: "is not here: `maxMessageSize` bounds what is inflated",
  concurrencyLimit: "is not here: messages are compressed at once",
  compressSettings: "is `level` and `memLevel` here",
  server_no_context_takeover: "is `serverNoContextTakeover` here",
  client_no_context_takeover: "is `clientNoContextTakeover` here",
  server_max_window_bits: "is `serverMaxWindowBits` here",
  client_max_window_bits: "is `clientMaxWindowBits` here",
};

/**
 * Checks options that a user gave.
 *
 * @throws {RangeError} For window bits, a level or a memory level out of range.
 * @throws {TypeError} For a threshold that is not a number of bytes, what is neither true nor false where it has to be, an option that is
 * not known, and for what is no object of options.
 *
 * @example
 * ```ts
 * import { checkDeflateOptions } from "@sluice/sockets/websocket";
 * import { assertThrows } from "@std/assert";
 *
 * checkDeflateOptions({ serverMaxWindowBits: 12, level: 1 });
 * assertThrows(() => checkDeflateOptions({ serverMaxWindowBits: 7 }), RangeError);
 * ```
 */
export function checkDeflateOptions(options: PerMessageDeflateOptions): void {
  checkOptionNames("Cannot compress", options, OPTIONS, FOREIGN);
  for (const name of ["serverNoContextTakeover", "clientNoContextTakeover"] as const) {
    if (typeof (options[name] ?? false) !== "boolean") {
      throw new TypeError(`Cannot compress: \`${name}\` is neither true nor false`);
    }
  }
  const ranges = [
    ["serverMaxWindowBits", options.serverMaxWindowBits, 8, 15],
    ["clientMaxWindowBits", options.clientMaxWindowBits, 8, 15],
    ["level", options.level, -1, 9],
    ["memLevel", options.memLevel, 1, 9],
  ] as const;
  for (const [name, value, least, most] of ranges) {
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(
        `Cannot compress with ${name} ${value}: it takes an integer from ${least} to ${most}`,
      );
    }
  }
  const { threshold = 0 } = options;
  if (typeof threshold !== "number" || !(threshold >= 0)) {
    throw new TypeError(
      `Cannot compress with a threshold of ${threshold}: it takes bytes, 0 or more`,
    );
  }
}

/**
 * The offer that a client makes.
 *
 * @example
 * ```ts
 * import { formatExtension, offerDeflate } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   formatExtension(offerDeflate({ serverNoContextTakeover: true })),
 *   "permessage-deflate; server_no_context_takeover; client_max_window_bits",
 * );
 * ```
 */
export function offerDeflate(options: PerMessageDeflateOptions = {}): WebSocketExtension {
  checkDeflateOptions(options);
  const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = options;
  const params: ExtensionParameter[] = [];
  if (options.serverNoContextTakeover) params.push(["server_no_context_takeover", undefined]);
  if (options.clientNoContextTakeover) params.push(["client_no_context_takeover", undefined]);
  if (serverMaxWindowBits < 15) params.push(["server_max_window_bits", `${serverMaxWindowBits}`]);
  // Without a value it only says that the server may limit the client's window. RFC 7692 §7.1.2.2
  params.push(
    ["client_max_window_bits", clientMaxWindowBits < 15 ? `${clientMaxWindowBits}` : undefined],
  );
  return { name: PERMESSAGE_DEFLATE, params };
}

/** "A decimal integer value without leading zeroes between 8 to 15, inclusive". RFC 7692 §7.1.2 */
function parseWindowBits(value: string): number | undefined {
  return /^(?:[89]|1[0-5])$/.test(value) ? Number(value) : undefined;
}

/** Unknown, doubled and badly valued parameters make the whole element invalid. RFC 7692 §7.1 */
function parseParameters(params: readonly ExtensionParameter[]): RawParameters | undefined {
  const raw: RawParameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  for (const [name, value] of params) {
    const bits = value === undefined ? undefined : parseWindowBits(value);
    if (name === "server_no_context_takeover") {
      if (value !== undefined || raw.serverNoContextTakeover) return undefined;
      raw.serverNoContextTakeover = true;
    } else if (name === "client_no_context_takeover") {
      if (value !== undefined || raw.clientNoContextTakeover) return undefined;
      raw.clientNoContextTakeover = true;
    } else if (name === "server_max_window_bits") {
      if (bits === undefined || raw.serverMaxWindowBits !== undefined) return undefined;
      raw.serverMaxWindowBits = bits;
    } else if (name === "client_max_window_bits") {
      if (value !== undefined && bits === undefined) return undefined;
      if (raw.clientMaxWindowBits !== undefined) return undefined;
      raw.clientMaxWindowBits = bits ?? 0;
    } else return undefined;
  }
  return raw;
}

function acceptOffer(
  raw: RawParameters,
  options: PerMessageDeflateOptions,
): PerMessageDeflateParameters | undefined {
  const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = options;
  // Only a client that says so can limit its window. RFC 7692 §7.1.2.2
  if (raw.clientMaxWindowBits === undefined && clientMaxWindowBits < 15) return undefined;
  return {
    serverNoContextTakeover: raw.serverNoContextTakeover ||
      options.serverNoContextTakeover === true,
    clientNoContextTakeover: raw.clientNoContextTakeover ||
      options.clientNoContextTakeover === true,
    serverMaxWindowBits: Math.min(raw.serverMaxWindowBits ?? 15, serverMaxWindowBits),
    clientMaxWindowBits: Math.min(raw.clientMaxWindowBits || 15, clientMaxWindowBits),
  };
}

/** What a server agreed to, and how it says so. */
export interface AcceptedDeflate {
  /** What holds from now on. */
  parameters: PerMessageDeflateParameters;
  /** The element of the server's `Sec-WebSocket-Extensions` header. */
  response: WebSocketExtension;
}

/**
 * Takes the first acceptable offer of a client. An offer with an unknown, doubled or invalid parameter is declined, as
 * RFC 7692 §7.1 says; the connection then goes on without compression.
 *
 * @returns What was agreed on; `undefined` if no offer fits.
 *
 * @example
 * ```ts
 * import {
 *   acceptDeflate,
 *   type AcceptedDeflate,
 *   formatExtension,
 *   parseExtensions,
 * } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const offers = parseExtensions("permessage-deflate; client_max_window_bits")!;
 * const accepted: AcceptedDeflate = acceptDeflate(offers, { clientMaxWindowBits: 12 })!;
 * assertEquals(accepted.parameters.clientMaxWindowBits, 12);
 * assertEquals(formatExtension(accepted.response), "permessage-deflate; client_max_window_bits=12");
 * ```
 */
export function acceptDeflate(
  offers: readonly WebSocketExtension[],
  options: PerMessageDeflateOptions = {},
): AcceptedDeflate | undefined {
  for (const offer of offers) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue;
    const raw = parseParameters(offer.params);
    const parameters = raw && acceptOffer(raw, options);
    if (raw === undefined || parameters === undefined) continue;
    const params: ExtensionParameter[] = [];
    if (parameters.serverNoContextTakeover) params.push(["server_no_context_takeover", undefined]);
    if (parameters.clientNoContextTakeover) params.push(["client_no_context_takeover", undefined]);
    if (raw.serverMaxWindowBits !== undefined || parameters.serverMaxWindowBits < 15) {
      params.push(["server_max_window_bits", `${parameters.serverMaxWindowBits}`]);
    }
    if (parameters.clientMaxWindowBits < 15) {
      params.push(["client_max_window_bits", `${parameters.clientMaxWindowBits}`]);
    }
    return { parameters, response: { name: PERMESSAGE_DEFLATE, params } };
  }
  return undefined;
}

/**
 * Checks a server's answer against the offer that {@linkcode offerDeflate} made from the same options.
 *
 * @returns What was agreed on; a text that says what is wrong if the connection has to fail.
 *
 * @example
 * ```ts
 * import { checkDeflateResponse, PERMESSAGE_DEFLATE } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const params = [["server_max_window_bits", "15"] as const];
 * assertEquals(
 *   checkDeflateResponse({ name: PERMESSAGE_DEFLATE, params }, { serverMaxWindowBits: 12 }),
 *   "server_max_window_bits is larger than what was asked for",
 * );
 * ```
 */
export function checkDeflateResponse(
  response: WebSocketExtension,
  options: PerMessageDeflateOptions = {},
): PerMessageDeflateParameters | string {
  const raw = parseParameters(response.params);
  if (raw === undefined) return "a parameter is unknown, doubled or has an invalid value";
  if (raw.clientMaxWindowBits === 0) return "client_max_window_bits has no value";
  const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = options;
  if ((raw.serverMaxWindowBits ?? 15) > serverMaxWindowBits) {
    return "server_max_window_bits is larger than what was asked for";
  }
  if ((raw.clientMaxWindowBits ?? 0) > clientMaxWindowBits) {
    return "client_max_window_bits is larger than what was offered";
  }
  if (options.serverNoContextTakeover && !raw.serverNoContextTakeover) {
    return "server_no_context_takeover was asked for and is missing";
  }
  return {
    serverNoContextTakeover: raw.serverNoContextTakeover,
    clientNoContextTakeover: raw.clientNoContextTakeover ||
      options.clientNoContextTakeover === true,
    serverMaxWindowBits: raw.serverMaxWindowBits ?? 15,
    clientMaxWindowBits: raw.clientMaxWindowBits ?? clientMaxWindowBits,
  };
}
