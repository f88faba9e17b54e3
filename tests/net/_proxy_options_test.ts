import { assertThrows } from "@std/assert";
import { checkProxyOptions } from "../../net/_proxy_options.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";

Deno.test("options for a proxy are those that there are, or its URL", () => {
  const check = (options: object) =>
    checkProxyOptions("Cannot connect", options, { username: true, timeout: true });
  check({});
  check({ username: "u", timeout: 5 });
  check(parseProxyUrl("socks5://u:p@127.0.0.1:1080"));
  assertThrows(() => check({ userName: "u" }), TypeError, "no option `userName`, but `username`");
  assertThrows(() => check({ hostname: "127.0.0.1" }), TypeError, "no option `hostname`");
});
