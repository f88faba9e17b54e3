import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { parseQuery, pathOf } from "../../socketio/_query.ts";

Deno.test("query is parsed as the web does, for any text", () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."ab=&+%2041?é") }),
    fc.webQueryParameters(),
  );
  fc.assert(fc.property(text, (query) => {
    const expected: Record<string, string> = Object.create(null);
    for (const [name, value] of new URL(`http://host/?${query}`).searchParams) {
      expected[name] = value;
    }
    assertEquals({ ...parseQuery(`/path?${query}`) }, { ...expected });
  }));
});

Deno.test("query has no prototype, and the last value of a name", () => {
  const query = parseQuery("/socket.io/?transport=constructor&sid=a&sid=b&__proto__=c");
  assertStrictEquals(Object.getPrototypeOf(query), null);
  assertEquals(query.sid, "b");
  assertEquals(query["__proto__"], "c");
  assertEquals(query.toString, undefined);
});

Deno.test("query ends at a fragment, and is empty where there is none", () => {
  assertEquals({ ...parseQuery("/a?b=c#d=e") }, { b: "c" });
  assertEquals({ ...parseQuery("/a") }, {});
  assertEquals({ ...parseQuery("/a?") }, {});
});

Deno.test("path is what comes before the query, of an absolute target too", () => {
  assertEquals(pathOf("/socket.io/?EIO=4"), "/socket.io/");
  assertEquals(pathOf("/socket.io"), "/socket.io");
  assertEquals(pathOf("/a#b"), "/a");
  assertEquals(pathOf("http://host/socket.io/?a=b"), "/socket.io/");
  assertEquals(pathOf("http://host"), "/");
});
