import { assert, assertEquals, assertRejects } from "@std/assert";
import { PassThrough } from "node:stream";
import { resetOf, sendingOf } from "../../net/_reset.ts";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import { NodeTransport } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";
import { prefixTransport } from "../../net/prefixed_transport.ts";
import { ProxiedTransport } from "../../net/proxy_protocol_transport.ts";
import { ResettableTransport } from "../../net/resettable_transport.ts";
import type { Transport, TransportAddr } from "../../net/transport.ts";
import { tcpPair } from "../_support/tcp_pair.ts";

const ignore = grantedLibc() === undefined;

function isTcp(addr: TransportAddr): asserts addr is Deno.NetAddr {
  assert("hostname" in addr);
}

/** As a PROXY header would have it. */
function claiming(transport: Transport, source: TransportAddr, destination: TransportAddr) {
  isTcp(source);
  isTcp(destination);
  const ends = { source, destination };
  return new ProxiedTransport(transport, {
    version: 1,
    command: "proxy",
    tlvs: [],
    ...ends,
  });
}

Deno.test("reset is that of the connection itself, whatever its addresses are said to be", {
  ignore,
}, async () => {
  const [client, server] = await tcpPair();
  const [other, victim] = await tcpPair();
  const proxied = claiming(server, victim.remoteAddr, victim.localAddr);
  assertEquals(proxied.remoteAddr, victim.remoteAddr);
  resetOf(prefixTransport(proxied, Uint8Array.of(1)))!();
  await assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  await victim.write(Uint8Array.of(7));
  assertEquals(await other.read(new Uint8Array(9)), 1);
  for (const conn of [client, server, other, victim]) conn.close();
});

Deno.test("reset is none of a transport that shares its connection's addresses", async () => {
  const [client, server] = await tcpPair();
  const [a, b] = pair();
  const { localAddr, remoteAddr } = server;
  const stream = { ...bound(a), localAddr, remoteAddr };
  assertEquals([resetOf(stream), sendingOf(stream)], [undefined, undefined]);
  for (const it of [client, server, a, b]) it.close();
});

Deno.test("reset is none where there is only the name of one", async () => {
  assertEquals(resetOf(new NodeTransport(new PassThrough())), undefined);
  const [a, b] = pair();
  const plain = bound(a);
  assertEquals(new ResettableTransport(new ResettableTransport(plain)).resets, false);
  resetOf(b)!();
  await assertRejects(() => a.read(new Uint8Array(1)));
  a.close();
});

Deno.test("sending is over when the other end's system has all", { ignore }, async () => {
  const [client, server] = await tcpPair();
  const isSending = sendingOf(claiming(server, client.localAddr, client.remoteAddr))!;
  assertEquals(isSending(), false);
  let sent = 0;
  const writing = (async () => {
    while (sent < 1 << 23) sent += await server.write(new Uint8Array(1 << 16));
  })();
  const p = new Uint8Array(1 << 16);
  let got = (await client.read(p))!;
  while (!isSending()) await new Promise((resolve) => setTimeout(resolve, 1));
  while (got < 1 << 23) got += (await client.read(p))!;
  await writing;
  while (isSending()) await new Promise((resolve) => setTimeout(resolve, 1));
  for (const conn of [client, server]) conn.close();
});

/** What every transport has, and no more. */
function bound(transport: Transport): Transport {
  const { localAddr, remoteAddr } = transport;
  return {
    localAddr,
    remoteAddr,
    read: (p) => transport.read(p),
    write: (p) => transport.write(p),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
  };
}
