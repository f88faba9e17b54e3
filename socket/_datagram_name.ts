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
  #sender: PeerInfo | undefined;

  constructor(socket: DatagramSocket) {
    this.#socket = socket;
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
    await this.#socket.send(bytes, request);
  }

  /** The sender of what was read last. */
  peer(): PeerInfo | undefined {
    return this.#sender;
  }

  async close(_options: WaitOptions): Promise<void> {
    await this.#socket.close();
  }
}
