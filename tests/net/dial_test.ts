import { assert, assertEquals, assertRejects } from "@std/assert";
import { dial, type DialOptions, type DialTarget } from "../../net/dial.ts";
import { DialPolicy } from "../../net/dial_policy.ts";
import { NetError } from "../../net/errors.ts";
import { NodeTransport } from "../../net/node_transport.ts";
import { startServerTls, tlsInfo } from "../../net/start_tls.ts";
import type { TlsError } from "../../net/tls_error.ts";
import type { Transport } from "../../net/transport.ts";
import { waitFor } from "../../net/wait.ts";
import { type Blackhole, blackhole } from "../_support/blackhole.ts";
import { CA, identity } from "../_support/certs.ts";
import { consoleErrors } from "../_support/console_errors.ts";
import { earlyLeavers } from "../_support/early_leavers.ts";
import { MISSING_NAME, missingNameCode } from "../_support/missing_name.ts";
import { freePort, tempFolder } from "../_support/peers.ts";

const LINUX = { ignore: Deno.build.os !== "linux" };

function listen(hostname = "127.0.0.1", port = 0): Deno.TcpListener {
  return Deno.listen({ hostname, port });
}

/** A port that lets nobody in at one address, and everybody at another. */
async function makeHalfDeaf(): Promise<{ hole: Blackhole; listener: Deno.TcpListener }> {
  for (;;) {
    const hole = await blackhole("::1");
    try {
      return { hole, listener: listen("127.0.0.1", hole.port) };
    } catch (error) {
      await hole[Symbol.asyncDispose]();
      // Another program has that port there.
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

async function code(target: DialTarget, options: DialOptions = {}): Promise<string> {
  return (await fails(target, options)).code;
}

function fails(target: DialTarget, options: DialOptions = {}): Promise<NetError> {
  return assertRejects(() => dial(target, options), NetError);
}

/** Dials a listener, and gives what it accepted. */
async function meet(
  listener: Deno.Listener,
  target: DialTarget,
  options: DialOptions = {},
): Promise<[Transport, Deno.Conn]> {
  return await Promise.all([dial(target, { timeout: 10_000, ...options }), listener.accept()]);
}

async function closes(a: Transport, b: Transport): Promise<void> {
  a.close();
  assertEquals(await b.read(new Uint8Array(1)).catch(() => null), null);
  b.close();
}

Deno.test("dial connects to a port of an address, in any spelling, and of a name", async () => {
  using listener = listen();
  const { port } = listener.addr;
  for (const hostname of ["127.0.0.1", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "localhost"]) {
    const [a, b] = await meet(listener, { hostname, port });
    assertEquals((a.remoteAddr as Deno.NetAddr).port, port);
    await closes(a, b);
  }
});

Deno.test(
  "dial connects to a Unix socket file",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/s`;
    using listener = Deno.listen({ transport: "unix", path });
    const [a, b] = await meet(listener, { path });
    assertEquals(a.remoteAddr, { transport: "unix", path });
    await closes(a, b);
    const error = await fails({ path: `${folder.path}/none` });
    assertEquals([error.code, error.address], ["ENOENT", `${folder.path}/none`]);
  },
);

Deno.test("dial says why it can't connect, with Node's codes", async () => {
  const port = freePort();
  const error = await fails({ hostname: "127.0.0.1", port });
  assertEquals([error.code, error.syscall, error.address, error.port], [
    "ECONNREFUSED",
    "connect",
    "127.0.0.1",
    port,
  ]);
  assert(error.message.startsWith(`Cannot connect to "127.0.0.1:${port}": ECONNREFUSED`));
  assertEquals(await code({ hostname: MISSING_NAME, port: 80 }), await missingNameCode());
  const lookup = () => Promise.resolve(["127.0.0.1", "::1"]);
  const both = await fails({ hostname: "both.example", port }, { lookup });
  assertEquals(both.code, "ECONNREFUSED");
  assertEquals(
    both.message,
    `Cannot connect to "both.example:${port}": ECONNREFUSED at 127.0.0.1, ECONNREFUSED at ::1`,
  );
  assertEquals((both.cause as AggregateError).errors.length, 2);
  const many = () => Promise.resolve(Array.from({ length: 1000 }, () => "127.0.0.1"));
  const all = await fails({ hostname: "many.example", port }, { lookup: many });
  assert(all.message.endsWith("at 127.0.0.1, 56 more, 936 not tried"), all.message);
  assertEquals((all.cause as AggregateError).errors.length, 64);
});

Deno.test("dial tries no more than 64 addresses of a name, of both families", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const six = Array.from({ length: 1000 }, () => "::1");
  const lookup = () => Promise.resolve([...six, "127.0.0.1"]);
  const [a, b] = await meet(listener, { hostname: "many.example", port }, { lookup });
  await closes(a, b);
  const late = () => Promise.resolve([...six, ...Array(32).fill("127.0.0.2"), "127.0.0.1"]);
  const error = await fails({ hostname: "many.example", port }, { lookup: late });
  const { errors } = error.cause as AggregateError;
  assertEquals(errors.map(({ address }) => address), Array(32).fill(["::1", "127.0.0.2"]).flat());
});

Deno.test("dial refuses malformed arguments", async () => {
  const hosts = ["", "a\0b", "a\r\nb", "a b", "x".repeat(256), "%31.0.0.1", "[::1", "1.2.3.4.5"];
  for (const hostname of hosts) {
    await assertRejects(() => dial({ hostname, port: 80 }), TypeError, "Cannot use host");
  }
  for (const port of [0, -1, 65536, 1.5, NaN]) {
    await assertRejects(() => dial({ hostname: "localhost", port }), RangeError, "port");
  }
  const target = { hostname: "localhost", port: 9 };
  const odd: DialOptions[] = [
    { tls: { ca: "x", ciphers: "y" } as DialOptions["tls"] },
    { proxy: "ftp://x" },
    { policy: { allow: ["x"] } },
    { localAddress: "eth0" },
  ];
  for (const options of odd) await assertRejects(() => dial(target, options), TypeError);
  const outOfRange: DialOptions[] = [
    { timeout: -1 },
    { attemptDelay: 0 },
    { attemptDelay: 3e9 },
    { keepAlive: 0 },
    { localPort: 70_000 },
  ];
  for (const options of outOfRange) await assertRejects(() => dial(target, options), RangeError);
  await assertRejects(() => dial({ path: "" }), TypeError, "path");
  await assertRejects(() => dial({ path: "a\0b" }), TypeError, "path");
  for (
    const options of [
      { proxy: "socks5://localhost" },
      { localAddress: "127.0.0.1" },
      { family: 4 },
      { keepAlive: true },
    ] as DialOptions[]
  ) await assertRejects(() => dial({ path: "/tmp/x" }, options), TypeError, "Unix socket file");
});

Deno.test("dial tries the next address when one refuses", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const lookup = () => Promise.resolve(["::1", "127.0.0.3", "127.0.0.1"]);
  const seen: unknown[] = [];
  const [a, b] = await meet(listener, { hostname: "Several.example", port }, {
    lookup,
    onlookup: (name, addresses) => seen.push(name, addresses),
  });
  assertEquals((a.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
  assertEquals(seen, ["Several.example", ["::1", "127.0.0.3", "127.0.0.1"]]);
  await closes(a, b);
});

Deno.test("dial goes on when a promise of onlookup is rejected, and the console is told", async () => {
  using listener = listen();
  const mine = new Error("mine");
  const target = { hostname: "some.example", port: listener.addr.port };
  const calls = await consoleErrors(async () => {
    const [a, b] = await meet(listener, target, {
      lookup: () => Promise.resolve(["127.0.0.1"]),
      onlookup: () => Promise.reject(mine),
    });
    await closes(a, b);
  });
  assertEquals(calls, [["Uncaught error in a listener of dial:", mine]]);
});

Deno.test("dial tries the next address when one does not answer", LINUX, async () => {
  const halfDeaf = await makeHalfDeaf();
  await using hole = halfDeaf.hole;
  using listener = halfDeaf.listener;
  const lookup = () => Promise.resolve(["::1", "127.0.0.1"]);
  const start = performance.now();
  const [a, b] = await meet(listener, { hostname: "slow.example", port: hole.port }, {
    lookup,
    attemptDelay: 30,
  });
  const took = performance.now() - start;
  assert(took >= 25 && took < 5000, `took ${took} ms`);
  assertEquals((a.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
  await closes(a, b);
});

Deno.test("dial takes only the family that was asked for", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const lookup = () => Promise.resolve(["::1", "127.0.0.1"]);
  const [a, b] = await meet(listener, { hostname: "x.example", port }, { lookup, family: 4 });
  await closes(a, b);
  assertEquals(await code({ hostname: "127.0.0.1", port }, { family: 6 }), "ENOTFOUND");
});

Deno.test("dial ends at its deadline and its signal in every phase", LINUX, async (t) => {
  await using hole = await blackhole();
  using silent = listen();
  const never = () => new Promise<string[]>(() => {});
  const { port } = silent.addr;
  const local = { hostname: "127.0.0.1", port };
  const phases: [string, DialTarget, DialOptions][] = [
    ["lookup", { hostname: "slow.example", port: 80 }, { lookup: never }],
    ["connect", { hostname: "127.0.0.1", port: hole.port }, {}],
    ["connect by node", { hostname: "127.0.0.1", port: hole.port }, { localAddress: "127.0.0.1" }],
    ["socks5", { hostname: "x.example", port: 80 }, { proxy: `socks5://127.0.0.1:${port}` }],
    ["http proxy", { hostname: "x.example", port: 80 }, { proxy: `http://127.0.0.1:${port}` }],
    ["TLS to proxy", { hostname: "x.example", port: 80 }, { proxy: `https://127.0.0.1:${port}` }],
    ["lookup for proxy", { hostname: "x.example", port: 80 }, {
      proxy: `socks5://127.0.0.1:${port}`,
      policy: "public",
      lookup: (name) => name === "127.0.0.1" ? Promise.resolve([name]) : never(),
    }],
    ["TLS", local, { tls: true }],
  ];
  const accepted: Promise<void>[] = [];
  const serve = (async () => {
    for await (const conn of silent) {
      // Ends only when the client has closed.
      accepted.push((async () => {
        const p = new Uint8Array(4096);
        while (await conn.read(p).catch(() => null) !== null);
        conn.close();
      })());
    }
  })();
  for (const [name, target, options] of phases) {
    await t.step(name, async () => {
      const late = await fails(target, { ...options, timeout: 30 });
      assertEquals(late.code, "ETIMEDOUT");
      const endpoint = "path" in target ? target.path : `${target.hostname}:${target.port}`;
      const way = options.proxy === undefined ? "" : " through proxy";
      assertEquals(late.message, `Cannot connect to "${endpoint}"${way}: timed out after 30 ms`);
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(new Error("enough")), 20);
      const aborted = await fails(target, { ...options, signal: controller.signal });
      clearTimeout(timer);
      assertEquals([aborted.code, (aborted.cause as Error).message], ["ABORT_ERR", "enough"]);
      assertEquals(await code(target, { ...options, signal: AbortSignal.abort() }), "ABORT_ERR");
    });
  }
  silent.close();
  await serve;
  await Promise.all(accepted); // every connection was closed
});

Deno.test("dial closes a connection that is there just as its signal fires", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const controller = new AbortController();
  const real = Deno.connect;
  // The end of Deno's own, with the moment made long.
  Deno.connect = (async ({ signal, ...options }: Deno.ConnectOptions) => {
    const conn = await real(options);
    controller.abort();
    signal!.throwIfAborted();
    return conn;
  }) as typeof Deno.connect;
  try {
    const { signal } = controller;
    assertEquals(await code({ hostname: "127.0.0.1", port }, { signal }), "ABORT_ERR");
  } finally {
    Deno.connect = real;
  }
  using accepted = await listener.accept();
  const ended = accepted.read(new Uint8Array(1));
  assertEquals(await waitFor(ended, "read", { timeout: 5000 }), null);
});

Deno.test("dial gives a connection that takes no settings, as its peer has left already, to who reads that", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using _ = await earlyLeavers();
  const transport = await dial(listener.addr, { keepAlive: true });
  (await listener.accept()).close();
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.close();
});

Deno.test("dial has small writes sent at once, unless noDelay is false", async () => {
  using listener = listen();
  const told: boolean[] = [];
  const real = Deno.connect;
  Deno.connect = (async (options: Deno.ConnectOptions) => {
    const conn = await real(options);
    const set = conn.setNoDelay.bind(conn);
    conn.setNoDelay = (on = true) => (told.push(on), set(on));
    return conn;
  }) as typeof Deno.connect;
  const target = { hostname: "127.0.0.1", port: listener.addr.port };
  try {
    for (const options of [{}, { noDelay: true }, { noDelay: false }]) {
      await closes(...await meet(listener, target, options));
    }
  } finally {
    Deno.connect = real;
  }
  assertEquals(told, [true, true, false]);
});

Deno.test("dial does not listen to its signal later", async () => {
  using listener = listen();
  const controller = new AbortController();
  const { port } = listener.addr;
  const [a, b] = await meet(listener, { hostname: "127.0.0.1", port }, {
    signal: controller.signal,
  });
  controller.abort();
  await a.write(Uint8Array.of(1));
  assertEquals(await b.read(new Uint8Array(2)), 1);
  await closes(a, b);
});

Deno.test("dial connects from the local address and port that was asked for", LINUX, async () => {
  using listener = listen();
  const { port } = listener.addr;
  const localPort = freePort("127.0.0.2");
  const [a, b] = await meet(listener, { hostname: "127.0.0.1", port }, {
    localAddress: "127.0.0.2",
    localPort,
  });
  assertEquals(b.remoteAddr, { transport: "tcp", hostname: "127.0.0.2", port: localPort });
  assert(a instanceof NodeTransport);
  await closes(a, b);
});

Deno.test(
  "dial tells of an own address or port that can't be had as bind does",
  LINUX,
  async () => {
    using listener = listen();
    using busy = listen();
    const target = { hostname: "127.0.0.1", port: listener.addr.port };
    const { port } = busy.addr;
    const faults: [DialOptions, unknown[]][] = [
      [{ localAddress: "192.0.2.77" }, ["EADDRNOTAVAIL", "192.0.2.77", undefined]],
      [{ localAddress: "::1" }, ["EINVAL", "::1", undefined]],
      [{ localAddress: "127.0.0.1", localPort: port }, ["EADDRINUSE", "127.0.0.1", port]],
      [{ localPort: port }, ["EADDRINUSE", "0.0.0.0", port]],
    ];
    for (const [options, expected] of faults) {
      const error = await assertRejects(() => dial(target, options), NetError);
      assertEquals([error.code, error.address, error.port], expected);
      assertEquals(error.syscall, "bind");
      assertEquals(error.message.includes("not of one family"), options.localAddress === "::1");
      assert(error.message.startsWith(`Cannot connect to "127.0.0.1:${target.port}" from "`));
    }
    const nobody = { hostname: "127.0.0.1", port: freePort() };
    const refused = await assertRejects(
      () => dial(nobody, { localAddress: "127.0.0.1" }),
      NetError,
    );
    assertEquals([refused.code, refused.syscall], ["ECONNREFUSED", "connect"]);
  },
);

Deno.test("dial says that Deno can't do zones with an own address, an own port or a keep-alive delay", async () => {
  const zoned = { hostname: "fe80::1%eth0", port: 9 };
  const faults: [typeof zoned, DialOptions, string, string][] = [
    [zoned, { localPort: 7 }, "connect", "fe80::1%eth0"],
    [zoned, { localAddress: "::1" }, "connect", "fe80::1%eth0"],
    [zoned, { keepAlive: 1000 }, "connect", "fe80::1%eth0"],
    [zoned, { localAddress: "fe80::2%eth0" }, "bind", "fe80::2%eth0"],
    [{ hostname: "::1", port: 9 }, { localAddress: "fe80::2" }, "bind", "fe80::2"],
    [{ hostname: "127.0.0.1", port: 9 }, { localAddress: "::1%eth0" }, "bind", "::1%eth0"],
  ];
  for (const [target, options, ...expected] of faults) {
    const error = await assertRejects(() => dial(target, options), NetError);
    assertEquals([error.code, error.syscall, error.address], ["ERR_UNSUPPORTED", ...expected]);
    assert(error.message.startsWith("Cannot connect to "));
    assert(error.message.includes("Deno can't"));
  }
});

Deno.test("dial sets keep-alive, with a delay through node:net", LINUX, async () => {
  using listener = listen();
  const { port } = listener.addr;
  // A local address takes it through node:net, too.
  const ways: DialOptions[] = [{}, { localAddress: "127.0.0.1" }];
  for (
    const options of [...ways.map((way) => ({ keepAlive: true, ...way })), { keepAlive: 7000 }]
  ) {
    const { keepAlive } = options;
    const [a, b] = await meet(listener, { hostname: "127.0.0.1", port }, {
      ...options,
      noDelay: false,
    });
    // "timer:(keepalive,6.9sec,0)" in the words of ss; here from the kernel's table: timer 02, and when it is due
    const local = (a.localAddr as Deno.NetAddr).port.toString(16).toUpperCase().padStart(4, "0");
    const pattern = new RegExp(`^\\s*\\d+: \\w+:${local} \\w+:\\w+ 01 `);
    let row = "";
    let timer = "";
    let due = "";
    // The timer of the bytes under way, or none, may stand there for a moment before that of the keep-alive.
    for (let tries = 0; timer !== "02" && tries < 1500; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 10));
      row = Deno.readTextFileSync("/proc/net/tcp").split("\n").find((line) => pattern.test(line))!;
      [timer, due] = row.trim().split(/\s+/)[5].split(":");
    }
    assertEquals(timer, "02", row);
    const seconds = parseInt(due, 16) / 100;
    assert(keepAlive === true ? seconds > 100 : seconds <= 7, `${seconds} s`);
    await closes(a, b);
  }
});

Deno.test("dial with a policy refuses every spelling of this machine, before it connects", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const hosts = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0.0.0.0",
    "0",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "localhost",
    "LOCALHOST.",
    "１２７.0.0.1",
  ];
  for (const hostname of hosts) {
    assertEquals(await code({ hostname, port }, { policy: "public" }), "ERR_DIAL_POLICY", hostname);
  }
  const [a, b] = await meet(listener, { hostname: "127.1", port }, {
    policy: { allow: ["127.0.0.1"] },
  });
  await closes(a, b); // the first connection that came
});

Deno.test("dial with a policy looks the name up once, and dials what was judged", async () => {
  using listener = listen();
  const { port } = listener.addr;
  let asked = 0;
  const lookup = () => Promise.resolve([["127.0.0.1"], ["127.0.0.2"]][asked++]);
  const policy = new DialPolicy({ allow: ["127.0.0.1"] });
  const [a, b] = await meet(listener, { hostname: "rebind.example", port }, { lookup, policy });
  assertEquals(asked, 1);
  await closes(a, b);
  assertEquals(
    await code({ hostname: "rebind.example", port }, { lookup, policy }),
    "ERR_DIAL_POLICY",
  );
  const mixed = () => Promise.resolve(["9.9.9.9", "127.0.0.2"]);
  assertEquals(
    await code({ hostname: "mixed.example", port }, { lookup: mixed, policy: "public" }),
    "ERR_DIAL_POLICY",
  );
});

Deno.test("dial with a policy refuses ports, names and Unix sockets that it does not allow", async () => {
  const never = () => Promise.reject(new Error("looked up"));
  const policy = new DialPolicy({ ports: [443], denyNames: ["*.bad.example"] });
  assertEquals(
    await code({ hostname: "x.example", port: 80 }, { policy, lookup: never }),
    "ERR_DIAL_POLICY",
  );
  assertEquals(
    await code({ hostname: "A.bad.example", port: 443 }, { policy, lookup: never }),
    "ERR_DIAL_POLICY",
  );
  assertEquals(await code({ path: "/run/x" }, { policy: "public" }), "ERR_DIAL_POLICY");
  const none = Deno.build.os === "windows" ? "ERR_UNSUPPORTED" : "ENOENT";
  assertEquals(await code({ path: "/run/none" }, { policy: { unix: true } }), none);
});

/** Serves one SOCKS5 connection without authentication, and tells what was asked for. */
async function socks(listener: Deno.Listener): Promise<{ host: string; conn: Deno.Conn }> {
  const conn = await listener.accept();
  const p = new Uint8Array(600);
  const take = async (size: number): Promise<Uint8Array> => {
    let n = 0;
    while (n < size) n += (await conn.read(p.subarray(n, size)))!;
    return p.slice(0, size);
  };
  const [, methods] = await take(2);
  await take(methods);
  await conn.write(Uint8Array.of(5, 0));
  const [, , , type] = await take(4);
  const length = type === 1 ? 4 : type === 4 ? 16 : (await take(1))[0];
  const address = await take(length);
  await take(2);
  await conn.write(Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 80));
  return { host: type === 3 ? new TextDecoder().decode(address) : address.join("."), conn };
}

Deno.test("dial through a proxy leaves the name to it, but gives the judged address with a policy", async () => {
  using listener = listen();
  const proxy = `socks5://127.0.0.1:${listener.addr.port}`;
  const lookup = (name: string) =>
    Promise.resolve([name === "target.example" ? "198.51.100.7" : name]);
  const rows: [DialOptions, string][] = [
    [{}, "target.example"],
    [{ policy: { allow: ["documentation"] }, lookup }, "198.51.100.7"],
  ];
  for (const [options, expected] of rows) {
    const [transport, { host, conn }] = await Promise.all([
      dial({ hostname: "target.example", port: 80 }, { proxy, timeout: 5000, ...options }),
      socks(listener),
    ]);
    assertEquals(host, expected);
    await closes(transport, conn);
  }
});

Deno.test(
  "dial goes through a proxy on a Unix socket",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/socks`;
    using listener = Deno.listen({ transport: "unix", path });
    const [transport, { host, conn }] = await Promise.all([
      dial({ hostname: "target.example", port: 80 }, { proxy: `socks5://localhost${path}` }),
      socks(listener),
    ]);
    assertEquals(host, "target.example");
    await closes(transport, conn);
  },
);

Deno.test("dial goes through an https proxy, whose certificate it checks", async () => {
  using listener = listen();
  const proxy = `https://user:secret@localhost:${listener.addr.port}`;
  const serve = async (): Promise<string> => {
    const conn = await startServerTls(await listener.accept(), identity("server"));
    const p = new Uint8Array(1000);
    const head = new TextDecoder().decode(p.subarray(0, (await conn.read(p))!));
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\nfrom the target"));
    await conn.closeWrite();
    await conn.read(p).catch(() => {});
    conn.close();
    return head;
  };
  const target = { hostname: "target.example", port: 80 };
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  const [transport, head] = await Promise.all([
    dial(target, { proxy, proxyTls: { ca: CA }, lookup, timeout: 5000 }).then(async (transport) => {
      const p = new Uint8Array(100);
      assertEquals(
        new TextDecoder().decode(p.subarray(0, (await transport.read(p))!)),
        "from the target",
      );
      await transport.closeWrite();
      return transport;
    }),
    serve(),
  ]);
  transport.close();
  assert(head.startsWith("CONNECT target.example:80 HTTP/1.1\r\n"), head);
  for (const proxyTls of [{}, { ca: CA, servername: "other.example" }]) {
    const [error] = await Promise.all([
      fails(target, { proxy, proxyTls, lookup, timeout: 5000 }),
      listener.accept().then((conn) => startServerTls(conn, identity("server"))).catch(() => {}),
    ]);
    assertEquals(error.code, "ERR_TLS_CERT");
    assert(!`${Deno.inspect(error)}`.includes("secret"));
  }
  await assertRejects(
    () => dial(target, { proxy, proxyTls: { ca: "x", pfx: "y" } as object }),
    TypeError,
  );
});

Deno.test("dial says that it is the proxy which can't be reached", async () => {
  const listener = listen();
  const { port } = listener.addr;
  listener.close();
  const target = { hostname: "target.example", port: 80 };
  const what = 'Cannot connect to "target.example:80" through proxy: ';
  const error = await fails(target, { proxy: `socks5://127.0.0.1:${port}` });
  assertEquals([error.name, error.code], ["ProxyError", "ECONNREFUSED"]);
  assertEquals([error.syscall, error.address, error.port], ["connect", "127.0.0.1", port]);
  assert(error.message.startsWith(`${what}Cannot connect to "127.0.0.1:${port}"`), error.message);
  const lookup = () => Promise.resolve([]);
  const unknown = await fails(target, { proxy: "http://proxy.example:1", lookup });
  assert(unknown.message.startsWith(`${what}Cannot look up "proxy.example"`), unknown.message);
  const aborted = await fails(target, {
    proxy: `socks5://127.0.0.1:${port}`,
    signal: AbortSignal.abort(),
  });
  assertEquals(aborted.message, `${what}aborted`);
});

Deno.test("dial through a proxy does not bypass the policy", async () => {
  using listener = listen();
  const proxy = `socks5://127.0.0.1:${listener.addr.port}`;
  const lookup = () => Promise.resolve(["10.0.0.1"]);
  for (const hostname of ["0x7f.1", "[::1]", "inner.example"]) {
    const [error, conn] = await Promise.all([
      fails({ hostname, port: 80 }, { proxy, policy: "public", lookup }),
      listener.accept(),
    ]);
    assertEquals(error.code, "ERR_DIAL_POLICY");
    assertEquals(await conn.read(new Uint8Array(9)), null); // nothing was said to the proxy
    conn.close();
  }
});

Deno.test("dial with TLS checks the target's name, directly and through a proxy", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const tls = { ca: CA };
  const secure = (conn: Transport) =>
    startServerTls(conn, identity("a_example")).catch((error) => error as NetError);
  const proxy = `socks5://127.0.0.1:${port}`;
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  for (const options of [{ tls, lookup }, { tls, proxy }]) {
    const accept = async () =>
      secure(options.proxy ? (await socks(listener)).conn : await listener.accept());
    const [transport, server] = await Promise.all([
      dial({ hostname: "a.example.com", port }, { ...options, timeout: 5000 }),
      accept(),
    ]);
    assertEquals(tlsInfo(transport)?.servername, "a.example.com");
    transport.close();
    (server as Transport).close();
    const [error] = await Promise.all([
      fails({ hostname: "other.example", port }, options),
      accept(),
    ]);
    assertEquals([error.code, (error as TlsError).reason], [
      "ERR_TLS_CERT",
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ]);
  }
});

Deno.test("dial with TLS keeps the name for SNI when the policy pins the address", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const [transport, server] = await Promise.all([
    dial({ hostname: "x.b.test", port }, {
      tls: { ca: CA },
      policy: { allow: ["loopback"] },
      lookup: () => Promise.resolve(["127.0.0.1"]),
    }),
    listener.accept().then((conn) => startServerTls(conn, identity("b_test"))),
  ]);
  assertEquals(tlsInfo(server)?.servername, "x.b.test");
  await Promise.all([transport.closeWrite(), server.read(new Uint8Array(1))]);
  transport.close();
  server.close();
});

Deno.test(
  "dial with TLS works over a Unix socket",
  { ignore: Deno.build.os === "windows" },
  async () => {
    await using folder = await tempFolder();
    const path = `${folder.path}/s`;
    using listener = Deno.listen({ transport: "unix", path });
    const [transport, server] = await Promise.all([
      dial({ path }, { tls: { ca: CA, servername: "localhost" } }),
      listener.accept().then((conn) => startServerTls(conn, identity("server"))),
    ]);
    assertEquals(tlsInfo(transport)?.authorized, true);
    transport.close();
    server.close();
  },
);

Deno.test("dial needs no permission but that for the name", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const module = new URL("../../net/dial.ts", import.meta.url).href;
  const run = async (permission: string, options: string): Promise<string> => {
    const script = `import { dial } from ${JSON.stringify(module)};
      await dial({ hostname: "localhost", port: ${port} }, ${options})
        .then((transport) => { transport.close(); console.log("open"); }, (error) => console.log(error.code));`;
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, script);
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--quiet", "--no-prompt", permission, file],
        stderr: "inherit",
      }).output();
      return new TextDecoder().decode(stdout).trim();
    } finally {
      await Deno.remove(file);
    }
  };
  const accepting = listener.accept().then((conn) => conn.close());
  assertEquals(await run(`--allow-net=localhost:${port}`, "{}"), "open");
  await accepting;
  assertEquals(await run("--allow-net=example.org", "{}"), "EPERM");
  assertEquals(await run("--allow-env", "{}"), "EPERM");
  // to judge an address, it must be dialled as such
  assertEquals(await run(`--allow-net=localhost`, '{ policy: { allow: ["loopback"] } }'), "EPERM");
});

Deno.test("dial without the permission for its own end says so, and ends no program", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const module = new URL("../../net/dial.ts", import.meta.url).href;
  const script = `import { dial } from ${JSON.stringify(module)};
    for (const options of [{ localAddress: "127.0.0.2" }, { localPort: 0 }]) {
      await dial({ hostname: "127.0.0.1", port: ${port} }, options)
        .then(() => console.log("open"), (error) => console.log(error.code));
    }`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const { stdout, code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--quiet", "--no-prompt", `--allow-net=127.0.0.1:${port}`, file],
    }).output();
    assertEquals([code, new TextDecoder().decode(stdout).trim()], [0, "EPERM\nEPERM"]);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("dial obeys --deny-net for the address behind a name", async () => {
  using listener = listen();
  const { port } = listener.addr;
  const module = new URL("../../net/dial.ts", import.meta.url).href;
  const script = `import { dial } from ${JSON.stringify(module)};
    for (const hostname of ["localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"]) {
      await dial({ hostname, port: ${port} }).then(() => console.log("open"), (error) => console.log(error.code));
    }`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--quiet",
        "--no-prompt",
        "--allow-net",
        "--deny-net=127.0.0.1",
        file,
      ],
      stderr: "inherit",
    }).output();
    const codes = new TextDecoder().decode(stdout).trim().split("\n");
    assertEquals(codes.length, 5);
    assert(codes.every((each) => each === "EPERM" || each === "ECONNREFUSED"), String(codes));
    assert(codes.slice(1, 4).every((each) => each === "EPERM"), String(codes));
  } finally {
    await Deno.remove(file);
  }
});

Deno.test(
  "dial works in a page that is imitated, whose AbortController is none of the runtime's",
  LINUX,
  async () => {
    await using hole = await blackhole();
    const own = globalThis.AbortController;
    globalThis.AbortController = class {
      readonly signal = Object.assign(new EventTarget(), { aborted: false, reason: undefined });
      abort(reason: undefined): void {
        if (this.signal.aborted) return;
        Object.assign(this.signal, { aborted: true, reason });
        this.signal.dispatchEvent(new Event("abort"));
      }
    } as unknown as typeof AbortController;
    try {
      using listener = listen();
      const { port } = listener.addr as Deno.NetAddr;
      (await dial({ hostname: "127.0.0.1", port }, { timeout: 10_000 })).close();
      const stuck = dial({ hostname: "127.0.0.1", port: hole.port }, { timeout: 50 });
      assertEquals((await assertRejects(() => stuck, NetError)).code, "ETIMEDOUT");
    } finally {
      globalThis.AbortController = own;
    }
  },
);

Deno.test("dial says which option is no good, and takes no path that is undefined for one", async () => {
  const listener = listen();
  const { port } = listener.addr;
  const target = { hostname: "127.0.0.1", port };
  for (
    const [options, text] of [
      [{ family: 5 }, "family 5"],
      [{ family: "IPv4" }, "family IPv4"],
      [{ lookup: 5 }, "lookup"],
      [{ signal: null }, '"signal"'],
      [{ localAddress: 5 }, "local address 5"],
    ] as const
  ) {
    await assertRejects(() => dial(target, options as unknown as DialOptions), TypeError, text);
  }
  await assertRejects(() => dial({ port } as DialTarget), TypeError, "Cannot use host undefined");
  await assertRejects(() => dial({ path: 5 } as unknown as DialTarget), TypeError, '"path"');
  (await dial({ ...target, path: undefined } as DialTarget)).close();
  (await listener.accept()).close();
  listener.close();
});
