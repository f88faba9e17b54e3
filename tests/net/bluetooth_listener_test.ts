import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AF_BLUETOOTH, BTPROTO_RFCOMM } from "../../net/_bluetooth_sys.ts";
import { BLUETOOTH_ANY } from "../../net/bluetooth_address.ts";
import { connectBluetooth } from "../../net/bluetooth.ts";
import { discoverBluetoothServices } from "../../net/bluetooth_discovery.ts";
import { listenBluetooth, type ListenBluetoothOptions } from "../../net/bluetooth_listener.ts";
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import { NetError } from "../../net/errors.ts";
import { bluetoothTest, HAS_FFI, hasFamily } from "../_support/ffi_sockets.ts";

Deno.test("listenBluetooth refuses options that don't go together", () => {
  const cases: [ListenBluetoothOptions, typeof TypeError | typeof RangeError][] = [
    [{ channel: 31 }, RangeError],
    [{ psm: 4 }, RangeError],
    [{ channel: 1, psm: 0x1001 }, TypeError],
    [{ channel: 1, protocol: "l2cap" }, TypeError],
    [{ psm: 0x1001, protocol: "rfcomm" }, TypeError],
    [{ name: "nameless" }, TypeError],
    [{ description: "nothing" }, TypeError],
    [{ uuid: "what?" }, TypeError],
    [{ localAddress: "any" }, TypeError],
    [{ backlog: 0 }, RangeError],
    [{ security: "none" as "low" }, TypeError],
    [{ protocol: "tcp" as "rfcomm" }, TypeError],
  ];
  for (const [options, type] of cases) {
    assertThrows(() => listenBluetooth(options), type, undefined, JSON.stringify(options));
  }
});

Deno.test({
  name: "listenBluetooth says so where the system has no Bluetooth",
  ignore: !HAS_FFI || hasFamily(AF_BLUETOOTH, BTPROTO_RFCOMM),
  fn() {
    for (const options of [{}, { channel: 3 }, { uuid: "SerialPort" }, { psm: 0x1001 }]) {
      const error = assertThrows(
        () => listenBluetooth(options),
        NetError,
        "this system has no Bluetooth sockets",
      );
      assertEquals(error.code, "EAFNOSUPPORT");
    }
  },
});

bluetoothTest(
  "listenBluetooth lets the system choose, and reports a port that is taken",
  async (_, far) => {
    await using rfcomm = listenBluetooth();
    const { address, port, transport } = rfcomm.addr;
    assertEquals([address, transport], [BLUETOOTH_ANY, "bluetooth"]);
    assert(port! >= 1 && port! <= 30);
    await using l2cap = listenBluetooth({ protocol: "l2cap", localAddress: far });
    assert(l2cap.addr.port! >= 0x1001 && l2cap.addr.port! % 2 === 1);
    assertEquals(l2cap.addr.address, far);
    for (const options of [{ channel: port }, { psm: l2cap.addr.port, localAddress: far }]) {
      const error = assertThrows(() => listenBluetooth(options), NetError, "EADDRINUSE");
      assertEquals([error.code, error.port], ["EADDRINUSE", options.channel ?? options.psm]);
    }
    const elsewhere = assertThrows(
      () => listenBluetooth({ localAddress: "00:AA:01:77:77:77" }),
      NetError,
    );
    assertEquals(elsewhere.code, "EADDRNOTAVAIL");
  },
);

bluetoothTest(
  "a Bluetooth listener gives its connections in a loop until it is closed",
  async (near, far) => {
    const listener = listenBluetooth({ localAddress: far });
    const seen: (string | undefined)[] = [];
    const loop = (async () => {
      for await (const connection of listener) {
        seen.push(connection.remoteAddr.address);
        await connection[Symbol.asyncDispose]();
      }
    })();
    // The system may reset a connection to a channel whose last one is not quite gone: then it is called again.
    for (let tries = 0; seen.length < 3 && tries < 30; tries++) {
      const target = { address: far, localAddress: near, channel: listener.addr.port };
      await using client = await connectBluetooth(target);
      assertEquals(await client.read(new Uint8Array(1)), null);
    }
    listener.close();
    await loop;
    assertEquals(seen, [near, near, near]);
    assertEquals(
      (await assertRejects(() => listener.accept(), NetError)).code,
      "ERR_SOCKET_CLOSED",
    );
  },
);

bluetoothTest("a Bluetooth listener gives up an accept at its deadline", async () => {
  await using listener = listenBluetooth();
  const error = await assertRejects(
    () => listener.accept({ timeout: 5 }),
    NetError,
    "Cannot accept a Bluetooth connection: timed out after 5 ms",
  );
  assertEquals(error.code, "ETIMEDOUT");
  const waiting = listener.accept();
  listener.close();
  assertEquals((await assertRejects(() => waiting, NetError)).code, "ERR_SOCKET_CLOSED");
});

bluetoothTest("a Bluetooth listener publishes its service while it is open", async (near, far) => {
  const own = "6fb4e2a0-0001-4b6e-9b62-2e1f5c0a0001";
  const target = { address: far, localAddress: near };
  {
    await using serial = listenBluetooth({
      uuid: "SerialPort",
      name: "Sérial",
      description: "A port",
      localAddress: far,
    });
    await using second = listenBluetooth({ uuid: own, name: "x".repeat(900), localAddress: far });
    const services = await discoverBluetoothServices(target);
    assertEquals(services.map(({ uuid, protocol, port }) => ({ uuid, protocol, port })), [
      { uuid: bluetoothUuid("SerialPort"), protocol: "rfcomm", port: serial.addr.port },
      { uuid: own, protocol: "rfcomm", port: second.addr.port },
    ]);
    assertEquals([services[0].name, services[0].description], ["Sérial", "A port"]);
    // Longer than one packet: it came in pieces.
    assertEquals(services[1].name, "x".repeat(900));
    assertEquals((await discoverBluetoothServices({ ...target, uuid: own })).length, 1);
    // A service of the other adapter, and one of all.
    await using elsewhere = listenBluetooth({ uuid: own, localAddress: near });
    await using everywhere = listenBluetooth({ uuid: own });
    const ports = async () =>
      (await discoverBluetoothServices({ ...target, uuid: own })).map(({ port }) => port);
    assertEquals(await ports(), [second.addr.port, everywhere.addr.port]);
    elsewhere.close();
    everywhere.close();
    assertEquals(await ports(), [second.addr.port]);
    second.close();
    assertEquals((await discoverBluetoothServices({ ...target, uuid: own })).length, 0);
  }
  const gone = await assertRejects(() => discoverBluetoothServices(target), NetError);
  assertEquals(gone.code, "ECONNREFUSED");
});

bluetoothTest("listenBluetooth says so when another SDP server runs", async (_, far) => {
  await using other = listenBluetooth({ psm: 1 });
  assertEquals(other.addr.port, 1);
  const error = assertThrows(
    () => listenBluetooth({ uuid: "SerialPort", channel: 9, localAddress: far }),
    NetError,
    "another SDP server (bluetoothd?) answers",
  );
  assertEquals([error.code, error.port], ["EADDRINUSE", 1]);
  // The channel that it had taken by then is free again.
  await using again = listenBluetooth({ channel: 9, localAddress: far });
  assertEquals(again.addr.port, 9);
});
