import { assertEquals } from "@std/assert";
import {
  Socks5Association,
  type Socks5AssociationOptions,
  untilEnd,
} from "../../net/_socks5_association.ts";
import { createDatagramSocket, DatagramSocket } from "../../net/datagram_socket.ts";
import { DialPolicy } from "../../net/dial_policy.ts";
import { NetError, type NetErrorCode } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import {
  decodeSocks5Datagram,
  encodeSocks5Datagram,
  type Socks5Address,
} from "../../net/socks5_codec.ts";
import { hex, join, text, utf8 } from "../_support/framing.ts";

interface Setting extends AsyncDisposable {
  association: Socks5Association;
  relay: Socks5Address;
  client: DatagramSocket;
  target: DatagramSocket;
  /** The target's address and port. */
  to: Socks5Address;
}

async function bound(): Promise<DatagramSocket> {
  return await createDatagramSocket().bind({ address: "127.0.0.1" });
}

async function start(options: Partial<Socks5AssociationOptions> = {}): Promise<Setting> {
  const association = new Socks5Association({
    localHostname: "127.0.0.1",
    clientHostname: "127.0.0.1",
    clientPort: 0,
    allow: () => true,
    policy: undefined,
    lookup: () => Promise.resolve(["127.0.0.1"]),
    lookupTimeout: 5000,
    maxDestinations: 10,
    onactivity: () => {},
    ...options,
  });
  const relay = await association.bind();
  const [client, target] = [await bound(), await bound()];
  const { address, port } = target.address();
  return {
    association,
    relay,
    client,
    target,
    to: { hostname: address, port },
    async [Symbol.asyncDispose]() {
      await Promise.all([association.close(), client.close(), target.close()]);
    },
  };
}

function send(socket: DatagramSocket, { relay }: Setting, bytes: Uint8Array): Promise<number> {
  return socket.send(bytes, { address: relay.hostname, port: relay.port });
}

/** Waits until so many datagrams were dropped: they are taken one after the other. */
async function droppedSoFar(setting: Setting, count: number): Promise<void> {
  for (let i = 0; setting.association.dropped < count && i < 500; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assertEquals(setting.association.dropped, count);
}

Deno.test("SOCKS5 association holds up nothing behind a destination that is looked for", async () => {
  const gate = Promise.withResolvers<string[]>();
  await using setting = await start({ lookup: () => gate.promise });
  const { client, target, to } = setting;
  const slow = { hostname: "slow.example", port: to.port };
  for (const word of ["1", "2"]) {
    await send(client, setting, encodeSocks5Datagram(slow, utf8(word)));
    await send(client, setting, encodeSocks5Datagram(to, utf8(`not ${word}`)));
    assertEquals(text((await target.receive({ timeout: 5000 })).data), `not ${word}`);
  }
  gate.resolve(["127.0.0.1"]);
  for (const word of ["1", "2"]) {
    assertEquals(text((await target.receive({ timeout: 5000 })).data), word);
  }
  assertEquals(setting.association.dropped, 0);
});

Deno.test("SOCKS5 association drops what would wait in too great a number, and all when it is closed", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const lookup = (_: string, { signal }: { signal?: AbortSignal }): Promise<string[]> => {
    signals.push(signal);
    return new Promise(() => {});
  };
  let came = Promise.withResolvers<void>();
  await using setting = await start({ lookup, onactivity: () => came.resolve() });
  const slow = { hostname: "slow.example", port: 9 };
  for (let i = 0; i < 260; i++) {
    came = Promise.withResolvers<void>();
    await send(setting.client, setting, encodeSocks5Datagram(slow, utf8("x")));
    await came.promise;
  }
  await droppedSoFar(setting, 4);
  assertEquals(signals.length, 1);
  await setting.association.close();
  assertEquals(signals[0]?.aborted, true);
  await droppedSoFar(setting, 260);
});

Deno.test("SOCKS5 association drops what would wait with too many bytes, until there is room again", async () => {
  let answer = Promise.withResolvers<boolean>();
  let came = Promise.withResolvers<void>();
  await using setting = await start({
    allow: () => answer.promise,
    onactivity: () => came.resolve(),
  });
  const push = async (hostname: string, data: Uint8Array): Promise<void> => {
    came = Promise.withResolvers<void>();
    await send(setting.client, setting, encodeSocks5Datagram({ hostname, port: 9 }, data));
    await came.promise;
  };
  const { association } = setting;
  for (const hostname of ["one.example", "two.example"]) {
    answer = Promise.withResolvers();
    const before = association.dropped;
    for (let i = 0; i < 128; i++) await push(hostname, new Uint8Array(32 << 10)); // 4 MiB
    assertEquals(association.dropped, before);
    await push("other.example", utf8("x"));
    await droppedSoFar(setting, before + 1);
    // Those that waited are dropped, too: nobody may go there.
    answer.resolve(false);
    await droppedSoFar(setting, before + 129);
  }
});

Deno.test("SOCKS5 association passes datagrams both ways", async () => {
  let active = 0;
  await using setting = await start({ onactivity: () => active++ });
  const { client, target, to } = setting;
  await send(client, setting, encodeSocks5Datagram(to, utf8("ping")));
  const ping = await target.receive({ timeout: 5000 });
  assertEquals(text(ping.data), "ping");
  await target.send(utf8("pong"), ping);
  const pong = decodeSocks5Datagram((await client.receive({ timeout: 5000 })).data);
  assertEquals([pong?.address, text(pong!.data), pong?.fragment], [to, "pong", 0]);
  assertEquals(active, 2);
});

Deno.test("SOCKS5 association resolves names, asks once for each destination, and obeys", async () => {
  const asked: string[] = [];
  await using setting = await start({
    allow: ({ hostname }) => {
      asked.push(hostname);
      return hostname === "good.example";
    },
    lookup: (name) => Promise.resolve(name === "good.example" ? ["127.0.0.1"] : []),
  });
  const { client, target, to } = setting;
  for (const hostname of ["bad.example", "good.example", "bad.example", "good.example"]) {
    await send(client, setting, encodeSocks5Datagram({ hostname, port: to.port }, utf8(hostname)));
  }
  for (let i = 0; i < 2; i++) {
    assertEquals(text((await target.receive({ timeout: 5000 })).data), "good.example");
  }
  assertEquals(asked, ["bad.example", "good.example"]);
  assertEquals(setting.association.dropped, 2);
});

Deno.test("SOCKS5 association sends nowhere that the policy forbids", async () => {
  await using setting = await start({ policy: new DialPolicy() });
  const { client, to } = setting;
  await send(client, setting, encodeSocks5Datagram(to, utf8("x")));
  await send(client, setting, encodeSocks5Datagram({ ...to, hostname: "name.example" }, utf8("x")));
  await droppedSoFar(setting, 2);
});

Deno.test("SOCKS5 association drops fragments, broken headers and port 0", async () => {
  await using setting = await start();
  const { client, target, to } = setting;
  const good = encodeSocks5Datagram(to, utf8("good"));
  const fragment = good.slice();
  fragment[2] = 1;
  for (const bytes of [hex(""), hex("00"), fragment, join([hex("0100"), good.subarray(2)])]) {
    await send(client, setting, bytes);
  }
  await send(client, setting, encodeSocks5Datagram({ ...to, port: 0 }, utf8("x")));
  await send(client, setting, good);
  assertEquals(text((await target.receive({ timeout: 5000 })).data), "good");
  assertEquals(setting.association.dropped, 5);
});

Deno.test("SOCKS5 association takes datagrams of its client only, by the first port or the one told", async () => {
  await using setting = await start();
  const { client, target, to } = setting;
  await send(client, setting, encodeSocks5Datagram(to, utf8("first")));
  await target.receive({ timeout: 5000 });
  await using stranger = await bound();
  await send(stranger, setting, encodeSocks5Datagram(to, utf8("stranger")));
  await droppedSoFar(setting, 1);

  await using told = await start({ clientPort: client.address().port });
  await send(stranger, told, encodeSocks5Datagram(told.to, utf8("stranger")));
  await droppedSoFar(told, 1);
  await send(client, told, encodeSocks5Datagram(told.to, utf8("told")));
  assertEquals(text((await told.target.receive({ timeout: 5000 })).data), "told");

  await using elsewhere = await start({ clientHostname: "127.0.0.2" });
  await send(client, elsewhere, encodeSocks5Datagram(elsewhere.to, utf8("x")));
  await droppedSoFar(elsewhere, 1);
});

Deno.test("SOCKS5 association lets nobody answer who was not spoken to", async () => {
  await using setting = await start();
  const { client, target, to } = setting;
  await send(client, setting, encodeSocks5Datagram(to, utf8("x")));
  const from = await target.receive({ timeout: 5000 });
  await using stranger = await bound();
  await stranger.send(utf8("spoofed"), from);
  await droppedSoFar(setting, 1);
  await target.send(utf8("answer"), from);
  const answer = decodeSocks5Datagram((await client.receive({ timeout: 5000 })).data);
  assertEquals(text(answer!.data), "answer");
});

Deno.test("SOCKS5 association forgets the oldest destination when there are too many", async () => {
  const asked: number[] = [];
  await using setting = await start({
    maxDestinations: 2,
    allow: ({ port }) => {
      asked.push(port);
      return true;
    },
  });
  const { client, target, to } = setting;
  await using other = await bound();
  await using third = await bound();
  const ports = [target, other, third, target].map((socket) => socket.address().port);
  for (const [i, socket] of [target, other, third, target].entries()) {
    await send(client, setting, encodeSocks5Datagram({ ...to, port: ports[i] }, utf8("x")));
    await socket.receive({ timeout: 5000 });
  }
  assertEquals(asked, ports);
});

Deno.test("SOCKS5 association lets nobody answer whose destination is forgotten", async () => {
  await using setting = await start({ maxDestinations: 1 });
  const { client, target, to } = setting;
  await using other = await bound();
  await send(client, setting, encodeSocks5Datagram(to, utf8("x")));
  const from = await target.receive({ timeout: 5000 });
  const { port } = other.address();
  await send(client, setting, encodeSocks5Datagram({ ...to, port }, utf8("x")));
  await other.receive({ timeout: 5000 });
  await target.send(utf8("too late"), from);
  await droppedSoFar(setting, 1);
  await other.send(utf8("answer"), from);
  const answer = decodeSocks5Datagram((await client.receive({ timeout: 5000 })).data);
  assertEquals(text(answer!.data), "answer");
});

Deno.test("SOCKS5 association has its ports free when it is closed", async () => {
  for (let i = 0; i < 20; i++) {
    const setting = await start();
    const { client, target, to, relay } = setting;
    await send(client, setting, encodeSocks5Datagram(to, utf8("x")));
    const { port } = await target.receive({ timeout: 5000 });
    await setting.association.close();
    for (const own of [relay.port, port]) {
      await (await createDatagramSocket().bind({ port: own })).close();
    }
    await setting[Symbol.asyncDispose]();
  }
});

Deno.test("SOCKS5 association lets who has two names answer until both are forgotten", async () => {
  await using setting = await start({ maxDestinations: 2 });
  const { client, target, to } = setting;
  await using other = await bound();
  const { port } = other.address();
  const targets = [to, { ...to, hostname: "name.example" }, { ...to, port }];
  for (const each of targets) await send(client, setting, encodeSocks5Datagram(each, utf8("x")));
  await other.receive({ timeout: 5000 });
  await target.send(utf8("answer"), await target.receive({ timeout: 5000 }));
  const answer = decodeSocks5Datagram((await client.receive({ timeout: 5000 })).data);
  assertEquals(text(answer!.data), "answer");
});

Deno.test("SOCKS5 association lives until its connection ends or breaks", async () => {
  const [here, there] = pair();
  let over = false;
  const ended = untilEnd(there).then(() => over = true);
  await here.write(new Uint8Array(1000));
  await here.write(new Uint8Array(1));
  assertEquals(over, false);
  await here.closeWrite();
  await ended;
  const broken = untilEnd(here);
  here.close();
  await broken;
  there.close();
});

Deno.test("SOCKS5 association ends when more than 4 KiB come on its connection", async () => {
  const [here, there] = pair();
  let over: boolean | undefined;
  const ended = untilEnd(there).then((flooded) => over = flooded);
  await here.write(new Uint8Array(4096));
  assertEquals(over, undefined);
  await here.write(new Uint8Array(1));
  assertEquals(await ended, true);
  here.close();
  there.close();
});

/** Has the next call of a method of all datagram sockets fail. */
function failOnce(method: "bind" | "receive", code: NetErrorCode): void {
  const { [method]: original } = DatagramSocket.prototype;
  Object.defineProperty(DatagramSocket.prototype, method, {
    configurable: true,
    writable: true,
    value(): Promise<never> {
      Object.defineProperty(DatagramSocket.prototype, method, {
        configurable: true,
        writable: true,
        value: original,
      });
      return Promise.reject(new NetError(`Cannot ${method}`, { code }));
    },
  });
}

/** Sends a datagram to the target, and an answer back. */
async function roundTrip(setting: Setting): Promise<string> {
  const { client, target, to } = setting;
  await send(client, setting, encodeSocks5Datagram(to, utf8("ping")));
  const { address, port } = await target.receive({ timeout: 5000 });
  await target.send("pong", { address, port });
  const { data } = await client.receive({ timeout: 5000 });
  return text(decodeSocks5Datagram(data)!.data);
}

Deno.test("SOCKS5 association hears answers although its first socket could not be bound", async () => {
  await using setting = await start();
  const { client, to } = setting;
  failOnce("bind", "EMFILE");
  await send(client, setting, encodeSocks5Datagram(to, utf8("lost")));
  await droppedSoFar(setting, 1);
  assertEquals(await roundTrip(setting), "pong");
});

Deno.test("SOCKS5 association lives on when the system could not receive a datagram", async () => {
  failOnce("receive", "ECONNRESET");
  await using setting = await start();
  assertEquals(await roundTrip(setting), "pong");
});
