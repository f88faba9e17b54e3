import { assertEquals, assertThrows } from "@std/assert";
import { checkOriginPolicy, isOriginAllowed, type OriginPolicy } from "../../websocket/origin.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";

const SAME_HOST: Array<
  [origin: string | undefined, host: string, secure: boolean, allowed: boolean]
> = [
  [undefined, "good.com", true, true],
  ["https://good.com", "good.com", true, true],
  ["https://GOOD.com", "Good.COM", true, true],
  ["https://good.com:443", "good.com", true, true],
  ["https://good.com", "good.com:443", true, true],
  ["http://good.com", "good.com", false, true],
  ["https://good.com", "good.com", false, true],
  ["http://good.com:8080", "good.com:8080", false, true],
  ["http://[::1]:8080", "[::1]:8080", false, true],
  ["http://good.com", "good.com", true, false],
  ["https://good.com.evil.com", "good.com", true, false],
  ["https://evilgood.com", "good.com", true, false],
  ["https://sub.good.com", "good.com", true, false],
  ["https://good.com:444", "good.com", true, false],
  ["http://good.com:8080", "good.com:8081", false, false],
  ["null", "good.com", false, false],
  ["null", "null", false, false],
  ["", "good.com", false, false],
  ["good.com", "good.com", false, false],
  ["https://user@good.com", "good.com", true, false],
  ["https://good.com/", "good.com", true, false],
  ["https://good.com/path", "good.com", true, false],
  ["file://", "good.com", false, false],
  ["chrome-extension://good.com", "good.com", false, false],
  ["https://good.com https://evil.com", "good.com", true, false],
  ["https://good.com\\.evil.com", "good.com", true, false],
];

for (const [origin, host, secure, allowed] of SAME_HOST) {
  Deno.test(`same-host ${allowed ? "lets in" : "refuses"} ${origin} at ${host}${secure ? " over TLS" : ""}`, () => {
    assertEquals(isOriginAllowed("same-host", origin, host, secure), allowed);
  });
}

Deno.test("list of origins matches whole strings and patterns", () => {
  const policy: OriginPolicy = ["https://a.example", /^https:\/\/[a-z]+\.b\.example$/];
  const check = (origin: string) => isOriginAllowed(policy, origin, "x", true);
  assertEquals(["https://a.example", "https://A.example", "https://x.b.example"].map(check), [
    true,
    true,
    true,
  ]);
  assertEquals(["https://a.example.evil", "http://a.example", "https://b.example"].map(check), [
    false,
    false,
    false,
  ]);
});

Deno.test("pattern with a state of its own says the same of an origin each time", () => {
  for (
    const pattern of [
      /^https:\/\/a\.example$/g,
      /https:\/\/a\.example/y,
      Object.freeze(/^https:\/\/a/),
    ]
  ) {
    const origins = [
      "https://a.example",
      "https://a.example",
      "https://b.example",
      "https://a.example",
    ];
    const allowed = origins.map((origin) => isOriginAllowed([pattern], origin, "x", true));
    assertEquals(allowed, [true, true, false, true]);
    assertEquals(pattern.lastIndex, 0);
  }
});

Deno.test("any lets in everything, a function decides about everything", () => {
  assertEquals(isOriginAllowed("any", "null", "x", true), true);
  const seen: unknown[] = [];
  const policy = (
    origin: string | undefined,
    host: string,
  ) => (seen.push([origin, host]), origin === undefined);
  assertEquals(isOriginAllowed(policy, undefined, "h", true), true);
  assertEquals(isOriginAllowed(policy, "https://h", "h", true), false);
  assertEquals(seen, [[undefined, "h"], ["https://h", "h"]]);
});

Deno.test("function that returns a promise is misuse, and its rejection is not left unhandled", () => {
  const rejected = [Promise.reject(new Error("no")), foreignRejection(new Error("no"))];
  for (const answer of [Promise.resolve(true), ...rejected]) {
    const policy = (() => answer) as unknown as () => boolean;
    assertThrows(() => isOriginAllowed(policy, "https://a.example", "a.example", true), TypeError);
  }
  // Only a plain yes is a yes.
  const truthy = (() => 1) as unknown as () => boolean;
  assertEquals(isOriginAllowed(truthy, "https://a.example", "a.example", true), false);
});

Deno.test("origin policies that are none are refused", () => {
  for (const policy of ["same-host", "any", [], ["https://a.b", /^x$/], () => true] as const) {
    checkOriginPolicy(policy);
  }
  for (const policy of ["none", "", null, 5, {}, [null], [["a"]]]) {
    assertThrows(() => checkOriginPolicy(policy as OriginPolicy), TypeError, "origin policy");
  }
});
