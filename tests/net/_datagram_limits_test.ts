import { assertEquals, assertThrows } from "@std/assert";
import { datagramLimits } from "../../net/_datagram_limits.ts";
import type { DatagramSocketOptions } from "../../net/datagram_options.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("datagram limits are those of the docs where nothing is said", () => {
  const usual = {
    maxQueue: 1024,
    maxQueueBytes: 4_194_304,
    drop: "newest",
    maxSendQueue: 1024,
    maxSendQueueBytes: 4_194_304,
  } as const;
  assertEquals(datagramLimits("udp4", {}), { ...usual, maxSize: 65_507 });
  assertEquals(datagramLimits("udp6", {}), { ...usual, maxSize: 65_527 });
});

Deno.test("datagram limits are taken as given, up to the largest datagram there is", () => {
  const given = {
    maxQueue: 0,
    maxQueueBytes: 1,
    drop: "oldest",
    maxSendQueue: Infinity,
    maxSendQueueBytes: 2,
  } as const;
  assertEquals(datagramLimits("udp4", { ...given, maxDatagramSize: 3 }), { ...given, maxSize: 3 });
  assertEquals(datagramLimits("udp4", { maxDatagramSize: 65_527 }).maxSize, 65_507);
  assertEquals(datagramLimits("udp6", { maxDatagramSize: Infinity }).maxSize, 65_527);
});

Deno.test("datagram limits that are none are refused by name", () => {
  const names = [
    "maxQueue",
    "maxQueueBytes",
    "maxSendQueue",
    "maxSendQueueBytes",
    "maxDatagramSize",
  ] as const;
  for (const name of names) {
    for (const value of [-1, NaN]) {
      const error = assertThrows(() => datagramLimits("udp4", { [name]: value }), RangeError);
      assertEquals(error.message, `Cannot use ${name} ${value}: it is not 0 or more`);
    }
  }
});

Deno.test("datagram limits go with options that make sense, and that Deno can honour", () => {
  assertThrows(() => datagramLimits("udp5" as "udp4", {}), TypeError, 'of type "udp5"');
  assertThrows(() => datagramLimits("udp4", { drop: "all" as "oldest" }), TypeError, 'drops "all"');
  assertThrows(() => datagramLimits("udp4", { ipv6Only: true }), TypeError, "IPv6 only");
  assertEquals(datagramLimits("udp6", { ipv6Only: true }).maxSize, 65_527);
  const refused: DatagramSocketOptions[] = [
    { reusePort: true },
    { recvBufferSize: 1 },
    { sendBufferSize: 1 },
  ];
  for (const options of refused) {
    const error = assertThrows(() => datagramLimits("udp4", options), NetError);
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
});
