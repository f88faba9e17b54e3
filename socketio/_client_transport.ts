// Floor 3: driver.
import type { CookieJar } from "./_cookie_jar.ts";
import type { EnginePacket } from "./engine_packet.ts";

/** Who is told what happens on a transport of a client. */
export interface ClientTransportHost {
  /** The transport can be used. A polling transport never says so: its first packet does. */
  onTransportOpen(transport: ClientTransport): void;
  /** A packet came. */
  onTransportPacket(transport: ClientTransport, packet: EnginePacket): void;
  /**
   * What was given to `send` has left, and more can be sent. Only a polling transport says so: it can't be given more
   * before. A WebSocket always can, as it queues by itself, and has no event for this.
   */
  onTransportDrain(transport: ClientTransport): void;
  /**
   * The transport ended; with an error if that was not in order. `lost`: the connection was closed or is gone, and nothing wrong
   * came on it. It says nothing afterwards.
   */
  onTransportClose(transport: ClientTransport, error: Error | undefined, lost?: boolean): void;
}

/** One way to carry packets between a client and a server. */
export interface ClientTransport {
  readonly name: "polling" | "websocket";
  /** Whether packets can be sent now. */
  readonly writable: boolean;
  /** How many bytes were given to `send` and have not left, as far as that is known. */
  readonly buffered: number;
  /** How many packets these are, as far as that is known. */
  readonly bufferedPackets: number;
  /** Begins. */
  open(): void;
  /** Sends packets, in order. The answers among them weigh `answers`: a transport that queues without end ends where too many wait. */
  send(packets: EnginePacket[], answers?: number): void;
  /** Stops once nothing is under way, without a word to the server: another transport takes over. */
  pause(done: () => void): void;
  /** Tells the server, and ends. */
  close(): Promise<void>;
}

/** What a transport of a client is made with. */
export interface ClientTransportOptions {
  /** The URL of the engine, with its query, without `transport` and `sid`. */
  readonly url: URL;
  readonly headers: Record<string, string> | undefined;
  readonly withCredentials: boolean;
  /** Where cookies are kept, if they are and the platform does not do it. */
  readonly cookies?: CookieJar;
  readonly fetch: typeof fetch;
  readonly WebSocket: typeof WebSocket;
  /** The most bytes of one response, and of one message. */
  readonly maxHttpBufferSize: number;
  /** The most that the answers weigh which wait to be sent. @default MAX_UNREAD_ANSWERS */
  readonly maxUnreadAnswers?: number;
}
