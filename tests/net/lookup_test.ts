import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { MISSING_NAME, missingNameCode } from "../_support/missing_name.ts";
import { NetError } from "../../net/errors.ts";
import { lookupHost, lookupWith, systemHostLookup } from "../../net/lookup.ts";

Deno.test("lookup gives an address back in its canonical form, without asking", async () => {
  const never = () => Promise.reject(new Error("asked"));
  assertEquals(await lookupWith(never, "127.1", {}), ["127.0.0.1"]);
  assertEquals(await lookupWith(never, "[::FFFF:1.2.3.4]", {}), ["::ffff:1.2.3.4"]);
  const error = await assertRejects(() => lookupWith(never, "127.0.0.1", { family: 6 }), NetError);
  assertEquals(error.code, "ENOTFOUND");
});

Deno.test("lookup asks with the canonical name, and keeps a final dot", async () => {
  const asked: string[] = [];
  const lookup = (name: string) => {
    asked.push(name);
    return Promise.resolve(["9.9.9.9", "2606:4700::1111"]);
  };
  assertEquals(await lookupWith(lookup, "EXAMPLE.org", {}), ["9.9.9.9", "2606:4700::1111"]);
  assertEquals(await lookupWith(lookup, "Bücher.example.", { family: 6 }), ["2606:4700::1111"]);
  assertEquals(asked, ["example.org", "xn--bcher-kva.example."]);
});

Deno.test("lookup of localhost finds loopback", async () => {
  const found = await lookupHost("localhost");
  assert(found.includes("127.0.0.1") || found.includes("::1"), String(found));
  assertEquals(await lookupHost("LOCALHOST.", { family: 4 }), ["127.0.0.1"]);
});

Deno.test("lookup refuses malformed hosts before it asks", async () => {
  for (const host of ["", "a\0b", "a b", "x".repeat(256), "a\r\nb"]) {
    await assertRejects(() => lookupHost(host), TypeError, "Cannot use host");
  }
});

Deno.test("lookup of a name that does not exist fails with Node's code", async () => {
  const error = await assertRejects(() => systemHostLookup(MISSING_NAME, {}), NetError);
  assertEquals([error.code, error.syscall, error.address], [
    await missingNameCode(),
    "getaddrinfo",
    MISSING_NAME,
  ]);
});

Deno.test("lookup ends at its deadline and its signal", async () => {
  const never = () => new Promise<string[]>(() => {});
  const late = await assertRejects(() => lookupWith(never, "a.example", { timeout: 5 }), NetError);
  assertEquals(late.message, 'Cannot look up "a.example": timed out after 5 ms');
  const signal = AbortSignal.abort();
  const gone = await assertRejects(() => lookupWith(never, "a.example", { signal }), NetError);
  assertEquals(gone.code, "ABORT_ERR");
});

Deno.test("lookup of the caller's own fails with its code, or ENOTFOUND for one that says too little", async () => {
  const fail = (error: unknown): Promise<NetError> =>
    assertRejects(() => lookupWith(() => Promise.reject(error), "a.example", {}), NetError);
  for (
    const [code, told] of [
      ["ECONNREFUSED", "ECONNREFUSED"],
      ["ENOTFOUND", "ENOTFOUND"],
      ["EIO", "ENOTFOUND"],
      ["ENOENT", "ENOTFOUND"],
      ["ESERVFAIL", "ENOTFOUND"],
      ["ERR_DIAL_POLICY", "ENOTFOUND"],
    ] as const
  ) {
    const cause = Object.assign(new Error("no answer"), { code });
    const error = await fail(cause);
    assertEquals([error.code, error.cause], [told, cause]);
  }
  const own = new NetError("Cannot look up", { code: "ERR_DIAL_POLICY" });
  assertStrictEquals(await fail(own), own);
  const vague = new NetError("Cannot look up", { code: "EIO" });
  const { code, cause } = await fail(vague);
  assertEquals([code, cause], ["ENOTFOUND", vague]);
});

Deno.test("lookup of the caller's own that gives what is no text is ENOTFOUND, whatever it is", async () => {
  for (const answer of [1n, Symbol("a"), null, { toJSON: () => assert(false) }]) {
    const lookup = () => Promise.resolve([answer as unknown as string]);
    const error = await assertRejects(() => lookupWith(lookup, "a.example", {}), NetError);
    assertEquals(error.code, "ENOTFOUND");
  }
});

Deno.test("lookup without permission is EPERM", { permissions: { net: false } }, async () => {
  const error = await assertRejects(() => lookupHost("example.org"), NetError);
  assertEquals([error.code, error.message], [
    "EPERM",
    'Cannot look up "example.org": it needs --allow-net',
  ]);
});

Deno.test("lookup refuses what is no family, no lookup, no signal and no time, for addresses, too", async () => {
  for (const host of ["localhost", "127.0.0.1"]) {
    for (const family of [5, -1, NaN, "IPv4", null]) {
      await assertRejects(() => lookupHost(host, { family: family as never }), TypeError, "family");
    }
    for (const lookup of [5, {}, ["127.0.0.1"]]) {
      await assertRejects(() => lookupWith(lookup as never, host, {}), TypeError, "a function");
    }
    await assertRejects(() => lookupHost(host, { signal: {} as never }), TypeError, '"signal"');
    await assertRejects(() => lookupHost(host, { timeout: -1 }), RangeError, "-1 ms");
    const signal = AbortSignal.abort();
    const error = await assertRejects(() => lookupHost(host, { signal }), NetError);
    assertEquals(error.code, "ABORT_ERR");
  }
  await assertRejects(() => lookupHost(undefined as never), TypeError, "Cannot use host undefined");
});
