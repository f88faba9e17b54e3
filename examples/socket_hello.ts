/**
 * The simplest client: connect, write, a handler for what comes. In the words of Unified Remote's custom remotes.
 *
 *     deno run --allow-net=127.0.0.1 examples/echo.ts --port 8007               # something to talk to
 *     deno run --allow-net=127.0.0.1 examples/socket_hello.ts 127.0.0.1 8007 hello
 *
 * Sends the words as a line, prints what comes for a second (`--wait MS`), and closes. Shows: `SimpleSocket` with handlers
 * alone, errors in one place, and a `ByteBuffer` to write from and to read into.
 */
import { ByteBuffer } from "@sluice/sockets/buffer";
import { SimpleSocket } from "@sluice/sockets/socket";
import { portNumber, readArguments, wholeNumber } from "./_arguments.ts";
import { printable } from "./_printable.ts";

const USAGE = `The simplest client: sends the words as a line, prints what comes, and closes.

Usage: socket_hello.ts [--wait MS] [HOST [PORT [WORD ...]]]

  HOST, PORT, WORD  127.0.0.1, 8007 and "hello", as long as none is given
  --wait MS         how long to wait for what comes (1000)`;

const { host, port, words, wait } = readArguments(USAGE, {
  allowPositionals: true,
  options: { wait: { type: "string", default: "1000" } },
}, ({ values, positionals: [host = "127.0.0.1", port = "8007", ...words] }) => ({
  host,
  port: portNumber("PORT", port),
  words,
  wait: wholeNumber("--wait", values.wait, 0, 2 ** 31 - 1),
}));

const socket = new SimpleSocket();
const received = new ByteBuffer();

socket.onconnect(() => {
  console.log(`Connected to ${host}:${port}`);
  socket.write(new ByteBuffer().writeLine(words.join(" ") || "hello"));
  setTimeout(() => socket.close(), wait);
});

socket.ondata((data) => {
  received.write(data);
  for (let line; (line = received.tryReadLine()) !== undefined;) {
    console.log(`Got: ${printable(line)}`);
  }
  received.compact();
});

socket.onclose(() => {
  // A line that the other end did not finish.
  if (received.available > 0) console.log(`Got: ${printable(received.readText())}`);
  console.log("Closed");
});

socket.onerror((error) => {
  console.error(error.message);
  Deno.exitCode = 1;
});

socket.connect(host, port);
