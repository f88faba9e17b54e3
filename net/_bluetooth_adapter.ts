// Floor 3: driver.
// An adapter of this machine, spoken to through a raw HCI socket. The kernel lets every user send the commands that are
// used here: inquiry and remote name request.
import { openSocket } from "./_bluetooth_open.ts";
import {
  decodeHciEvent,
  encodeHciFilter,
  encodeInquiry,
  encodeInquiryCancel,
  encodeRemoteNameCancel,
  encodeRemoteNameRequest,
  type HciEvent,
  type HciInquiryResult,
  INQUIRY,
  REMOTE_NAME_REQUEST,
} from "./_bluetooth_hci.ts";
import type { FfiSocket } from "./_bluetooth_socket.ts";
import {
  type AdapterInfo,
  BTPROTO_HCI,
  decodeDeviceInfo,
  encodeDeviceInfo,
  HCI_FILTER,
  HCI_GET_DEVICE_INFO,
  SOCK_RAW,
  SOL_HCI,
} from "./_bluetooth_sys.ts";
import { NetError } from "./errors.ts";
import type { Deadline } from "./wait.ts";

/** More than the largest HCI event: 2 + 1 + 255 bytes. */
const MAX_EVENT = 512;

/** Adapters are numbered from 0; nobody has more than so many. */
const MAX_ADAPTERS = 16;

/** The adapters of this machine, as the system numbers them. @throws {SystemError | NetError} */
export function listAdapters(what: string): AdapterInfo[] {
  const socket = openSocket(SOCK_RAW, BTPROTO_HCI, what);
  try {
    const adapters: AdapterInfo[] = [];
    for (let index = 0; index < MAX_ADAPTERS; index++) {
      const info = encodeDeviceInfo(index);
      if (socket.control(HCI_GET_DEVICE_INFO, info) >= 0) adapters.push(decodeDeviceInfo(info));
    }
    return adapters;
  } finally {
    socket.close();
  }
}

/** Linux takes any address for a local one, and then nothing comes of it. @throws {SystemError | NetError} */
export function checkAdapter(address: string, what: string): void {
  if (listAdapters(what).some((adapter) => adapter.address === address)) return;
  throw new NetError(`${what}: EADDRNOTAVAIL, this machine has no adapter ${address}`, {
    code: "EADDRNOTAVAIL",
    syscall: "bind",
    address,
  });
}

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
