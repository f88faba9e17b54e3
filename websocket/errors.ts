// Floor 0: vocabulary.

/**
 * What went wrong, as {@linkcode WebSocketError.code} says it.
 *
 * | code | meaning |
 * | --- | --- |
 * | `HANDSHAKE_MALFORMED` | the head is not HTTP/1.1, or a header breaks its grammar |
 * | `HANDSHAKE_TOO_LARGE` | the head has more bytes or more lines than the limits allow |
 * | `HANDSHAKE_STATUS` | the server answered with another status than 101 |
 * | `HANDSHAKE_HEADER` | a header that the handshake needs is absent or has another value |
 * | `HANDSHAKE_ACCEPT` | `Sec-WebSocket-Accept` does not belong to the key that was sent |
 * | `HANDSHAKE_PROTOCOL` | the server chose a subprotocol that was not offered |
 * | `HANDSHAKE_EXTENSION` | the server chose an extension, or a parameter of it, that was not offered |
 * | `HANDSHAKE_REDIRECT` | a redirect that is not followed: too many, or no valid `Location` |
 * | `HANDSHAKE_CLOSED` | the server ended the connection before it answered |
 * | `HANDSHAKE_TIMEOUT` | the handshake was not complete at its deadline |
 * | `HANDSHAKE_REFUSED` | this server refused the client: origin, authorization, or too many connections |
 * | `RESERVED_BITS` | a frame has a reserved bit set that no extension gave a meaning to |
 * | `RESERVED_OPCODE` | a frame has an opcode that is not defined |
 * | `MASK` | a client's frame is not masked, or a server's frame is |
 * | `LENGTH` | a payload length is not in its shortest form, or has its top bit set |
 * | `CONTROL_FRAME` | a control frame is fragmented, or has more than 125 bytes |
 * | `CONTINUATION` | a continuation without a message, or a new message inside another |
 * | `CLOSE_PAYLOAD` | a close frame has one byte, a code that must not be sent, or a reason that is not UTF-8 |
 * | `UTF8` | a text message is not UTF-8 |
 * | `COMPRESSION` | a compressed message does not inflate |
 * | `MESSAGE_TOO_BIG` | a message is larger than `maxMessageSize` |
 * | `TOO_MANY_FRAGMENTS` | a message has more frames, or came in more pieces, than the limits allow |
 * | `MESSAGE_TIMEOUT` | a message was not complete at its deadline |
 * | `KEEPALIVE_TIMEOUT` | nothing came from the peer, not even an answer to a ping |
 * | `CLOSE_TIMEOUT` | the peer did not answer the close frame |
 * | `SLOW_READER` | the peer reads too slowly: the send queue reached its limit |
 * | `SEND_QUEUE_FULL` | the message was not sent: the send queue is at its limit |
 * | `INBOX_FULL` | messages were not taken in time, and the peer could not be held back (`upgradeWebSocket` only) |
 * | `OVERLOADED` | all connections together hold as much as the limits allow, and this one the most, or it waited too long for room |
 * | `PENDING_PINGS` | the ping was not sent: too many are unanswered |
 * | `CONNECTION_LOST` | the transport failed or ended without a close handshake |
 * | `CLOSED` | the connection is closing or closed |
 * | `CALLBACK` | a callback of the user's threw |
 */
export type WebSocketErrorCode =
  | "HANDSHAKE_MALFORMED"
  | "HANDSHAKE_TOO_LARGE"
  | "HANDSHAKE_STATUS"
  | "HANDSHAKE_HEADER"
  | "HANDSHAKE_ACCEPT"
  | "HANDSHAKE_PROTOCOL"
  | "HANDSHAKE_EXTENSION"
  | "HANDSHAKE_REDIRECT"
  | "HANDSHAKE_CLOSED"
  | "HANDSHAKE_TIMEOUT"
  | "HANDSHAKE_REFUSED"
  | "RESERVED_BITS"
  | "RESERVED_OPCODE"
  | "MASK"
  | "LENGTH"
  | "CONTROL_FRAME"
  | "CONTINUATION"
  | "CLOSE_PAYLOAD"
  | "UTF8"
  | "COMPRESSION"
  | "MESSAGE_TOO_BIG"
  | "TOO_MANY_FRAGMENTS"
  | "MESSAGE_TIMEOUT"
  | "KEEPALIVE_TIMEOUT"
  | "CLOSE_TIMEOUT"
  | "SLOW_READER"
  | "SEND_QUEUE_FULL"
  | "INBOX_FULL"
  | "OVERLOADED"
  | "PENDING_PINGS"
  | "CONNECTION_LOST"
  | "CLOSED"
  | "CALLBACK";

/** The code of a {@linkcode WebSocketHandshakeError}. */
export type WebSocketHandshakeErrorCode = Extract<WebSocketErrorCode, `HANDSHAKE_${string}`>;

/** What a {@linkcode WebSocketError} knows beside its text. */
export interface WebSocketErrorOptions extends ErrorOptions {
  /** What went wrong. */
  code: WebSocketErrorCode;
  /** The close code that goes with it. */
  closeCode?: number;
}

/**
 * What a WebSocket connection reports when the network, the peer or a deadline gets in the way.
 *
 * @example
 * ```ts
 * import { WebSocketError } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new WebSocketError("Cannot send: the connection is closed", { code: "CLOSED" });
 * assertEquals(error.code, "CLOSED");
 * ```
 */
export class WebSocketError extends Error {
  /** The name of the class. */
  override readonly name: string = "WebSocketError";
  /** What went wrong. */
  readonly code: WebSocketErrorCode;
  /** The close code that goes with it, if one does: 1002, 1007, 1008, 1009, 1011, or the peer's own. */
  declare readonly closeCode?: number;

  /** Makes an error with the text `message`, and the facts of `options`. */
  constructor(message: string, options: WebSocketErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    if (options.closeCode !== undefined) this.closeCode = options.closeCode;
  }
}

/**
 * The peer broke the protocol or a limit; `closeCode` is what it was told.
 *
 * @example
 * ```ts
 * import { pair } from "@sluice/sockets/net";
 * import { WebSocketConnection, WebSocketProtocolError } from "@sluice/sockets/websocket";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const [peer, end] = pair();
 * const server = new WebSocketConnection(end, { role: "server", closeTimeout: 100 });
 * await peer.write(new Uint8Array([0x81, 1, 0x41])); // a frame that is not masked
 * peer.close();
 * const { error } = await server.closed;
 * assert(error instanceof WebSocketProtocolError);
 * assertEquals([error.code, error.closeCode], ["MASK", 1002]);
 * ```
 */
export class WebSocketProtocolError extends WebSocketError {
  /** The name of the class. */
  override readonly name: string = "WebSocketProtocolError";
}

/** What a {@linkcode WebSocketHandshakeError} knows beside its text. */
export interface WebSocketHandshakeErrorOptions extends ErrorOptions {
  /** What went wrong. */
  code: WebSocketHandshakeErrorCode;
  /** The HTTP status that came, or with which a server refuses. */
  status?: number;
  /** The header concerned. */
  header?: string;
  /** What that header should have been. */
  expected?: string;
  /** What it was; `undefined` if it was absent. */
  actual?: string;
  /** The response that came instead of an agreement. */
  response?: Response;
}

/**
 * The opening handshake failed. Its texts hold no credentials: of what was sent, only the header's name is told.
 *
 * @example
 * ```ts
 * import { connectWebSocket, WebSocketHandshakeError } from "@sluice/sockets/websocket";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const http = Deno.serve(
 *   { hostname: "127.0.0.1", port: 0, onListen() {} },
 *   () => new Response("log in first", { status: 401 }),
 * );
 * const error = await assertRejects(
 *   () => connectWebSocket(`ws://127.0.0.1:${http.addr.port}`),
 *   WebSocketHandshakeError,
 * );
 * assertEquals([error.code, error.status], ["HANDSHAKE_STATUS", 401]);
 * assertEquals(await error.response?.text(), "log in first");
 * await http.shutdown();
 * ```
 */
export class WebSocketHandshakeError extends WebSocketError {
  /** The name of the class. */
  override readonly name: string = "WebSocketHandshakeError";
  /** What went wrong. */
  declare readonly code: WebSocketHandshakeErrorCode;
  /** The HTTP status that came, or with which a server refuses. */
  declare readonly status?: number;
  /** The header concerned, for example `"Sec-WebSocket-Accept"`. */
  declare readonly header?: string;
  /** What that header should have been. */
  declare readonly expected?: string;
  /** What it was; absent if the header was. */
  declare readonly actual?: string;
  /**
   * What a server sent that refuses or redirects: its headers (`retry-after`, for example), and the body of a refusal, as
   * far as it came within a second and has at most 16 KiB. It is not shown where the error is printed: it may hold
   * secrets.
   */
  declare readonly response?: Response;

  /** Makes an error with the text `message`, and the facts of `options`. */
  constructor(message: string, options: WebSocketHandshakeErrorOptions) {
    super(message, options);
    if (options.status !== undefined) this.status = options.status;
    if (options.header !== undefined) this.header = options.header;
    if (options.expected !== undefined) this.expected = options.expected;
    if (options.actual !== undefined) this.actual = options.actual;
    if (options.response !== undefined) {
      Object.defineProperty(this, "response", { value: options.response });
    }
  }
}
