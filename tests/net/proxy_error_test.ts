import { assertEquals, assertInstanceOf } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { ProxyError } from "../../net/proxy_error.ts";

Deno.test("proxy error is a net error with the proxy's answer", () => {
  const error = new ProxyError("x", { code: "ECONNREFUSED", reply: 5, syscall: "connect" });
  assertInstanceOf(error, NetError);
  assertEquals(
    [error.name, error.code, error.reply, error.status, error.syscall],
    ["ProxyError", "ECONNREFUSED", 5, undefined, "connect"],
  );
  assertEquals(new ProxyError("x", { code: "ERR_PROXY_AUTH", status: 407 }).status, 407);
});
