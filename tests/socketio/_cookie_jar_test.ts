import { assert, assertEquals } from "@std/assert";
import { CookieJar } from "../../socketio/_cookie_jar.ts";

/** What a jar sends after it took these fields, at the time 1000. */
function sent(fields: string[], later = 0): string | undefined {
  const jar = new CookieJar();
  jar.take(fields, 1000);
  return jar.addTo(undefined, 1000 + later)?.Cookie;
}

Deno.test("cookie jar gives back what it took, the last of each name", () => {
  assertEquals(sent([]), undefined);
  assertEquals(sent(["io=abc; Path=/; HttpOnly; SameSite=Strict"]), "io=abc");
  assertEquals(sent(["a=1", "b=x=y ; Secure", "a=2"]), "b=x=y; a=2");
  assertEquals(sent(['q="1 2"', "empty="]), 'q="1 2"; empty=');
});

Deno.test("cookie jar forgets what is over, and what is taken back", () => {
  const past = "Thu, 01 Jan 1970 00:00:00 GMT";
  const future = "Fri, 01 Jan 2100 00:00:00 GMT";
  assertEquals(sent(["a=1; Max-Age=2"], 1999), "a=1");
  assertEquals(sent(["a=1; max-age=2"], 2000), undefined);
  assertEquals(sent(["a=1", "a=; Max-Age=0"]), undefined);
  assertEquals(sent(["a=1", "a=; Max-Age=-1"]), undefined);
  assertEquals(sent(["a=1", `a=; expires = ${past}`]), undefined);
  assertEquals(sent([`a=1; Expires=${future}`], 1e6), "a=1");
  assertEquals(sent([`a=1; Max-Age=5; Expires=${past}`]), "a=1");
  assertEquals(sent(["a=1; Max-Age=soon; Expires=never"]), "a=1");
  assertEquals(sent(["a=1;max-age=0", `b=1;expires=${past}`]), undefined, "without blanks");
});

Deno.test("cookie jar passes over what is no cookie, and what is too large", () => {
  assertEquals(sent(["", "=x", "alone", "a b=1", "c=\u00e9", "d=\x01"]), undefined);
  assertEquals(sent([`a=${"x".repeat(4095)}`])?.length, 4097);
  assertEquals(sent([`a=${"x".repeat(4096)}`]), undefined);
  const many = Array.from({ length: 52 }, (_, i) => `c${i}=1`);
  assertEquals(sent(many)?.split("; "), many.slice(2));
  const full = many.slice(2);
  assertEquals(sent([...full, "other=; Max-Age=0"])?.split("; "), full, "it takes no place");
});

Deno.test("cookie jar adds to the headers that there are", () => {
  const jar = new CookieJar();
  const headers = { "x-a": "b", cookie: "own=1" };
  assertEquals(jar.addTo(headers, 0), headers);
  jar.take(["io=abc"], 0);
  assertEquals(jar.addTo(headers, 0), { "x-a": "b", cookie: "own=1; io=abc" });
  assertEquals(jar.addTo({ "x-a": "b" }, 0), { "x-a": "b", Cookie: "io=abc" });
  assertEquals(headers.cookie, "own=1");
});

Deno.test("cookie jar looks at a long field once: blanks without an end are no work", () => {
  const started = performance.now();
  assertEquals(
    sent([`a=1; ${" ".repeat(20_000)}x`, `b=2; max-age${" ".repeat(20_000)}x`]),
    "a=1; b=2",
  );
  assert(performance.now() - started < 2000);
});
