/**
 * One chat room for browsers and terminals: a page with a WebSocket behind it on one port, and lines over TCP, as `nc`
 * sends them, on another.
 *
 *     deno run --allow-net=127.0.0.1 examples/websocket_chat.ts [--host 127.0.0.1] [--port 8023] [--web-port 8080]
 *         [--rate LINES_A_SECOND] [--queue BYTES]
 *
 * Shows: pages and WebSockets on the same port, a subprotocol, limits on what clients send and on what waits for them,
 * and two servers that end together on Ctrl-C. The page is in `websocket_chat/`, the TCP side in `chat_tcp.ts`.
 */
import type { Server } from "@sluice/sockets/net";
import {
  serveWebSocket,
  type WebSocketConnection,
  type WebSocketServer,
} from "@sluice/sockets/websocket";
import { findable, inUrl, portNumber, readArguments, wholeNumber } from "./_arguments.ts";
import { type ChatConnection, ChatRoom } from "./_chat_room.ts";
import { untilInterrupted } from "./_until_interrupted.ts";
import { chatServer } from "./chat_tcp.ts";
import icon from "./websocket_chat/icon.svg" with { type: "text" };
import page from "./websocket_chat/page.html" with { type: "text" };
import script from "./websocket_chat/script.js" with { type: "text" };
import stayAtEnd from "./websocket_chat/stay_at_end.js" with { type: "text" };
import style from "./websocket_chat/style.css" with { type: "text" };

/** How long a guest may take to tell a name, in ms. */
const NAME_TIME = 60_000;
/** How long guests have to take their leave when the chat closes, in ms. */
const FAREWELL_TIME = 5_000;
/** The longest message that is taken, in bytes. */
const MAX_MESSAGE = 4096;

/** Options of {@linkcode webChatServer}. */
export interface WebChatOptions {
  hostname: string;
  port: number;
  /** How to join in a terminal, for a page that was asked for by this name or address. */
  terminal(from: string): string;
  /** Told of what goes wrong. */
  log(text: string): void;
}

/** Serves the page, and joins everyone whom it connects to `room`. */
export function webChatServer(room: ChatRoom, options: WebChatOptions): Promise<WebSocketServer> {
  const { hostname, port, terminal, log } = options;
  return serveWebSocket({
    hostname,
    port,
    pathname: "/chat",
    protocols: { chat: (ws) => join(room, ws) },
    maxConnections: 1000,
    maxMessageSize: MAX_MESSAGE,
    onError: (error) => log(`Error: ${(error as Error).message}`),
    handler: (request) => answer(request, terminal),
  });
}

function join(room: ChatRoom, ws: WebSocketConnection): void {
  const member = room.enter(new WebConnection(ws));
  const late = setTimeout(() => {
    if (member.name === "") member.drop("You were dropped: no name was told");
  }, NAME_TIME);
  ws.on("message", (data) => {
    if (typeof data === "string") member.receive(data);
    else member.drop("You were dropped: this is no text", "dropped: bytes that are no text");
  });
  ws.on("close", ({ error }) => {
    clearTimeout(late);
    if (error === undefined) member.leave();
    else if (error.code === "MESSAGE_TOO_BIG") {
      member.leave(`dropped: a message of more than ${MAX_MESSAGE} bytes`);
    } else member.leave("the connection broke");
  });
}

class WebConnection implements ChatConnection {
  readonly address: string;
  readonly #ws: WebSocketConnection;

  constructor(ws: WebSocketConnection) {
    this.#ws = ws;
    const from = ws.remoteAddr;
    this.address = "hostname" in from ? `${from.hostname}:${from.port}, by browser` : "a browser";
  }

  get queued(): number {
    return this.#ws.bufferedAmount;
  }

  send(text: string): void {
    this.#ws.send(text);
  }

  close(text: string): void {
    this.#ws.send(text);
    this.#ws.close(1000);
  }
}

/** The page and its parts, by path, each with its type. */
const FILES = new Map<string, [type: string, text: string]>([
  ["/", ["text/html", page]],
  ["/style.css", ["text/css", style]],
  ["/script.js", ["text/javascript", script]],
  ["/stay_at_end.js", ["text/javascript", stayAtEnd]],
  ["/icon.svg", ["image/svg+xml", icon]],
]);

/** What is answered to a plain request. Nothing in the page may load or run that is not from here. */
function answer(request: Request, terminal: WebChatOptions["terminal"]): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Only GET and HEAD are answered here\n", {
      status: 405,
      headers: { "allow": "GET, HEAD" },
    });
  }
  const { hostname, pathname } = new URL(request.url);
  const file = FILES.get(pathname);
  if (file === undefined) return new Response("There is nothing here\n", { status: 404 });
  const [type, text] = file;
  const body = text.replaceAll("{nc}", () => {
    const command = terminal(hostname.replaceAll(/[[\]]/g, ""));
    return command.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  });
  return new Response(request.method === "HEAD" ? null : body, {
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-cache",
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    },
  });
}

const USAGE = `A chat room for browsers, nc and telnet.

Usage: websocket_chat.ts [--host HOST] [--port PORT] [--web-port PORT] [--rate LINES] [--queue BYTES]

  --host HOST      the address to listen on (127.0.0.1)
  --port PORT      the port for nc and telnet (8023; 0 for any free one)
  --web-port PORT  the port for browsers (8080; 0 for any free one)
  --rate LINES     lines a second that each guest may send (5)
  --queue BYTES    what may wait for a guest who does not read (65536)`;

async function main(): Promise<void> {
  const options = {
    "host": { type: "string", default: "127.0.0.1" },
    "port": { type: "string", default: "8023" },
    "web-port": { type: "string", default: "8080" },
    "rate": { type: "string", default: "5" },
    "queue": { type: "string", default: "65536" },
  } as const;
  const { host, port, webPort, limits } = readArguments(USAGE, { options }, ({ values }) => ({
    host: values.host,
    port: portNumber("--port", values.port),
    webPort: portNumber("--web-port", values["web-port"]),
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
  let tcp: Server;
  let web: WebSocketServer;
  try {
    tcp = await chatServer(room).listen(port, host);
    tcp.on("drop", ({ reason, remoteAddress }) => log(`${remoteAddress} not let in: ${reason}`));
    // A page from another machine has the address by which that one finds this one.
    const terminal = (from: string): string =>
      `nc ${findable(host) === host ? host : from} ${tcp.port}`;
    web = await webChatServer(room, { hostname: host, port: webPort, terminal, log });
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
  console.log(`${style(1, "The chat is open")}, one room for all. Join it

  in a browser   ${style(36, `http://${inUrl(findable(host))}:${web.port}/`)}
  in a terminal  ${style(36, `nc ${findable(host)} ${tcp.port}`)}

from as many as you like. Ctrl-C ends it.`);

  await untilInterrupted(async () => {
    console.log("\nClosing.");
    room.close("The chat closes, goodbye");
    await Promise.all([
      tcp.close({ drain: FAREWELL_TIME }),
      web.close({ timeout: FAREWELL_TIME }).catch(() => {}),
    ]);
  });
}

if (import.meta.main) await main();
