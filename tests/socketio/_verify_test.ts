import { assertEquals } from "@std/assert";
import { parseQuery } from "../../socketio/_query.ts";
import { ENGINE_ERRORS, verifyRequest } from "../../socketio/_verify.ts";

function code(
  query: string,
  { method = "GET", upgrade = false }: { method?: string; upgrade?: boolean } = {},
): number | undefined {
  return verifyRequest({
    method,
    upgrade,
    query: parseQuery(`/?${query}`),
    transports: new Set(["polling", "websocket"]),
    sessionTransport: (sid) => new Map([["p", "polling"], ["w", "websocket"]]).get(sid),
  })?.code;
}

Deno.test("a valid handshake, poll, post and upgrade pass", () => {
  assertEquals(code("EIO=4&transport=polling"), undefined);
  assertEquals(code("EIO=4&transport=polling&sid=p"), undefined);
  assertEquals(code("EIO=4&transport=polling&sid=p", { method: "POST" }), undefined);
  assertEquals(code("EIO=4&transport=websocket", { upgrade: true }), undefined);
  assertEquals(code("EIO=4&transport=websocket&sid=p", { upgrade: true }), undefined);
});

Deno.test("a transport that is not known is refused with 0", () => {
  for (const transport of ["", "tobi", "constructor", "__proto__", "toString"]) {
    assertEquals(code(`EIO=4&transport=${transport}`), 0, transport);
    assertEquals(code(`EIO=4&transport=${transport}`, { upgrade: true }), 0, transport);
  }
  assertEquals(code("EIO=4"), 0);
});

Deno.test("a session that is not known is refused with 1", () => {
  for (const sid of ["x", "constructor", "__proto__"]) {
    assertEquals(code(`EIO=4&transport=polling&sid=${sid}`), 1, sid);
  }
});

Deno.test("a handshake that is no GET is refused with 2", () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
    assertEquals(code("EIO=4&transport=polling", { method }), 2, method);
  }
});

Deno.test("a request for another transport than the session has is refused with 3", () => {
  assertEquals(code("EIO=4&transport=polling&sid=w"), 3);
  assertEquals(code("EIO=4&transport=websocket&sid=p"), 3);
  assertEquals(code("EIO=3&transport=polling&sid=p"), 3);
  assertEquals(code("EIO=4&transport=websocket"), 3, "no upgrade");
  assertEquals(code("EIO=4&transport=polling", { upgrade: true }), 3, "an upgrade to polling");
});

Deno.test("another revision of the protocol is refused with 5", () => {
  for (const query of ["", "EIO=", "EIO=3", "EIO=5", "EIO=abc", "EIO=__proto__", "EIO=4&EIO=3"]) {
    assertEquals(code(`transport=polling&${query}`), 5, query);
  }
  assertEquals(Object.keys(ENGINE_ERRORS), ["0", "1", "2", "3", "4", "5"]);
});
