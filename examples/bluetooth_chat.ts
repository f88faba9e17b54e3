/**
 * A chat of two over Bluetooth (RFCOMM), a line at a time. Linux; takes no permission but --allow-ffi.
 *
 *     deno run --allow-ffi examples/bluetooth_chat.ts --scan                    # devices in reach
 *     sudo deno run --allow-ffi examples/bluetooth_chat.ts --listen             # waits for somebody
 *     deno run --allow-ffi examples/bluetooth_chat.ts 00:1A:7D:DA:71:13         # calls that device
 *
 * `--adapter ADDRESS` chooses among several adapters. `--channel N` listens on, or calls, that channel and does not publish the
 * service or ask for it: publishing takes root. An end of input (Ctrl-D) hangs up. Any program for Bluetooth serial ports can be the
 * other side, `rfcomm connect` and a terminal among them.
 */
import { TextLineStream } from "@std/streams";
import { discoverBluetooth } from "@sluice/sockets/net";
import { ClientInfo, SocketBook, SocketBookError, TransmissionMode } from "@sluice/sockets/socket";
import { readArguments, wholeNumber } from "./_arguments.ts";
import { printable } from "./_printable.ts";

const SERVICE = "SerialPortServiceClass_UUID";
/** How long calling may take, in ms. */
const CALL_TIME = 20_000;

/** Prints what comes until the other side hangs up. */
async function listen(book: SocketBook, name: string): Promise<void> {
  try {
    for (;;) console.log(`> ${printable(await book.read(name))}`);
  } catch (error) {
    if (!(error instanceof SocketBookError) || !error.closed) throw error;
  }
}

/** Sends each line of the input. */
async function talk(book: SocketBook, name: string): Promise<void> {
  const lines = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) await book.write(name, line);
}

/** Talks and listens on a connection of the book, until one side hangs up. */
export async function chat(book: SocketBook, name: string): Promise<void> {
  console.log(`Connected with ${book.clientInfo(name, ClientInfo.ADDRESS)}. Ctrl-D hangs up.`);
  // What RFCOMM carries is a serial line: lines that end with CRLF are what all understand.
  book.changeTransmissionMode(name, TransmissionMode.END_MARKER, "\r\n");
  await Promise.race([listen(book, name), talk(book, name)]);
  console.log("Hung up.");
}

const USAGE = `A chat of two over Bluetooth, a line at a time.

Usage: bluetooth_chat.ts --scan [--adapter ADDRESS]                    devices in reach
       bluetooth_chat.ts --listen [--adapter ADDRESS] [--channel N]    waits for somebody
       bluetooth_chat.ts DEVICE [--adapter ADDRESS] [--channel N]      calls that device

  --adapter ADDRESS  which one, where there are several
  --channel N        the channel, from 1 to 30, instead of publishing the service or asking for it`;

async function main(): Promise<void> {
  const { device, scan, adapter, channel, ...values } = readArguments(USAGE, {
    allowPositionals: true,
    options: {
      scan: { type: "boolean" },
      listen: { type: "boolean" },
      adapter: { type: "string" },
      channel: { type: "string" },
    },
  }, ({ values, positionals: [device] }) => {
    if (!values.scan && !values.listen && device === undefined) {
      throw new TypeError("Tell a device's address, or --listen, or --scan.");
    }
    const { channel } = values;
    const number = channel === undefined ? undefined : wholeNumber("--channel", channel, 1, 30);
    return { ...values, device, channel: number };
  });
  if (scan) {
    for (const { address, name } of await discoverBluetooth({ localAddress: adapter })) {
      console.log(address, printable(name ?? ""));
    }
    return;
  }
  await using book = new SocketBook({ throws: true });
  if (values.listen) {
    const publish = channel === undefined;
    const serviceName = publish ? "Sluice chat" : undefined;
    await book.createBluetooth("PHONE", SERVICE, { adapter, channel, publish, serviceName });
    console.log(`Waiting for a call on channel ${book.localPort("PHONE")}.`);
    await chat(book, await book.accept("PHONE"));
  } else {
    await book.connectBluetooth("PHONE", SERVICE, device, { adapter, channel, timeout: CALL_TIME });
    await chat(book, "PHONE");
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error((error as Error).message);
    Deno.exitCode = 1;
  }
  // A terminal may still be reading its input.
  Deno.exit();
}
