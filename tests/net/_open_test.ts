import { assert, assertEquals, assertRejects } from "@std/assert";
import { lookup as dnsLookup } from "node:dns";
import { type LookupListener, openTransport } from "../../net/_open.ts";
import type { ConnectOptions } from "../../net/connect_options.ts";
import { NetError } from "../../net/errors.ts";
import { NodeTransport } from "../../net/node_transport.ts";
import { tempFolder } from "../_support/peers.ts";

type Lookup = Parameters<LookupListener>;

async function open(
  listener: Deno.Listener,
  options: ConnectOptions,
): Promise<{ kind: string; lookups: Lookup[]; from: Deno.Addr }> {
  const lookups: Lookup[] = [];
  const [transport, conn] = await Promise.all([
    openTransport(options, new AbortController().signal, (...args) => void lookups.push(args)),
    listener.accept(),
  ]);
  const from = conn.remoteAddr;
  transport.close();
  conn.close();
  return { kind: transport instanceof NodeTransport ? "node" : "deno", lookups, from };
}

Deno.test("a socket's transport is opened as its options say", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const plain = await open(listener, { host: "127.0.0.1", port });
  assertEquals([plain.kind, plain.lookups], ["deno", []]);
  const kept = await open(listener, { host: "127.0.0.1", port, keepAlive: true });
  assertEquals(kept.kind, "deno");
  const delayed = await open(listener, {
    host: "127.0.0.1",
    port,
    keepAlive: true,
    keepAliveInitialDelay: 5000,
  });
  assertEquals(delayed.kind, "node");
  const bound = await open(listener, { hostname: "127.0.0.1", port, localAddress: "127.0.0.1" });
  assertEquals([bound.kind, (bound.from as Deno.NetAddr).hostname], ["node", "127.0.0.1"]);
});

Deno.test("a socket's transport goes to this machine when no host is named", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { lookups } = await open(listener, { port: listener.addr.port });
  assertEquals([lookups.length, lookups[0][3]], [1, "localhost"]);
});

Deno.test(
  "a socket's transport leads to a socket file",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/s`;
    using listener = Deno.listen({ transport: "unix", path });
    assertEquals((await open(listener, { path, keepAlive: true })).kind, "deno");
  },
);

Deno.test("a socket is told what its lookup brought", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const lookup = () => Promise.resolve(["127.0.0.1", "::1"]);
  const { lookups } = await open(listener, { host: "a.example", port, lookup });
  assertEquals(lookups, [[null, "127.0.0.1", 4, "a.example"]]);
  const failed: Lookup[] = [];
  const error = await assertRejects(
    () =>
      openTransport(
        { host: "none.example", port, lookup: () => Promise.resolve([]) },
        new AbortController().signal,
        (...args) => void failed.push(args),
      ),
    NetError,
  );
  assertEquals(failed, [[error, null, null, "none.example"]]);
});

const CALLBACKS: Array<[name: string, lookup: ConnectOptions["lookup"]]> = [
  ["one address", (_host, _options, callback) => callback(null, "127.0.0.1", 4)],
  ["a list", (_host, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }])],
  ["later", (_host, _options, callback) => void setTimeout(callback, 1, null, "127.0.0.1", 4)],
  ["in an async function", async (_host, _options, callback) => {
    await undefined;
    callback(null, "127.0.0.1", 4);
    return undefined as never;
  }],
  ["as node:dns does", (_host, options, callback) => dnsLookup("127.0.0.1", options, callback)],
  ["node:dns itself", dnsLookup],
];

for (const [name, lookup] of CALLBACKS) {
  Deno.test(`a socket's lookup may call back as Node's does: ${name}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { lookups } = await open(listener, {
      host: lookup === dnsLookup ? "localhost" : "a.example",
      family: 4,
      port: listener.addr.port,
      lookup,
    });
    assertEquals(lookups[0].slice(0, 3), [null, "127.0.0.1", 4]);
  });
}

const BAD_LOOKUPS: Array<[name: string, lookup: unknown, code: string]> = [
  [
    "calls back with an error",
    (_host: string, _options: unknown, callback: (error: Error) => void) =>
      callback(new Error("x")),
    "ENOTFOUND",
  ],
  [
    "calls back with nothing",
    (_: string, _o: unknown, callback: () => void) => callback(),
    "ENOTFOUND",
  ],
  ...[42, {}, [null]].map((answer): [string, unknown, string] => [
    `calls back with ${JSON.stringify(answer)}`,
    (_: string, _o: unknown, callback: (error: null, answer: unknown) => void) =>
      void setTimeout(callback, 1, null, answer),
    "ENOTFOUND",
  ]),
  ["throws", () => {
    throw Object.assign(new Error("x"), { code: "EPERM" });
  }, "EPERM"],
  ["rejects", () => Promise.reject(new Deno.errors.NotFound("x")), "ENOTFOUND"],
  ["rejects with no error", () => Promise.reject(undefined), "ENOTFOUND"],
  ["is aborted", () => Promise.reject(new DOMException("x", "AbortError")), "ABORT_ERR"],
  ["gives a name", () => Promise.resolve(["localhost"]), "ENOTFOUND"],
  ["gives no list", () => Promise.resolve("127.0.0.1"), "ENOTFOUND"],
  ["gives a list of nothing", () => Promise.resolve([undefined]), "ENOTFOUND"],
];

for (const [name, lookup, code] of BAD_LOOKUPS) {
  Deno.test(`a socket whose lookup ${name} fails with ${code}`, async () => {
    const options = { host: "a.example", port: 9, lookup: lookup as ConnectOptions["lookup"] };
    const told: unknown[] = [];
    const error = await assertRejects(
      () => openTransport(options, new AbortController().signal, (...args) => told.push(args)),
      NetError,
    );
    assertEquals([error.code, error.syscall], [code, "getaddrinfo"]);
    assertEquals(told, [[error, null, null, "a.example"]]);
  });
}

Deno.test("a socket that must not select its address tries the first one only", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const lookup = () => Promise.resolve(["127.0.0.2", "127.0.0.1"]);
  const options = { host: "a.example", port, lookup, autoSelectFamilyAttemptDelay: 1 };
  await open(listener, options);
  const error = await assertRejects(
    () =>
      openTransport({ ...options, autoSelectFamily: false }, AbortSignal.timeout(5000), () => {}),
    NetError,
  );
  assertEquals([error.code, error.address], ["ECONNREFUSED", "127.0.0.2"]);
  const system = { host: "localhost", port, family: 4, autoSelectFamily: false } as const;
  assertEquals((await open(listener, system)).lookups[0][1], "127.0.0.1");
});

Deno.test({
  name: "a socket waits for one address as long as it is told, by either name",
  ignore: Deno.build.os !== "linux",
}, async () => {
  // The first address takes nobody in: the one place of its queue is taken.
  using full = Deno.listen({ hostname: "127.0.0.2", port: 0, tcpBacklog: 0 });
  const { port } = full.addr;
  using listener = Deno.listen({ hostname: "127.0.0.1", port });
  using _waiting = await Deno.connect({ hostname: "127.0.0.2", port });
  const lookup = () => Promise.resolve(["127.0.0.2", "127.0.0.1"]);
  for (const name of ["autoSelectFamilyAttemptDelay", "autoSelectFamilyAttemptTimeout"]) {
    const begin = performance.now();
    await open(listener, { host: "a.example", port, lookup, [name]: 400 });
    const waited = performance.now() - begin;
    assert(waited > 350, `${name}: ${waited} ms`);
  }
});

Deno.test("a socket's transport ends at connectTimeout and when its socket is destroyed", async () => {
  const lookup = () => new Promise<string[]>(() => {});
  const options: ConnectOptions = { host: "slow.example", port: 9, lookup, connectTimeout: 5 };
  const { signal } = new AbortController();
  const late = await assertRejects(() => openTransport(options, signal, () => {}), NetError);
  assertEquals(late.message, 'Cannot connect to "slow.example:9": timed out after 5 ms');
  const gone = await assertRejects(
    () => openTransport({ ...options, connectTimeout: 0 }, AbortSignal.abort(), () => {}),
    NetError,
  );
  assertEquals(gone.code, "ABORT_ERR");
});
