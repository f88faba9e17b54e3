// Two WebSocket connections over a pair in memory, and a peer that speaks in raw frames.
import { pair, type PairOptions } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import type { WebSocketConnectionInit } from "../../websocket/connection_types.ts";
import { type DecodedFrame, decodeFrame, encodeFrame } from "../../websocket/frame.ts";
import { joined, toBytes } from "./websocket_rig.ts";

/** Options of one or both ends. */
export interface WebSocketPairOptions extends Partial<Omit<WebSocketConnectionInit, "role">> {
  client?: Partial<WebSocketConnectionInit>;
  server?: Partial<WebSocketConnectionInit>;
  pair?: PairOptions;
}

/** A client and a server, connected. */
export function webSocketPair(
  { client, server, pair: wire, ...both }: WebSocketPairOptions = {},
): [client: WebSocketConnection, server: WebSocketConnection] {
  const [a, b] = pair(wire);
  return [
    new WebSocketConnection(a, { role: "client", ...both, ...client }),
    new WebSocketConnection(b, { role: "server", ...both, ...server }),
  ];
}

/** Closes both ends and waits until they are gone. */
export async function closeBoth(...ends: WebSocketConnection[]): Promise<void> {
  await Promise.all(ends.map((ws) => ws.close()));
}

/** The far end of a connection, frame by frame; it does nothing by itself. */
export class RawPeer {
  readonly ws: WebSocketConnection;
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(
    readonly transport: Transport,
    transportOfWs: Transport,
    init: WebSocketConnectionInit,
  ) {
    this.ws = new WebSocketConnection(transportOfWs, init);
    this.#masked = init.role === "server";
  }
  readonly #masked: boolean;

  /** Writes bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await writeAll(this.transport, bytes);
  }

  /** Writes a frame, masked if the other end is a server. */
  async send(
    opcode: number,
    data: string | Uint8Array = "",
    options: { fin?: boolean; rsv?: number } = {},
  ): Promise<void> {
    const maskKey = this.#masked ? 0x5ca1ab1e : undefined;
    await this.write(encodeFrame(toBytes(data), { opcode, maskKey, ...options }));
  }

  /** Reads the next frame; `undefined` at the end. */
  async read(): Promise<DecodedFrame | undefined> {
    const into = new Uint8Array(65_536);
    for (;;) {
      const frame = decodeFrame(this.#buffer);
      if ("payload" in frame) {
        this.#buffer = this.#buffer.subarray(frame.size);
        return frame;
      }
      const n = await this.transport.read(into);
      if (n === null) return undefined;
      this.#buffer = joined(this.#buffer, into.subarray(0, n));
    }
  }
}

/** A connection, and its far end in raw frames. */
export function rawPeer(
  init: WebSocketConnectionInit,
  wire?: PairOptions,
): { ws: WebSocketConnection; peer: RawPeer } {
  const [a, b] = pair(wire);
  const peer = new RawPeer(b, a, init);
  return { ws: peer.ws, peer };
}
