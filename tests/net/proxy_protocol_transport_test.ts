import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import {
  acceptProxyProtocol,
  checkedProxyProtocol,
  ProxiedTransport,
  sendProxyProtocol,
  trustedProxies,
} from "../../net/proxy_protocol_transport.ts";
import type { InetAddr, TransportAddr } from "../../net/transport.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { hex, text, utf8 } from "../_support/framing.ts";
import { testTransportContract } from "../_support/transport_contract.ts";

const tcp = (hostname: string, port: number): InetAddr => ({ transport: "tcp", hostname, port });
const HEADER = { source: tcp("192.0.2.1", 5000), destination: tcp("192.0.2.9", 80) };
const trusted = ["memory"];

testTransportContract("proxied transport", () => {
  const [here, there] = pair();
  return [new ProxiedTransport(here, { version: 2, command: "local", tlvs: [] }), there];
});

Deno.test("accepted PROXY protocol shows the client's addresses, and reads no byte of the stream", async () => {
  for (const version of [1, 2] as const) {
    const [proxy, server] = pair({ split: 1 });
    await sendProxyProtocol(proxy, HEADER, { version });
    await proxy.write(utf8("GET"));
    const transport = await acceptProxyProtocol(server, { trusted });
    assertEquals([transport.remoteAddr, transport.localAddr], [HEADER.source, HEADER.destination]);
    assertEquals(transport.header.version, version);
    assertStrictEquals(transport.transport, server);
    const buffer = new Uint8Array(9);
    assertEquals([await transport.read(buffer), buffer[0]], [1, 0x47]);
    assertEquals([await server.read(buffer), buffer[0]], [1, 0x45]);
    await transport.write(utf8("OK"));
    await transport.closeWrite();
    assertEquals(await proxy.read(buffer), 1);
    transport.close();
    proxy.close();
  }
});

Deno.test("accepted PROXY protocol without addresses shows those of the connection", async () => {
  const [proxy, server] = pair();
  await sendProxyProtocol(proxy, { command: "local" });
  const transport = await acceptProxyProtocol(server, { trusted });
  assertEquals(transport.header.command, "local");
  assertEquals([transport.localAddr, transport.remoteAddr], [server.localAddr, server.remoteAddr]);
  transport.close();
  proxy.close();
});

Deno.test("PROXY protocol from a peer that is not trusted is refused before a byte is read", async () => {
  const [proxy, server] = pair();
  await sendProxyProtocol(proxy, HEADER);
  const error = await assertRejects(
    () => acceptProxyProtocol(server, { trusted: ["127.0.0.1", "unix"] }),
    ProxyError,
  );
  assertEquals(error.code, "EACCES");
  await assertRejects(() => server.read(new Uint8Array(1)));
  proxy.close();
});

Deno.test("PROXY protocol that does not come, is none, is cut off or takes too long closes the connection", async () => {
  const cases: [string, (bytes: Uint8Array) => Uint8Array, boolean][] = [
    ["ERR_PROXY_PROTOCOL", () => utf8("GET / HTTP/1.1\r\n"), false],
    ["ERR_PROXY_PROTOCOL", () => utf8("PROXY UNKNOWN" + "x".repeat(100)), false],
    ["ERR_PROXY_PROTOCOL", (bytes) => bytes.subarray(0, 20), true],
    ["ETIMEDOUT", (bytes) => bytes.subarray(0, 20), false],
    ["ETIMEDOUT", () => hex(""), false],
  ];
  for (const [code, bytes, end] of cases) {
    const [proxy, server] = pair();
    const [spare, written] = pair();
    await sendProxyProtocol(spare, HEADER);
    const buffer = new Uint8Array(100);
    const header = buffer.subarray(0, (await written.read(buffer))!);
    if (bytes(header).length > 0) await proxy.write(bytes(header));
    if (end) await proxy.closeWrite();
    const accepting = acceptProxyProtocol(server, { trusted, timeout: 20 });
    assertEquals((await assertRejects(() => accepting, NetError)).code, code);
    await assertRejects(() => server.read(new Uint8Array(1)));
    for (const transport of [proxy, spare, written]) transport.close();
  }
});

Deno.test("trusted proxies are addresses, blocks, transports or a function", () => {
  const trusts = trustedProxies(["10.0.0.0/8", "192.0.2.7", "fd00::/8", "unix"]);
  const cases: [Parameters<typeof trusts>[0], boolean][] = [
    [tcp("10.9.9.9", 1), true],
    [tcp("::ffff:10.9.9.9", 1), true],
    [tcp("11.0.0.1", 1), false],
    [tcp("192.0.2.7", 1), true],
    [tcp("192.0.2.8", 1), false],
    [tcp("fd12::1", 1), true],
    [tcp("fe80::1", 1), false],
    [{ transport: "unix", path: "/a" }, true],
    [{ transport: "memory" }, false],
    [tcp("unix", 1), false],
  ];
  for (const [peer, expected] of cases) assertEquals(trusts(peer), expected, Deno.inspect(peer));
  assertEquals(trustedProxies((peer) => peer.transport === "tcp")(tcp("1.1.1.1", 1)), true);
  for (const entry of ["proxy.example", "10.0.0.0/33", "", "tcp", "127.1"]) {
    assertThrows(() => trustedProxies([entry]), TypeError);
  }
});

Deno.test("trusted proxies are not who a function gives a promise for, or anything but true", () => {
  const late = () => Promise.reject(new Error("too late"));
  const foreign = () => foreignRejection(new Error("too late"));
  for (const answer of [() => Promise.resolve(true), late, foreign]) {
    const trusts = trustedProxies(answer as unknown as () => boolean);
    assertThrows(() => trusts(tcp("10.0.0.1", 1)), TypeError);
  }
  assertEquals(trustedProxies((() => 1) as unknown as () => boolean)(tcp("10.0.0.1", 1)), false);
});

Deno.test("PROXY protocol that can't be written closes the connection", async () => {
  const [proxy, server] = pair();
  await assertRejects(() => sendProxyProtocol(proxy, { source: tcp("x", 1) }), TypeError);
  await assertRejects(() => proxy.write(hex("00")));
  server.close();
  const [left, right] = pair();
  await sendProxyProtocol(left, HEADER, { version: 1 });
  const buffer = new Uint8Array(100);
  assertEquals(
    text(buffer.subarray(0, (await right.read(buffer))!)),
    "PROXY TCP4 192.0.2.1 192.0.2.9 5000 80\r\n",
  );
  left.close();
  right.close();
});

Deno.test("PROXY protocol of a server: its options are checked once, before anybody comes", () => {
  const options = checkedProxyProtocol({ trusted: ["127.0.0.0/8"], timeout: 7, maxLength: 300 });
  assertEquals([options.timeout, options.maxLength], [7, 300]);
  const trusts = options.trusted as (peer: TransportAddr) => boolean;
  const at = (hostname: string) => trusts({ transport: "tcp", hostname, port: 1 });
  assertEquals([at("127.0.0.9"), at("10.0.0.1")], [true, false]);
  assertThrows(() => checkedProxyProtocol({ trusted: ["?"] }), TypeError);
  for (const wrong of [{ timeout: -1 }, { timeout: NaN }, { timeout: 3e9 }, { maxLength: 5 }]) {
    assertThrows(() => checkedProxyProtocol({ trusted: [], ...wrong }), RangeError);
  }
});
