// Floor 0: vocabulary.
import type { TransportAddr } from "../net/transport.ts";

/** One of the two who are traced: who connected, or who was connected to. */
export type TraceSide = "client" | "server";

/** What every event has. */
export interface TraceEventBase {
  /** When it happened, in ms since 1970, with fractions. */
  time: number;
  /** The number of the connection, from 1 up. Of datagrams, those of one client's address are one connection. */
  connection: number;
}

/** A client has come. */
export interface TraceOpenEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "open";
  /** What the client speaks. */
  transport: "tcp" | "tls" | "unix" | "udp";
  /** The client's address. */
  client: TransportAddr;
  /** Where it is to be connected to, for example `example.org:80`. */
  server: string;
}

/** The server is connected. */
export interface TraceConnectEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "connect";
  /** The server's address. */
  server: TransportAddr;
}

/** Bytes have come; for datagrams, one of them. */
export interface TraceDataEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "data";
  /** Who sent them. */
  from: TraceSide;
  /**
   * The bytes, with secrets masked unless the tracer shows them. They must not be changed, and are valid during the call only: the tracer uses the
   * buffer again. Whoever keeps them keeps a copy.
   */
  bytes: Uint8Array;
  /** How many bytes this side had sent before. */
  offset: number;
  /** Whether message events tell what is in them. */
  decoded: boolean;
}

/** What kind of WebSocket message it is. */
export type TraceMessageKind = "text" | "binary" | "close" | "ping" | "pong";

/** A WebSocket message, put together and inflated, or a control frame. */
export interface TraceMessageEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "message";
  /** Who sent it. */
  from: TraceSide;
  /** The kind of the message. */
  kind: TraceMessageKind;
  /** What it holds, at least its beginning; still compressed when `note` says so. These bytes are the receiver's. */
  bytes: Uint8Array;
  /** Its size, in bytes, as far as that is known. */
  size: number;
  /** In how many frames it came. */
  frames: number;
  /** Whether it came compressed. */
  compressed: boolean;
  /** What it means as a Socket.IO packet, for example `EVENT /chat #1 ["hello"]`. */
  packet?: string;
  /** Why it is not shown in full. */
  note?: string;
}

/** A side has ended its direction; the other one may go on. */
export interface TraceEndEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "end";
  /** Who has ended. */
  from: TraceSide;
}

/** A side has reset the connection. */
export interface TraceResetEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "reset";
  /** Who has reset it. */
  from: TraceSide;
  /** Whether the other side gets a reset, too. If not (see the manual), it gets an ordinary end. */
  passedOn: boolean;
}

/** Something failed: the server could not be reached, TLS was refused, a deadline passed. */
export interface TraceErrorEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "error";
  /** On whose side. */
  side: TraceSide;
  /** What. */
  error: Error;
}

/** Something was done on purpose to disturb the connection. */
export interface TraceFaultEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "fault";
  /** What was done. */
  fault: "cut";
  /** Whose direction. */
  from: TraceSide;
  /** After how many of its bytes. */
  after: number;
}

/** A datagram was lost here. */
export interface TraceDropEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "drop";
  /** Who sent it. */
  from: TraceSide;
  /** Its size, in bytes. */
  size: number;
  /** Why. */
  reason: string;
}

/** It is over. */
export interface TraceCloseEvent extends TraceEventBase {
  /** The kind of the event. */
  type: "close";
  /** How many bytes the client sent. */
  clientBytes: number;
  /** How many bytes the server sent. */
  serverBytes: number;
}

/** What a tracer tells, in the order in which it happens. */
export type TraceEvent =
  | TraceOpenEvent
  | TraceConnectEvent
  | TraceDataEvent
  | TraceMessageEvent
  | TraceEndEvent
  | TraceResetEvent
  | TraceErrorEvent
  | TraceFaultEvent
  | TraceDropEvent
  | TraceCloseEvent;

/** Who is told all that a tracer sees: a display, a file. */
export interface TraceSink {
  /**
   * Takes an event, at once. A promise that it returns holds back the connection's traffic until it is settled: for files that may not miss
   * anything. A sink that throws or rejects is left out from then on, and its error goes to the tracer's `onSinkError`.
   */
  event(event: TraceEvent): void | Promise<void>;
  /** Called once, before the first event, when the tracer has its port. One that throws or rejects, or takes over 10 s, is why `start()` does. */
  open?(): void | Promise<void>;
  /** Called once, after the last event. The tracer waits for it, 10 s at most. */
  close?(): void | Promise<void>;
}
