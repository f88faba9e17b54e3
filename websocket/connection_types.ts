// Floor 3: driver.
import type { Limits } from "../net/limits.ts";
import type { WaitOptions } from "../net/wait.ts";
import type { WebSocketConnectionOptions } from "./connection_options.ts";
import type { WebSocketError } from "./errors.ts";
import type {
  PerMessageDeflateOptions,
  PerMessageDeflateParameters,
} from "./permessage_deflate.ts";
import type {
  WebSocketCloseInfo,
  WebSocketData,
  WebSocketMessageOpcode,
  WebSocketRole,
} from "./types.ts";

/** The events of a {@linkcode WebSocketConnection}, with what their listeners get. */
export interface WebSocketEvents {
  /**
   * A message: a string if it was sent as text, bytes if it was sent as binary. The bytes are a view into a larger buffer, which
   * stays in memory as long as the view does: copy (`data.slice()`) what is to live long. Nobody writes them again.
   */
  message: (data: WebSocketData, opcode: WebSocketMessageOpcode) => unknown;
  /** A ping came. It is answered already. */
  ping: (payload: Uint8Array) => unknown;
  /** A pong came, asked for or not. */
  pong: (payload: Uint8Array) => unknown;
  /** The send queue has room again, after it had reached the high-water mark. */
  drain: () => unknown;
  /**
   * The connection fails. `close` follows. Without a listener nothing happens: `closed` tells the same. A peer that leaves
   * without a close frame is told by `close` alone, whose `error` says so.
   */
  error: (error: WebSocketError) => unknown;
  /** The connection has ended. It is the last event. */
  close: (info: WebSocketCloseInfo) => unknown;
}

/** What can be sent: text, bytes, a Blob, or the parts of a message as they are made. */
export type WebSocketSendable =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | Iterable<string | ArrayBuffer | ArrayBufferView>
  | AsyncIterable<string | ArrayBuffer | ArrayBufferView>;

/** Options of {@linkcode WebSocketConnection.send}. */
export interface WebSocketSendOptions extends WaitOptions {
  /**
   * Whether to compress the message, if compression was agreed on. Never compress a secret together with what an
   * attacker can choose.
   *
   * @default {true from the threshold on}
   */
  compress?: boolean;
  /** Sends bytes as text (1), or text as binary (2). Bytes that are no UTF-8 are refused with a TypeError. */
  opcode?: WebSocketMessageOpcode;
}

/** A message, as {@linkcode WebSocketConnection.receive} returns it. */
export interface ReceivedMessage {
  /** A string if it was sent as text, bytes if it was sent as binary. */
  data: WebSocketData;
  /** 1 for text, 2 for binary. */
  opcode: WebSocketMessageOpcode;
  /** Absent: the connection is not closed. */
  wasClean?: undefined;
  /** Absent: the connection is not closed. */
  code?: undefined;
  /** Absent: the connection is not closed. */
  reason?: undefined;
}

/** The end of the connection, as {@linkcode WebSocketConnection.receive} returns it. */
export interface ReceivedClose extends WebSocketCloseInfo {
  /** Absent: there are no more messages. */
  data?: undefined;
  /** Absent: there are no more messages. */
  opcode?: undefined;
}

/** A message that is read while it comes. */
export interface ReceivedStream {
  /** The message's bytes; those of a text message are UTF-8, and checked. */
  readable: ReadableStream<Uint8Array>;
  /** 1 for text, 2 for binary. */
  opcode: WebSocketMessageOpcode;
  /** Absent: the connection is not closed. */
  wasClean?: undefined;
  /** Absent: the connection is not closed. */
  code?: undefined;
  /** Absent: the connection is not closed. */
  reason?: undefined;
}

/** The web streams of a connection, in the shape of `WebSocketStream.opened`. */
export interface WebSocketOpenInfo {
  /** The messages that come. */
  readable: ReadableStream<WebSocketData>;
  /** Takes the messages to be sent. */
  writable: WritableStream<WebSocketSendable>;
  /** The subprotocol, or the empty string. */
  protocol: string;
  /** The extensions, or the empty string. */
  extensions: string;
}

/** What a {@linkcode WebSocketConnection} over a transport of your own starts from. */
export interface WebSocketConnectionInit extends WebSocketConnectionOptions {
  /** Which end this is. */
  role: WebSocketRole;
  /**
   * The subprotocol that was agreed on.
   *
   * @default {none}
   */
  protocol?: string;
  /**
   * The compression that was agreed on.
   *
   * @default {none}
   */
  deflate?: PerMessageDeflateParameters;
  /** How this end compresses. */
  perMessageDeflate?: PerMessageDeflateOptions;
  /** Bytes that came behind the opening handshake. */
  rest?: Uint8Array;
  /**
   * Where what the connection holds is counted: a budget for many connections.
   *
   * @default {none}
   */
  limits?: Limits;
}
