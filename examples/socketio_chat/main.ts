/**
 * A chat with rooms, over Socket.IO: who is here, who is typing, and a page whose script is the ordinary
 * `socket.io-client` that the server hands out itself.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read=$HOME/.cache/deno/npm examples/socketio_chat/main.ts [--host 127.0.0.1] [--port 3000]
 *
 * Shows: typed events, rooms, acknowledgements, `socket.data`, broadcasts to all others in a room, checks of what clients
 * send, and pages on the port of the server. With `?transport=polling` or `?transport=websocket` at its end, the page's
 * address says what it connects by; without, it begins with polling and is upgraded.
 */
import {
  type SocketIoAddress,
  SocketIoServer,
  type SocketIoSocket,
} from "@sluice/sockets/socketio";
import { findable, inUrl, portNumber, readArguments } from "../_arguments.ts";
import { untilInterrupted } from "../_until_interrupted.ts";
import icon from "../websocket_chat/icon.svg" with { type: "text" };
import stayAtEnd from "../websocket_chat/stay_at_end.js" with { type: "text" };
import commonStyle from "../websocket_chat/style.css" with { type: "text" };
import page from "./page.html" with { type: "text" };
import script from "./script.js" with { type: "text" };
import style from "./style.css" with { type: "text" };

/** What an `enter` is answered with. */
export interface Entered {
  /** Why not, if so. */
  problem?: string;
  /** The room, as it is called for all. */
  room?: string;
}

/** What clients send. */
export interface ClientEvents {
  /** Enters a room under a name, and leaves the one before. */
  enter(name: string, room: string, answer: (entered: Entered) => void): void;
  /** Leaves the room. */
  leave(): void;
  /** Says a line to the room. The answer is why not, if so. */
  say(text: string, answer: (problem: string | null) => void): void;
  /** Begins or stops typing. */
  typing(on: boolean): void;
}

/** What clients get. */
export interface ServerEvents {
  /** Somebody said a line. */
  said(name: string, text: string): void;
  /** Something happened in the room. */
  notice(text: string): void;
  /** Who is in the room. */
  members(names: string[]): void;
  /** Somebody types, or does not any more. */
  typing(name: string, on: boolean): void;
}

/** What is kept of a client. */
interface Guest {
  name: string;
  room: string;
  /** How many lines may come at once; one more each second. */
  allowance: number;
  /** When the last line came, in ms. */
  last: number;
}

type ChatServer = SocketIoServer<ClientEvents, ServerEvents, Record<never, never>, Partial<Guest>>;
type ChatSocket = SocketIoSocket<ClientEvents, ServerEvents, Record<never, never>, Partial<Guest>>;

const NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_.-]{0,19}$/u;
const MAX_TEXT = 500;
const BURST = 10;

/** Makes the chat; it does not listen yet. */
export function makeChat(log: (text: string) => void): ChatServer {
  const io: ChatServer = new SocketIoServer({ maxHttpBufferSize: 16_384 });
  io.on("connection", (socket) => {
    socket.on("enter", (name, room, answer) => {
      if (typeof answer === "function") answer(enter(io, socket, name, room, log));
    });
    socket.on("leave", () => leave(io, socket, log));
    socket.on("say", (text, answer) => {
      if (typeof answer === "function") answer(say(socket, text));
    });
    socket.on("typing", (on) => {
      const { name, room } = socket.data;
      if (room !== undefined && name !== undefined) {
        socket.to(room).emit("typing", name, on === true);
      }
    });
    socket.on("disconnect", (reason) => leave(io, socket, log, reason));
  });
  return io;
}

function namesIn(io: ChatServer, room: string): string[] {
  const ids = io.sockets.adapter.rooms.get(room) ?? [];
  return [...ids].flatMap((id) => io.sockets.sockets.get(id)?.data.name ?? []).sort();
}

function enter(
  io: ChatServer,
  socket: ChatSocket,
  name: unknown,
  room: unknown,
  log: (text: string) => void,
): Entered {
  if (
    typeof name !== "string" || !NAME.test(name) || typeof room !== "string" || !NAME.test(room)
  ) {
    return {
      problem: "Names have 1 to 20 letters, digits, dots and dashes, a letter or digit first",
    };
  }
  // Apart from the rooms that the sockets' ids are.
  const wanted = `#${room.toLowerCase()}`;
  const taken = namesIn(io, wanted).some((one) => one.toLowerCase() === name.toLowerCase());
  if (taken && (socket.data.room !== wanted || socket.data.name !== name)) {
    return { problem: `${name} is in ${wanted} already: take another name` };
  }
  leave(io, socket, log);
  Object.assign(socket.data, { name, room: wanted });
  socket.join(wanted);
  socket.to(wanted).emit("notice", `${name} came in`);
  io.to(wanted).emit("members", namesIn(io, wanted));
  log(`${name} entered ${wanted}`);
  return { room: wanted };
}

function leave(
  io: ChatServer,
  socket: ChatSocket,
  log: (text: string) => void,
  reason?: string,
): void {
  const { name, room } = socket.data;
  if (name === undefined || room === undefined) return;
  delete socket.data.name;
  delete socket.data.room;
  socket.leave(room);
  io.to(room).emit("typing", name, false);
  io.to(room).emit("notice", `${name} left`);
  io.to(room).emit("members", namesIn(io, room));
  log(`${name} left ${room}${reason === undefined ? "" : ` (${reason})`}`);
}

/** Returns why a line was not said; null if it was. */
function say(socket: ChatSocket, text: unknown): string | null {
  const { data } = socket;
  if (data.name === undefined || data.room === undefined) return "Enter a room first";
  if (typeof text !== "string" || text.trim() === "") return "There is nothing in that line";
  if (text.length > MAX_TEXT) return `A line has ${MAX_TEXT} characters at most`;
  const now = performance.now();
  const passed = (now - (data.last ?? now)) / 1000;
  data.allowance = Math.min(BURST, (data.allowance ?? BURST) + passed);
  data.last = now;
  if (data.allowance < 1) return "Too fast: wait a little";
  data.allowance--;
  socket.to(data.room).emit("said", data.name, text);
  return null;
}

const FILES: Record<string, [type: string, text: string]> = {
  "/": ["text/html", page],
  "/style.css": ["text/css", commonStyle + style],
  "/script.js": ["text/javascript", script],
  "/websocket_chat/stay_at_end.js": ["text/javascript", stayAtEnd],
  "/icon.svg": ["image/svg+xml", icon],
};

/** What is answered to a plain request. Nothing in the page may load or run that is not from here. */
function answer(request: Request): Response {
  const { pathname } = new URL(request.url);
  if (request.method !== "GET" || !Object.hasOwn(FILES, pathname)) {
    return new Response("There is nothing here\n", { status: 404 });
  }
  const [type, text] = FILES[pathname];
  return new Response(text, {
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

const USAGE = `A chat with rooms over Socket.IO, with its page.

Usage: socketio_chat/main.ts [--host HOST] [--port PORT]

  --host HOST  the address to listen on (127.0.0.1)
  --port PORT  the port (3000; 0 for any free one)`;

async function main(): Promise<void> {
  const { hostname, port } = readArguments(USAGE, {
    options: {
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "3000" },
    },
  }, ({ values }) => ({ hostname: values.host, port: portNumber("--port", values.port) }));
  let address: SocketIoAddress;
  const io = makeChat((text) => console.log(text));
  try {
    address = await io.listen({ hostname, port, handler: answer });
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
  const host = inUrl(findable(address.hostname));
  console.log(`The chat is at http://${host}:${address.port}/ (Ctrl-C ends it)`);
  await untilInterrupted(() => io.close());
}

if (import.meta.main) await main();
