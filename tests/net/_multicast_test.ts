import { assertEquals, assertThrows } from "@std/assert";
import { checkGroup, checkInterface, checkSource } from "../../net/_multicast.ts";
import type { DatagramSocketType } from "../../net/datagram_options.ts";

const refused = (check: () => void): string => assertThrows(check, TypeError).message;

Deno.test("multicast groups are 224.0.0.0/4 and ff00::/8, of the socket's own family", () => {
  const cases: [DatagramSocketType, string, boolean][] = [
    ["udp4", "224.0.0.0", true],
    ["udp4", "239.255.255.255", true],
    ["udp4", "223.255.255.255", false],
    ["udp4", "240.0.0.0", false],
    ["udp4", "ff02::1", false],
    ["udp6", "ff00::", true],
    ["udp6", "FF02::1%eth0", true],
    ["udp6", "fe80::1", false],
    ["udp6", "224.0.0.1", false],
    ["udp6", "::ffff:224.0.0.1", false],
    ["udp4", "224.0.0", false],
    ["udp4", "", false],
    ["udp6", "group.example", false],
  ];
  for (const [type, group, fits] of cases) {
    const check = (): void => checkGroup("addMembership", type, group);
    if (fits) check();
    else {
      const text = `Cannot addMembership: "${group}" is no multicast address of ${type}`;
      assertEquals(refused(check), text);
    }
  }
});

Deno.test("multicast sources are IPv4 addresses", () => {
  checkSource("addSourceSpecificMembership", "192.0.2.1");
  for (const source of ["::1", "", "host.example", "192.0.2"]) {
    assertEquals(
      refused(() => checkSource("addSourceSpecificMembership", source)),
      `Cannot addSourceSpecificMembership: "${source}" is no IPv4 address`,
    );
  }
});

Deno.test("multicast interfaces are an IPv4 address, or have a zone over IPv6, or are left out", () => {
  checkInterface("udp4", undefined);
  checkInterface("udp6", undefined);
  checkInterface("udp4", "127.0.0.1");
  checkInterface("udp6", "::%eth0");
  for (const text of ["::%eth0", "eth0", ""]) {
    assertEquals(
      refused(() => checkInterface("udp4", text)),
      `Cannot use multicast interface "${text}": it is not an IPv4 address`,
    );
  }
  for (const text of ["127.0.0.1", "::", "eth0"]) {
    assertEquals(
      refused(() => checkInterface("udp6", text)),
      `Cannot use multicast interface "${text}": it is not of the form "::%eth0"`,
    );
  }
});
