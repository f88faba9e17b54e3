import { assertEquals, assertThrows } from "@std/assert";
import { BLUETOOTH_UUIDS, bluetoothUuid, shortBluetoothUuid } from "../../net/bluetooth_uuid.ts";
import fc from "fast-check";

const SERIAL_PORT = "00001101-0000-1000-8000-00805f9b34fb";

Deno.test("bluetoothUuid gives the whole form of every usual one", () => {
  const forms = [
    0x1101,
    "1101",
    "0x1101",
    "00001101",
    "0x00001101",
    SERIAL_PORT,
    SERIAL_PORT.toUpperCase(),
    `{${SERIAL_PORT}}`,
    SERIAL_PORT.replaceAll("-", ""),
    " 1101 ",
    "SerialPort",
    "serialport",
    "SerialPortServiceClass_UUID",
    "SERIALPORTSERVICECLASS_UUID",
    "SerialPortServiceClass",
  ];
  for (const form of forms) assertEquals(bluetoothUuid(form), SERIAL_PORT, String(form));
});

Deno.test("bluetoothUuid knows the names of the Windows headers", () => {
  const names: Record<string, number> = {
    ServiceDiscoveryServerServiceClassID_UUID: 0x1000,
    BrowseGroupDescriptorServiceClassID_UUID: 0x1001,
    PublicBrowseGroupServiceClass_UUID: 0x1002,
    LANAccessUsingPPPServiceClass_UUID: 0x1102,
    DialupNetworkingServiceClass_UUID: 0x1103,
    OBEXObjectPushServiceClass_UUID: 0x1105,
    OBEXFileTransferServiceClass_UUID: 0x1106,
    HeadsetServiceClass_UUID: 0x1108,
    HandsfreeServiceClass_UUID: 0x111e,
    HumanInterfaceDeviceServiceClass_UUID: 0x1124,
    PnPInformationServiceClass_UUID: 0x1200,
    RFCOMM_PROTOCOL_UUID: 0x0003,
    L2CAP_PROTOCOL_UUID: 0x0100,
    SDP_PROTOCOL_UUID: 0x0001,
    UDI_C_PLANE_PROTOCOL_UUID: 0x001d,
  };
  for (const [name, value] of Object.entries(names)) {
    assertEquals(shortBluetoothUuid(bluetoothUuid(name)), value, name);
  }
});

Deno.test("bluetoothUuid finds each of its names, however it is written", () => {
  for (const [name, value] of Object.entries(BLUETOOTH_UUIDS)) {
    const whole = `${name}${value < 0x1000 ? "_PROTOCOL" : "ServiceClass"}_UUID`;
    for (const form of [name, name.toUpperCase(), whole, `${name}_UUID`]) {
      assertEquals(bluetoothUuid(form), bluetoothUuid(value), form);
    }
  }
});

Deno.test("bluetoothUuid takes each number of 32 bits", () => {
  assertEquals(bluetoothUuid(0), "00000000-0000-1000-8000-00805f9b34fb");
  assertEquals(bluetoothUuid(0xffffffff), "ffffffff-0000-1000-8000-00805f9b34fb");
});

Deno.test("names of Bluetooth UUIDs stand for one number each, but for three that have two names", () => {
  const values: number[] = Object.values(BLUETOOTH_UUIDS);
  const twice = values.filter((value, at) => values.indexOf(value) !== at);
  assertEquals(twice, [0x110f, 0x111d, 0x1121]);
});

Deno.test("bluetoothUuid rejects what is no UUID", () => {
  const wrong = [
    "",
    "110",
    "11011",
    "NoSuchService",
    "constructor",
    "__proto__",
    "toString_UUID",
    "SerialPort_PROTOCOL_UUID",
    "RFCOMMServiceClass_UUID",
    "_UUID",
    `{${SERIAL_PORT}`,
    `${SERIAL_PORT}0`,
    "00001101-00001000-8000-00805f9b34fb",
    -1,
    2 ** 32,
    1.5,
    NaN,
    null as unknown as string,
  ];
  for (const value of wrong) assertThrows(() => bluetoothUuid(value), TypeError, "Not a Bluetooth");
});

Deno.test("shortBluetoothUuid undoes bluetoothUuid for numbers", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
    assertEquals(shortBluetoothUuid(bluetoothUuid(value)), value);
  }));
  assertEquals(shortBluetoothUuid("12345678-9abc-def0-1234-56789abcdef0"), undefined);
});
