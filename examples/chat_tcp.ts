/**
 * A chat server that anything that speaks lines over TCP can join, such as `nc` or `telnet`.
 *
 *     deno run --allow-net=127.0.0.1 examples/chat_tcp.ts [--host 127.0.0.1] [--port 8023]
 *         [--rate LINES_A_SECOND] [--queue BYTES]
 *
 * Shows: `createServer` and `Socket` in the events' way, lines out of bytes with `lineFramer`, a bound on what
 * waits for slow readers (`socket.writableLength`), deadlines, and a clean end on Ctrl-C.
 */
import { createServer, lineFramer, type Server, type Socket } from "@sluice/sockets/net";
import { findable, portNumber, readArguments, wholeNumber } from "./_arguments.ts";
import { type ChatConnection, ChatRoom } from "./_chat_room.ts";
import { untilInterrupted } from "./_until_interrupted.ts";

/** How long a guest may take to tell a name, in ms. */
const NAME_TIME = 60_000;
/** How long a guest who is dropped may take to read what waits, in ms. */
const FAREWELL_TIME = 5_000;
/** How long it then may take to hang up, in ms. */
const HANG_UP_TIME = 500;
/** The longest line that is taken apart, in bytes. */
const MAX_LINE = 4096;

/** Joins everyone who connects to `room`. Not listening yet. */
export function chatServer(room: ChatRoom): Server {
  const lines = lineFramer({ maxLength: MAX_LINE });
  return createServer({ keepAlive: true, maxConnections: 1000 }, (socket) => {
    const connection = new TcpConnection(socket);
    const member = room.enter(connection);
    const decoder = lines.createDecoder();
    const late = setTimeout(() => {
      if (member.name === "") member.drop("You were dropped: no name was told");
    }, NAME_TIME);

    socket.on("data", (chunk: Uint8Array) => {
      // What comes from a dropped guest is read, so that the last words are not lost, but thrown away.
      if (!member.open) return;
      decoder.push(chunk);
      for (let line; member.open && (line = decoder.next()) !== undefined;) member.receive(line);
      if (decoder.error === undefined) return;
      const reason = decoder.error.fault === "too-long"
        ? `a line of more than ${MAX_LINE} bytes`
        : "this is no UTF-8 text";
      member.drop(`You were dropped: ${reason}`, `dropped: ${reason}`);
    });
    socket.on("error", () => member.leave("the connection broke"));
    socket.on("close", () => {
      clearTimeout(late);
      member.leave();
    });
  });
}

class TcpConnection implements ChatConnection {
  readonly address: string;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.address = `${socket.remoteAddress}:${socket.remotePort}`;
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  send(text: string): void {
    this.#socket.write(`${text}\n`);
  }

  close(text: string): void {
    const socket = this.#socket;
    const within = (ms: number): ReturnType<typeof setTimeout> =>
      setTimeout(() => socket.destroy(), ms);
    // Who reads on in time gets all that waits, and the last line. `nc` does not hang up by itself.
    let timer = within(FAREWELL_TIME);
    socket.once("close", () => clearTimeout(timer));
    socket.end(`${text}\n* (Enter ends nc)\n`, () => {
      clearTimeout(timer);
      timer = within(HANG_UP_TIME);
    });
  }
}

const USAGE = `A chat server for nc and telnet.

Usage: chat_tcp.ts [--host HOST] [--port PORT] [--rate LINES] [--queue BYTES]

  --host HOST    the address to listen on (127.0.0.1)
  --port PORT    the port (8023; 0 for any free one)
  --rate LINES   lines a second that each guest may send (5)
  --queue BYTES  what may wait for a guest who does not read (65536)`;

async function main(): Promise<void> {
  const options = {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8023" },
    rate: { type: "string", default: "5" },
    queue: { type: "string", default: "65536" },
  } as const;
  const { host, port, limits } = readArguments(USAGE, { options }, ({ values }) => ({
    host: values.host,
    port: portNumber("--port", values.port),
    limits: {
      linesPerSecond: wholeNumber("--rate", values.rate, 1, 1_000_000),
      maxQueue: wholeNumber("--queue", values.queue, 1024, 2 ** 30),
    },
  }));
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  const style = (code: number, text: string): string =>
    colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const log = (text: string): void =>
    console.log(`${style(2, new Date().toTimeString().slice(0, 8))} ${text}`);

  const room = new ChatRoom({ ...limits, log });
  const server = chatServer(room);
  server.on("drop", ({ reason, remoteAddress }) => log(`${remoteAddress} not let in: ${reason}`));
  try {
    await server.listen(port, host);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
  console.log(`${style(1, "The chat is open")} on ${host}:${server.port}. Join it with

  ${style(36, `nc ${findable(host)} ${server.port}`)}

from as many terminals as you like. Ctrl-C ends it.`);

  await untilInterrupted(async () => {
    console.log("\nClosing.");
    room.close("The chat closes, goodbye");
    await server.close({ drain: FAREWELL_TIME });
  });
}

if (import.meta.main) await main();
