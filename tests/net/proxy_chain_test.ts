import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { connectThroughProxies } from "../../net/proxy_chain.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import type { Transport } from "../../net/transport.ts";
import { hex, text, utf8 } from "../_support/framing.ts";
import { readBytes } from "../_support/transport_io.ts";

const TARGET = { hostname: "example.org", port: 443 };

async function readHead(transport: Transport): Promise<string> {
  let head = "";
  while (!head.endsWith("\r\n\r\n")) head += text(await readBytes(transport, 1));
  return head;
}

Deno.test("proxy chain asks each proxy for the next, and gives each its own credentials only", async () => {
  const [here, there] = pair();
  const secured: string[] = [];
  const connecting = connectThroughProxies(
    here,
    [
      "socks5://one:first@a.example",
      new URL("https://two:second@b.example"),
      parseProxyUrl("http://c.example:8080"),
    ],
    TARGET,
    {
      startTls: (transport, { hostname }) => {
        secured.push(hostname);
        return Promise.resolve(transport);
      },
    },
  );
  await readBytes(there, 4);
  await there.write(hex("0502"));
  assertEquals(await readBytes(there, 11), hex("0103 6f6e65 05 6669727374"));
  await there.write(hex("0100"));
  assertEquals(await readBytes(there, 16), hex("05010003 09 622e6578616d706c65 01bb"));
  await there.write(hex("05000001000000000000"));
  const second = await readHead(there);
  assertEquals(
    second,
    "CONNECT c.example:8080 HTTP/1.1\r\nHost: c.example:8080\r\n" +
      `Proxy-Authorization: Basic ${btoa("two:second")}\r\n\r\n`,
  );
  await there.write(utf8("HTTP/1.1 200 OK\r\n\r\n"));
  assertEquals(
    await readHead(there),
    "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
  );
  await there.write(utf8("HTTP/1.1 200 OK\r\n\r\n"));
  assertStrictEquals(await connecting, here);
  assertEquals(secured, ["b.example"]);
  here.close();
  there.close();
});

Deno.test("proxy chain reports which step was refused, and closes the transport", async () => {
  const [here, there] = pair();
  const connecting = connectThroughProxies(here, ["socks5://a", "socks5://b"], TARGET);
  await there.write(hex("0500 0504"));
  const error = await assertRejects(() => connecting, ProxyError);
  assertEquals(
    error.message,
    'Cannot connect to "b:1080" through proxy: host unreachable (SOCKS5 reply 4)',
  );
  await assertRejects(() => here.read(new Uint8Array(1)));
  there.close();
});

Deno.test("proxy chain has one deadline for all its proxies and their TLS", async () => {
  const [here, there] = pair();
  let aborted = false;
  const connecting = connectThroughProxies(here, ["https://a", "socks5://b"], TARGET, {
    timeout: 20,
    startTls: (_, { signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          aborted = true;
          reject(signal.reason);
        })
      ),
  });
  const error = await assertRejects(() => connecting, NetError);
  assertEquals([error.code, aborted], ["ETIMEDOUT", true]);
  await assertRejects(() => here.read(new Uint8Array(1)));
  there.close();
});

Deno.test("proxy chain refuses what it can't do, and closes the transport", async () => {
  const cases: [proxies: string[], options?: object][] = [
    [[]],
    [["https://a"]],
    [["socks5://a", "socks5://localhost/run/x"]],
    [["socks9://u:s3cr3t@a"]],
    [["socks5://a"], { startTLS: () => {} }],
  ];
  for (const [proxies, options] of cases) {
    const [here, there] = pair();
    const error = await assertRejects(
      () => connectThroughProxies(here, proxies, TARGET, options),
      TypeError,
    );
    assertEquals(error.message.includes("s3cr3t"), false);
    await assertRejects(() => here.read(new Uint8Array(1)));
    there.close();
  }
});
