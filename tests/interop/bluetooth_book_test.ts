/** The socket book over a real Bluetooth stack: runs in the virtual machine of tools/bluetooth_vm.ts. */
import { assert, assertEquals } from "@std/assert";
import { ClientInfo, TransmissionMode } from "../../socket/constants.ts";
import { SocketBook } from "../../socket/socket_book.ts";
import { assertError } from "../_support/book.ts";
import { bluetoothTest } from "../_support/ffi_sockets.ts";

const { NO_MARKER } = TransmissionMode;

bluetoothTest("book: a Bluetooth service and its client write and read", async (near, far) => {
  await using book = new SocketBook();
  const service = "SerialPortServiceClass_UUID";
  assert(
    await book.createBluetooth("S", service, { adapter: far, serviceName: "Chat" }),
    book.lastError?.message,
  );
  assert(book.localPort("S") >= 1);
  for (const options of [{}, { channel: book.localPort("S") }]) {
    assert(
      await book.connectBluetooth("C", service, far, {
        adapter: near,
        timeout: 10_000,
        ...options,
      }),
      book.lastError?.message,
    );
    assert(await book.waitForConnection("S", 10_000));
    const channel = await book.accept("S");
    assertEquals(book.clientInfo(channel), near);
    assertEquals(book.clientInfo("C"), far);
    assertEquals(book.clientInfo("C", ClientInfo.PORT), String(book.localPort("S")));
    await book.write("C", "with a size");
    assertEquals(await book.read(channel), "with a size");
    for (const name of ["C", channel]) book.changeTransmissionMode(name, NO_MARKER);
    await book.write(channel, "and without");
    assertEquals(await book.read("C"), "and without");
    await book.close("C");
    assertEquals(await book.read(channel), "");
    assertError(book, "CLOSED_BY_PEER");
    await book.close(channel);
  }
  assertEquals(await book.connectBluetooth("C", "ObexObjectPush", far, { adapter: near }), false);
  assertError(book, "CONNECT_FAILED");
});
