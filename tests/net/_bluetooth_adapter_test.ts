import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Adapter,
  checkAdapter,
  type HciSocket,
  listAdapters,
} from "../../net/_bluetooth_adapter.ts";
import type { HciInquiryResult } from "../../net/_bluetooth_hci.ts";
import type { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { SOCK_SEQPACKET, SystemError } from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { bluetoothTest, HAS_FFI, socketPair } from "../_support/ffi_sockets.ts";
import { hex } from "../_support/hex.ts";

const NEVER = deadlineSignal("test", {});
const ON_AIR = "1371da7d1a00";
const DEVICE = { address: "00:1A:7D:DA:71:13", deviceClass: 0x5a020c, scanMode: 1, clockOffset: 0 };
const FOUND = `04 02 0f 01 ${ON_AIR} 01 00 00 0c025a 0000`;
const STARTED = "04 0f 04 00 01 0104";
const DONE = "04 01 01 00";
const NAME = `04 07 0a 00 ${ON_AIR} 414243`;

/** An adapter, and the controller that it speaks to. */
async function adapterPair(): Promise<[Adapter, FfiSocket, unknown[]]> {
  const [near, controller] = await socketPair(SOCK_SEQPACKET);
  const options: unknown[] = [];
  const socket: HciSocket = {
    read: (into, deadline) => near.read(into, deadline),
    write: (bytes, deadline) => near.write(bytes, deadline),
    setOption: (...args) => void options.push(args),
    close: () => near.close(),
    settled: () => near.settled(),
  };
  return [new Adapter(socket), controller, options];
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `Bluetooth adapter ${name}`, ignore: !HAS_FFI, fn });
}

async function next(controller: FfiSocket): Promise<string> {
  const buffer = new Uint8Array(300);
  return buffer.subarray(0, await controller.read(buffer)).toHex();
}

async function send(controller: FfiSocket, ...events: string[]): Promise<void> {
  for (const event of events) await controller.write(hex(event));
}

test("sets its filter, searches, and takes every answer until the end", async () => {
  const [adapter, controller, options] = await adapterPair();
  assertEquals(options.map((option) => (option as unknown[]).slice(0, 2)), [[0, 2]]);
  const devices: HciInquiryResult[] = [];
  const inquiring = adapter.inquire(4, (device) => {
    devices.push(device);
    return false;
  }, NEVER);
  assertEquals(await next(controller), "01010405338b9e0400");
  // With noise in between: an event of no interest, and an answer to somebody else's command.
  await send(controller, STARTED, "04 3e 01 02", FOUND, "04 0f 04 01 01 1904", FOUND, DONE);
  await inquiring;
  assertEquals(devices, [DEVICE, DEVICE]);
  adapter.close();
  controller.close();
});

test("cancels a search that has enough, or that is given up", async () => {
  const [adapter, controller] = await adapterPair();
  await Promise.all([
    adapter.inquire(4, () => true, NEVER),
    send(controller, STARTED, FOUND),
  ]);
  assertEquals(await next(controller), "01010405338b9e0400");
  assertEquals(await next(controller), "01020400");
  const late = deadlineSignal("search", { timeout: 1 });
  await assertRejects(() => adapter.inquire(4, () => false, late), NetError, "timed out");
  assertEquals(await next(controller), "01010405338b9e0400");
  assertEquals(await next(controller), "01020400");
  adapter.close();
  controller.close();
});

test("reports a search that the controller refuses", async () => {
  const [adapter, controller] = await adapterPair();
  await send(controller, "04 0f 04 0c 01 0104");
  const error = await assertRejects(() => adapter.inquire(4, () => false, NEVER), NetError);
  assertEquals(
    error.message,
    "Cannot discover Bluetooth devices: the adapter refuses the inquiry (0x0c)",
  );
  assertEquals(error.code, "EIO");
  controller.close();
  await assertRejects(() => adapter.inquire(4, () => false, NEVER), SystemError);
  adapter.close();
});

test("asks for a name, and takes no answer for no name", async () => {
  const [adapter, controller] = await adapterPair();
  const name = async (...events: string[]) => {
    const asking = adapter.name(DEVICE, NEVER);
    assertEquals(await next(controller), `0119040a${ON_AIR}01000080`);
    await send(controller, ...events);
    return await asking;
  };
  const other = NAME.replace(ON_AIR, "ffffffffffff");
  assertEquals(await name("04 0f 04 00 01 1904", other, NAME), "ABC");
  assertEquals(await name(NAME.replace("0a 00", "0a 04")), undefined); // page timeout
  assertEquals(await name(`04 07 07 00 ${ON_AIR}`), undefined); // empty
  assertEquals(await name("04 0f 04 0c 01 1904"), undefined); // refused
  const late = deadlineSignal("ask", { timeout: 1 });
  await assertRejects(() => adapter.name(DEVICE, late), NetError, "timed out");
  assertEquals(await next(controller), `0119040a${ON_AIR}01000080`);
  assertEquals(await next(controller), `011a0406${ON_AIR}`);
  await adapter[Symbol.asyncDispose]();
  controller.close();
});

test("ends with an error when its socket ends", async () => {
  const [adapter, controller] = await adapterPair();
  const inquiring = adapter.inquire(4, () => false, NEVER);
  await next(controller);
  controller.close();
  await assertRejects(() => inquiring, NetError, "refuses the connection");
  adapter.close();
});

bluetoothTest("Bluetooth adapters are listed with their addresses", (near, far) => {
  assertEquals(listAdapters("test"), [
    { index: 0, address: near, up: true },
    { index: 1, address: far, up: true },
  ]);
  checkAdapter(far, "test");
  const error = assertThrows(() => checkAdapter("00:AA:01:77:77:77", "Cannot listen"), NetError);
  assertEquals(error.code, "EADDRNOTAVAIL");
  assertEquals(
    error.message,
    "Cannot listen: EADDRNOTAVAIL, this machine has no adapter 00:AA:01:77:77:77",
  );
});
