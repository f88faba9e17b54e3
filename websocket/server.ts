// Floor 3: driver.
import type { Pressure } from "../net/limits.ts";
import type { TransportAddr } from "../net/transport.ts";
import type { WaitOptions } from "../net/wait.ts";
import { startAccepting } from "./_running_server.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { ServeWebSocketOptions } from "./server_options.ts";

/** Options of {@linkcode WebSocketServer.publish}. */
export interface WebSocketPublishOptions {
  /** All but this client. */
  except?: WebSocketConnection;
  /**
   * Whether to compress for the clients that can.
   *
   * @default {true from the threshold on}
   */
  compress?: boolean;
}

/** Options of {@linkcode WebSocketServer.broadcast}. */
export interface WebSocketBroadcastOptions extends WebSocketPublishOptions {
  /**
   * Only clients with this subprotocol.
   *
   * @default {all clients}
   */
  protocol?: string;
}

/** Options of {@linkcode WebSocketServer.close}. When `timeout` or `signal` end the waiting, the clients that are left are cut off. */
export interface CloseWebSocketServerOptions extends WaitOptions {
  /**
   * Only stops listening; the clients stay.
   *
   * @default {false}
   */
  keepClients?: boolean;
  /**
   * The close code for the clients.
   *
   * @default {1001}, going away
   */
  code?: number;
  /** The reason for the clients. */
  reason?: string;
  /**
   * Spreads the closes over so many ms, so that not all clients come back at the same moment.
   *
   * @default {0}
   */
  over?: number;
}

/** A running WebSocket server, as `serveWebSocket` and `attachWebSocket` make it. */
export interface WebSocketServer extends AsyncDisposable {
  /** The address that it listens on; `undefined` if it is attached to another server. */
  readonly addr: TransportAddr | undefined;
  /** The port that it listens on; 0 if there is none. */
  readonly port: number;
  /** The connections that are open. */
  readonly clients: ReadonlySet<WebSocketConnection>;
  /** How close this server, and all that share its `limits`, are to them. */
  readonly pressure: Pressure;
  /** Resolves when the server is closed and its last client is gone. */
  readonly finished: Promise<void>;
  /**
   * Sends a message to all clients. It is encoded once, and compressed once for each set of parameters; the messages of
   * one turn leave in one write for each client.
   *
   * A client that reads too slowly loses the message (with the policy `"drop"`) or its connection (with the others).
   *
   * @returns To how many clients.
   * @throws {TypeError} If it is neither a string nor bytes; for options that there are not.
   */
  broadcast(
    data: string | ArrayBuffer | ArrayBufferView,
    options?: WebSocketBroadcastOptions,
  ): number;
  /**
   * Sends a message to the clients that have subscribed to a topic (`ws.subscribe`), as `broadcast` does to all.
   *
   * @throws {TypeError} As `broadcast`.
   */
  publish(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    options?: WebSocketPublishOptions,
  ): number;
  /** How many clients have subscribed to a topic. */
  subscribers(topic: string): number;
  /**
   * Stops listening, and closes all clients (unless they are to be kept). Plain HTTP requests that have come are answered
   * for as long as `timeout` and `signal` say, for a second without them. Resolves when the last one is gone.
   * Called again, it waits for the same, and closes clients that were kept before.
   *
   * @throws {RangeError} For a code that must not be sent, or a time that is out of range; the server goes on.
   * @throws {TypeError} For a reason of more than 123 bytes, a callback, or options that there are not; the server goes on.
   */
  close(options?: CloseWebSocketServerOptions): Promise<void>;
}

/**
 * Serves WebSockets on a port, a Unix socket file, or any listener, by our own protocol on the raw connection.
 *
 * Every client has to pass the handshake within its deadline, from an allowed origin, and through `authorize`. Then its
 * handler gets the connection: the one of the first subprotocol that the client offers and the server has, or `default`.
 *
 * @throws {TypeError} If there is no handler, or options contradict each other, are not known or can't be honoured.
 * @throws {RangeError} If a limit or a time is out of range.
 * @throws {NetError} If the system refuses to listen.
 *
 * @example
 * ```ts
 * import { connectWebSocket, serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   protocols: {
 *     echo: async (ws) => {
 *       for await (const message of ws) await ws.send(message);
 *     },
 *   },
 *   default: (ws) => ws.close(1000, "goodbye strange client"),
 * });
 * await using ws = await connectWebSocket(`ws://127.0.0.1:${server.port}`, { protocols: ["echo"] });
 * await ws.send("hello");
 * const { data } = await ws.receive();
 * assertEquals(data, "hello");
 * ```
 */
export async function serveWebSocket(options: ServeWebSocketOptions): Promise<WebSocketServer> {
  return await startAccepting(options);
}
