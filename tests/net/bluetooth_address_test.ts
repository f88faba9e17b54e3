import { assertEquals, assertThrows } from "@std/assert";
import { bluetoothAddress } from "../../net/bluetooth_address.ts";

Deno.test("bluetoothAddress takes the three usual forms in either case", () => {
  for (const text of ["00:1A:7D:DA:71:13", "00-1a-7d-da-71-13", "001a7dDA7113"]) {
    assertEquals(bluetoothAddress(text), "00:1A:7D:DA:71:13");
  }
  assertEquals(bluetoothAddress("ff:ff:ff:ff:ff:ff"), "FF:FF:FF:FF:FF:FF");
});

Deno.test("bluetoothAddress rejects everything else", () => {
  const wrong = [
    "",
    "00:1A:7D:DA:71",
    "00:1A:7D:DA:71:13:00",
    "00:1A-7D:DA:71:13",
    "00:1A:7D:DA:7113",
    "00:1A:7D:DA:71:1G",
    "00:1A:7D:DA:71:13\n",
    " 00:1A:7D:DA:71:13",
    "0:1A:7D:DA:71:13",
    undefined as unknown as string,
    ["00:1A:7D:DA:71:13"] as unknown as string,
  ];
  for (const text of wrong) {
    assertThrows(() => bluetoothAddress(text), TypeError, "Not a Bluetooth");
  }
});
