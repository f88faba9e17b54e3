import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Datagram, DatagramSocketOptions } from "../../net/datagram_options.ts";
import { createDatagramSocket, DatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";
import { codeOf } from "../_support/code_of.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";

const WINDOWS = Deno.build.os === "windows";
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

function bound(options: DatagramSocketOptions = {}): Promise<DatagramSocket> {
  const address = options.type === "udp6" ? "::1" : "127.0.0.1";
  return createDatagramSocket(options).bind(0, address);
}

function thrown(fn: () => unknown): string {
  return assertThrows(fn, NetError).code;
}

Deno.test("datagram socket answers by receive, and an unbound sender is bound by itself", async () => {
  await using server = await bound();
  await using client = createDatagramSocket("udp4");
  const { port } = server.address();
  assertEquals(await client.send("ping", port), 4);
  const datagram = await server.receive({ timeout: 5000 });
  assertEquals(text(datagram.data), "ping");
  assertEquals(datagram.family, "IPv4");
  assertEquals(datagram.port, client.address().port);
  await server.send(new TextEncoder().encode("pong"), datagram);
  assertEquals(text((await client.receive({ timeout: 5000 })).data), "pong");
});

Deno.test("datagram socket works over IPv6, and names resolve to its own family", async () => {
  await using server = await bound({ type: "udp6" });
  const lookup = () => Promise.resolve(["127.0.0.1", "::1"]);
  await using client = createDatagramSocket({ type: "udp6", lookup });
  await client.send("six", { port: server.address().port, address: "localhost" });
  const datagram = await server.receive({ timeout: 5000 });
  assertEquals([text(datagram.data), datagram.address, datagram.family], ["six", "::1", "IPv6"]);
});

Deno.test("datagram socket over IPv6 reaches IPv4 unless it is IPv6 only, as all are on Windows", async () => {
  await using four = await bound();
  await using six = await createDatagramSocket({ type: "udp6" }).bind();
  if (WINDOWS) {
    assertEquals(await codeOf(six.send("x", four.address().port, "127.0.0.1")), "ENOTFOUND");
    const both = () => createDatagramSocket({ type: "udp6", ipv6Only: false });
    assertEquals(thrown(both), "ERR_UNSUPPORTED");
  } else {
    await six.send("mapped", four.address().port, "127.0.0.1");
    assertEquals(text((await four.receive({ timeout: 5000 })).data), "mapped");
  }
  await using only = await createDatagramSocket({ type: "udp6", ipv6Only: true }).bind();
  assertEquals(await codeOf(only.send("x", four.address().port, "127.0.0.1")), "ENOTFOUND");
});

Deno.test("datagram socket gives datagrams to its listener, those that waited first", async () => {
  await using server = await bound();
  await using client = await createDatagramSocket().connect(server.address().port);
  await client.send("one");
  while (server.metrics().queued === 0) await server.send("", client.address().port, "127.0.0.1");
  const got: string[] = [];
  const two = Promise.withResolvers<void>();
  server.on("message", (data, from) => {
    got.push(`${text(data)} ${from.port === client.address().port}`);
    if (got.length === 2) two.resolve();
  });
  await client.send("two");
  await two.promise;
  assertEquals(got, ["one true", "two true"]);
  await assertRejects(() => server.receive(), TypeError, "listeners");
});

Deno.test("datagram socket iterates until it is closed", async () => {
  const server = await bound();
  await using client = await createDatagramSocket().connect(server.address().port);
  for (const word of ["a", "b", "c"]) await client.send(word);
  const got: string[] = [];
  for await (const { data } of server) {
    got.push(text(data));
    if (got.length === 3) await server.close();
  }
  assertEquals(got, ["a", "b", "c"]);
});

Deno.test("datagram socket sends in the order of the calls", async () => {
  await using server = await bound();
  await using client = await createDatagramSocket().connect(server.address().port);
  const sends = Array.from({ length: 200 }, (_, i) => client.send(String(i)));
  await Promise.all(sends);
  const got: number[] = [];
  while (got.length < 200) got.push(Number(text((await server.receive({ timeout: 5000 })).data)));
  assertEquals(got, Array.from({ length: 200 }, (_, i) => i));
});

Deno.test("datagram socket passes empty and largest datagrams, and refuses larger ones", async () => {
  await using server = await bound();
  await using client = await createDatagramSocket().connect(server.address().port);
  await client.send(new Uint8Array(0));
  assertEquals((await server.receive({ timeout: 5000 })).data.length, 0);
  const largest = Uint8Array.from({ length: 65507 }, (_, i) => i * 31);
  assertEquals(await client.send(largest), 65507);
  assertEquals((await server.receive({ timeout: 5000 })).data, largest);
  const error = await assertRejects(() => client.send(new Uint8Array(65508)), NetError);
  assertEquals(error.code, "EMSGSIZE");
  assertEquals(error.message, "Cannot send a datagram of 65508 bytes: the limit is 65507");
});

Deno.test("datagram socket does not keep a 64 KiB buffer for a small datagram", async () => {
  await using server = await bound();
  await using client = await createDatagramSocket().connect(server.address().port);
  await client.send("small");
  assertEquals((await server.receive({ timeout: 5000 })).data.buffer.byteLength, 5);
});

Deno.test("datagram socket with maxDatagramSize sends and lets in nothing larger", async () => {
  await using server = await bound({ maxDatagramSize: 4 });
  await using client = await createDatagramSocket().connect(server.address().port);
  await client.send("12345");
  await client.send("1234");
  assertEquals(text((await server.receive({ timeout: 5000 })).data), "1234");
  assertEquals(server.metrics().oversize, 1);
  assertEquals(await codeOf(server.send("12345", client.address().port)), "EMSGSIZE");
});

async function flood(options: DatagramSocketOptions): Promise<[string[], number]> {
  await using server = await bound(options);
  await using client = await createDatagramSocket().connect(server.address().port);
  for (const word of ["aa", "bb", "cc", "dd"]) await client.send(word);
  while (server.metrics().received < 4) await new Promise<void>((r) => setTimeout(r, 1));
  const got: string[] = [];
  const { dropped } = server.metrics();
  while (server.metrics().queued > 0) got.push(text((await server.receive()).data));
  return [got, dropped];
}

Deno.test("datagram socket drops what does not fit its queue, and counts it", async () => {
  assertEquals(await flood({ maxQueue: 2 }), [["aa", "bb"], 2]);
  assertEquals(await flood({ maxQueueBytes: 5 }), [["aa", "bb"], 2]);
  assertEquals(await flood({ maxQueue: 2, drop: "oldest" }), [["cc", "dd"], 2]);
  assertEquals(await flood({ maxQueueBytes: 1, drop: "oldest" }), [[], 4]);
});

Deno.test("datagram socket that is connected drops what others send", async () => {
  await using server = await bound();
  await using client = await bound();
  await using stranger = createDatagramSocket();
  await client.connect(server.address().port);
  await stranger.send("forged", client.address().port);
  await server.send("true", client.address().port);
  assertEquals(text((await client.receive({ timeout: 5000 })).data), "true");
  assertEquals(client.metrics().foreign, 1);
  client.disconnect();
  await stranger.send("now", client.address().port);
  assertEquals(text((await client.receive({ timeout: 5000 })).data), "now");
});

Deno.test("datagram socket connects once, also when two calls are under way", async () => {
  await using target = await bound();
  await using socket = createDatagramSocket();
  const { port } = target.address();
  const [first, second] = [socket.connect(port), socket.connect(9)];
  assertEquals(await codeOf(second), "EINVAL");
  await first;
  assertEquals(socket.remoteAddress().port, port);
});

Deno.test("datagram socket that is connected takes its peer in mapped form", {
  ignore: WINDOWS, // Deno has no sockets for both families there
}, async () => {
  await using server = await bound();
  await using client = await createDatagramSocket({ type: "udp6" }).bind();
  await client.connect(server.address().port, "127.0.0.1");
  assertEquals(client.remoteAddress().address, "::ffff:127.0.0.1");
  await client.send("hello");
  const datagram = await server.receive({ timeout: 5000 });
  await server.send("back", datagram);
  assertEquals(text((await client.receive({ timeout: 5000 })).data), "back");
});

Deno.test("datagram socket says when there is no address, or one too many", async () => {
  await using socket = await bound();
  assertEquals(await codeOf(socket.send("x")), "ENOTCONN");
  assertEquals(thrown(() => socket.remoteAddress()), "ENOTCONN");
  assertEquals(thrown(() => socket.disconnect()), "ENOTCONN");
  await socket.connect(9);
  assertEquals(await codeOf(socket.connect(9)), "EINVAL");
  assertEquals(await codeOf(socket.send("x", 9, "127.0.0.1")), "EINVAL");
  assertEquals(await codeOf(socket.bind()), "EINVAL");
  await using unbound = createDatagramSocket();
  assertEquals(await codeOf(unbound.receive()), "EINVAL");
  assertEquals(thrown(() => unbound.address()), "EINVAL");
});

Deno.test("datagram socket refuses bad arguments", async () => {
  await using socket = await bound();
  await assertRejects(() => socket.send("x", 0), RangeError, "port 0");
  await assertRejects(() => socket.send("x", 65536), RangeError, "65536");
  await assertRejects(() => socket.send("x", 9, "a\0b"), TypeError, "character");
  await assertRejects(() => socket.send("x", 9, "a".repeat(256)), TypeError, "255");
  await assertRejects(() => socket.send(5 as unknown as string, 9), TypeError, "Uint8Array");
  await assertRejects(() => createDatagramSocket().bind(-1), RangeError, "-1");
  assertThrows(() => createDatagramSocket("udp5" as "udp4"), TypeError, "udp5");
  const misuse = (options: unknown): unknown =>
    (assertThrows(() => createDatagramSocket(options as "udp4"), TypeError) as TypeError & {
      code?: string;
    }).code;
  for (const type of ["udp5", ["udp4"], 4, true, null, { type: "x" }]) {
    assertEquals(misuse(type), "ERR_SOCKET_BAD_TYPE");
  }
  for (const option of [{ lookup: "dns" }, { lookup: null }, { signal: {} }, { signal: null }]) {
    assertEquals(misuse(option), "ERR_INVALID_ARG_TYPE");
  }
  assertThrows(() => createDatagramSocket({ maxQueue: -1 }), RangeError, "maxQueue");
  assertThrows(() => createDatagramSocket({ ipv6Only: true }), TypeError, "IPv6 only");
  const drop = "last" as DatagramSocketOptions["drop"];
  assertThrows(() => createDatagramSocket({ drop }), TypeError, "last");
  assertEquals(thrown(() => createDatagramSocket({ reusePort: true })), "ERR_UNSUPPORTED");
});

Deno.test("datagram socket lives on after a bind to a port that is none", async () => {
  await using target = await bound();
  await using socket = createDatagramSocket();
  await assertRejects(() => socket.bind(70_000), RangeError);
  assertEquals(await socket.send("x", target.address().port), 1);
});

Deno.test("datagram socket tells why it can't bind", async () => {
  await using first = await bound();
  const second = createDatagramSocket();
  const { port } = first.address();
  assertEquals(await codeOf(second.bind(port, "127.0.0.1")), "EADDRINUSE");
  await second.bind(0, "127.0.0.1"); // may be tried again
  await second.close();
  const third = createDatagramSocket();
  assertEquals(await codeOf(third.bind(0, "192.0.2.77")), "EADDRNOTAVAIL");
  assertEquals(await codeOf(third.bind(0, "::1")), "ENOTFOUND");
  await third.close();
});

Deno.test("datagram socket takes an empty address, or null, for none in particular, as Node's does", async () => {
  for (const address of ["", null as never]) {
    await using server = await createDatagramSocket().bind(0, address);
    assertEquals(server.address().address, "0.0.0.0");
    const { port } = server.address();
    await using client = createDatagramSocket();
    await client.send("to", { address, port });
    await client.send("at", port, address);
    await client.connect(port, address);
    assertEquals(client.remoteAddress().address, "127.0.0.1");
    await client.send("by");
    for (const sent of ["to", "at", "by"]) {
      assertEquals(text((await server.receive({ timeout: 5000 })).data), sent);
    }
  }
  await using six = await createDatagramSocket("udp6").bind({ address: "" });
  assertEquals(six.address().address, "::");
});

Deno.test("datagram socket that is to be bound to what is no host says so, as send does", async () => {
  await using socket = createDatagramSocket();
  for (const address of ["a b", "256.1.1.1", 5 as never]) {
    await assertRejects(() => socket.bind(0, address), TypeError);
  }
  await socket.bind(0, "127.0.0.1"); // nothing has changed
});

Deno.test("datagram socket shares a port with reuseAddr", async () => {
  await using first = await bound({ reuseAddr: true });
  await using second = await createDatagramSocket({ reuseAddr: true })
    .bind({ port: first.address().port, address: "127.0.0.1" });
  assertEquals(first.address().port, second.address().port);
});

Deno.test("datagram socket receive ends at its deadline and its signal", async () => {
  await using socket = await bound();
  const error = await assertRejects(() => socket.receive({ timeout: 5 }), NetError);
  assertEquals([error.code, error.message], ["ETIMEDOUT", "Cannot receive: timed out after 5 ms"]);
  const controller = new AbortController();
  const pending = socket.receive({ signal: controller.signal });
  controller.abort();
  assertEquals(await codeOf(pending), "ABORT_ERR");
  assertEquals(await codeOf(socket.receive({ signal: AbortSignal.abort() })), "ABORT_ERR");
  // a receive that gave up takes no datagram away
  await socket.send("still", socket.address().port);
  assertEquals(text((await socket.receive({ timeout: 5000 })).data), "still");
});

Deno.test("datagram socket send ends at its deadline while a name is looked up", async () => {
  const never = new Promise<string[]>(() => {});
  await using socket = createDatagramSocket({ lookup: () => never });
  const first = socket.send("x", { port: 9, address: "slow.example", timeout: 5 });
  const behind = socket.send("y", { port: 9, address: "127.0.0.1", timeout: 5 });
  assertEquals(await codeOf(first), "ETIMEDOUT");
  assertEquals(await codeOf(behind), "ETIMEDOUT");
});

Deno.test("datagram socket goes on after a send that gave up while its name was looked up", async () => {
  await using server = await bound();
  const { port } = server.address();
  const asked: (AbortSignal | undefined)[] = [];
  const lookup = (_name: string, { signal }: { signal?: AbortSignal }): Promise<string[]> => {
    asked.push(signal);
    return new Promise(() => {});
  };
  await using socket = createDatagramSocket({ lookup });
  const slow = codeOf(socket.send("lost", { port, address: "slow.example", timeout: 5 }));
  const behind = socket.send("behind", { port, address: "127.0.0.1", timeout: 5000 });
  assertEquals(await slow, "ETIMEDOUT");
  assertEquals(await behind, 6);
  assertEquals(asked.map((signal) => signal?.aborted), [true]);
  assertEquals(text((await server.receive({ timeout: 5000 })).data), "behind");
  assertEquals(server.metrics().received, 1);
});

Deno.test("datagram socket close ends a bind and a connect whose lookup never comes back", async () => {
  const lookup = () => new Promise<string[]>(() => {});
  const binding = createDatagramSocket({ lookup });
  const first = codeOf(binding.bind(0, "slow.example"));
  const connecting = await createDatagramSocket({ lookup }).bind();
  const second = codeOf(connecting.connect(9, "slow.example", { timeout: 60_000 }));
  await Promise.all([binding.close(), connecting.close()]);
  assertEquals([await first, await second], ["ERR_SOCKET_CLOSED", "ERR_SOCKET_CLOSED"]);
});

Deno.test("datagram socket limits what waits to be sent", async () => {
  const gate = Promise.withResolvers<string[]>();
  await using socket = createDatagramSocket({
    lookup: () => gate.promise,
    maxSendQueue: 2,
    maxSendQueueBytes: 10,
  });
  const first = socket.send("12345", 9, "a.example");
  assertEquals(await codeOf(socket.send("123456", 9)), "ERR_BUFFER_LIMIT");
  const second = socket.send("1", 9);
  assertEquals(await codeOf(socket.send("1", 9)), "ERR_BUFFER_LIMIT");
  gate.resolve(["127.0.0.1"]);
  assertEquals(await Promise.all([first, second]), [5, 1]);
});

Deno.test("datagram socket sends only where its policy allows", async () => {
  await using server = await bound();
  const { port } = server.address();
  await using socket = createDatagramSocket({
    policy: "public",
    lookup: () => Promise.resolve(["127.0.0.1"]),
  });
  assertEquals(await codeOf(socket.send("x", port)), "ERR_DIAL_POLICY");
  assertEquals(await codeOf(socket.send("x", port, "0x7f.1")), "ERR_DIAL_POLICY");
  assertEquals(await codeOf(socket.send("x", port, "rebind.example")), "ERR_DIAL_POLICY");
  assertEquals(await codeOf(socket.connect(port, "localhost")), "ERR_DIAL_POLICY");
  await using six = createDatagramSocket({ type: "udp6", policy: "public" });
  assertEquals(
    await codeOf(six.send("x", port, "127.0.0.1")),
    WINDOWS ? "ENOTFOUND" : "ERR_DIAL_POLICY",
  );
  await using allowed = createDatagramSocket({ policy: { allow: ["loopback"] } });
  assertEquals(await allowed.send("x", port), 1);
});

Deno.test("datagram socket binds to an address that its policy does not let it send to", async () => {
  for (const [type, address] of [["udp4", "127.0.0.1"], ["udp6", "::1"], ["udp6", "127.0.0.1"]]) {
    if (WINDOWS && type === "udp6" && address === "127.0.0.1") continue;
    await using socket = createDatagramSocket({ type: type as "udp4", policy: {} });
    await socket.bind({ address });
    const { port } = socket.address();
    assertEquals(await codeOf(socket.send("no", { address, port })), "ERR_DIAL_POLICY");
  }
});

Deno.test("datagram socket judges a datagram by where it goes, whatever the socket is connected to since", async () => {
  await using server = await bound();
  const { port } = server.address();
  await using socket = await createDatagramSocket({
    policy: { allow: ["loopback"], ports: [port] },
  })
    .bind(0, "127.0.0.1");
  const first = socket.send("1", port);
  const refused = codeOf(socket.send("2", port === 9 ? 7 : 9, "127.0.0.1"));
  await socket.connect(port, "127.0.0.1");
  assertEquals([await first, await refused], [1, "ERR_DIAL_POLICY"]);
});

Deno.test("datagram socket sends what was sent to its peer, also when it is disconnected since", async () => {
  await using server = await bound();
  const { port } = server.address();
  await using socket = createDatagramSocket({
    lookup: () => Promise.resolve(["127.0.0.1"]),
    policy: { preset: "any", allowNames: ["peer.example"] },
  });
  await socket.connect(port, "peer.example");
  const sends = [socket.send("1"), socket.send("2")];
  socket.disconnect();
  assertEquals(await Promise.all(sends), [1, 1]);
  assertEquals(text((await server.receive({ timeout: 5000 })).data), "1");
  assertEquals(text((await server.receive({ timeout: 5000 })).data), "2");
  assertEquals(await codeOf(socket.send("3", port, "127.0.0.1")), "ERR_DIAL_POLICY");
});

Deno.test("datagram socket resolves the name of its peer once", async () => {
  await using server = await bound();
  let asked = 0;
  await using socket = createDatagramSocket({
    lookup: () => Promise.resolve([["127.0.0.1"], ["127.0.0.2"]][asked++]),
  });
  await socket.connect(server.address().port, "rebind.example");
  await socket.send("1");
  await socket.send("2");
  assertEquals(asked, 1);
  assertEquals(text((await server.receive({ timeout: 5000 })).data), "1");
});

Deno.test("datagram socket says that a name does not resolve", async () => {
  await using socket = createDatagramSocket({ lookup: () => Promise.resolve([]) });
  const error = await assertRejects(() => socket.send("x", 9, "none.example"), NetError);
  assertEquals([error.code, error.address], ["ENOTFOUND", "none.example"]);
});

Deno.test("datagram socket that can't be bound tells who waits to receive already", async () => {
  await using taken = await bound();
  await using socket = createDatagramSocket();
  const binding = codeOf(socket.bind(taken.address().port, "127.0.0.1"));
  const waiting = codeOf(socket.receive());
  const iterating = codeOf(socket[Symbol.asyncIterator]().next());
  assertEquals([await binding, await waiting, await iterating], Array(3).fill("EADDRINUSE"));
  await socket.bind(0, "127.0.0.1");
  await socket.send("now", socket.address().port);
  assertEquals(text((await socket.receive({ timeout: 5000 })).data), "now");
});

Deno.test("datagram socket close ends every wait, and a second close too", async () => {
  const socket = await bound();
  let closed = 0;
  socket.on("close", () => closed++);
  const waiting = socket.receive();
  const ended = codeOf(waiting);
  await socket.close();
  await socket.close();
  assertEquals(await ended, "ERR_SOCKET_CLOSED");
  assertEquals(closed, 1);
  assertEquals(await codeOf(socket.receive()), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(socket.send("x", 9)), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(socket.bind()), "ERR_SOCKET_CLOSED");
  assertEquals(thrown(() => socket.address()), "ERR_SOCKET_CLOSED");
});

Deno.test("datagram socket close ends sends that wait", async () => {
  const gate = Promise.withResolvers<string[]>();
  const socket = createDatagramSocket({ lookup: () => gate.promise });
  const first = codeOf(socket.send("1", 9, "a.example"));
  const second = codeOf(socket.send("2", 9));
  await socket.close();
  assertEquals(await second, "ERR_SOCKET_CLOSED");
  gate.resolve(["127.0.0.1"]);
  assertEquals(await first, "ERR_SOCKET_CLOSED");
});

Deno.test("datagram socket close ends a send and a bind that Deno is at", async () => {
  for (let turns = 0; turns < 8; turns++) {
    const socket = await bound();
    const sent = socket.send("x", socket.address().port);
    const other = createDatagramSocket();
    const binding = other.bind();
    const both = Promise.allSettled([sent, binding]);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    await Promise.all([socket.close(), other.close()]);
    const codes = (await both).map((each) => each.status === "rejected" && each.reason.code);
    assertEquals(codes, ["ERR_SOCKET_CLOSED", "ERR_SOCKET_CLOSED"]);
  }
});

Deno.test("datagram socket close ends a loop that waits", async () => {
  const socket = await bound();
  const waiting = (async () => {
    for await (const _ of socket);
  })();
  await socket.close();
  await waiting;
});

Deno.test("datagram socket is closed by its signal, also while it binds", async () => {
  const controller = new AbortController();
  const socket = await createDatagramSocket({ signal: controller.signal }).bind();
  const waiting = codeOf(socket.receive());
  controller.abort();
  assertEquals(await waiting, "ERR_SOCKET_CLOSED");
  await socket.close();
  const gone = createDatagramSocket({ signal: AbortSignal.abort() });
  assertEquals(await codeOf(gone.bind()), "ERR_SOCKET_CLOSED");
  await gone.close();
  const gate = Promise.withResolvers<string[]>();
  const late = new DatagramSocket({ lookup: () => gate.promise });
  const binding = codeOf(late.bind(0, "slow.example"));
  await late.close();
  gate.resolve(["127.0.0.1"]);
  assertEquals(await binding, "ERR_SOCKET_CLOSED");
});

Deno.test("datagram socket takes signals of another class, to close and to receive", async () => {
  const [life, wait] = [foreignSignal(), foreignSignal()];
  const socket = await bound({ signal: life.signal });
  const pending = codeOf(socket.receive({ signal: wait.signal }));
  wait.abort();
  assertEquals(await pending, "ABORT_ERR");
  const waiting = codeOf(socket.receive());
  life.abort();
  assertEquals(await waiting, "ERR_SOCKET_CLOSED");
  await socket.close();
  await using gone = createDatagramSocket({ signal: foreignSignal(true).signal });
  assertEquals(await codeOf(gone.bind()), "ERR_SOCKET_CLOSED");
  // One signal may outlive many sockets.
  const shared = foreignSignal();
  const some = await Promise.all([1, 2, 3].map(() => bound({ signal: shared.signal })));
  assertEquals(shared.listeners, 1);
  await Promise.all(some.map((each) => each.close()));
  assertEquals(shared.listeners, 0);
  // What can't be listened to no more is left as it is.
  const { signal } = foreignSignal();
  Object.assign(signal, { removeEventListener: undefined });
  await createDatagramSocket({ signal }).close();
});

Deno.test("datagram socket is closed by a listener that throws, and reports it", async () => {
  const server = await bound();
  const error = Promise.withResolvers<Error>();
  server.on("error", error.resolve);
  server.on("message", () => {
    throw new Error("listener's fault");
  });
  const closed = new Promise<void>((resolve) => server.on("close", resolve));
  await using client = createDatagramSocket();
  await client.send("x", server.address().port);
  assertEquals((await error.promise).message, "listener's fault");
  await closed;
});

Deno.test("datagram socket is closed, too, by a listener of its beginning that throws, and reports it", async () => {
  for (const event of ["listening", "connect"] as const) {
    const socket = createDatagramSocket();
    const told: string[] = [];
    socket.on(event, () => {
      throw new Error("fault");
    });
    socket.on("error", ({ message }) => told.push(message));
    const closed = new Promise<void>((resolve) => socket.on("close", resolve));
    await (event === "listening" ? socket.bind(0, "127.0.0.1") : socket.connect(9, "127.0.0.1"));
    await closed;
    assertEquals(told, ["fault"]);
    assertEquals(thrown(() => socket.address()), "ERR_SOCKET_CLOSED");
  }
});

Deno.test("datagram socket whose listeners throw or reject is closed, and harms nobody", async () => {
  const { error: original } = console;
  const said: unknown[] = [];
  console.error = (_text: string, error: Error) => said.push(error.message);
  const fails = {
    throws: () => {
      throw new Error("throws");
    },
    rejects: () => Promise.reject(new Error("rejects")),
  };
  try {
    await using client = createDatagramSocket();
    for (const [how, fail] of Object.entries(fails)) {
      // Nobody hears of it but the console; and of what the listeners for errors and the end do, neither.
      for (const events of [["message"], ["message", "error", "close"]] as const) {
        const server = await bound();
        const { port } = server.address();
        const closed = new Promise<void>((resolve) => server.on("close", resolve));
        for (const event of events) server.on(event, fail as () => void);
        await client.send("x", port);
        await closed;
        while (said.length < (events.length === 1 ? 1 : 2)) {
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        assertEquals(new Set(said.splice(0)), new Set([how]));
      }
    }
  } finally {
    console.error = original;
  }
});

Deno.test("datagram socket emits listening and connect", async () => {
  await using socket = createDatagramSocket();
  const seen: string[] = [];
  socket.on("listening", () => seen.push("listening"));
  socket.on("connect", () => seen.push("connect"));
  await socket.connect(9);
  assertEquals(seen, ["listening", "connect"]);
});

Deno.test("datagram socket joins and leaves multicast groups", async () => {
  await using receiver = await createDatagramSocket({ reuseAddr: true }).bind();
  await using sender = await bound();
  const { port } = receiver.address();
  const hears = async (word: string): Promise<string> => {
    await sender.send(word, port, "239.255.77.1");
    await sender.send("direct", port, "127.0.0.1");
    return text((await receiver.receive({ timeout: 5000 })).data);
  };
  sender.setMulticastInterface("127.0.0.1");
  sender.setMulticastTTL(1);
  sender.setMulticastLoopback(true);
  assertEquals(await hears("before"), "direct");
  receiver.addMembership("239.255.77.1", "127.0.0.1");
  assertEquals(await hears("group"), "group");
  assertEquals(text((await receiver.receive({ timeout: 5000 })).data), "direct");
  receiver.dropMembership("239.255.77.1", "127.0.0.1");
  assertEquals(await hears("after"), "direct");
});

Deno.test("datagram socket joins a multicast group for one source", async () => {
  await using receiver = await createDatagramSocket().bind();
  const { port } = receiver.address();
  await using wanted = await bound();
  await using other = await createDatagramSocket().bind(0, "127.0.0.2");
  receiver.addSourceSpecificMembership("127.0.0.1", "232.1.1.1", "127.0.0.1");
  for (const socket of [wanted, other]) socket.setMulticastInterface("127.0.0.1");
  await other.send("other", port, "232.1.1.1");
  await wanted.send("wanted", port, "232.1.1.1");
  const datagram = await receiver.receive({ timeout: 5000 });
  assertEquals([text(datagram.data), datagram.address], ["wanted", "127.0.0.1"]);
  receiver.dropSourceSpecificMembership("127.0.0.1", "232.1.1.1", "127.0.0.1");
  await wanted.send("late", port, "232.1.1.1");
  await wanted.send("direct", port, "127.0.0.1");
  assertEquals(text((await receiver.receive({ timeout: 5000 })).data), "direct");
});

Deno.test("datagram socket refuses multicast arguments that Deno would ignore", async () => {
  await using four = await bound();
  await using six = await bound({ type: "udp6" });
  assertThrows(() => four.addMembership("10.0.0.1"), TypeError, "no multicast address");
  assertThrows(() => four.addMembership("ff02::1"), TypeError, "no multicast address");
  assertThrows(() => six.addMembership("224.0.0.1"), TypeError, "no multicast address");
  assertThrows(() => four.addMembership("224.0.0.1", "eth0"), TypeError, "interface");
  assertThrows(() => six.addMembership("ff02::1", "fe80::1"), TypeError, "::%eth0");
  assertThrows(() => four.addSourceSpecificMembership("x", "232.1.1.1"), TypeError, "IPv4");
  assertEquals(thrown(() => four.dropMembership("239.9.9.9")), "EINVAL");
  assertEquals(thrown(() => six.setTTL(5)), "ERR_UNSUPPORTED");
  assertEquals(thrown(() => six.setMulticastTTL(5)), "ERR_UNSUPPORTED");
  assertEquals(thrown(() => six.setBroadcast(true)), "ERR_UNSUPPORTED");
  assertEquals(thrown(() => six.addSourceSpecificMembership("::1", "ff32::1")), "ERR_UNSUPPORTED");
  const outOfRange = [() => four.setTTL(0), () => four.setTTL(256), () => four.setMulticastTTL(-1)];
  for (const call of outOfRange) {
    const error = assertThrows(call, RangeError, "TTL ");
    assertEquals((error as RangeError & { code?: string }).code, "EINVAL");
  }
  const mistyped = (call: () => void) => {
    const error: TypeError & { code?: string } = assertThrows(call, TypeError);
    assertEquals(error.code, "ERR_INVALID_ARG_TYPE");
  };
  for (const odd of ["5", true, null, undefined, {}, 5n] as unknown as number[]) {
    mistyped(() => four.setTTL(odd));
    mistyped(() => four.setMulticastTTL(odd));
  }
  for (const odd of [5, null, {}, undefined] as unknown as string[]) {
    const calls = [
      () => four.setMulticastInterface(odd),
      () => four.addMembership(odd),
      () => four.dropMembership(odd),
      () => four.addSourceSpecificMembership(odd, "232.1.1.1"),
      () => four.dropSourceSpecificMembership("127.0.0.1", odd),
    ];
    calls.forEach(mistyped);
  }
  const odd = 5 as unknown as string;
  mistyped(() => four.addMembership("224.0.0.1", odd));
  assertEquals(thrown(() => four.setMulticastTTL(0)), "ERR_UNSUPPORTED");
  assertEquals(thrown(() => createDatagramSocket().setTTL(5)), "EINVAL");
});

Deno.test("datagram socket sends broadcasts only after setBroadcast", async () => {
  await using receiver = await createDatagramSocket().bind();
  await using sender = await bound();
  const { port } = receiver.address();
  const error = await assertRejects(() => sender.send("x", port, "127.255.255.255"), NetError);
  assertEquals(error.code, "EACCES");
  sender.setBroadcast(true);
  await sender.send("all", port, "127.255.255.255");
  assertEquals(text((await receiver.receive({ timeout: 5000 })).data), "all");
});

/** A link-local address of this machine, with its zone. Loopback has none. */
function linkLocal(): string | undefined {
  const own = Deno.networkInterfaces().find(({ address }) => address.startsWith("fe80::"));
  return own && `${own.address}%${own.name}`;
}

Deno.test(
  "datagram socket that is bound to a link-local address tells its zone, and that of senders",
  { ignore: Deno.build.os !== "linux" || linkLocal() === undefined }, // this machine has no such address
  async () => {
    const own = linkLocal()!;
    await using socket = await createDatagramSocket("udp6").bind(0, own);
    const { address, port } = socket.address();
    assertEquals(address, own);
    await socket.send("to itself", { address, port });
    const datagram = await socket.receive({ timeout: 5000 });
    assertEquals([datagram.address, datagram.port], [own, port]);
    const heard = Promise.withResolvers<string>();
    socket.on("message", (_, from) => heard.resolve(from.address));
    await socket.send("again", datagram);
    assertEquals(await heard.promise, own);
  },
);

Deno.test(
  "datagram socket that is connected to a link-local peer tells its zone",
  { ignore: Deno.build.os !== "linux" || linkLocal() === undefined }, // this machine has no such address
  async () => {
    const own = linkLocal()!;
    await using peer = await createDatagramSocket("udp6").bind();
    await using socket = await createDatagramSocket("udp6").connect(peer.address().port, own);
    await socket.send("hello");
    const hello = await peer.receive({ timeout: 5000 });
    assertEquals(hello.address, own.split("%")[0]); // which interface, Deno does not tell
    await peer.send("hello to you", socket.address().port, own);
    assertEquals((await socket.receive({ timeout: 5000 })).address, own);
  },
);

Deno.test(
  "datagram socket on a link-local group tells its zone",
  { ignore: Deno.build.os !== "linux" },
  async () => {
    const group = "ff02::7777%lo";
    await using socket = await createDatagramSocket("udp6").bind(0, group);
    assertEquals(socket.address().address, group);
  },
);

Deno.test(
  "datagram socket does not find an interface that there is not",
  { ignore: Deno.build.os === "windows" }, // zones are numbers there
  async () => {
    await using socket = createDatagramSocket("udp6");
    const error = await assertRejects(() => socket.bind(0, "fe80::1%no.such.one"), NetError);
    assertEquals([error.code, error.syscall], ["ENOTFOUND", "bind"]);
    assertEquals(error.message.includes("no such interface"), true);
  },
);

Deno.test(
  "datagram socket refuses to join on an interface's number, which Deno would ignore",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using socket = await createDatagramSocket("udp6").bind();
    for (const join of ["addMembership", "dropMembership"] as const) {
      const error = assertThrows(() => socket[join]("ff02::7777", "::%1"), TypeError);
      assertEquals(error.message, `Cannot ${join} on "::%1": it takes the interface's name`);
    }
  },
);

Deno.test(
  "datagram socket tells what the system refuses, not that it were a broadcast, and lives on",
  { ignore: Deno.build.os !== "linux" },
  async () => {
    await using socket = await bound();
    // From a loopback address there is no way to others.
    const error = await assertRejects(() => socket.send("x", 9, "192.0.2.6"), NetError);
    assertEquals([error.code, error.address, error.port], ["EIO", "192.0.2.6", 9]);
    assertEquals(error.message.includes("broadcast"), false);
    await socket.send("still here", socket.address().port, "127.0.0.1");
    assertEquals(text((await socket.receive({ timeout: 5000 })).data), "still here");
  },
);

Deno.test("datagram socket says that Deno has no buffer sizes", async () => {
  await using socket = await bound();
  for (
    const call of [
      () => socket.setRecvBufferSize(65536),
      () => socket.setSendBufferSize(65536),
      () => socket.getRecvBufferSize(),
      () => socket.getSendBufferSize(),
      () => createDatagramSocket({ recvBufferSize: 65536 }),
      () => createDatagramSocket({ sendBufferSize: 65536 }),
    ]
  ) assertEquals(thrown(call), "ERR_UNSUPPORTED");
});

Deno.test("datagram socket tells what waits to be sent", async () => {
  await using server = await bound();
  await using client = await bound();
  const queue = () => [client.getSendQueueCount(), client.getSendQueueSize()];
  assertEquals(queue(), [0, 0]);
  const { port } = server.address();
  const sent = Promise.all([client.send("near", port), client.send("far", port)]);
  while (client.getSendQueueCount() === 0) await undefined;
  assert(client.getSendQueueSize() >= 3);
  await sent;
  assertEquals(queue(), [0, 0]);
});

Deno.test("datagram socket sets its time to live", async () => {
  await using server = await bound();
  await using client = await bound();
  for (const ttl of [1, 255, 7]) client.setTTL(ttl);
  await client.send("near", server.address().port);
  assertEquals(text((await server.receive({ timeout: 5000 })).data), "near");
});

Deno.test("datagram socket counts what goes through", async () => {
  await using server = await bound();
  await using client = createDatagramSocket();
  await client.send("12345", server.address().port);
  await server.receive({ timeout: 5000 });
  const { sent, bytesSent } = client.metrics();
  const { received, bytesReceived, queued, queuedBytes } = server.metrics();
  assertEquals([sent, bytesSent, received, bytesReceived, queued, queuedBytes], [1, 5, 1, 5, 0, 0]);
});

Deno.test("datagram socket that is unreferenced lets the program end", async () => {
  const module = new URL("../../net/datagram_socket.ts", import.meta.url);
  const program = `import { createDatagramSocket } from ${JSON.stringify(module.href)};
    await createDatagramSocket().unref().bind(0, "127.0.0.1");
    console.log("end");`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--quiet", "--allow-net", "--allow-env", file],
      signal: AbortSignal.timeout(20_000),
    }).output();
    assertEquals([text(stdout).trim(), success], ["end", true]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("datagram socket may be disposed of in both ways", async () => {
  let kept: DatagramSocket;
  {
    using socket = createDatagramSocket();
    await socket.ref().bind();
    assertEquals(thrown(() => socket.unref()), "ERR_UNSUPPORTED");
    assertEquals(thrown(() => socket.ref()), "ERR_UNSUPPORTED");
    kept = socket;
  }
  await kept.close();
});

Deno.test("datagram socket takes its listener at once", async () => {
  const got = Promise.withResolvers<Datagram>();
  await using server = createDatagramSocket("udp4", (data, from) => got.resolve({ data, ...from }));
  await server.bind();
  await using client = await createDatagramSocket().connect(server.address().port);
  await client.send("hello");
  assertEquals(text((await got.promise).data), "hello");
});

Deno.test("datagram socket refuses what Node's send takes besides", async () => {
  await using socket = await createDatagramSocket("udp4").bind(0, "127.0.0.1");
  const { port } = socket.address();
  // deno-lint-ignore no-explicit-any
  const send = (socket as any).send.bind(socket);
  const calls = [["abc", 1, 2, port, "127.0.0.1"], ["abc", port, "127.0.0.1", () => {}], [
    "abc",
    port,
    () => {},
  ]];
  for (const given of calls) {
    await assertRejects(() => send(...given), TypeError, "no offset, length or callback");
  }
  assertEquals(await send("abc", port, "127.0.0.1"), 3);
});

Deno.test("datagram socket refuses the callbacks of Node's bind, connect and close", async () => {
  await using socket = createDatagramSocket("udp4");
  // deno-lint-ignore no-explicit-any
  const loose = socket as any;
  const never = () => {};
  for (const given of [[never], [0, never], [0, "127.0.0.1", never], [{ port: 0 }, never]]) {
    await assertRejects(() => loose.bind(...given), TypeError, "it takes no callback");
  }
  for (const given of [[9, never], [9, "127.0.0.1", never]]) {
    await assertRejects(() => loose.connect(...given), TypeError, "it takes no callback");
  }
  assertThrows(() => loose.close(never), TypeError, "it takes no callback");
  await socket.bind(0, "127.0.0.1"); // nothing has changed
});

Deno.test("datagram socket refuses an address by another name: it would be open to all, and send to this machine", async () => {
  await using socket = createDatagramSocket("udp4");
  // deno-lint-ignore no-explicit-any
  const loose = socket as any;
  for (const name of ["host", "hostname"]) {
    const elsewhere = { port: 9, [name]: "127.0.0.2" };
    await assertRejects(() => loose.bind(elsewhere), TypeError, `\`${name}\` is \`address\` here`);
    await assertRejects(() => loose.send("x", elsewhere), TypeError, "is `address` here");
  }
  await assertRejects(() => loose.bind({ port: 0, adress: "::1" }), TypeError, "`adress`");
  await loose.bind({ port: 0, address: "127.0.0.1", exclusive: true });
  // What `address()` gives holds a family as well.
  using other = await createDatagramSocket().bind({ ...socket.address(), port: 0 });
  assertEquals(other.address().family, "IPv4");
  const peer = { ...socket.address(), host: "a record of the program's", name: "peer" };
  assertEquals(await socket.send("hello", peer), 5);
});

Deno.test("datagram socket takes nothing but numbers for ports, and does not choose another one", async () => {
  await using socket = createDatagramSocket("udp4");
  // deno-lint-ignore no-explicit-any
  const loose = socket as any;
  await assertRejects(() => loose.bind("41234"), RangeError, "41234");
  await assertRejects(() => loose.connect("41234"), RangeError, "41234");
  await assertRejects(() => loose.send("abc", "41234", "127.0.0.1"), RangeError, "41234");
});

Deno.test("datagram socket's connect keeps to its signal and its timeout for addresses, too", async () => {
  await using socket = await bound();
  const connect = (options: { signal?: AbortSignal; timeout?: number }): Promise<unknown> =>
    socket.connect(9, "127.0.0.1", options);
  assertEquals(await codeOf(connect({ signal: AbortSignal.abort() })), "ABORT_ERR");
  await assertRejects(() => connect({ timeout: NaN }), RangeError, "NaN ms");
  await assertRejects(() => connect({ signal: {} as never }), TypeError, '"signal"');
  await socket.close();
  const closed = await assertRejects(() => connect({}), NetError);
  assertEquals(closed.message, "Cannot connect: the socket is closed");
});
