import { assertEquals, assertRejects } from "@std/assert";
import { createDatagramSocket, type DatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import { encodeSocks5Datagram } from "../../net/socks5_codec.ts";
import { socks5Associate, Socks5DatagramRelay } from "../../net/socks5_datagram_relay.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import type { Transport } from "../../net/transport.ts";
import { hex, text, utf8 } from "../_support/framing.ts";

/** A UDP server that echoes. */
async function echoSocket(): Promise<DatagramSocket> {
  const socket = createDatagramSocket({}, (data, from) => void socket.send(data, from));
  return await socket.bind({ address: "127.0.0.1" });
}

/** A proxy of a few bytes: it tells `port` as its relay, and then does nothing. */
async function deafProxy(port: number, address = "7f000001"): Promise<[Transport, Transport]> {
  const [client, proxy] = pair();
  await proxy.write(hex("0500"));
  await proxy.write(hex(`05000001${address}${port.toString(16).padStart(4, "0")}`));
  return [client, proxy];
}

Deno.test("SOCKS5 relay passes datagrams through a server, to addresses and names", async () => {
  await using echo = await echoSocket();
  const { address, port } = echo.address();
  const asked: string[] = [];
  await using server = createSocks5Server({
    udp: true,
    authenticate: ({ username }) => username === "u",
    authorize: ({ command, username, hostname }) =>
      asked.push(`${username} ${command} ${hostname}`) > 0,
    lookup: () => Promise.resolve(["127.0.0.1"]),
  });
  const conn = await Deno.connect(server.listen());
  await using relay = await socks5Associate(conn, { username: "u", password: "p" });
  for (const to of [address, "name.example"]) {
    assertEquals(await relay.send(utf8(`to ${to}`), { address: to, port }), 3 + to.length);
    const got = await relay.receive({ timeout: 5000 });
    assertEquals([text(got.data), got.address, got.port], [`to ${to}`, "127.0.0.1", port]);
  }
  assertEquals(asked, ["u associate 0.0.0.0", "u datagram 127.0.0.1", "u datagram name.example"]);
});

Deno.test("SOCKS5 relay gives datagrams in a loop until it is closed", async () => {
  await using echo = await echoSocket();
  await using server = createSocks5Server({ udp: true });
  const relay = await socks5Associate(await Deno.connect(server.listen()));
  const seen: string[] = [];
  await relay.send(utf8("1"), echo.address());
  for await (const { data } of relay) {
    seen.push(text(data));
    if (seen.length === 3) await relay.close();
    else await relay.send(utf8(`${seen.length + 1}`), echo.address());
  }
  assertEquals(seen, ["1", "2", "3"]);
  for (const timeout of [-1, NaN]) {
    await assertRejects(() => relay.receive({ timeout }), RangeError);
  }
  await relay.closed;
  const late = await assertRejects(() => relay.receive(), NetError);
  assertEquals(late.code, "ERR_SOCKET_CLOSED");
});

Deno.test("SOCKS5 relay ends with its connection, on both sides", async () => {
  await using server = createSocks5Server({ udp: true });
  const relay = await socks5Associate(await Deno.connect(server.listen()));
  const receiving = assertRejects(() => relay.receive(), NetError);
  await server.close();
  await relay.closed;
  assertEquals((await receiving).code, "ERR_SOCKET_CLOSED");

  server.listen();
  const second = await socks5Associate(await Deno.connect(server.addr));
  await second.close();
  for (let i = 0; server.connections > 0 && i < 500; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assertEquals(server.connections, 0);
});

Deno.test("SOCKS5 relay ends when its proxy sends on the connection without end, and says so", async () => {
  const [client, proxy] = await deafProxy(9);
  await using relay = await socks5Associate(client);
  const receiving = assertRejects(() => relay.receive({ timeout: 5000 }), NetError);
  for (let sent = 0; sent < 8192; sent += 64) {
    if (!await proxy.write(new Uint8Array(64)).then(() => true, () => false)) break;
  }
  assertEquals((await receiving).code, "ERR_PROXY_PROTOCOL");
  await relay.closed;
  const to = { address: "192.0.2.1", port: 7 };
  for (const late of [relay.receive(), relay.send(utf8("x"), to)]) {
    assertEquals((await assertRejects(() => late, NetError)).code, "ERR_PROXY_PROTOCOL");
  }
  proxy.close();
});

Deno.test("SOCKS5 relay tells a loop what its proxy did, also one that was not waiting then", async () => {
  await using proxyRelay = await createDatagramSocket().bind({ address: "127.0.0.1" });
  const [client, proxy] = await deafProxy(proxyRelay.address().port);
  await using relay = await socks5Associate(client);
  await relay.send(utf8("x"), { address: "192.0.2.1", port: 7 });
  const { data, ...from } = await proxyRelay.receive({ timeout: 5000 });
  await proxyRelay.send(data, from);
  const error = await assertRejects(async () => {
    for await (const _ of relay) {
      while (await proxy.write(new Uint8Array(64)).then(() => true, () => false));
      await relay.closed;
    }
  }, NetError);
  assertEquals(error.code, "ERR_PROXY_PROTOCOL");
  proxy.close();
});

Deno.test("SOCKS5 relay ends a loop that waits when it is closed, by this side or by the proxy", async () => {
  for (const close of ["here", "there"]) {
    const [client, proxy] = await deafProxy(9);
    const relay = await socks5Associate(client);
    const seen = Array.fromAsync(relay);
    if (close === "here") await relay.close();
    else proxy.close();
    assertEquals(await seen, []);
    await relay.closed;
    proxy.close();
  }
});

Deno.test("SOCKS5 relay is closed by a server for which it is idle", async () => {
  await using server = createSocks5Server({ udp: true, idleTimeout: 30 });
  const relay = await socks5Associate(await Deno.connect(server.listen()));
  await relay.closed;
});

Deno.test("SOCKS5 relay drops fragments and broken headers, and counts them", async () => {
  await using proxyRelay = await createDatagramSocket().bind({ address: "127.0.0.1" });
  const [client, proxy] = await deafProxy(proxyRelay.address().port);
  await using relay = await socks5Associate(client);
  await relay.send(utf8("x"), { address: "192.0.2.1", port: 7 });
  const { data, ...from } = await proxyRelay.receive({ timeout: 5000 });
  assertEquals(data, hex("000000 01 c0000201 0007 78"));
  const good = encodeSocks5Datagram({ hostname: "192.0.2.1", port: 7 }, utf8("good"));
  const fragment = good.slice();
  fragment[2] = 0x81;
  for (const bytes of [hex(""), hex("ffffff"), fragment, good]) await proxyRelay.send(bytes, from);
  assertEquals(text((await relay.receive({ timeout: 5000 })).data), "good");
  assertEquals(relay.dropped, 3);
  proxy.close();
});

Deno.test("SOCKS5 relay whose proxy says nothing fails in time, or with its signal", async () => {
  const what = "Cannot relay datagrams through proxy";
  for (const answer of ["", "0500", "0500 050000"]) {
    const [client, proxy] = pair();
    if (answer !== "") await proxy.write(hex(answer));
    const late = await assertRejects(() => socks5Associate(client, { timeout: 20 }), NetError);
    assertEquals([late.code, late.message], ["ETIMEDOUT", `${what}: timed out after 20 ms`]);
    proxy.close();
  }
  const [client, proxy] = pair();
  const reason = new Error("enough");
  const { code, cause } = await assertRejects(
    () => socks5Associate(client, { signal: AbortSignal.abort(reason) }),
    NetError,
  );
  assertEquals([code, cause], ["ABORT_ERR", reason]);
  proxy.close();
});

Deno.test("SOCKS5 relay waits no longer than told, whatever is dropped meanwhile", async () => {
  await using proxyRelay = await createDatagramSocket().bind({ address: "127.0.0.1" });
  const [client, proxy] = await deafProxy(proxyRelay.address().port);
  await using relay = await socks5Associate(client);
  await relay.send(utf8("x"), { address: "192.0.2.1", port: 7 });
  const { data: _, ...from } = await proxyRelay.receive({ timeout: 5000 });
  let waiting = true;
  const receiving = assertRejects(() => relay.receive({ timeout: 60 }), NetError)
    .finally(() => waiting = false);
  for (let i = 0; waiting && i < 500; i++) {
    await proxyRelay.send(hex("ff"), from);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { code, message } = await receiving;
  assertEquals([code, message], ["ETIMEDOUT", "Cannot receive: timed out after 60 ms"]);
  proxy.close();
});

Deno.test("SOCKS5 relay waits no longer than told for a proxy that always has more to drop", async () => {
  const [client, proxy] = pair();
  const good = encodeSocks5Datagram({ hostname: "192.0.2.1", port: 7 }, utf8("late"));
  const start = performance.now();
  const flooded = {
    receive: () => Promise.resolve({ data: performance.now() - start < 1000 ? hex("ff") : good }),
    metrics: () => ({ dropped: 0 }),
    close: () => Promise.resolve(),
  };
  await using relay = new Socks5DatagramRelay(client, flooded as unknown as DatagramSocket);
  const error = await assertRejects(() => relay.receive({ timeout: 20 }), NetError);
  assertEquals([error.code, error.message], [
    "ETIMEDOUT",
    "Cannot receive: timed out after 20 ms",
  ]);
  proxy.close();
});

Deno.test("SOCKS5 relay sends to the proxy itself when that tells no address", async () => {
  await using echo = await echoSocket();
  const { port } = echo.address();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [client, proxy] = await Promise.all([
    Deno.connect({ ...listener.addr, transport: "tcp" }),
    listener.accept(),
  ]);
  await proxy.write(hex(`0500 05000001 00000000${port.toString(16).padStart(4, "0")}`));
  await using relay = await socks5Associate(client);
  await relay.send(utf8("x"), { address: "192.0.2.1", port: 7 });
  const got = await relay.receive({ timeout: 5000 });
  assertEquals([text(got.data), got.address], ["x", "192.0.2.1"]);
  proxy.close();

  // A transport without an IP address does not tell it either.
  const [near, far] = await deafProxy(port, "00000000");
  const error = await assertRejects(() => socks5Associate(near), NetError);
  assertEquals(error.code, "ERR_PROXY_PROTOCOL");
  far.close();
});

Deno.test("SOCKS5 relay sends to no address but the proxy's own that its policy refuses", async () => {
  const [near, far] = await deafProxy(9, "0a000001");
  const error = await assertRejects(() => socks5Associate(near, { policy: "public" }), NetError);
  assertEquals([error.code, error.address], ["ERR_DIAL_POLICY", "10.0.0.1"]);
  far.close();

  // Nor to an allowed one at a port that is not.
  const [here, there] = await deafProxy(9, "cb007101");
  const policy = { allow: ["203.0.113.1"], ports: [1080] };
  const refused = await assertRejects(() => socks5Associate(here, { policy }), NetError);
  assertEquals(refused.code, "ERR_DIAL_POLICY");
  there.close();

  await using server = createSocks5Server({ udp: true });
  const own = await Deno.connect(server.listen());
  await using relay = await socks5Associate(own, { policy: "public" });
  await using echo = await echoSocket();
  await relay.send(utf8("x"), echo.address());
  assertEquals(text((await relay.receive({ timeout: 5000 })).data), "x");

  const [third, fourth] = await deafProxy(9);
  const bad = { policy: { alow: [] } } as object;
  await assertRejects(() => socks5Associate(third, bad), TypeError, "there is no such rule");
  fourth.close();
});

Deno.test("SOCKS5 relay fails when the proxy tells no port", async () => {
  const [near, far] = await deafProxy(0);
  const error = await assertRejects(() => socks5Associate(near), NetError);
  assertEquals(error.code, "ERR_PROXY_PROTOCOL");
  far.close();
});

Deno.test("SOCKS5 relay is refused by a server that has none, and by bad arguments", async () => {
  await using server = createSocks5Server();
  const conn = await Deno.connect(server.listen());
  const error = await assertRejects(() => socks5Associate(conn), ProxyError);
  assertEquals(error.code, "ERR_UNSUPPORTED");
  const other = await Deno.connect(server.addr);
  await assertRejects(() => socks5Associate(other, { username: "x".repeat(256) }), TypeError);
  const third = await Deno.connect(server.addr);
  await assertRejects(() => socks5Associate(third, { timeout: -1 }), RangeError);
  const fourth = await Deno.connect(server.addr);
  const misspelt: object = { polcy: { default: "none" } };
  await assertRejects(() => socks5Associate(fourth, misspelt), TypeError, "no option `polcy`");
  const fifth = await Deno.connect(server.addr);
  const url = parseProxyUrl("socks5://127.0.0.1");
  await assertRejects(() => socks5Associate(fifth, url), ProxyError);
});
