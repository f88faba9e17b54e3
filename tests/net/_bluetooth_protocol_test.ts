import { assertEquals, assertThrows } from "@std/assert";
import {
  checkChannel,
  checkLocalAddress,
  checkProtocol,
  checkPsm,
  checkSecurity,
  dial,
  FAMILY,
  setSecurity,
  toAddr,
} from "../../net/_bluetooth_protocol.ts";
import type { FfiSocket } from "../../net/_bluetooth_socket.ts";
import { BLUETOOTH_ANY } from "../../net/bluetooth_address.ts";
import { listenBluetooth } from "../../net/bluetooth_listener.ts";
import { deadlineSignal } from "../../net/wait.ts";
import { bluetoothTest } from "../_support/ffi_sockets.ts";

Deno.test("RFCOMM channels are 1 to 30, L2CAP PSMs odd with bit 0x100 clear", () => {
  for (const channel of [1, 15, 30]) assertEquals(checkChannel(channel), channel);
  for (const channel of [0, 31, -1, 1.5, NaN, "3" as unknown as number]) {
    assertThrows(() => checkChannel(channel), RangeError);
  }
  for (const psm of [1, 3, 0x0f, 0x1001, 0xfeff]) assertEquals(checkPsm(psm), psm);
  for (const psm of [0, 2, 0x0101, 0x1003 + 0x100, 0xffff, 0x10001, -1, 1.5]) {
    assertThrows(() => checkPsm(psm), RangeError);
  }
});

Deno.test("Bluetooth options are checked by name, inherited names included", () => {
  assertEquals(checkSecurity(undefined), undefined);
  assertEquals(checkSecurity("high"), "high");
  assertThrows(() => checkSecurity("toString" as "high"), TypeError);
  assertEquals(checkProtocol("l2cap"), "l2cap");
  assertThrows(() => checkProtocol("constructor" as "l2cap"), TypeError);
  assertEquals(checkLocalAddress(undefined), BLUETOOTH_ANY);
  assertEquals(checkLocalAddress("00-1a-7d-da-71-13"), "00:1A:7D:DA:71:13");
  assertThrows(() => checkLocalAddress(""), TypeError);
});

Deno.test("Bluetooth security goes to the socket as a level, and not at all by default", () => {
  const calls: unknown[] = [];
  const socket = {
    setOption: (...args: unknown[]) => void calls.push(args),
  } as unknown as FfiSocket;
  setSecurity(socket, undefined);
  setSecurity(socket, "low");
  setSecurity(socket, "medium");
  setSecurity(socket, "high");
  assertEquals(calls, [1, 2, 3].map((level) => [274, 4, Uint8Array.of(level, 0)]));
});

Deno.test("the two protocols have the sockets of Linux", () => {
  assertEquals([FAMILY.rfcomm.type, FAMILY.rfcomm.protocol, FAMILY.rfcomm.addressSize], [1, 3, 10]);
  assertEquals([FAMILY.l2cap.type, FAMILY.l2cap.protocol, FAMILY.l2cap.addressSize], [5, 0, 14]);
  for (const { encode, decode, addressSize } of Object.values(FAMILY)) {
    const end = { address: "00:1A:7D:DA:71:13", port: 25 };
    assertEquals(encode(end).length, addressSize);
    assertEquals(decode(encode(end)), end);
  }
  assertEquals(toAddr({ address: "A", port: 3 }), {
    transport: "bluetooth",
    address: "A",
    port: 3,
  });
});

bluetoothTest("a Bluetooth connection can ask for the lowest security", async (near, far) => {
  await using listener = listenBluetooth({ localAddress: far, security: "low" });
  const deadline = deadlineSignal("connect", { timeout: 10_000 });
  const target = { address: far, port: listener.addr.port!, localAddress: near };
  const client = await dial({ ...target, protocol: "rfcomm", security: "low" }, deadline);
  deadline.clear();
  await using _ = await listener.accept();
  assertEquals(client.protocol, "rfcomm");
  await client[Symbol.asyncDispose]();
});
