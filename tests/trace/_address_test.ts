import { assertEquals, assertThrows } from "@std/assert";
import { certificateNames, checkEndpoint, showAddr, showEndpoint } from "../../trace/_address.ts";
import type { TraceEndpoint } from "../../trace/tracer_options.ts";

Deno.test("addresses are shown as people write them", () => {
  assertEquals(showEndpoint("example.org", 80), "example.org:80");
  assertEquals(showAddr({ transport: "tcp", hostname: "::1", port: 80 }), "[::1]:80");
  assertEquals(showAddr({ transport: "udp", hostname: "127.0.0.1", port: 5 }), "127.0.0.1:5");
  assertEquals(showAddr({ transport: "unix", path: "/tmp/s" }), "/tmp/s");
  assertEquals(showAddr({ transport: "unix", path: "" }), "unix");
  assertEquals(showAddr({ transport: "unix", path: null }), "unix");
  assertEquals(showAddr({ transport: "memory" }), "memory");
  assertEquals(showAddr({ transport: "bluetooth", address: "A:B", port: 3 }), "bluetooth:A:B:3");
});

Deno.test("places to listen or to connect to are checked", () => {
  checkEndpoint("to", { port: 0 }, 0);
  checkEndpoint("to", { hostname: "[::1]", port: 1 }, 1);
  checkEndpoint("to", { path: "/tmp/s" }, 1);
  assertThrows(() => checkEndpoint("to", { port: 0 }, 1), RangeError);
  assertThrows(() => checkEndpoint("to", { hostname: "a b", port: 1 }, 1), TypeError);
  checkEndpoint("to", { transport: "tcp", hostname: "127.0.0.1", port: 1 } as TraceEndpoint, 1);
  for (
    const [odd, why] of [
      [{ host: "example.org", port: 1 }, "option to: `host` is `hostname` here"],
      [{ hostName: "example.org", port: 1 }, "no option `hostName`, but `hostname`"],
    ] as [object, string][]
  ) assertThrows(() => checkEndpoint("to", odd as TraceEndpoint, 1), TypeError, why);
  for (const none of [undefined, null, 80, "127.0.0.1:80"]) {
    assertThrows(
      () => checkEndpoint("to", none as never, 1),
      TypeError,
      "option to: it is an object",
    );
  }
  for (const path of ["", "/tmp/\0s"]) {
    assertThrows(() => checkEndpoint("to", { path }, 1), TypeError);
  }
});

Deno.test("a certificate is for the endpoints' names, this machine's, and no address that is all", () => {
  const own = ["localhost", "127.0.0.1", "::1"];
  assertEquals(certificateNames({ port: 1 }, { path: "/run/x" }), own);
  assertEquals(
    certificateNames({ hostname: "0.0.0.0", port: 1 }, { hostname: "::", port: 1 }),
    own,
  );
  assertEquals(
    certificateNames({ hostname: "Example.org", port: 1 }, { hostname: "10.0.0.1", port: 2 }),
    ["10.0.0.1", "example.org", ...own],
  );
});
