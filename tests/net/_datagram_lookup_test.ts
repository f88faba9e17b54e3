import { assertEquals, assertRejects } from "@std/assert";
import { DatagramLookup } from "../../net/_datagram_lookup.ts";
import { NetError } from "../../net/errors.ts";

const WHAT = "Cannot send";

async function refused(promise: Promise<unknown>): Promise<[string, string]> {
  const { code, message } = await assertRejects(() => promise, NetError);
  return [code, message];
}

Deno.test("datagram lookup gives the first address of the socket's family", async () => {
  const asked: unknown[] = [];
  const lookup = (name: string, { family }: { family?: number }): Promise<string[]> => {
    asked.push([name, family]);
    return Promise.resolve(["2001:db8::2", "192.0.2.2", "2001:db8::3", "192.0.2.3"]);
  };
  const four = new DatagramLookup("udp4", { lookup });
  const six = new DatagramLookup("udp6", { lookup });
  assertEquals(await four.find("a.example", 9, {}, WHAT), "192.0.2.2");
  assertEquals(await six.find("a.example", 9, {}, WHAT), "2001:db8::2");
  assertEquals(asked, [["a.example", 4], ["a.example", 6]]);
  assertEquals([four.localhost, six.localhost], ["127.0.0.1", "::1"]);
});

Deno.test("datagram lookup takes addresses as they are, IPv4 over IPv6 in mapped form", async () => {
  const lookup = (): Promise<string[]> => Promise.reject(new Error("asked"));
  const six = new DatagramLookup("udp6", { lookup });
  assertEquals(await six.find("192.0.2.1", 9, {}, WHAT), "::ffff:192.0.2.1");
  assertEquals(await six.find("::1", 9, {}, WHAT), "::1");
  const only = new DatagramLookup("udp6", { lookup, ipv6Only: true });
  assertEquals((await refused(only.find("192.0.2.1", 9, {}, WHAT)))[0], "ENOTFOUND");
  const four = new DatagramLookup("udp4", { lookup });
  assertEquals((await refused(four.find("::1", 9, {}, WHAT)))[0], "ENOTFOUND");
});

Deno.test("datagram lookup has the policy judge all addresses that are sent to", async () => {
  const lookup = (): Promise<string[]> => Promise.resolve(["8.8.8.8", "192.0.2.66"]);
  const it = new DatagramLookup("udp4", { lookup, policy: {} });
  assertEquals((await refused(it.find("a.example", 9, {}, WHAT)))[0], "ERR_DIAL_POLICY");
  assertEquals(await it.find("8.8.8.8", 9, {}, WHAT), "8.8.8.8");
  // It is not sent to: the socket is bound to it.
  assertEquals(await it.find("192.0.2.66", undefined, {}, "Cannot bind"), "192.0.2.66");
  const six = new DatagramLookup("udp6", { policy: {} });
  assertEquals(await six.find("192.0.2.66", undefined, {}, "Cannot bind"), "::ffff:192.0.2.66");
  assertEquals((await refused(six.find("192.0.2.66", 9, {}, WHAT)))[0], "ERR_DIAL_POLICY");
});

Deno.test("datagram lookup ends with its signal, and with its socket", async () => {
  const signals: AbortSignal[] = [];
  const lookup = (_: string, { signal }: { signal?: AbortSignal }): Promise<string[]> => {
    signals.push(signal!);
    return new Promise(() => {});
  };
  const it = new DatagramLookup("udp4", { lookup });
  const controller = new AbortController();
  const given = it.find("a.example", 9, { signal: controller.signal }, WHAT);
  const waiting = it.find("b.example", undefined, {}, "Cannot bind");
  controller.abort();
  assertEquals((await refused(given))[0], "ABORT_ERR");
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
  it.stop();
  it.stop();
  assertEquals(await refused(waiting), ["ERR_SOCKET_CLOSED", "Cannot bind: the socket is closed"]);
  assertEquals(signals[1].aborted, true);
  assertEquals((await refused(it.find("c.example", 9, {}, WHAT)))[0], "ERR_SOCKET_CLOSED");
});

Deno.test("datagram lookup takes a signal of a polyfill, and leaves no listener with it", async () => {
  const heard = new Set<() => void>();
  const signal = {
    aborted: false,
    reason: new Error("enough"),
    addEventListener: (_type: string, listener: () => void) => heard.add(listener),
    removeEventListener: (_type: string, listener: () => void) => heard.delete(listener),
  } as unknown as AbortSignal;
  const asked = Promise.withResolvers<void>();
  const it = new DatagramLookup("udp4", {
    lookup(name) {
      if (name === "a.example") return Promise.resolve(["192.0.2.2"]);
      asked.resolve();
      return new Promise(() => {});
    },
  });
  assertEquals(await it.find("a.example", 9, { signal }, WHAT), "192.0.2.2");
  assertEquals(heard.size, 0);
  const stuck = refused(it.find("b.example", 9, { signal }, WHAT));
  await asked.promise;
  for (const listener of heard) listener();
  assertEquals([(await stuck)[0], heard.size], ["ABORT_ERR", 0]);
});
