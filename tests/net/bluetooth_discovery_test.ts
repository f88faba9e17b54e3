import { assert, assertEquals, assertRejects } from "@std/assert";
import { AF_BLUETOOTH, BTPROTO_RFCOMM } from "../../net/_bluetooth_sys.ts";
import { discoverBluetooth, discoverBluetoothServices } from "../../net/bluetooth_discovery.ts";
import { NetError } from "../../net/errors.ts";
import { bluetoothTest, HAS_FFI, hasFamily } from "../_support/ffi_sockets.ts";

Deno.test("discoverBluetooth refuses options that are out of range", async () => {
  for (const inquiryLength of [0, 49, 1.5]) {
    await assertRejects(() => discoverBluetooth({ inquiryLength }), RangeError);
  }
  for (const maxDevices of [0, 256, NaN]) {
    await assertRejects(() => discoverBluetooth({ maxDevices }), RangeError);
  }
  await assertRejects(() => discoverBluetooth({ timeout: -1 }), RangeError);
  await assertRejects(() => discoverBluetooth({ localAddress: "hci0" }), TypeError);
  await assertRejects(() => discoverBluetoothServices({ address: "printer" }), TypeError);
  const target = { address: "00:1A:7D:DA:71:13", uuid: "printing" };
  await assertRejects(() => discoverBluetoothServices(target), TypeError);
});

Deno.test({
  name: "discoverBluetooth says so where the system has no Bluetooth",
  ignore: !HAS_FFI || hasFamily(AF_BLUETOOTH, BTPROTO_RFCOMM),
  async fn() {
    const why = "EAFNOSUPPORT, this system has no Bluetooth sockets";
    const error = await assertRejects(() => discoverBluetooth(), NetError, why);
    assertEquals(error.message.startsWith("Cannot discover Bluetooth devices: "), true);
    assertEquals(error.code, "EAFNOSUPPORT");
    const target = { address: "00:1A:7D:DA:71:13" };
    await assertRejects(() => discoverBluetoothServices(target), NetError, why);
  },
});

bluetoothTest("discoverBluetooth finds a device and its name", async (near, far) => {
  const devices = await discoverBluetooth({
    inquiryLength: 1,
    localAddress: near,
    timeout: 20_000,
  });
  assertEquals(devices.length, 1);
  assertEquals([devices[0].address, devices[0].name], [far, "sluice-one"]);
  assertEquals(typeof devices[0].deviceClass, "number");
  const others = await discoverBluetooth({ inquiryLength: 1, localAddress: far, names: false });
  assertEquals(others.map(({ address }) => address), [near]);
});

bluetoothTest("discoverBluetooth ends its search when it has enough", async (near, far) => {
  const started = performance.now();
  const devices = await discoverBluetooth({ inquiryLength: 48, maxDevices: 1 });
  assertEquals(devices.map(({ address }) => address), [far]);
  assert(performance.now() - started < 20_000, "it searched for the whole minute");
  // The adapter takes a new search at once.
  assertEquals((await discoverBluetooth({ inquiryLength: 1, localAddress: near })).length, 1);
});

bluetoothTest("discoverBluetooth gives up at its deadline and at its signal", async (near) => {
  const options = { inquiryLength: 48, localAddress: near };
  const late = await assertRejects(() => discoverBluetooth({ ...options, timeout: 5 }), NetError);
  assertEquals(late.code, "ETIMEDOUT");
  const controller = new AbortController();
  const searching = discoverBluetooth({ ...options, signal: controller.signal });
  controller.abort();
  assertEquals((await assertRejects(() => searching, NetError)).code, "ABORT_ERR");
  assertEquals((await discoverBluetooth({ ...options, inquiryLength: 1 })).length, 1);
});

bluetoothTest("discoverBluetooth says so when the adapter is not there", async () => {
  const error = await assertRejects(
    () => discoverBluetooth({ localAddress: "00:AA:01:77:77:77" }),
    NetError,
    "no adapter 00:AA:01:77:77:77 is up",
  );
  assertEquals(error.code, "EADDRNOTAVAIL");
});
