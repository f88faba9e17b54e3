// Floor 1: codec.
import { encodeUtf8 } from "../buffer/utf8.ts";
import {
  expectedChoice,
  hasListElement,
  isFieldValue,
  isToken,
  parseTokenList,
} from "./_tokens.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import { formatExtension, parseExtensions, type WebSocketExtension } from "./extensions.ts";
import type { HttpRequestHead, HttpResponseHead } from "./http_head.ts";
import {
  checkDeflateResponse,
  offerDeflate,
  PERMESSAGE_DEFLATE,
  type PerMessageDeflateOptions,
  type PerMessageDeflateParameters,
} from "./permessage_deflate.ts";
import { isHostHeader } from "./request_url.ts";

/** What is appended to the key before it is hashed (RFC 6455 §1.3). */
export const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Headers that belong to the handshake itself: nobody may set them. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "upgrade",
  "connection",
  "content-length",
  "transfer-encoding",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-accept",
  "sec-websocket-protocol",
  "sec-websocket-extensions",
]);

function headerLines(headers: Iterable<readonly [string, string]>): string {
  let lines = "";
  for (const [name, value] of headers) {
    if (!isToken(name)) throw new TypeError("Cannot send a header: its name is not a token");
    if (!isFieldValue(value)) {
      throw new TypeError(
        `Cannot send the header "${name}": its value has characters that can't be sent`,
      );
    }
    if (OWN_HEADERS.has(name.toLowerCase())) {
      throw new TypeError(`Cannot send the header "${name}": the handshake sets it`);
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/**
 * Checks the subprotocols that a client wants to offer (RFC 6455 §4.1).
 *
 * @throws {TypeError} If one is not a token, or is there twice, or they are no list.
 *
 * @example
 * ```ts
 * import { checkSubprotocols } from "@sluice/sockets/websocket";
 * import { assertThrows } from "@std/assert";
 *
 * checkSubprotocols(["chat.v2", "chat.v1"]);
 * assertThrows(() => checkSubprotocols(["chat", "chat"]), TypeError);
 * ```
 */
export function checkSubprotocols(protocols: readonly string[]): void {
  if (!Array.isArray(protocols)) {
    throw new TypeError("Cannot offer subprotocols: they are not a list");
  }
  protocols.forEach((protocol, i) => {
    if (typeof protocol !== "string" || !isToken(protocol)) {
      throw new TypeError(`Cannot offer the subprotocol ${quote(protocol)}: it is not a token`);
    }
    if (protocols.indexOf(protocol) !== i) {
      throw new TypeError(`Cannot offer the subprotocol "${protocol}" twice`);
    }
  });
}

/** What a client says in its opening handshake. */
export interface ClientHandshake {
  /** The request target: path and query. */
  target: string;
  /** The `Host` header: name, and port unless it is the scheme's default. */
  host: string;
  /** 16 random bytes in base64. */
  key: string;
  /** The subprotocols to choose from, best first. */
  protocols?: readonly string[];
  /** Offers compression with these options. */
  deflate?: PerMessageDeflateOptions;
  /** The `Origin` header. */
  origin?: string;
  /** Further headers. */
  headers?: Iterable<readonly [name: string, value: string]>;
}

/**
 * Writes a client's opening handshake (RFC 6455 §4.1) as Latin-1 text.
 *
 * @throws {TypeError} If a part of it has characters that can't be sent, or a header is one of the handshake's own.
 *
 * @example
 * ```ts
 * import { buildClientHandshake } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const text = buildClientHandshake({
 *   target: "/chat",
 *   host: "example.org",
 *   key: "dGhlIHNhbXBsZSBub25jZQ==",
 *   protocols: ["chat"],
 * });
 * assertEquals(text.split("\r\n").slice(0, 2), ["GET /chat HTTP/1.1", "Host: example.org"]);
 * ```
 */
export function buildClientHandshake(handshake: ClientHandshake): string {
  const { target, host, key, protocols = [], deflate, origin, headers = [] } = handshake;
  if (!/^\/[\x21-\x7e]*$/.test(target)) {
    throw new TypeError(
      "Cannot request the target: it has to be a path of visible ASCII characters",
    );
  }
  if (!/^[\x21-\x7e]+$/.test(host)) throw new TypeError("Cannot send the host: not visible ASCII");
  checkSubprotocols(protocols);
  let text = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\n` +
    `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`;
  if (origin !== undefined) {
    if (typeof origin !== "string" || !isFieldValue(origin)) {
      throw new TypeError("Cannot send the origin: not visible ASCII");
    }
    text += `Origin: ${origin}\r\n`;
  }
  if (protocols.length > 0) text += `Sec-WebSocket-Protocol: ${protocols.join(", ")}\r\n`;
  if (deflate !== undefined) {
    text += `Sec-WebSocket-Extensions: ${formatExtension(offerDeflate(deflate))}\r\n`;
  }
  return `${text}${headerLines(headers)}\r\n`;
}

/** What a server's answer is checked against. */
export interface ClientExpectation {
  /** The value that `Sec-WebSocket-Accept` must have: base64 of SHA-1 of key and {@linkcode WEBSOCKET_GUID}. */
  accept: string;
  /** The subprotocols that were offered. */
  protocols?: readonly string[];
  /** The options that compression was offered with. */
  deflate?: PerMessageDeflateOptions;
}

/** What client and server agreed on. */
export interface AgreedHandshake {
  /** The subprotocol, or the empty string. */
  protocol: string;
  /** The extensions as the header says them, or the empty string. */
  extensions: string;
  /** The parameters of permessage-deflate, if it is among them. */
  deflate: PerMessageDeflateParameters | undefined;
}

function headerError(
  header: string,
  expected: string,
  actual: string | undefined,
): WebSocketHandshakeError {
  const came = actual === undefined ? "it is absent" : `got ${quote(actual)}`;
  return new WebSocketHandshakeError(
    `Cannot open the WebSocket: the server's header "${header}" has to be ${expected}, ${came}`,
    { code: "HANDSHAKE_HEADER", header, expected, actual },
  );
}

/** A foreign text for an error message: short, and visible ASCII. */
function quote(value: unknown): string {
  const text = String(value);
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return `"${short.replace(/[^\x20-\x7e…]/g, "?")}"`;
}

/**
 * Checks a server's answer (RFC 6455 §4.1, the numbered list at its end). Returns, and does not throw, what is wrong.
 *
 * @example
 * ```ts
 * import {
 *   type AgreedHandshake,
 *   checkServerHandshake,
 *   type ClientExpectation,
 *   HttpFields,
 *   type HttpResponseHead,
 *   WebSocketHandshakeError,
 * } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const fields = new HttpFields([
 *   ["Upgrade", "websocket"],
 *   ["Connection", "Upgrade"],
 *   ["Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
 * ]);
 * const head: HttpResponseHead = { status: 101, reason: "", minorVersion: 1, fields };
 * const expectation: ClientExpectation = { accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" };
 * const agreed = checkServerHandshake(head, expectation) as AgreedHandshake;
 * assertEquals([agreed.protocol, agreed.extensions], ["", ""]);
 *
 * const error = checkServerHandshake(head, { accept: "another" });
 * assert(error instanceof WebSocketHandshakeError);
 * assertEquals(error.code, "HANDSHAKE_ACCEPT");
 * ```
 */
export function checkServerHandshake(
  head: HttpResponseHead,
  expectation: ClientExpectation,
): AgreedHandshake | WebSocketHandshakeError {
  const { fields, status } = head;
  if (status !== 101) {
    return new WebSocketHandshakeError(
      `Cannot open the WebSocket: expected status 101, got ${status}`,
      { code: "HANDSHAKE_STATUS", status, expected: "101", actual: String(status) },
    );
  }
  if (head.minorVersion !== 1) {
    return new WebSocketHandshakeError(
      "Cannot open the WebSocket: the server answers with HTTP/1.0",
      {
        code: "HANDSHAKE_MALFORMED",
      },
    );
  }
  const upgrade = fields.get("upgrade");
  if (upgrade?.toLowerCase() !== "websocket") return headerError("Upgrade", '"websocket"', upgrade);
  const connection = fields.get("connection");
  if (!hasListElement(connection, "upgrade")) {
    return headerError("Connection", 'a list with "Upgrade"', connection);
  }
  const accept = fields.get("sec-websocket-accept");
  if (accept !== expectation.accept) {
    return new WebSocketHandshakeError(
      `Cannot open the WebSocket: the server's header "Sec-WebSocket-Accept" has to be "${expectation.accept}", ` +
        (accept === undefined ? "it is absent" : `got ${quote(accept)}`),
      {
        code: "HANDSHAKE_ACCEPT",
        header: "Sec-WebSocket-Accept",
        expected: expectation.accept,
        actual: accept,
      },
    );
  }
  const protocol = checkChosenProtocol(fields.getAll("sec-websocket-protocol"), expectation);
  if (typeof protocol !== "string") return protocol;
  const extensions = fields.get("sec-websocket-extensions");
  const deflate = checkChosenExtensions(extensions, expectation);
  if (deflate instanceof WebSocketHandshakeError) return deflate;
  return { protocol, extensions: deflate === undefined ? "" : extensions!, deflate };
}

/**
 * "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates the use of a
 * subprotocol that was not present in the client's handshake, the client MUST fail the connection." RFC 6455 §4.1
 */
function checkChosenProtocol(
  values: string[],
  { protocols = [] }: ClientExpectation,
): string | WebSocketHandshakeError {
  // No choice is allowed by the RFC, though not by browsers; whoever needs one looks at `protocol`.
  if (values.length === 0) return "";
  if (values.length === 1 && protocols.includes(values[0])) return values[0];
  const expected = expectedChoice(protocols);
  const actual = values.join(", ");
  const folded = actual.toLowerCase();
  // A list of those that were offered, or one of them in another case, would name them.
  const names = protocols.some((name) => folded.includes(name.toLowerCase()));
  return new WebSocketHandshakeError(
    `Cannot open the WebSocket: the server's header "Sec-WebSocket-Protocol" has to be ${expected}, ` +
      (names ? "got another text with such a name" : `got ${quote(actual)}`),
    { code: "HANDSHAKE_PROTOCOL", header: "Sec-WebSocket-Protocol", expected, actual },
  );
}

function checkChosenExtensions(
  value: string | undefined,
  { deflate }: ClientExpectation,
): PerMessageDeflateParameters | undefined | WebSocketHandshakeError {
  if (value === undefined) return undefined;
  const fail = (why: string) =>
    new WebSocketHandshakeError(
      `Cannot open the WebSocket: the server's header "Sec-WebSocket-Extensions" is ${
        quote(value)
      }: ${why}`,
      {
        code: "HANDSHAKE_EXTENSION",
        header: "Sec-WebSocket-Extensions",
        expected: deflate === undefined ? "absent" : formatExtension(offerDeflate(deflate)),
        actual: value,
      },
    );
  const extensions = parseExtensions(value);
  if (extensions === undefined) return fail("it breaks the grammar");
  if (deflate === undefined || extensions.some(({ name }) => name !== PERMESSAGE_DEFLATE)) {
    return fail("it names an extension that was not offered");
  }
  if (extensions.length > 1) return fail("it names an extension twice");
  const parameters = checkDeflateResponse(extensions[0], deflate);
  return typeof parameters === "string" ? fail(parameters) : parameters;
}

/** What a client asked for in a valid opening handshake. */
export interface ClientRequest {
  /** The value of `Sec-WebSocket-Key`. */
  key: string;
  /** The subprotocols offered, best first. */
  protocols: readonly string[];
  /** The extensions offered. */
  extensions: readonly WebSocketExtension[];
  /** The `Origin` header, if there is one. */
  origin: string | undefined;
  /** The `Host` header. */
  host: string;
}

/** Why a client's opening handshake is refused. */
export interface HandshakeRefusal {
  /** The HTTP status to answer with; 426 for a request that does not ask for a WebSocket of version 13. */
  status: number;
  /** What is wrong, for the answer's body. It repeats nothing that came. */
  message: string;
  /** Headers that the answer has to have. */
  headers: ReadonlyArray<readonly [name: string, value: string]>;
}

function refusal(
  status: number,
  message: string,
  headers: HandshakeRefusal["headers"] = [],
): HandshakeRefusal {
  return { status, message, headers };
}

/**
 * Whether a request asks for an upgrade to WebSocket at all, well or badly formed. Others are plain HTTP.
 *
 * @example
 * ```ts
 * import { HttpFields, isUpgradeRequest } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const fields = new HttpFields([["Host", "example.org"], ["Upgrade", "WebSocket"]]);
 * assertEquals(isUpgradeRequest({ method: "GET", target: "/", minorVersion: 1, fields }), true);
 * ```
 */
export function isUpgradeRequest(head: HttpRequestHead): boolean {
  return hasListElement(head.fields.get("upgrade"), "websocket");
}

/**
 * Checks a client's opening handshake (RFC 6455 §4.2.1), and takes out what matters.
 *
 * @example
 * ```ts
 * import {
 *   buildClientHandshake,
 *   checkClientHandshake,
 *   type ClientRequest,
 *   type HandshakeRefusal,
 *   parseRequestHead,
 * } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const key = "dGhlIHNhbXBsZSBub25jZQ==";
 * const protocols = ["a", "b"];
 * const text = buildClientHandshake({ target: "/", host: "example.org", key, protocols });
 * const head = parseRequestHead(text);
 * assert("target" in head);
 * const request = checkClientHandshake(head) as ClientRequest;
 * assertEquals([request.key, request.protocols], [key, protocols]);
 *
 * const refusal = checkClientHandshake({ ...head, method: "POST" }) as HandshakeRefusal;
 * assertEquals(refusal.status, 405);
 * ```
 */
export function checkClientHandshake(head: HttpRequestHead): ClientRequest | HandshakeRefusal {
  const { fields } = head;
  if (!isUpgradeRequest(head)) {
    return refusal(426, "This is a WebSocket server", [["Upgrade", "websocket"]]);
  }
  if (head.method !== "GET") return refusal(405, "The method has to be GET", [["Allow", "GET"]]);
  if (head.minorVersion !== 1) return refusal(400, "The version has to be HTTP/1.1");
  const hosts = fields.getAll("host");
  if (hosts.length !== 1 || !isHostHeader(hosts[0])) {
    return refusal(400, "There has to be one Host header");
  }
  if (!head.target.startsWith("/")) return refusal(400, "The target has to be a path");
  // Whether such a body would be frames or not is what request smuggling is made of.
  if (fields.has("transfer-encoding") || (fields.get("content-length") ?? "0") !== "0") {
    return refusal(400, "An upgrade request has no body");
  }
  if (!hasListElement(fields.get("connection"), "upgrade")) {
    return refusal(400, "The Connection header has to have Upgrade");
  }
  const versions = fields.getAll("sec-websocket-version");
  if (versions.length !== 1) {
    return refusal(400, "There has to be one Sec-WebSocket-Version header");
  }
  if (versions[0] !== "13") {
    return refusal(426, "Sec-WebSocket-Version has to be 13", [
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
    ]);
  }
  const keys = fields.getAll("sec-websocket-key");
  if (keys.length !== 1 || !/^[A-Za-z0-9+/]{22}==$/.test(keys[0])) {
    return refusal(400, "There has to be one Sec-WebSocket-Key header with 16 bytes in base64");
  }
  const origins = fields.getAll("origin");
  if (origins.length > 1) return refusal(400, "There has to be at most one Origin header");
  return checkOffers(head, keys[0], hosts[0], origins[0]);
}

function checkOffers(
  { fields }: HttpRequestHead,
  key: string,
  host: string,
  origin: string | undefined,
): ClientRequest | HandshakeRefusal {
  const offered = fields.get("sec-websocket-protocol");
  const protocols = offered === undefined ? [] : parseTokenList(offered);
  if (
    protocols === undefined ||
    (protocols.length > 1 && new Set(protocols).size !== protocols.length)
  ) {
    return refusal(400, "Sec-WebSocket-Protocol has to be a list of different tokens");
  }
  const value = fields.get("sec-websocket-extensions");
  const extensions = value === undefined ? [] : parseExtensions(value);
  if (extensions === undefined) return refusal(400, "Sec-WebSocket-Extensions breaks its grammar");
  return { key, protocols, extensions, origin, host };
}

/** What a server says when it accepts. */
export interface ServerHandshake {
  /** Base64 of SHA-1 of the client's key and {@linkcode WEBSOCKET_GUID}. */
  accept: string;
  /** The subprotocol chosen, if one was. */
  protocol?: string;
  /** The extension agreed on, if one was. */
  extension?: WebSocketExtension;
  /** Further headers, for example `Set-Cookie`. */
  headers?: Iterable<readonly [name: string, value: string]>;
}

/**
 * Writes a server's opening handshake (RFC 6455 §4.2.2) as Latin-1 text.
 *
 * @throws {TypeError} If a further header has characters that can't be sent, or is one of the handshake's own.
 *
 * @example
 * ```ts
 * import {
 *   buildServerHandshake,
 *   type ServerHandshake,
 *   WEBSOCKET_GUID,
 * } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const key = new TextEncoder().encode(`dGhlIHNhbXBsZSBub25jZQ==${WEBSOCKET_GUID}`);
 * const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", key));
 * const handshake: ServerHandshake = { accept: hash.toBase64(), protocol: "chat" };
 * assertEquals(buildServerHandshake(handshake).split("\r\n").slice(3, 5), [
 *   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
 *   "Sec-WebSocket-Protocol: chat",
 * ]);
 * ```
 */
export function buildServerHandshake(handshake: ServerHandshake): string {
  const { accept, protocol, extension, headers = [] } = handshake;
  let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
    `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;
  if (protocol) text += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  if (extension !== undefined) {
    text += `Sec-WebSocket-Extensions: ${formatExtension(extension)}\r\n`;
  }
  return `${text}${headerLines(headers)}\r\n`;
}

/** The reasons of IANA's registry of status codes, from 200 on. */
const STATUS_TEXTS: ReadonlyMap<number, string> = new Map([
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [203, "Non-Authoritative Information"],
  [204, "No Content"],
  [205, "Reset Content"],
  [206, "Partial Content"],
  [207, "Multi-Status"],
  [208, "Already Reported"],
  [226, "IM Used"],
  [300, "Multiple Choices"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [305, "Use Proxy"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [411, "Length Required"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [415, "Unsupported Media Type"],
  [416, "Range Not Satisfiable"],
  [417, "Expectation Failed"],
  [421, "Misdirected Request"],
  [422, "Unprocessable Content"],
  [423, "Locked"],
  [424, "Failed Dependency"],
  [425, "Too Early"],
  [426, "Upgrade Required"],
  [428, "Precondition Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [451, "Unavailable For Legal Reasons"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
  [506, "Variant Also Negotiates"],
  [507, "Insufficient Storage"],
  [508, "Loop Detected"],
  [510, "Not Extended"],
  [511, "Network Authentication Required"],
]);

/**
 * Writes a response that refuses a handshake and ends the connection: status, a text as its body, and headers. Its characters are
 * the response's bytes; the text is sent as UTF-8.
 *
 * @throws {TypeError} If a header has characters that can't be sent.
 * @throws {RangeError} For a status below 200 or above 599.
 *
 * @example
 * ```ts
 * import { buildRefusal } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const text = buildRefusal(401, "Log in first", [["WWW-Authenticate", "Bearer"]]);
 * assertEquals(text.split("\r\n").slice(0, 2), [
 *   "HTTP/1.1 401 Unauthorized",
 *   "WWW-Authenticate: Bearer",
 * ]);
 * ```
 */
export function buildRefusal(
  status: number,
  message: string,
  headers: Iterable<readonly [name: string, value: string]> = [],
): string {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`Cannot refuse with status ${status}: it takes 200 to 599`);
  }
  let text = `HTTP/1.1 ${status} ${STATUS_TEXTS.get(status) ?? ""}\r\n`;
  let upgrade = false;
  let typed = false;
  for (const [name, value] of headers) {
    if (!isToken(name) || !isFieldValue(value)) {
      throw new TypeError("Cannot refuse: a header has characters that can't be sent");
    }
    if (name.toLowerCase() === "upgrade") upgrade = true;
    if (name.toLowerCase() === "content-type") typed = true;
    text += `${name}: ${value}\r\n`;
  }
  const end = `Connection: ${upgrade ? "upgrade, close" : "close"}\r\n`;
  // These two have no body (RFC 9110 §15.3.5, §15.4.5).
  if (status === 204 || status === 304) return `${text}${end}\r\n`;
  const body = utf8Characters(`${message}\n`);
  const charset = body.length > message.length + 1 ? "; charset=utf-8" : "";
  return `${text}${end}` + (typed ? "" : `Content-Type: text/plain${charset}\r\n`) +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** A text as UTF-8, with a character for each byte. */
function utf8Characters(text: string): string {
  const bytes = encodeUtf8(text);
  if (bytes.length === text.length) return text;
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return characters;
}
