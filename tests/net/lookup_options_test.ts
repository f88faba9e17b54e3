import { assertEquals } from "@std/assert";
import { lookupWith } from "../../net/lookup.ts";
import type { HostLookup, LookupHostOptions } from "../../net/lookup_options.ts";

Deno.test("a lookup of the caller's own is called with the options of the lookup", async () => {
  const seen: LookupHostOptions[] = [];
  const lookup: HostLookup = (_name, options) => {
    seen.push(options);
    return Promise.resolve(["192.0.2.1"]);
  };
  const { signal } = new AbortController();
  assertEquals(await lookupWith(lookup, "a.example", { family: 4, timeout: 500, signal }), [
    "192.0.2.1",
  ]);
  assertEquals(seen, [{ family: 4, timeout: 500, signal }]);
});
