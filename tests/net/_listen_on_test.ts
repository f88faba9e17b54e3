import { assertEquals, assertThrows } from "@std/assert";
import { isAllOfIpv6, lacksAddress, listenOn } from "../../net/_listen_on.ts";
import { freePort } from "../_support/peers.ts";

/** Opens on the loopback address of the family that was asked for, as if the families had nothing to do with each other. */
function opener(): { asked: string[]; open: (hostname: string, port: number) => Deno.TcpListener } {
  const asked: string[] = [];
  const open = (hostname: string, port: number): Deno.TcpListener => {
    asked.push(hostname);
    return Deno.listen({ hostname: hostname === "::" ? "::1" : "127.0.0.1", port });
  };
  return { asked, open };
}

Deno.test("listening on all addresses takes two listeners where the families are separate", async () => {
  for (const hostname of [undefined, "::", "0:0::0", "[::]"]) {
    const { asked, open } = opener();
    using listener = listenOn(hostname, 0, open, true);
    const { port } = listener.addr;
    for (const to of ["127.0.0.1", "::1"]) {
      const accepting = listener.accept();
      using _client = await Deno.connect({ hostname: to, port });
      (await accepting).close();
    }
    assertEquals(new Set(asked), new Set(["::", "0.0.0.0"]));
  }
});

Deno.test("listening on one address, or where the families are not separate, takes one listener", () => {
  for (
    const [hostname, separate, asked] of [
      ["127.0.0.1", true, "127.0.0.1"],
      ["::1", true, "::1"],
      ["localhost", true, "localhost"],
      [undefined, false, "::"],
      ["::", false, "::"],
    ] as const
  ) {
    const opened = opener();
    using _listener = listenOn(hostname, 0, opened.open, separate);
    assertEquals(opened.asked, [asked]);
  }
});

Deno.test("listening on all addresses finds another port where the free one is taken for IPv4", () => {
  const taken: Deno.TcpListener[] = [];
  const open = (hostname: string, port: number): Deno.TcpListener => {
    if (hostname === "::") {
      const listener = Deno.listen({ hostname: "::1", port });
      if (taken.length < 3) {
        taken.push(Deno.listen({ hostname: "127.0.0.1", port: listener.addr.port }));
      }
      return listener;
    }
    return Deno.listen({ hostname: "127.0.0.1", port });
  };
  using listener = listenOn(undefined, 0, open, true);
  assertEquals(taken.length, 3);
  assertEquals(taken.some(({ addr }) => addr.port === listener.addr.port), false);
  // The one that was asked for is not to be had then.
  const { port } = taken[0].addr;
  assertThrows(() => listenOn(undefined, port, open, true), Deno.errors.AddrInUse);
  for (const other of taken) other.close();
  Deno.listen({ hostname: "::1", port }).close();
});

Deno.test("listening on all addresses is on those of IPv4 where there is no IPv6", () => {
  const port = freePort();
  const missing = Object.assign(new Error("no IPv6"), { code: "EAFNOSUPPORT" });
  const open = (hostname: string): Deno.TcpListener => {
    if (hostname === "::") throw missing;
    return Deno.listen({ hostname: "127.0.0.1", port });
  };
  for (const separate of [true, false]) listenOn(undefined, port, open, separate).close();
  // Who asks for IPv6 is told.
  for (const separate of [true, false]) {
    assertEquals(assertThrows(() => listenOn("::", port, open, separate)), missing);
  }
});

Deno.test("all addresses of IPv6 are known in every spelling", () => {
  for (const all of ["::", "[::]", "0::", "::0", "0:0:0:0:0:0:0:0"]) {
    assertEquals(isAllOfIpv6(all), true, all);
  }
  for (const one of ["0.0.0.0", "::1", "::ffff:0.0.0.0", "localhost", "", "0"]) {
    assertEquals(isAllOfIpv6(one), false, one);
  }
});

Deno.test("a family that the system lacks is told from other failures", () => {
  assertEquals(lacksAddress(Object.assign(new Error("x"), { code: "EAFNOSUPPORT" })), true);
  assertEquals(lacksAddress(new Deno.errors.AddrNotAvailable("x")), true);
  assertEquals(lacksAddress(new Deno.errors.AddrInUse("x")), false);
});
