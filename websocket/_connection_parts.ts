// Floor 3: driver.
import type { TransportAddr } from "../net/transport.ts";
import type { WaitOptions } from "../net/wait.ts";
import { WebSocketError } from "./errors.ts";
import type { HandshakeInfo } from "./_handshake_info.ts";
import type { ResolvedConnectionOptions } from "./connection_options.ts";
import type { WebSocketCloseInfo, WebSocketData, WebSocketMessageOpcode } from "./types.ts";

/** What ends a connection whose peer leaves too much unread. */
export function slowReaderError(unread: number): WebSocketError {
  return new WebSocketError(`The WebSocket was closed: the peer left ${unread} bytes unread`, {
    code: "SLOW_READER",
    closeCode: 1008,
  });
}

/** What the end of a connection is for those who wait for something else. */
export function closedError(): WebSocketError {
  return new WebSocketError("The WebSocket was closed", { code: "CLOSED", closeCode: 1006 });
}

/** What became of the bytes of a `WebSocketConnection`: how many the transport has taken, and how many are queued. The class sets it up. */
export const bytesOf: {
  written(connection: object): number;
  queued(connection: object): number;
} = { written: () => 0, queued: () => 0 };

/** Who is told what happens on a link. The calls are synchronous and must not throw; after `closed` there are none. */
export interface LinkEvents {
  /** A whole message. */
  message(data: WebSocketData, opcode: WebSocketMessageOpcode): void;
  /** A part of a streamed message. */
  piece(bytes: Uint8Array, opcode: WebSocketMessageOpcode, last: boolean): void;
  /** A ping, answered already. */
  ping(payload: Uint8Array): void;
  /** A pong. */
  pong(payload: Uint8Array): void;
  /** The send queue fell below half of the high-water mark, after it had reached it. */
  drain(): void;
  /** Something went wrong, and the link ends. */
  error(error: WebSocketError): void;
  /** How many bytes of messages nobody has taken yet. */
  readonly kept: number;
  /** Whether nothing is to be told for now, the end neither; without it a paused link only has its peer wait. */
  readonly paused: boolean;
  /** The link ended. */
  closed(info: WebSocketCloseInfo): void;
}

/** What became of a message: it is queued, it was dropped, or the queue is at its limit and it was refused. */
export type SendOutcome = "sent" | "dropped" | "refused";

/** What carries the messages of a connection: our own protocol over a transport, or the runtime's WebSocket. */
export interface Link {
  /** Whether the peer can be held back. */
  readonly canPause: boolean;
  /** The subprotocol, or the empty string. */
  readonly protocol: string;
  /** The extensions, or the empty string. */
  readonly extensions: string;
  /** The address of this end. */
  readonly localAddr: TransportAddr;
  /** The address of the other end. */
  readonly remoteAddr: TransportAddr;
  /** Whether messages can be sent. */
  readonly open: boolean;
  /** Bytes that wait to be sent. */
  readonly queued: number;
  /** Bytes that the transport has taken. */
  readonly written: number;
  /** Whether {@linkcode queued} is at the high-water mark. */
  readonly full: boolean;
  /** Messages dropped because the queue was at its limit. */
  readonly dropped: number;
  /** Whether a message that begins now is handed on in pieces. */
  streaming: boolean;
  /** Whether messages are waiting behind one that is sent in parts: nobody may send around the connection. */
  reserved: boolean;
  /** Sends what broadcasts left for this link, before something else is queued. */
  catchUp(): void;
  /** Begins to receive. */
  start(events: LinkEvents): void;
  /** @throws {WebSocketError} `CLOSED` if the link is not open. */
  send(data: string | Uint8Array, compress: boolean | undefined): SendOutcome;
  /** Does with a message that the queue has no room for what the policy says; if it says to wait, and that is allowed, refuses it. */
  overLimit(mayWait: boolean): SendOutcome;
  /** @throws {WebSocketError} `CLOSED` if the link is not open. */
  sendFragment(
    bytes: Uint8Array,
    opcode: WebSocketMessageOpcode,
    fin: boolean,
    compress: boolean | undefined,
  ): void;
  /** @throws {WebSocketError} `CLOSED` if the link is not open. */
  sendPing(payload: Uint8Array): void;
  /** @throws {WebSocketError} `CLOSED` if the link is not open. */
  sendPong(payload: Uint8Array): void;
  /**
   * Begins the closing handshake; does nothing if it has begun. With `after` it waits for that first; the close timeout
   * runs all the same.
   */
  close(code: number | undefined, reason: string, after?: Promise<void>): void;
  /** The close code that the link can send for this one. */
  codeFor(code: number): number;
  /** Ends the link at once. */
  terminate(): void;
  /** Ends the link with a close code for a reason of this end's own. */
  failWith(error: WebSocketError): void;
  /** Stops reading. */
  pause(): void;
  /** Goes on reading. */
  resume(): void;
  /** Whether a message that nobody waits for is dropped, because the limits have no room. It is counted. */
  dropsUnwanted(): boolean;
  /** All messages that had come were taken. */
  taken(): void;
  /** Holds what is sent back until {@linkcode uncork}. */
  cork(): void;
  /** Sends what was held back. */
  uncork(): void;
  /** Waits until the queue is below the high-water mark. */
  drained(options?: WaitOptions): Promise<void>;
}

/** What a server does for its connections beyond carrying their messages. */
export interface ConnectionHost {
  /** The topics that the connection gets. */
  readonly topics: ReadonlySet<string>;
  /** The connection has ended. */
  closed(): void;
  /** Adds a topic. */
  subscribe(topic: string): void;
  /** Takes a topic away. */
  unsubscribe(topic: string): void;
  /** Sends to all subscribers of a topic but this connection. */
  publish(topic: string, data: string | Uint8Array, compress: boolean | undefined): number;
  /** Sends to all connections with the same subprotocol. */
  broadcast(data: string | Uint8Array, compress: boolean | undefined): number;
}

/** What a connection is made from when its handshake was made here. */
export class ConnectionParts {
  /** Collects the parts. */
  constructor(
    /** What carries the messages. */
    readonly link: Link,
    /** Limits and deadlines. */
    readonly options: ResolvedConnectionOptions,
    /** What the handshake said. */
    readonly info: HandshakeInfo | undefined,
    /** The server, if there is one that does more. */
    readonly host: ConnectionHost | undefined,
  ) {}
}
