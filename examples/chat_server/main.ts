/**
 * A chat with named sockets: one program, server or client, on the terminal; the server shows a page, too.
 *
 *     deno run --allow-net=127.0.0.1 examples/chat_server/main.ts --server [--port 5010] [--web 8010]
 *     deno run --allow-net=localhost examples/chat_server/main.ts --client [--host localhost] [--port 5010] [--name NAME]
 *
 * Without `--server` or `--client` it asks. On the wire a message is its length in decimal, CR LF, and the text, as
 * the named sockets have it by default. `--address` is where the server listens: 127.0.0.1 unless told otherwise.
 */
import { TextLineStream } from "@std/streams";
import {
  serveWebSocket,
  type WebSocketConnection,
  type WebSocketServer,
} from "@sluice/sockets/websocket";
import { findable, inUrl, portNumber, readArguments } from "../_arguments.ts";
import { printable } from "../_printable.ts";
import { onInterrupt } from "../_until_interrupted.ts";
import { ChatClient } from "./_chat_client.ts";
import { ChatServer, type UserRow } from "./_chat_server.ts";
import page from "./page.html" with { type: "text" };

/** The lines that are typed, until the end of the input or `signal`. */
function typedLines(signal: AbortSignal): ReadableStream<string> {
  return Deno.stdin.readable
    .pipeThrough(new TextDecoderStream(), { signal })
    .pipeThrough(new TextLineStream());
}

function printTable(rows: readonly UserRow[]): void {
  console.log(`\n${"ADDRESS".padEnd(24)}${"SOCKET".padEnd(24)}LAST ACTION`);
  for (const { address, socket, lastAction } of rows) {
    console.log(`${address.padEnd(24)}${socket.padEnd(24)}${lastAction.toLocaleTimeString()}`);
  }
  if (rows.length === 0) console.log("nobody is connected");
}

async function servePage(chat: ChatServer, port: number, hostname: string): Promise<{
  server: WebSocketServer;
  tell(message: unknown): void;
}> {
  let guests = 0;
  const visit = (ws: WebSocketConnection): void => {
    const { remoteAddr } = ws;
    const address = "hostname" in remoteAddr ? remoteAddr.hostname : "here";
    const user = chat.join({
      row: { address, socket: `browser ${++guests}`, lastAction: new Date() },
      send: () => {}, // the page gets each message by tell()
      close: () => void ws.close(1000),
    });
    ws.on("message", (data) => {
      if (typeof data === "string" && data.trim() !== "") user.say(data);
    });
    ws.on("close", () => user.leave());
  };
  const server = await serveWebSocket({
    port,
    hostname,
    default: visit,
    slowReader: "close",
    handler: () => new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } }),
  });
  return { server, tell: (message) => server.broadcast(JSON.stringify(message)) };
}

async function runServer(port: number, address: string, web: number | undefined): Promise<number> {
  let tell: (message: unknown) => void = () => {};
  const chat = new ChatServer({
    onrows: (rows) => tell({ rows }),
    onmessage: (message) => {
      console.log(printable(message));
      tell({ message });
    },
    onerror: (error) => {
      console.error(error);
      tell({ error });
    },
  });
  if (!await chat.start(port, address)) return 1;
  const page = web === undefined ? undefined : await servePage(chat, web, address);
  if (page !== undefined) tell = page.tell;
  console.log(`The chat server listens on port ${chat.port}.`);
  if (page !== undefined) {
    console.log(`Its page: http://${inUrl(findable(address))}:${page.server.port}/`);
  }
  console.log("/who shows the table, /stop stops.");
  const stop = new AbortController();
  const stopped = new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
  const forget = onInterrupt(() => stop.abort());
  try {
    for await (const line of typedLines(stop.signal)) {
      if (line.trim() === "/stop") stop.abort();
      if (line.trim() === "/who") printTable(chat.rows);
    }
    // A service has nobody who types.
    if (!Deno.stdin.isTerminal()) await stopped;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    forget();
  }
  await page?.server.close({ code: 1001 });
  await chat.stop();
  return 0;
}

async function runClient(server: string, port: number, pseudonym: string): Promise<number> {
  const chat = new ChatClient(pseudonym);
  const wrong = await chat.connect(server, port);
  if (wrong !== "") {
    console.error(wrong);
    return 1;
  }
  console.log(`${pseudonym} on the server: ${server}. /quit leaves.`);
  const ended = new AbortController();
  const receiving = chat.receive((text) => console.log(printable(text)))
    .then(() => ended.abort());
  const forget = onInterrupt(() => ended.abort());
  try {
    for await (const line of typedLines(ended.signal)) {
      if (line.trim() === "/quit") break;
      const failure = await chat.send(line);
      if (failure !== "") console.error(failure);
    }
  } catch (error) {
    if (!ended.signal.aborted) throw error;
    console.log("The connection has ended.");
  } finally {
    forget();
  }
  await chat.close();
  await receiving;
  return 0;
}

const USAGE = `A chat with named sockets, on the terminal; the server shows a page, too.

Usage: chat_server/main.ts --server [--address ADDRESS] [--port PORT] [--web PORT]
       chat_server/main.ts --client [--host HOST] [--port PORT] [--name NAME]

  --address ADDRESS  where the server listens (127.0.0.1)
  --port PORT        the port (5010; the server takes any free one for 0)
  --web PORT         the port of the page (no page)
  --host HOST        where the server is (localhost)
  --name NAME        how you are called (it asks)

Without --server and --client it asks.`;

if (import.meta.main) {
  const values = readArguments(USAGE, {
    args: Deno.args.map((arg) =>
      arg.replace(/^\/SERVEUR$/i, "--server").replace(/^\/CLIENT$/i, "--client")
    ),
    options: {
      server: { type: "boolean", default: false },
      client: { type: "boolean", default: false },
      port: { type: "string", default: "5010" },
      address: { type: "string", default: "127.0.0.1" },
      host: { type: "string", default: "localhost" },
      web: { type: "string" },
      name: { type: "string" },
    },
  }, ({ values }) => {
    if (values.client && (values.server || values.web !== undefined)) {
      throw new TypeError(
        `--client and ${values.server ? "--server" : "--web"} exclude each other`,
      );
    }
    return {
      ...values,
      port: portNumber("--port", values.port),
      web: values.web === undefined ? undefined : portNumber("--web", values.web),
    };
  });
  try {
    const server = values.server ||
      (!values.client && prompt("Server or client?", "client")?.trim().toLowerCase() === "server");
    const name = server ? "" : values.name ?? prompt("Your name?", "guest") ?? "guest";
    Deno.exit(
      server
        ? await runServer(values.port, values.address, values.web)
        : await runClient(values.host, values.port, name.trim() || "guest"),
    );
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
