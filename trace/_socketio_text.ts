// Floor 2: protocol.
import { decodeUtf8 } from "../buffer/utf8.ts";

const ENGINE_TYPES = ["OPEN", "CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP"];
const PACKET_TYPES = [
  "CONNECT",
  "DISCONNECT",
  "EVENT",
  "ACK",
  "CONNECT_ERROR",
  "BINARY_EVENT",
  "BINARY_ACK",
];

/** Whether a request's target is one of Engine.IO. */
export function isEngineIo(target: string): boolean {
  return /[?&]EIO=[34](?:&|$)/.test(target);
}

/** The words of one side of a Socket.IO connection: it remembers how many attachments are to come. */
export class SocketIoText {
  #attachments = 0;
  #attachment = 0;

  /** What a message means; `undefined` if it is none of Socket.IO's. */
  describe(kind: string, bytes: Uint8Array): string | undefined {
    if (kind === "binary") return this.#binary();
    if (kind !== "text") return undefined;
    const text = decodeUtf8(bytes);
    const engine = ENGINE_TYPES[text.charCodeAt(0) - 48];
    if (engine === undefined) return undefined;
    const rest = text.slice(1);
    if (engine !== "MESSAGE") return rest === "" ? engine : `${engine} ${rest}`;
    // `<type>[<attachments>-][<namespace>,][<acknowledgement>][payload]`
    const match = /^([0-6])(?:(\d{1,9})-)?(\/[^,]*(?:,|$))?(\d{1,15})?/.exec(rest);
    if (match === null) return `MESSAGE ${rest}`;
    const [head, type, attachments, namespace, id] = match;
    let words = PACKET_TYPES[Number(type)];
    if (namespace !== undefined) words += ` ${namespace.replace(/,$/, "")}`;
    if (id !== undefined) words += ` #${id}`;
    if (attachments !== undefined) {
      this.#attachments = Number(attachments);
      this.#attachment = 0;
      words += ` with ${attachments} ${attachments === "1" ? "attachment" : "attachments"}`;
    }
    const payload = rest.slice(head.length);
    return payload === "" ? words : `${words} ${payload}`;
  }

  #binary(): string | undefined {
    if (this.#attachment >= this.#attachments) return undefined;
    return `attachment ${++this.#attachment} of ${this.#attachments}`;
  }
}
