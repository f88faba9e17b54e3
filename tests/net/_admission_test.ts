import { assertEquals, assertThrows } from "@std/assert";
import { BlockList } from "node:net";
import { Admission } from "../../net/_admission.ts";
import type { AdmissionOptions } from "../../net/server_options.ts";

Deno.test("admission lets in up to the cap", () => {
  const admission = new Admission({});
  assertEquals(admission.enter("192.0.2.1", 0, false), undefined);
  assertEquals(admission.enter("192.0.2.1", 0, true), "maxConnections");
});

Deno.test("admission counts each address for itself, and gives places back", () => {
  const admission = new Admission({ maxConnectionsPerAddress: 2 });
  const enter = (address: string): unknown => admission.enter(address, 0);
  assertEquals([enter("a"), enter("a"), enter("a"), enter("b")], [
    undefined,
    undefined,
    "maxConnectionsPerAddress",
    undefined,
  ]);
  admission.leave("a");
  assertEquals([enter("a"), enter("a")], [undefined, "maxConnectionsPerAddress"]);
  admission.leave("nobody");
  admission.leave(undefined);
  assertEquals(admission.enter(undefined, 0), undefined);
});

Deno.test("admission counts global IPv6 addresses by their block, and others each for itself", () => {
  const taken = (options: AdmissionOptions, ...addresses: string[]): unknown[] => {
    const admission = new Admission({ maxConnectionsPerAddress: 1, ...options });
    const answers = addresses.map((address) => admission.enter(address, 0) ?? "in");
    for (const address of addresses) admission.leave(address);
    assertEquals(admission.enter(addresses[0], 0), undefined);
    return answers;
  };
  const cap = "maxConnectionsPerAddress";
  const [one, near, far] = ["2606:4700:1:2::1", "2606:4700:1:2:ffff::2", "2606:4700:1:3::1"];
  assertEquals(taken({}, one, near, far), ["in", cap, "in"]);
  assertEquals(taken({ ipv6PrefixLength: 48 }, one, near, far), ["in", cap, cap]);
  assertEquals(taken({ ipv6PrefixLength: 128 }, one, near, one), ["in", "in", cap]);
  // Whoever is in the same network is not one client.
  assertEquals(
    taken({}, "fe80::1%eth0", "fe80::2%eth0", "fd00::1", "fd00::2"),
    Array(4).fill("in"),
  );
  assertEquals(taken({}, "9.9.9.9", "9.9.9.8", "::ffff:9.9.9.7", "::ffff:9.9.9.7"), [
    ...Array(3).fill("in"),
    cap,
  ]);
  assertEquals(
    taken({}, "::ffff:909:909", "::ffff:909:908", "64:ff9b::909:909", "64:ff9b::909:908"),
    [
      ...Array(4).fill("in"),
    ],
  );
  // A listener for both families tells an IPv4 client by a v4-mapped address, another one does not.
  assertEquals(taken({}, "9.9.9.9", "::ffff:9.9.9.9", "::FFFF:9.9.9.8"), ["in", cap, "in"]);
  // Whoever has a network gives itself addresses in it, also those that carry one of IPv4.
  const carrying = ["2606:4700:1:2:0:5efe:909:909", "2606:4700:1:2:200:5efe:a00:1"];
  assertEquals(taken({}, one, ...carrying), ["in", cap, cap]);
  assertEquals(taken({}, "2002:909:909::1", "2002:909:909::2", "2002:909:908::1"), [
    "in",
    cap,
    "in",
  ]);
  assertEquals(taken({}, "no address", "no address", ":::"), ["in", cap, "in"]);
  for (const ipv6PrefixLength of [0, 129, 1.5, NaN, "64" as never]) {
    assertThrows(() => new Admission({ ipv6PrefixLength }), RangeError, "ipv6PrefixLength");
  }
});

Deno.test("admission blocks by list, in all forms of an address", () => {
  const blockList = new BlockList();
  blockList.addSubnet("10.0.0.0", 8, "ipv4");
  const blocking = new Admission({ blockList });
  const enter = (address: string): unknown => blocking.enter(address, 0);
  assertEquals(["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1", "fe80::1%eth0"].map(enter), [
    "blocked",
    "blocked",
    undefined,
    undefined,
  ]);
});

Deno.test("admission with an allow list lets nobody else in; a block counts more", () => {
  const allowList = new BlockList();
  allowList.addSubnet("192.0.2.0", 24, "ipv4");
  const blockList = new BlockList();
  blockList.addAddress("192.0.2.66", "ipv4");
  const admission = new Admission({ allowList, blockList });
  const enter = (address: string): unknown => admission.enter(address, 0);
  assertEquals(["192.0.2.1", "192.0.2.66", "198.51.100.1"].map(enter), [
    undefined,
    "blocked",
    "blocked",
  ]);
});

Deno.test("admission keeps to its rate, and lets a burst in", () => {
  const admission = new Admission({ acceptRate: { perSecond: 10, burst: 2 } });
  const at = (ms: number): unknown => admission.enter("a", ms);
  assertEquals([at(0), at(0), at(0)], [undefined, undefined, "acceptRate"]);
  assertEquals([at(99), at(100), at(101)], ["acceptRate", undefined, "acceptRate"]);
  // However long it was quiet, no more than a burst.
  assertEquals([at(9000), at(9000), at(9000)], [undefined, undefined, "acceptRate"]);
});

Deno.test("admission keeps to a rate of less than one a second", () => {
  const admission = new Admission({ acceptRate: { perSecond: 0.5 } });
  const at = (ms: number): unknown => admission.enter("a", ms);
  assertEquals([at(0), at(1999), at(2000)], [undefined, "acceptRate", undefined]);
});

Deno.test("admission refuses caps and rates that let nobody in", () => {
  for (
    const options of [
      { maxConnectionsPerAddress: 0 },
      { acceptRate: { perSecond: 0 } },
      { acceptRate: { perSecond: NaN } },
      { acceptRate: { perSecond: 1, burst: 0 } },
    ]
  ) assertThrows(() => new Admission(options), RangeError);
});

Deno.test("admission refuses lists that can't be asked, and a rate that is none", () => {
  const check = (): boolean => true;
  for (const list of [["192.0.2.1"], {}, 5, new Set(["192.0.2.1"])]) {
    for (const name of ["blockList", "allowList"]) {
      const error = assertThrows(() => new Admission({ [name]: list }), TypeError, `"${name}"`);
      assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_TYPE");
    }
  }
  assertThrows(() => new Admission({ allowList: null as never }), TypeError, '"allowList"');
  new Admission({ blockList: { check }, allowList: { check } });
  // As in Node no list blocks nobody; no list of who may come would let everybody in.
  new Admission({ blockList: null as never, allowList: undefined });
  for (const acceptRate of [5, {}, { burst: 5 }]) {
    assertThrows(() => new Admission({ acceptRate: acceptRate as never }), RangeError);
  }
});

Deno.test("admission takes a list's promise for no answer", () => {
  for (const name of ["blockList", "allowList"]) {
    const rejected = (): Promise<boolean> => Promise.reject(new Error("no answer"));
    // Of another library, or another realm.
    const thenable = () => ({
      then: (_: unknown, reject: (error: Error) => void) => reject(new Error()),
    });
    for (const check of [rejected, thenable]) {
      const admission = new Admission({ [name]: { check } as never });
      assertThrows(() => admission.enter("192.0.2.1", 0), TypeError, "promise");
    }
  }
});
