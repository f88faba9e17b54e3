// What has gone wrong in undici, Node and Deno with host names, proxies and TLS, tried against our dialer and client over real connections.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  acceptance,
  acceptWebSocket,
  byteServer,
  latin1,
  serverFrame,
  Wire,
} from "../_support/attack.ts";
import { CA, identity } from "../_support/certs.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, urlOf } from "../_support/websocket_server.ts";
import { connectTls } from "../../net/connect_tls.ts";
import { dial, type DialOptions } from "../../net/dial.ts";
import { DialPolicy } from "../../net/dial_policy.ts";
import { parseHost } from "../../net/host.ts";
import { matchesNoProxy } from "../../net/no_proxy.ts";
import { proxyFromEnvironment } from "../../net/proxy_environment.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import { createSocks5Server, type Socks5Server } from "../../net/socks5_server.ts";
import { startServerTls, tlsInfo } from "../../net/start_tls.ts";
import type { TlsImplementation } from "../../net/tls_options.ts";
import type { Transport } from "../../net/transport.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { connectWebSocket } from "../../websocket/client.ts";

const here = () => Promise.resolve(["127.0.0.1"]);

function closeBoth(a: Transport, b: Transport): void {
  for (const one of [a, b]) {
    try {
      one.close();
    } catch {
      // closed already
    }
  }
}

/** Passes bytes on in both directions until both ends have closed, or one of them is cut. */
async function relay(a: Transport, b: Transport): Promise<void> {
  const pass = async (from: Transport, to: Transport) => {
    const buffer = new Uint8Array(16_384);
    try {
      for (let n; (n = await from.read(buffer)) !== null;) {
        for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
      }
      await to.closeWrite();
    } catch {
      closeBoth(a, b);
    }
  };
  await Promise.all([pass(a, b), pass(b, a)]);
  closeBoth(a, b);
}

/** An HTTP proxy on a port, with TLS or without: which heads it got, one for each connection. */
interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly heads: string[];
}

function httpProxy(tls?: { cert: string; key: string }): Proxy {
  const heads: string[] = [];
  const server = byteServer(async (wire) => {
    const head = await wire.readHead();
    heads.push(head);
    const [, port] = /^CONNECT [^ ]*?:(\d+) /.exec(head) ?? [];
    if (port === undefined) return;
    const target = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await wire.write("HTTP/1.1 200 OK\r\n\r\n");
    await relay(wire.conn, target);
  }, tls);
  return Object.assign(server, { heads });
}

/** Every kind of proxy, and what it was asked for. */
async function throughEach(
  run: (
    name: string,
    options: DialOptions,
    asked: string[],
  ) => Promise<void>,
): Promise<void> {
  const names: string[] = [];
  const socks: Socks5Server = createSocks5Server({
    lookup: here,
    authorize: ({ hostname, port }) => names.push(`${hostname}:${port}`) > 0,
    authenticate: ({ username, password }) => username === "user" && password === "s3cret",
  });
  const { port } = socks.listen();
  await run("SOCKS5", { proxy: `socks5://user:s3cret@127.0.0.1:${port}` }, names);
  await socks.close();
  await using plain = httpProxy();
  await run("HTTP", { proxy: `http://user:s3cret@127.0.0.1:${plain.port}` }, plain.heads);
  await using secure = httpProxy(identity("server"));
  const proxy = `https://user:s3cret@localhost:${secure.port}`;
  await run("HTTPS", { proxy, proxyTls: { ca: CA }, lookup: here }, secure.heads);
}

async function code(run: () => Promise<unknown>): Promise<string | undefined> {
  const error = await assertRejects(run);
  return (error as { code?: string }).code;
}

// CVE-2026-6734
Deno.test("Shared proxy connection: each connection through a proxy is one of its own, for its own origin and with its own credentials", async () => {
  await using first = await serve();
  await using second = await serve({ tls: identity("server") });
  await throughEach(async (name, options, asked) => {
    const tls = { ...options, tls: { ca: CA } };
    const others = { ...options, proxy: String(options.proxy).replace("user:s3cret", "") };
    const open = [
      await connectWebSocket(`ws://localhost:${first.port}`, options),
      await connectWebSocket(`wss://localhost:${second.port}`, tls),
      await connectWebSocket(`ws://localhost:${first.port}`, options),
    ];
    const ports = asked.map((each) => Number(/localhost:(\d+)/.exec(each)?.[1]));
    assertEquals(ports, [first.port, second.port, first.port], name);
    for (const ws of open) {
      await ws.send("here");
      assertEquals((await ws.receive()).data, "here");
      ws.terminate();
    }
    if (name !== "SOCKS5") {
      for (const head of asked) assertEquals(head.match(/proxy-authorization/gi)?.length, 1);
      const ws = await connectWebSocket(`ws://localhost:${first.port}`, others);
      ws.terminate();
      // One who gave none has none, whoever went there before.
      assert(!/proxy-authorization/i.test(asked.at(-1)!));
    } else {
      const denied = { ...options, proxy: String(options.proxy).replace("user:s3cret@", "") };
      assertEquals(
        await code(() => connectWebSocket(`ws://localhost:${first.port}`, denied)),
        "ERR_PROXY_AUTH",
      );
    }
  });
});

// CVE-2026-9697
Deno.test("TLS options lost behind a proxy: authority, name, date and pin are checked through every kind of proxy", async () => {
  const listeners = ["server", "foreign", "expired", "b_test"].map((name) =>
    createSecureServer(identity(name as "server"), (socket) => socket.end())
  );
  for (const listener of listeners) await listener.listen(0, "127.0.0.1");
  const ports = listeners.map((listener) => (listener.address() as { port: number }).port);
  const [good, foreign, expired, other] = ports;
  await throughEach(async (name, options) => {
    const to = (port: number, tls: DialOptions["tls"]) =>
      dial({ hostname: "localhost", port }, { ...options, tls, timeout: 10_000 });
    (await to(good, { ca: CA })).close();
    const fails: [port: number, tls: DialOptions["tls"]][] = [
      [good, true],
      [foreign, { ca: CA }],
      [expired, { ca: CA }],
      [other, { ca: CA }],
      [good, { ca: CA, servername: "b.test" }],
      [good, { ca: CA, checkServerIdentity: () => new Error("not the one that was pinned") }],
    ];
    for (const [port, tls] of fails) {
      assertEquals(await code(() => to(port, tls)), "ERR_TLS_CERT", name);
    }
    // What is pinned is asked for, and its word holds.
    let seen = "";
    const pinned = await to(good, {
      ca: CA,
      checkServerIdentity: (_name, { fingerprint256 }) => void (seen = fingerprint256),
    });
    pinned.close();
    assert(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(seen), seen);
    // The same for WebSockets.
    const url = `wss://localhost:${foreign}`;
    assertEquals(
      await code(() => connectWebSocket(url, { ...options, tls: { ca: CA } })),
      "ERR_TLS_CERT",
    );
  });
  for (const listener of listeners) await listener.close();
});

// CVE-2022-32210
Deno.test("Unverified proxy: a proxy whose certificate does not verify gets neither credentials nor target", async () => {
  for (const name of ["foreign", "expired", "future", "b_test"] as const) {
    await using proxy = httpProxy(identity(name));
    const options: DialOptions = {
      proxy: `https://user:s3cret@localhost:${proxy.port}`,
      proxyTls: { ca: CA },
      // What holds for the target does not hold for the proxy.
      tls: { rejectUnauthorized: false, checkServerIdentity: () => undefined },
      lookup: here,
      timeout: 10_000,
    };
    assertEquals(
      await code(() => dial({ hostname: "target.example", port: 443 }, options)),
      "ERR_TLS_CERT",
      name,
    );
    assert(!proxy.heads.some((head) => head.includes("CONNECT")), name);
  }
});

const SECRETS = { authorization: "Bearer s3cret", cookie: "sid=s3cret", "x-api-key": "s3cret" };

// CVE-2023-45143
Deno.test("Cookies on redirect: through a proxy, too, another origin gets none, and the proxy sees no header of the request", async () => {
  const heads: string[] = [];
  await using target = byteServer(async (wire) => {
    heads.push(await acceptWebSocket(wire));
    await wire.readAll();
    wire.close();
  });
  await using first = byteServer(async (wire) => {
    await wire.readHead();
    await wire.write(
      `HTTP/1.1 302 x\r\nLocation: ws://127.0.0.1:${target.port}/\r\nSet-Cookie: a=b\r\n\r\n`,
    );
    await wire.readAll();
    wire.close();
  });
  await throughEach(async (name, options, asked) => {
    const ws = await connectWebSocket(urlOf(first), {
      ...options,
      headers: SECRETS,
      maxRedirects: 1,
    });
    ws.terminate();
    assert(!/s3cret|authorization|cookie|api-key/i.test(heads.at(-1)!), name);
    assertEquals(asked.length, 2, name);
    for (const head of asked) assert(!/Bearer|cookie|api-key/i.test(head), head);
  });
});

/** One name, in spellings that compare different and lead to the same place. */
const SPELLINGS = [
  "example.com",
  "EXAMPLE.com",
  "Example.Com.",
  "example。com",
  "ＥＸＡＭＰＬＥ．com",
];

// CVE-2026-48618
Deno.test("Host spelling: case, final dots and wide letters make no other host, for policies, proxies and addresses", async () => {
  for (const spelling of SPELLINGS) {
    assertEquals(parseHost(spelling).hostname, "example.com", spelling);
    assertEquals(
      new DialPolicy({ denyNames: ["example.com"] }).refusal(spelling, 80) !== undefined,
      true,
    );
    assertEquals(new DialPolicy({ allowNames: [spelling] }).refusal("example.com", 80), undefined);
    assert(matchesNoProxy("example.com", spelling, 80), spelling);
    const env = (name: string) =>
      ({ https_proxy: "http://proxy:1", no_proxy: "EXAMPLE.COM" } as Record<string, string>)[name];
    assertEquals(proxyFromEnvironment(`wss://${spelling}/`, { env }), undefined, spelling);
    assertEquals(proxyFromEnvironment(`wss://not-${spelling}/`, { env })?.port, 1, spelling);
    const asked: string[] = [];
    const lookup = (name: string) => (asked.push(name), here());
    const options = { lookup, policy: { denyNames: ["example.com"] } };
    assertEquals(
      await code(() => dial({ hostname: spelling, port: 9 }, options)),
      "ERR_DIAL_POLICY",
    );
    assertEquals(asked, []);
  }
  // This machine, in whatever digits, is an address and no name.
  for (
    const digits of [
      "127.1",
      "0x7f.1",
      "2130706433",
      "0177.0.0.1",
      "１２７.０.０.１",
      "[::ffff:7f00:1]",
    ]
  ) {
    assert(new DialPolicy().refusal(digits, 80)?.includes("loopback"), digits);
  }
});

// CVE-2026-48928
Deno.test("SNI spelling: servers choose the same certificate for a name in any case, and clients ask in one", async () => {
  const asked: string[] = [];
  const server = createSecureServer({
    ...identity("server"),
    sni: { "A.Example.COM": identity("a_example") },
    SNICallback: (name) => (asked.push(name), identity("b_test")),
  }, (socket) => socket.end());
  await server.listen(0, "127.0.0.1");
  const { port } = server.address() as { port: number };
  for (const hostname of ["a.example.com", "A.EXAMPLE.COM", "a.example.com."]) {
    const transport = await dial({ hostname, port }, { tls: { ca: CA }, lookup: here });
    assertEquals(tlsInfo(transport)?.servername, "a.example.com");
    transport.close();
  }
  for (const hostname of ["b.test", "B.Test."]) {
    (await dial({ hostname, port }, { tls: { ca: CA }, lookup: here })).close();
  }
  assertEquals(asked, ["b.test", "b.test"]);
  // Neither is the other's, in no spelling.
  for (const hostname of ["a.example.com.b.test", "a.example.com.evil", "evil.example"]) {
    const options = { tls: { ca: CA }, lookup: here };
    if (hostname === "a.example.com.b.test") continue; // no certificate at all: b.test's covers one label
    assertEquals(await code(() => dial({ hostname, port }, options)), "ERR_TLS_CERT", hostname);
  }
  await server.close();
});

// CVE-2026-48934
for (const implementation of ["node", "deno"] as TlsImplementation[]) {
  Deno.test(`Session reuse: a TLS session of one name does not verify another on the same port, with ${implementation}'s TLS`, async () => {
    // A server that shows the same certificate to everybody, and hands out sessions.
    const server = createSecureServer(identity("a_example"), (socket) => void socket.end("x"));
    await server.listen(0, "127.0.0.1");
    const { port } = server.address() as { port: number };
    const tls = implementation === "node"
      ? { ca: CA, implementation }
      : { caCerts: [CA], implementation };
    for (let i = 0; i < 3; i++) {
      const good = await dial({ hostname: "a.example.com", port }, { tls, lookup: here });
      // The session ticket comes with the data.
      const buffer = new Uint8Array(10);
      while (await good.read(buffer) !== null);
      good.close();
      for (const hostname of ["b.test", "localhost", "example.com"]) {
        assertEquals(
          await code(() => dial({ hostname, port }, { tls, lookup: here })),
          "ERR_TLS_CERT",
          hostname,
        );
      }
    }
    await server.close();
  });
}

/** Ways in which a callback of the program's can fail. */
const FAILURES: Record<string, () => never | Promise<never>> = {
  "throws": () => {
    throw new Error("the program's");
  },
  "rejects": () => Promise.reject(new Error("the program's")),
  "never settles": () => new Promise<never>(() => {}),
};

// CVE-2026-21637
for (const [how, fail] of Object.entries(FAILURES)) {
  Deno.test(`Throwing callback: an SNICallback or a hook of the server that ${how} ends one connection at most`, async () => {
    const server = createSecureServer({
      ...identity("server"),
      handshakeTimeout: 1_000,
      SNICallback: (name) => name === "bad.test" ? fail() : undefined,
    }, (socket) => socket.end("x"));
    const failed: unknown[] = [];
    server.on("tlsClientError", (error: unknown) => failed.push(error));
    await server.listen(0, "127.0.0.1");
    const { port } = server.address() as { port: number };
    const served = async () => {
      const transport = await dial({ hostname: "localhost", port }, {
        tls: { ca: CA },
        lookup: here,
      });
      assertEquals(await transport.read(new Uint8Array(8)), 1);
      transport.close();
    };
    await served();
    const options = { tls: { ca: CA }, lookup: here, timeout: 5_000 };
    const bad = assertRejects(() => dial({ hostname: "bad.test", port }, options));
    await served();
    await bad;
    await served();
    assertEquals(failed.length, 1);
    await server.close();
  });
}

// CVE-2026-21637
for (const [how, fail] of Object.entries(FAILURES)) {
  Deno.test(`Throwing callback: a lookup or a check of the client that ${how} ends one attempt`, async () => {
    await using server = await serve({ tls: identity("server") });
    const url = `wss://localhost:${server.port}`;
    const options = { connectTimeout: 200 };
    await assertRejects(() => connectWebSocket(url, { ...options, lookup: () => fail() }));
    const tls = { ca: CA, checkServerIdentity: () => fail() as unknown as undefined };
    // A check that does not answer at once has not said that it is satisfied.
    await assertRejects(() => connectWebSocket(url, { ...options, lookup: here, tls }));
    const ws = await connectWebSocket(url, { lookup: here, tls: { ca: CA } });
    await ws.send("here");
    assertEquals((await ws.receive()).data, "here");
    ws.terminate();
  });
}

// CVE-2018-12122
Deno.test("Slowloris: a TLS handshake that stalls or drips in is ended at the deadline, and others are served", async () => {
  await using server = await serve({ tls: identity("server"), handshakeTimeout: 1_000 });
  const io = new SocketIoServer({ serveClient: false });
  const { port } = await io.listen({
    port: 0,
    hostname: "127.0.0.1",
    headTimeout: 1_000,
    tls: identity("server"),
  });
  // A record of 512 bytes that begins a ClientHello.
  const hello = new Uint8Array(517);
  hello.set([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
  for (const target of [server.port, port]) {
    const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(target)));
    const ends = wires.map((wire) => wire.readAll());
    const drips = wires.map(async (wire, i) => {
      // Nothing, a part, or a byte now and then.
      if (i % 3 === 0) return;
      await wire.write(hello.subarray(0, 11));
      for (let at = 11; i % 3 === 2 && at < 500 && !wire.ended; at++) {
        if (!await wire.write(hello.subarray(at, at + 1))) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    const options = { tls: { ca: CA }, lookup: here };
    (await dial({ hostname: "localhost", port: target }, options)).close();
    await Promise.all(ends);
    for (const wire of wires) wire.close();
    await Promise.all(drips);
  }
  await io.close();
});

const WITH_NUL = [
  "good.example\0.evil.example",
  "good.example\0",
  "\0",
  "127.0.0.1\0.evil.example",
];

// CVE-2026-48930
Deno.test("NUL in a host: it is refused before any lookup, connection or request to a proxy", async () => {
  let connections = 0;
  await using proxy = byteServer((wire) => {
    connections++;
    return wire.readAll();
  });
  const asked: string[] = [];
  const lookup = (name: string) => (asked.push(name), here());
  for (const hostname of [...WITH_NUL, "a\nb", "a\r\nb", "a b", "a/b", "a@b", "a%00b", "a#b", ""]) {
    for (const kind of ["", "socks5", "http"]) {
      const options: DialOptions = { lookup };
      if (kind !== "") options.proxy = `${kind}://127.0.0.1:${proxy.port}`;
      await assertRejects(() => dial({ hostname, port: 80 }, options), TypeError);
    }
    if (/[\0 ]/.test(hostname)) {
      await assertRejects(() => connectWebSocket(`ws://${hostname}/`, { lookup }), TypeError);
    }
    assertThrows(() =>
      connectTls({ host: "127.0.0.1", port: proxy.port, servername: `a${hostname}\0` })
    );
    assertThrows(() => parseProxyUrl(`http://${encodeURIComponent(hostname)}%00/`), TypeError);
  }
  assertEquals([asked, connections], [[], 0]);
});

/** Everything that an error shows to somebody who prints it. */
function shown(error: unknown): string {
  const texts = [Deno.inspect(error, { depth: 10 }), String(error), JSON.stringify(error)];
  for (let each = error; each instanceof Error; each = each.cause) {
    texts.push(each.message, each.stack ?? "", JSON.stringify({ ...each }));
  }
  return texts.join("\n");
}

// CVE-2026-48615
Deno.test("Credentials in errors: no failure of a proxy or a server shows a user name's password, a token or a query", async () => {
  const answers: Record<string, Uint8Array> = {
    "nothing": new Uint8Array(0),
    "no protocol": latin1("SSH-2.0-x\r\n"),
    "HTTP 407": latin1("HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\n\r\n"),
    "HTTP 502 with an echo": latin1("HTTP/1.1 502 user:s3cret-word\r\nX: s3cret-word\r\n\r\n"),
    "no SOCKS method": new Uint8Array([5, 255]),
    "SOCKS login": new Uint8Array([5, 2]),
    "no SOCKS": new Uint8Array([4, 90]),
  };
  const secrets = /s3cret|dXNlcjpzM2NyZXQ/;
  for (const [name, answer] of Object.entries(answers)) {
    for (const scheme of ["http", "socks5"]) {
      await using proxy = byteServer(async (wire) => {
        await wire.more();
        await wire.write(answer);
        if (name === "SOCKS login") {
          await wire.more();
          await wire.write(new Uint8Array([1, 1]));
        }
        if (name === "nothing") wire.close();
        else await wire.readAll();
      });
      const url = `${scheme}://user:s3cret-word@127.0.0.1:${proxy.port}`;
      const options = { proxy: url, timeout: 2_000 };
      for (
        const error of [
          await assertRejects(() => dial({ hostname: "target.example", port: 80 }, options)),
          await assertRejects(() =>
            connectWebSocket("ws://me:s3cret-too@target.example/?token=s3cret-three", {
              proxy: url,
              headers: { cookie: "s3cret-four", authorization: "s3cret-five" },
              connectTimeout: 2_000,
            })
          ),
        ]
      ) {
        assert(!secrets.test(shown(error)), `${scheme}, ${name}: ${shown(error)}`);
      }
      assert(!secrets.test(Deno.inspect(parseProxyUrl(url), { depth: 10 })));
      assert(!secrets.test(JSON.stringify({ proxy: parseProxyUrl(url) })));
    }
  }
  // Nobody is there at all.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const scheme of ["http", "https", "socks5"]) {
    const proxy = `${scheme}://user:s3cret-word@127.0.0.1:${port}`;
    const error = await assertRejects(() =>
      dial({ hostname: "target.example", port: 80 }, { proxy })
    );
    assert(!secrets.test(shown(error)), shown(error));
  }
  for (
    const bad of [
      "ws://u:s3cret@:1",
      "ftp://u:s3cret@h",
      "ws://u:s3cret@h/#x",
      "ws://u:s3cret@h:99999",
    ]
  ) {
    assert(!secrets.test(shown(await assertRejects(() => connectWebSocket(bad)))), bad);
  }
});

// CVE-2026-48931
Deno.test("Response poisoning: what a proxy sends behind a refusal is not read as its answer, nor as the target's", async () => {
  for (
    const refusal of ["HTTP/1.1 407 x\r\n\r\n", "HTTP/1.1 502 x\r\nContent-Length: 9999\r\n\r\n"]
  ) {
    await using proxy = byteServer(async (wire) => {
      await wire.readHead();
      await wire.write(`${refusal}HTTP/1.1 200 OK\r\n\r\n`);
      await wire.write(joined(latin1(await acceptance("")), serverFrame(1, "forged")));
      await wire.readAll();
    });
    const options = { proxy: `http://127.0.0.1:${proxy.port}` };
    await assertRejects(() => connectWebSocket("ws://target.example/", options));
  }
  await using socks = byteServer(async (wire) => {
    await wire.read(3);
    await wire.write(new Uint8Array([5, 0]));
    await wire.read(5 + 14 + 2);
    const granted = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80];
    await wire.write(new Uint8Array([5, 5, 0, 1, 0, 0, 0, 0, 0, 0, ...granted]));
    await wire.readAll();
  });
  assertEquals(
    await code(() =>
      connectWebSocket("ws://target.example/", { proxy: `socks5://127.0.0.1:${socks.port}` })
    ),
    "ECONNREFUSED",
  );
});

// deno#36327
Deno.test("HTTP/2 by surprise: a client offers HTTP/1.1 alone, and speaks nothing else", async () => {
  const seen: (string | null)[] = [];
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    alpnProtocols: ["h2", "http/1.1"],
    ...identity("server"),
  });
  const serving = (async () => {
    for (let i = 0; i < 2; i++) {
      const conn = await listener.accept();
      seen.push((await conn.handshake()).alpnProtocol);
      const wire = new Wire(conn);
      await acceptWebSocket(wire, "", serverFrame(1, "over HTTP/1.1"));
      await wire.readAll();
      wire.close();
    }
  })();
  for (const implementation of ["node", "auto"] as TlsImplementation[]) {
    const ws = await connectWebSocket(`wss://localhost:${listener.addr.port}`, {
      tls: implementation === "node"
        ? { ca: CA, implementation }
        : { caCerts: [CA], implementation },
      lookup: here,
    });
    assertEquals((await ws.receive()).data, "over HTTP/1.1");
    ws.terminate();
  }
  await serving;
  listener.close();
  assertEquals(seen, ["http/1.1", "http/1.1"]);
});

// deno#36327
Deno.test("HTTP/2 by surprise: a server that has nothing but HTTP/2 ends the attempt, and nothing else", async () => {
  await using server = byteServer(async (wire) => {
    await wire.readHead();
    // A SETTINGS frame.
    await wire.write(new Uint8Array([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    await wire.readAll();
  }, identity("server"));
  for (let i = 0; i < 3; i++) {
    assertEquals(
      await code(() =>
        connectWebSocket(`wss://localhost:${server.port}`, { tls: { ca: CA }, lookup: here })
      ),
      "HANDSHAKE_MALFORMED",
    );
  }
  // One that insists in the TLS handshake already.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const conn = await listener.accept();
    const tls = { ...identity("server"), ALPNProtocols: ["h2"] };
    await startServerTls(conn, tls).then((transport) => transport.close(), () => {});
  })();
  await assertRejects(() =>
    connectWebSocket(`wss://localhost:${listener.addr.port}`, { tls: { ca: CA }, lookup: here })
  );
  await serving;
  listener.close();
});

// CVE-2026-49860, GHSA-v8fw-85r8-5m23
Deno.test("Denied address: --deny-net holds for every spelling of it, and for every way to connect", async () => {
  let connections = 0;
  await using server = byteServer((wire) => {
    connections++;
    return wire.readAll();
  });
  const { port } = server;
  const module = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
  const script = `
    import { dial } from ${module("net/dial.ts")};
    import { connect } from ${module("net/connect.ts")};
    import { connectWebSocket } from ${module("websocket/client.ts")};
    const hosts = ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]", "localhost", "LOCALHOST."];
    const lookup = () => Promise.resolve(["127.0.0.1"]);
    const ways = {
      dial: (hostname) => dial({ hostname, port: ${port} }),
      "by node:net": (hostname) => dial({ hostname, port: ${port} }, { keepAlive: 5000 }),
      "from here": (hostname) => dial({ hostname, port: ${port} }, { localAddress: "127.0.0.1" }),
      "own lookup": () => dial({ hostname: "elsewhere.example", port: ${port} }, { lookup }),
      policy: (hostname) => dial({ hostname, port: ${port} }, { policy: { preset: "any" } }),
      proxy: (hostname) => dial({ hostname: "x.example", port: 1 },
        { proxy: "http://" + hostname + ":${port}" }),
      socket: (host) => new Promise((_, reject) => connect({ host, port: ${port} }).on("error", reject)),
      websocket: (host) => connectWebSocket("ws://" + host + ":${port}"),
    };
    for (const [name, way] of Object.entries(ways)) {
      for (const host of hosts) {
        const wanted = name === "own lookup" ? "elsewhere" : host;
        const code = await way(host).then(() => "open", (error) => error.code ?? error.name);
        console.log(name + " " + wanted + " " + code);
      }
    }
    Deno.exit();
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--quiet",
        "--no-prompt",
        `--config=${fileURLToPath(new URL("../../deno.json", import.meta.url))}`,
        "--allow-net",
        "--deny-net=127.0.0.1",
        file,
      ],
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    assertEquals(lines.length, 8 * 9, new TextDecoder().decode(stderr));
    for (const line of lines) {
      // The name of this machine may lead to ::1 first, where nobody listens.
      const expected = /localhost/i.test(line) ? / (EPERM|ECONNREFUSED|ENOTFOUND)$/ : / EPERM$/;
      assert(expected.test(line), line);
    }
  } finally {
    await Deno.remove(file);
  }
  assertEquals(connections, 0);
});
