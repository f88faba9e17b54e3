import { assertEquals, assertThrows } from "@std/assert";
import { proxyFromEnvironment } from "../../net/proxy_environment.ts";

function find(
  target: Parameters<typeof proxyFromEnvironment>[0],
  variables: Record<string, string>,
): string | undefined {
  return proxyFromEnvironment(target, { env: (name) => variables[name] })?.toString();
}

Deno.test("environment names the proxy for all, lower case first", () => {
  assertEquals(find("https://example.org", { ALL_PROXY: "socks5://a" }), "socks5://a:1080");
  assertEquals(
    find("https://example.org", { ALL_PROXY: "socks5://a", all_proxy: "http://b:1" }),
    "http://b:1",
  );
  assertEquals(find("https://example.org", { ALL_PROXY: "", all_proxy: "" }), undefined);
});

Deno.test("environment names a proxy for a scheme, which goes before that for all", () => {
  const all = { ALL_PROXY: "socks5://all" };
  const https = { ...all, HTTPS_PROXY: "proxy:3128" };
  const http = { ...all, http_proxy: "proxy:3128" };
  assertEquals(find("https://example.org", https), "http://proxy:3128");
  assertEquals(find("wss://example.org", https), "http://proxy:3128");
  assertEquals(
    find("wss://example.org", { ...https, https_proxy: "http://b:1" }),
    "http://b:1",
  );
  assertEquals(find("wss://example.org", { ...https, WSS_PROXY: "http://c:1" }), "http://c:1");
  assertEquals(
    find("wss://example.org", { ...https, WSS_PROXY: "http://c:1", wss_proxy: "http://d:1" }),
    "http://d:1",
  );
  assertEquals(
    find("https://example.org", { ...https, wss_proxy: "http://d:1" }),
    "http://proxy:3128",
  );
  assertEquals(find("ws://example.org", http), "http://proxy:3128");
  assertEquals(find("http://example.org", http), "http://proxy:3128");
  assertEquals(find("ws://example.org", { ...http, WS_PROXY: "http://c:1" }), "http://c:1");
  assertEquals(
    find("ws://example.org", { ...http, WS_PROXY: "http://c:1", ws_proxy: "http://d:1" }),
    "http://d:1",
  );
  for (
    const [target, variables] of [["ws://a", https], ["wss://a", http], [
      "http://a",
      https,
    ]] as const
  ) {
    assertEquals(find(target, variables), "socks5://all:1080", target);
  }
  for (const target of ["tcp://example.org:443", { hostname: "example.org", port: 443 }]) {
    assertEquals(find(target, { ...https, ...http }), "socks5://all:1080");
    assertEquals(find(target, { HTTPS_PROXY: "http://a" }), undefined);
  }
  assertEquals(find("https://example.org", { ...https, HTTPS_PROXY: "" }), "socks5://all:1080");
  assertEquals(find("https://example.org", { ...https, NO_PROXY: "example.org" }), undefined);
});

Deno.test("environment's HTTP_PROXY may be a client's header and is not used", () => {
  for (const target of ["http://example.org", "ws://example.org"]) {
    assertEquals(find(target, { HTTP_PROXY: "http://evil" }), undefined);
  }
});

Deno.test("environment excepts hosts, with the port that their URL means", () => {
  const all = { ALL_PROXY: "socks5://a" };
  assertEquals(find("https://example.org", { ...all, NO_PROXY: "example.org:443" }), undefined);
  assertEquals(find("wss://example.org", { ...all, no_proxy: "example.org:443" }), undefined);
  assertEquals(
    find("ws://example.org", { ...all, NO_PROXY: "example.org:443" }),
    "socks5://a:1080",
  );
  assertEquals(find("http://example.org", { ...all, NO_PROXY: "example.org:80" }), undefined);
  assertEquals(find("ws://example.org", { ...all, NO_PROXY: "example.org:80" }), undefined);
  assertEquals(find(new URL("tcp://[::1]:7"), { ...all, NO_PROXY: "[::1]:7" }), undefined);
  assertEquals(find({ hostname: "example.org", port: 5 }, { ...all, NO_PROXY: "*" }), undefined);
  assertEquals(
    find({ hostname: "example.org", port: 5 }, { ...all, NO_PROXY: "*", no_proxy: "x" }),
    "socks5://a:1080",
  );
});

Deno.test("environment with a bad URL is refused without showing it", () => {
  const error = assertThrows(
    () => find("http://example.org", { ALL_PROXY: "socks9://u:s3cr3t@h" }),
    TypeError,
  );
  assertEquals(error.message.includes("s3cr3t"), false);
  const wrong = assertThrows(() => find("http://u:s3cr3t@h:99999", {}), TypeError);
  assertEquals(wrong.message, "Cannot choose a proxy: the URL is not valid");
});

Deno.test("environment is that of the process unless another is given", () => {
  const before = Deno.env.get("all_proxy");
  Deno.env.set("all_proxy", "socks5://from-the-process");
  try {
    assertEquals(proxyFromEnvironment("http://example.org")?.hostname, "from-the-process");
  } finally {
    if (before === undefined) Deno.env.delete("all_proxy");
    else Deno.env.set("all_proxy", before);
  }
});
