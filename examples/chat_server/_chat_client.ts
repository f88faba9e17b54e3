/** The client of the chat: one named socket, and a pseudonym in front of each message. */
import { SocketBook } from "@sluice/sockets/socket";

const SOCKET = "CHAT";

export class ChatClient {
  readonly #book = new SocketBook();
  readonly #pseudonym: string;

  constructor(pseudonym: string) {
    this.#pseudonym = pseudonym;
  }

  /** Connects. @returns What is wrong, or an empty text. */
  async connect(server: string, port: number): Promise<string> {
    if (await this.#book.connect(SOCKET, port, server, 10_000)) return "";
    const { message = "" } = this.#book.lastErrorOf(SOCKET) ?? {};
    return /ENOTFOUND|look up/.test(message)
      ? `Cannot find the IP address of the server "${server}"`
      : `Cannot connect to the server: ${message}`;
  }

  /** Sends a message under the pseudonym. @returns What is wrong, or an empty text. */
  async send(text: string): Promise<string> {
    if (text.trim() === "") return "Please give a text to send";
    if (await this.#book.write(SOCKET, `${this.#pseudonym}: ${text}`)) return "";
    return "The message could not be transmitted";
  }

  /** Gives each message to `onmessage`, until the connection ends. */
  async receive(onmessage: (text: string) => void): Promise<void> {
    for (;;) {
      const text = await this.#book.read(SOCKET);
      if (text === "" && this.#book.lastErrorOf(SOCKET) !== null) return;
      if (text.trim() !== "") onmessage(text);
    }
  }

  /** Says goodbye and closes. */
  async close(): Promise<void> {
    if (!this.#book.exists(SOCKET)) return;
    await this.#book.write(SOCKET, "BYE", { timeout: 1000 });
    await this.#book.close(SOCKET);
  }
}
