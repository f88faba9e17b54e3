import { assert, assertEquals, assertRejects } from "@std/assert";
import { foreignText } from "../../net/_foreign_text.ts";
import { NetError } from "../../net/errors.ts";
import { lookupWith } from "../../net/lookup.ts";
import { toNetError } from "../../net/os_error.ts";
import { toTlsError } from "../../net/tls_error.ts";

Deno.test("foreign text is repeated up to 1024 characters", () => {
  const longest = "x".repeat(1024);
  assertEquals(foreignText(longest), longest);
  assertEquals(foreignText(`${longest}y`), `${longest}…`);
  assertEquals(foreignText(5 as unknown as string), 5 as unknown as string);
});

Deno.test("foreign text does not fill an error of a lookup, of the system or of TLS", async () => {
  const long = "x".repeat(1_000_000);
  const failed = (lookup: () => Promise<string[]>): Promise<NetError> =>
    assertRejects(() => lookupWith(lookup, "a.example", {}), NetError);
  const errors = [
    await failed(() => Promise.reject(new Error(long))),
    await failed(() => Promise.reject(Object.assign(new Error(long), { code: "ECONNREFUSED" }))),
    await failed(() => Promise.reject(long)),
    await failed(() => Promise.resolve([long])),
    toNetError(new Error(long), { syscall: "connect" }),
    toTlsError(new Error(long), { what: "Cannot start TLS" }),
  ];
  for (const { message } of errors) assert(message.length < 1200, `${message.length}`);
  assertEquals((errors[0].cause as Error).message, long);
});
