import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { listenArguments, openListener } from "../../net/_listen.ts";
import { NetError } from "../../net/errors.ts";
import type { TransportListener } from "../../net/server_options.ts";

Deno.test("listen arguments come in all of Node's forms", () => {
  const listener = (): void => {};
  const options = (...args: unknown[]): unknown => {
    const { host, port, path, backlog } = listenArguments(args).options;
    return [port, host, path, backlog];
  };
  assertEquals(options(80), [80, undefined, undefined, undefined]);
  assertEquals(options("80", "h", 5, listener), [80, "h", undefined, 5]);
  assertEquals(options(80, 5), [80, undefined, undefined, 5]);
  assertEquals(options("/x.sock", 5), [undefined, undefined, "/x.sock", 5]);
  assertEquals(options({ path: "/x.sock" }), [undefined, undefined, "/x.sock", undefined]);
  assertEquals(listenArguments([listener]).listener, listener);
  for (const wrong of [-1, 65_536, 1.5]) {
    assertThrows(() => listenArguments([wrong]), RangeError);
    assertThrows(() => listenArguments([{ port: wrong }]), RangeError);
  }
  // Where a variable of the environment is blank there must not be a socket file of that name.
  for (const blank of ["", " ", "0x50", "8e1"]) {
    assertThrows(() => listenArguments([blank]), RangeError);
  }
  assertThrows(() => listenArguments([{ path: "" }]), TypeError);
});

Deno.test("a listener that can't be opened says why, with Node's code", async () => {
  const open = async (options: Parameters<typeof openListener>[0]): Promise<void> =>
    (await openListener(options, false)).close();
  const foreign = await assertRejects(() => open({ port: 0, host: "192.0.2.1" }), NetError);
  assertEquals([foreign.code, foreign.syscall], ["EADDRNOTAVAIL", "listen"]);
  await open({ port: 0, host: "127.0.0.1" });
  if (Deno.build.os === "windows") return;
  const nowhere = await assertRejects(() => open({ path: "/no/such/folder/x.sock" }), NetError);
  assertEquals(nowhere.code, "ENOENT");
});

Deno.test("listen options are checked at once, with Node's codes", () => {
  const code = (...args: unknown[]): unknown =>
    (assertThrows(() => listenArguments(args), Error) as { code?: string }).code;
  assertEquals(code({ port: 1, host: 5 }), "ERR_INVALID_ARG_TYPE");
  assertEquals(code({ port: 1, hostname: {} }), "ERR_INVALID_ARG_TYPE");
  assertEquals(code({ path: 7 }), "ERR_INVALID_ARG_TYPE");
  assertEquals(code({ path: "a\0b" }), "ERR_INVALID_ARG_VALUE");
  for (const unsaid of [{}, { prot: 80 }, { host: "h" }, { path: undefined }, { path: null }]) {
    assertEquals(code(unsaid), "ERR_INVALID_ARG_VALUE");
  }
  for (const signal of [{}, "abort", null, new AbortController()]) {
    assertEquals(code({ port: 1, signal }), "ERR_INVALID_ARG_TYPE");
  }
  assertEquals(listenArguments([{ port: undefined }]).options.port, 0);
  const blank = { path: null, host: null, hostname: null, backlog: null };
  const { port, path, host, backlog } = listenArguments([{ ...blank, port: 80 }]).options;
  assertEquals([port, path, host, backlog], [80, undefined, undefined, undefined]);
  assertEquals(listenArguments([{ ...blank, port: null }]).options.port, 0);
  for (const backlog of [-1, 1.5, NaN]) {
    assertEquals(code({ port: 1, backlog }), "ERR_OUT_OF_RANGE");
  }
});

Deno.test("a port is opened at once, and with a keep-alive delay by node:net", async () => {
  const direct = openListener({ port: 0, hostname: "127.0.0.1" });
  assertEquals(direct instanceof Promise, false);
  (await direct).close();
  const viaNode = openListener({ port: 0, hostname: "127.0.0.1" }, true);
  assertEquals(viaNode instanceof Promise, true);
  const listener = await viaNode;
  const { port } = listener.addr as Deno.NetAddr;
  const error = await assertRejects(
    async () => await openListener({ port, host: "127.0.0.1" }, true),
    NetError,
  );
  assertEquals([error.code, error.syscall, error.port], ["EADDRINUSE", "listen", port]);
  listener.close();
});

Deno.test("a port is shared with other processes only where Deno can", async () => {
  for (const viaNode of [false, true]) {
    const error = await assertRejects(
      async () => await openListener({ port: 0, host: "127.0.0.1", reusePort: true }, viaNode),
      NetError,
    );
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
});

Deno.test({
  name: "a file in the way is EADDRINUSE with the reason, and only a stale socket is removed",
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  const open = async (path: string, removeStale = true): Promise<TransportListener> =>
    await openListener({ path, removeStale });
  try {
    const file = `${folder}/file`;
    await Deno.writeTextFile(file, "text");
    const plain = await assertRejects(() => open(file), NetError, "no socket");
    assertEquals(plain.code, "EADDRINUSE");
    const living = await open(`${folder}/living`);
    await assertRejects(() => open(`${folder}/living`), NetError, "another program listens");
    living.close();
    // Closed in order, it leaves no file.
    await assertRejects(() => Deno.lstat(`${folder}/living`), Deno.errors.NotFound);
    await assertRejects(() => open(`${folder}/x`.padEnd(200, "x")), NetError);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("listen options of Node's that nothing honours are refused", () => {
  const names = ["fd", "handle", "ipv6Only", "readableAll", "writableAll", "address", "interface"];
  for (const name of [...names, "unix", "tls", "cert", "key", "secureContext"]) {
    const error = assertThrows(() => listenArguments([{ port: 0, [name]: 1 }]), TypeError);
    assertEquals((error as { code?: unknown }).code, "ERR_INVALID_ARG_VALUE");
  }
  // Who hands on what `address()` tells is told where the address goes.
  const addr = { port: 0, family: "IPv4", address: "127.0.0.1" };
  assertThrows(() => listenArguments([addr]), TypeError, '"address": it is `host` here');
  assertThrows(() => listenArguments([{ port: 0, key: "k" }]), TypeError, "createSecureServer()");
  assertEquals(listenArguments([{ port: 0, ipv6Only: false }]).options.port, 0);
});
