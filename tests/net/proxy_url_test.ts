import { assertEquals, assertThrows } from "@std/assert";
import { parseProxyUrl } from "../../net/proxy_url.ts";

Deno.test("proxy URL is taken apart", () => {
  const cases: [string, unknown[]][] = [
    ["socks5://proxy.example", ["socks5", "proxy.example", 1080, undefined, undefined, undefined]],
    ["socks5h://PROXY.example:9050/", [
      "socks5",
      "proxy.example",
      9050,
      undefined,
      undefined,
      undefined,
    ]],
    ["socks://127.0.0.1:1080/", ["socks5", "127.0.0.1", 1080, undefined, undefined, undefined]],
    ["http://proxy.example", ["http", "proxy.example", 80, undefined, undefined, undefined]],
    ["https://u@proxy.example", ["https", "proxy.example", 443, undefined, "u", ""]],
    ["proxy.example:3128", ["http", "proxy.example", 3128, undefined, undefined, undefined]],
    ["u:p@proxy.example", ["http", "proxy.example", 80, undefined, "u", "p"]],
    ["socks5://[::1]:1", ["socks5", "::1", 1, undefined, undefined, undefined]],
    ["socks5://us%40er:p%3Aa%2Fs%C3%A9@h", ["socks5", "h", 1080, undefined, "us@er", "p:a/sé"]],
    ["socks5://u:p%00@h", ["socks5", "h", 1080, undefined, "u", "p\0"]],
    ["socks5://u@localhost/run/tor%20x/socks", [
      "socks5",
      "localhost",
      0,
      "/run/tor x/socks",
      "u",
      "",
    ]],
  ];
  for (const [text, expected] of cases) {
    for (const input of text.includes("://") ? [text, new URL(text)] : [text]) {
      const url = parseProxyUrl(input);
      assertEquals(
        [url.protocol, url.hostname, url.port, url.path, url.username, url.password],
        expected,
        text,
      );
    }
  }
});

Deno.test("proxy URL that is none is refused without showing it", () => {
  const wrong = [
    "",
    "ftp://s3cr3t:s3cr3t@h",
    "socks4://s3cr3t@h",
    "socks5://s3cr3t:s3cr3t@",
    "socks5://u:s3cr3t@h:99999",
    "socks5://u:s3cr3t@h:0",
    "socks5://u:s3cr3t@h/path",
    "socks5://u:s3cr3t@localhost:1/path",
    "http://u:s3cr3t@localhost/path",
    "http://u:s3cr3t@h?x",
    "http://u:s3cr3t@h#x",
    "http://:s3cr3t@h",
    "socks5://u:s3cr3t%zz@h",
    "socks5://u:s3cr3t@a%00b",
    "constructor://u:s3cr3t@h",
  ];
  for (const text of wrong) {
    const error = assertThrows(
      () => parseProxyUrl(text),
      TypeError,
      "Cannot use proxy URL: ",
      text,
    );
    assertEquals(Deno.inspect(error).includes("s3cr3t@"), false, text);
    assertEquals(error.cause, undefined);
  }
});

Deno.test("proxy URL with credentials that such a proxy can't be sent is refused without showing them", () => {
  const long = "s3cr3t".repeat(43);
  for (
    const text of [
      "http://us%0d%0aX:s3cr3t@h",
      "https://u:s3cr3t%0a@h",
      "http://u:s3cr3t%00@h",
      "http://u%3a:s3cr3t@h",
      `socks5://u:${long}@h`,
      `socks5://${long}:p@h`,
    ]
  ) {
    const error = assertThrows(() => parseProxyUrl(text), TypeError, "Cannot use proxy", text);
    assertEquals(Deno.inspect(error).includes("s3cr3t"), false, text);
  }
  // The one has a length, the other an end: each can be sent what the other can't.
  assertEquals(parseProxyUrl("socks5://u%3a:p%0a@h").username, "u:");
  assertEquals(parseProxyUrl(`http://u:${long}@h`).password, long);
});

Deno.test("proxy URL shows its credentials to nobody who does not ask for them", () => {
  const url = parseProxyUrl("http://us3r:s3cr3t@[::1]:8080");
  assertEquals(String(url), "http://***@[::1]:8080");
  assertEquals(JSON.stringify({ url }), '{"url":"http://***@[::1]:8080"}');
  assertEquals(String(parseProxyUrl("socks5://localhost/run/x")), "socks5://localhost/run/x");
  assertEquals(
    /us3r|s3cr3t/.test(
      Deno.inspect(url, { showHidden: true } as Deno.InspectOptions),
    ),
    false,
  );
});
