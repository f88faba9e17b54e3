import { assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { httpConnect } from "../../net/http_connect.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import type { Transport } from "../../net/transport.ts";
import { text, utf8 } from "../_support/framing.ts";

const TARGET = { hostname: "example.org", port: 443 };

async function readHead(transport: Transport): Promise<string> {
  let head = "";
  const buffer = new Uint8Array(100);
  while (!head.endsWith("\r\n\r\n")) {
    head += text(buffer.subarray(0, (await transport.read(buffer))!));
  }
  return head;
}

Deno.test("HTTP connect returns the same transport when the target has not spoken yet", async () => {
  const [here, there] = pair();
  const connecting = httpConnect(here, TARGET, {
    username: "u",
    password: "p",
    headers: { "X-Test": "1" },
  });
  const head = await readHead(there);
  assertStringIncludes(head, "CONNECT example.org:443 HTTP/1.1\r\n");
  assertStringIncludes(head, "Proxy-Authorization: Basic dTpw\r\n");
  assertStringIncludes(head, "X-Test: 1\r\n");
  await there.write(utf8("HTTP/1.1 200 OK\r\n\r\n"));
  assertStrictEquals(await connecting, here);
  here.close();
  there.close();
});

Deno.test("HTTP connect takes the login of a proxy's URL", async () => {
  const [here, there] = pair();
  const connecting = httpConnect(here, TARGET, parseProxyUrl("http://u:p@127.0.0.1"));
  assertStringIncludes(await readHead(there), "Proxy-Authorization: Basic dTpw\r\n");
  await there.write(utf8("HTTP/1.1 200 OK\r\n\r\n"));
  assertStrictEquals(await connecting, here);
  here.close();
  there.close();
});

Deno.test("HTTP connect gives the target's first bytes first", async () => {
  const [here, there] = pair();
  const connecting = httpConnect(here, TARGET);
  await there.write(utf8("HTTP/1.1 200 OK\r\n\r\n220 he"));
  await there.write(utf8("llo"));
  await there.closeWrite();
  const transport = await connecting;
  let seen = "";
  const buffer = new Uint8Array(4);
  for (let n; (n = await transport.read(buffer)) !== null;) seen += text(buffer.subarray(0, n));
  assertEquals(seen, "220 hello");
  transport.close();
  there.close();
});

Deno.test("HTTP connect reports a refusal and closes the transport", async () => {
  const [here, there] = pair({ split: 1 });
  const connecting = httpConnect(here, TARGET, { username: "us3r", password: "s3cr3t" });
  await there.write(utf8("HTTP/1.1 407 s3cr3t\r\nProxy-Authenticate: Basic\r\n\r\n"));
  const error = await assertRejects(() => connecting, ProxyError);
  assertEquals([error.code, error.status], ["ERR_PROXY_AUTH", 407]);
  assertEquals(/us3r|s3cr3t/.test(Deno.inspect(error)), false);
  await assertRejects(() => here.read(new Uint8Array(1)));
  there.close();
});

Deno.test("HTTP connect ends when its signal fires, and with a proxy that closes", async () => {
  const [here, there] = pair();
  const controller = new AbortController();
  const connecting = httpConnect(here, TARGET, { signal: controller.signal });
  controller.abort();
  assertEquals((await assertRejects(() => connecting, NetError)).code, "ABORT_ERR");
  there.close();

  const [near, far] = pair();
  const closing = httpConnect(near, TARGET);
  far.close();
  const { code } = await assertRejects(() => closing, NetError);
  assertEquals(code === "ECONNRESET" || code === "EPIPE", true, code);
});

Deno.test("HTTP connect throws for what it can't send, and closes the transport", async () => {
  const misspelt: object = { userName: "u" };
  for (const [hostname, options] of [["a\r\nb", {}], ["a", misspelt]] as const) {
    const [here, there] = pair();
    await assertRejects(() => httpConnect(here, { hostname, port: 1 }, options), TypeError);
    await assertRejects(() => here.read(new Uint8Array(1)));
    there.close();
  }
});
