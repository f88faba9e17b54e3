import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import { socks5Connect } from "../../net/socks5.ts";
import { hex, text, utf8 } from "../_support/framing.ts";
import { readBytes } from "../_support/transport_io.ts";

const TARGET = { hostname: "example.org", port: 443 };

Deno.test("SOCKS5 connect returns the same transport, with what follows still in it", async () => {
  const [here, there] = pair({ split: 1 });
  const connecting = socks5Connect(here, TARGET, { username: "u", password: "p" });
  assertEquals(await readBytes(there, 4), hex("05020002"));
  await there.write(hex("0502"));
  assertEquals(await readBytes(there, 5), hex("0101750170"));
  await there.write(hex("0100"));
  await readBytes(there, 18);
  await there.write(hex("05000001000000000000"));
  await there.write(utf8("220 hello"));
  assertStrictEquals(await connecting, here);
  assertEquals(text(await readBytes(here, 9)), "220 hello");
  here.close();
  there.close();
});

Deno.test("SOCKS5 connect takes the login of a proxy's URL", async () => {
  const [here, there] = pair();
  const connecting = socks5Connect(here, TARGET, parseProxyUrl("socks5://u:p@127.0.0.1"));
  assertEquals(await readBytes(there, 4), hex("05020002"));
  await there.write(hex("0502"));
  assertEquals(await readBytes(there, 5), hex("0101750170"));
  await there.write(hex("0100 05000001000000000000"));
  assertStrictEquals(await connecting, here);
  here.close();
  there.close();
});

Deno.test("SOCKS5 connect reports a refusal and closes the transport", async () => {
  const [here, there] = pair();
  const connecting = socks5Connect(here, TARGET);
  await there.write(hex("0500 0505 0001"));
  const error = await assertRejects(() => connecting, ProxyError);
  assertEquals([error.code, error.reply], ["ECONNREFUSED", 5]);
  assertEquals(
    error.message,
    'Cannot connect to "example.org:443" through proxy: connection refused (SOCKS5 reply 5)',
  );
  await assertRejects(() => here.read(new Uint8Array(1)));
  there.close();
});

Deno.test("SOCKS5 connect ends with a silent proxy in time, counted from the start", async () => {
  const [here, there] = pair();
  const connecting = socks5Connect(here, TARGET, { timeout: 30 });
  let stop = false;
  // A byte now and then must not prolong it.
  const drip = (async () => {
    for (const byte of [5, 0, 5, 0, 0, 3, 200, ...new Uint8Array(200)]) {
      if (stop) return;
      await there.write(new Uint8Array([byte])).catch(() => stop = true);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  const error = await assertRejects(() => connecting, NetError);
  stop = true;
  await drip;
  assertEquals(
    error.message,
    'Cannot connect to "example.org:443" through proxy: timed out after 30 ms',
  );
  there.close();
});

Deno.test("SOCKS5 connect throws for what it can't send, and closes the transport", async () => {
  const cases: [Parameters<typeof socks5Connect>[1], Parameters<typeof socks5Connect>[2]][] = [
    [{ hostname: "a\0b", port: 1 }, {}],
    [{ hostname: "a".repeat(256), port: 1 }, {}],
    [TARGET, { username: "x".repeat(256) }],
    [TARGET, { user: "u" } as object],
  ];
  for (const [target, options] of cases) {
    const [here, there] = pair();
    await assertRejects(() => socks5Connect(here, target, options), TypeError);
    await assertRejects(() => here.read(new Uint8Array(1)));
    there.close();
  }
});
