// Floor 3: driver.
// An adapter of this machine, spoken to through a raw HCI socket. The kernel lets every user send the commands that are
// used here: inquiry, remote name request, and reading the address.
import {
  decodeHciEvent,
  encodeHciFilter,
  encodeInquiry,
  encodeInquiryCancel,
  encodeReadAddress,
  encodeRemoteNameCancel,
  encodeRemoteNameRequest,
  type HciEvent,
  type HciInquiryResult,
  INQUIRY,
  READ_BD_ADDR,
  REMOTE_NAME_REQUEST,
} from "./_bluetooth_hci.ts";
import type { FfiSocket } from "./_bluetooth_socket.ts";
import { addressFromBytes, HCI_FILTER, SOL_HCI } from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";
import type { Deadline } from "./wait.ts";

/** More than the largest HCI event: 2 + 1 + 255 bytes. */
const MAX_EVENT = 512;

/** The parts of a socket that an adapter needs. */
export type HciSocket = Pick<FfiSocket, "read" | "write" | "setOption" | "close" | "settled">;

function refused(command: string, status: number): NetError {
  const code = `0x${status.toString(16).padStart(2, "0")}`;
  return new NetError(
    `Cannot discover Bluetooth devices: the adapter refuses the ${command} (${code})`,
    {
      code: "EIO",
      syscall: "ioctl",
    },
  );
}

/** One adapter; its socket is bound already. */
export class Adapter {
  readonly #socket: HciSocket;
  readonly #packet = new Uint8Array(MAX_EVENT);

  constructor(socket: HciSocket) {
    this.#socket = socket;
    socket.setOption(SOL_HCI, HCI_FILTER, encodeHciFilter());
  }

  async #next(deadline: Deadline): Promise<HciEvent> {
    for (;;) {
      const count = await this.#socket.read(this.#packet, deadline);
      const event = decodeHciEvent(this.#packet.subarray(0, count));
      if (event !== undefined) return event;
      if (count === 0) throw refused("connection", 0);
    }
  }

  /** The adapter's own address. */
  async address(deadline: Deadline): Promise<string> {
    await this.#socket.write(encodeReadAddress(), deadline);
    for (;;) {
      const event = await this.#next(deadline);
      if (event.type !== "complete" || event.opcode !== READ_BD_ADDR) continue;
      if (event.status !== 0 || event.parameters.length < 6) {
        throw refused("address request", event.status);
      }
      return addressFromBytes(event.parameters, 0);
    }
  }

  /** Looks for devices for `length` times 1.28 s; `found` gets each answer, and returns whether that is enough. */
  async inquire(
    length: number,
    found: (device: HciInquiryResult) => boolean,
    deadline: Deadline,
  ): Promise<void> {
    await this.#socket.write(encodeInquiry(length, 0), deadline);
    let running = true;
    try {
      while (running) {
        const event = await this.#next(deadline);
        if (event.type === "status" && event.opcode === INQUIRY && event.status !== 0) {
          running = false;
          throw refused("inquiry", event.status);
        }
        if (event.type === "inquiryComplete") running = false;
        if (event.type === "inquiryResult" && event.devices.map(found).includes(true)) return;
      }
    } finally {
      // The socket takes a command at once; there is nobody left to wait for it.
      if (running) await this.#socket.write(encodeInquiryCancel()).catch(() => {});
    }
  }

  /** A device's name, or `undefined` if it doesn't tell. */
  async name(device: HciInquiryResult, deadline: Deadline): Promise<string | undefined> {
    const { address, scanMode, clockOffset } = device;
    await this.#socket.write(encodeRemoteNameRequest(address, scanMode, clockOffset), deadline);
    try {
      for (;;) {
        const event = await this.#next(deadline);
        if (event.type === "status" && event.opcode === REMOTE_NAME_REQUEST && event.status !== 0) {
          return undefined;
        }
        if (event.type === "remoteName" && event.address === address) {
          return event.status === 0 && event.name !== "" ? event.name : undefined;
        }
      }
    } catch (error) {
      await this.#socket.write(encodeRemoteNameCancel(address)).catch(() => {});
      throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#socket.settled();
  }
}
