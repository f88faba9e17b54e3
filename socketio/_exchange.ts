// Floor 0: vocabulary.
import type { EngineRequest, EngineResponse } from "./types.ts";

/**
 * The parameter with the number of a polling request, by which a repetition is known: HTTP clients send a request again, with a body too, when a
 * connection that was used before is cut before the answer.
 */
export const REQUEST_NUMBER = "seq";

/** Headers of a response, by name; a list makes several lines. */
export type ResponseHeaders = Record<string, string | string[]>;

/** The body of a request, or why there is none. */
export type RequestBody = Uint8Array | "too large" | "no room" | "aborted";

/** What middleware gets as the response. */
export interface MiddlewareResponse extends EngineResponse {
  /** Calls back at its end: it has left, or the other side has gone. */
  once(event: "close", listener: () => void): unknown;
}

/** One HTTP request and its response, whatever server they came through. */
export interface HttpExchange {
  readonly request: EngineRequest;
  /** The address of the other end. */
  readonly remoteAddress: string;
  /** What middleware gets. */
  readonly response: MiddlewareResponse;
  /** Whether the other side has gone, or a response was sent. */
  readonly done: boolean;
  /** Called when the other side goes before the response was sent. */
  onAbort: (() => void) | undefined;
  /**
   * Says that a response with status 200 comes later: who has to begin it in order to see the other side go, may.
   * Returns whether its headers are gone now, and what is given to `respond` later is the body alone.
   */
  hold(headers: () => ResponseHeaders): boolean;
  /**
   * Reads the body, and gives up once it has more than `limit` bytes, or when `hasRoom`, told how many bytes are held,
   * says no.
   */
  readBody(limit: number, hasRoom?: (held: number) => boolean): Promise<RequestBody>;
  /** Sends the response. */
  respond(status: number, headers: ResponseHeaders, body?: string | Uint8Array): void;
}

/** A request for a WebSocket that is not answered yet. */
export interface UpgradeExchange {
  readonly request: EngineRequest;
  /** The request's `Origin` and `Host`: they are always looked at, the other headers seldom. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  readonly remoteAddress: string;
  /** Whether the other side has gone. */
  readonly done: boolean;
  /** Whether the connection has waited until there was room for it. */
  readonly hasRoom?: boolean;
  /** Has `left` called if the other side goes before the request is answered, where the platform tells. */
  watch?(left: () => void): void;
  /** Refuses the request with a status and a text. */
  refuse(status: number, headers: ResponseHeaders, message: string): void;
  /**
   * Completes the handshake. The socket hands on nothing before `start` is called on it. Rejects, or returns
   * `undefined`, if the other side's handshake is not valid; it has been told then.
   */
  accept(headers: ResponseHeaders): Promise<EngineWebSocket> | EngineWebSocket | undefined;
}

/** Who is told what a WebSocket does. */
export interface EngineWebSocketHost {
  /** A message came. */
  onSocketMessage(data: string | Uint8Array): void;
  /** The queue has room again. */
  onSocketDrain(): void;
  /** The socket is closed; with an error if that was not in order. */
  onSocketClose(error: Error | undefined): void;
}

/** A message that goes to many sockets: made once, and its bytes shared. */
export interface SharedMessage {
  /** What is sent: text with its packet type in front, or bytes. */
  readonly payload: string | Uint8Array;
  /** The complete WebSocket frame of it, uncompressed and without a mask. */
  readonly frame: Uint8Array;
}

/** The WebSocket under a connection. */
export interface EngineWebSocket {
  /** How many bytes wait to be sent. */
  readonly queued: number;
  /** Whether so much waits that more should wait. */
  readonly full: boolean;
  /** Messages go to `host` from now on. */
  start(host: EngineWebSocketHost): void;
  /** Somebody wants to be told of room again from now on: there where that costs something. */
  watchDrain?(): void;
  /** Queues a message. */
  send(data: string | Uint8Array, compress: boolean): void;
  /** Queues a text in two parts: who encodes it straight into the outgoing bytes need not join them. */
  sendText(head: string, body: string, compress: boolean): void;
  /** Queues a message whose frame is shared with other sockets. */
  sendShared(message: SharedMessage, compress: boolean): void;
  /** Sends what is queued, and then closes. */
  close(code?: number, reason?: string): void;
  /** Closes at once. */
  terminate(): void;
  /**
   * Where that is known: whether a message is coming, and more of it than when this was asked last, or it would be but for the limits; or whether the
   * client has taken more of a queue since.
   */
  advanced?(): boolean;
  /** Whether a part of a message has come, and its end has not: where that is known. */
  readonly receiving?: boolean;
}
