// Floor 3: driver.
import type { Datagram } from "../net/datagram_options.ts";
import type { DatagramSocket } from "../net/datagram_socket.ts";
import { NetError } from "../net/errors.ts";
import type { WaitOptions } from "../net/wait.ts";
import { closedHere, SocketFailure } from "./_failure.ts";
import type { NamedSocket, PeerInfo, ReadRequest, WriteRequest } from "./_named_socket.ts";

/** A UDP socket with a name: each message is a datagram. */
export class DatagramName implements NamedSocket {
  readonly #socket: DatagramSocket;
  readonly #mayBroadcast: boolean;
  #sender: PeerInfo | undefined;

  constructor(socket: DatagramSocket, mayBroadcast: boolean) {
    this.#socket = socket;
    this.#mayBroadcast = mayBroadcast;
  }

  async read({ timeout, signal }: ReadRequest): Promise<Uint8Array | undefined> {
    let datagram: Datagram;
    try {
      datagram = await this.#socket.receive({ timeout, signal });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      if (error.code === "ETIMEDOUT") return undefined;
      throw error.code === "ERR_SOCKET_CLOSED" ? closedHere() : error;
    }
    this.#sender = { address: datagram.address, port: String(datagram.port) };
    return datagram.data;
  }

  async write(bytes: Uint8Array, request: WriteRequest): Promise<void> {
    if (request.port === undefined) {
      throw new SocketFailure("INVALID_ARGUMENT", "a datagram needs an address and a port");
    }
    try {
      await this.#socket.send(bytes, request);
    } catch (error) {
      if (this.#mayBroadcast || !(error instanceof NetError) || error.code !== "EACCES") {
        throw error;
      }
      const why = `the system refuses "${request.address}"; ` +
        "a broadcast address needs a socket that was made with { broadcast: true }";
      throw new SocketFailure("WRITE_FAILED", why, error);
    }
  }

  /** The sender of what was read last. */
  peer(): PeerInfo | undefined {
    return this.#sender;
  }

  async close(_options: WaitOptions): Promise<void> {
    await this.#socket.close();
  }
}
