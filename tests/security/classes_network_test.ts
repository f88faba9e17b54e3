// Known classes of attacks on where connections go and whom they trust: SSRF, TLS that is switched off, proxies, streams that are cut.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { byteServer, latin1, openWebSocket, Wire } from "../_support/attack.ts";
import { CA, type CertName, identity } from "../_support/certs.ts";
import { hex } from "../_support/hex.ts";
import { drip, readToEnd, socks5Port, textOf, within } from "../_support/ports.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, until } from "../_support/websocket_server.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { dial, type DialOptions } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { delimiterFramer } from "../../net/delimiter_framer.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { socks5Connect } from "../../net/socks5.ts";
import { TlsError } from "../../net/tls_error.ts";
import type { TlsClientOptions } from "../../net/tls_options.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";

// SSRF. CVE-2024-29415, CVE-2023-42282 (npm's ip).

/** Spellings of addresses that are not of the public internet. */
const INNER = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "2130706433",
  "0x7f000001",
  "0x7f.1",
  "0X7F.0.0.1",
  "0177.0.0.1",
  "0177.1",
  "017700000001",
  "127.0.0.1.",
  "127.255.255.254",
  "localhost",
  "LOCALHOST.",
  "0.0.0.0",
  "0",
  "0x0",
  "[::]",
  "[::1]",
  "[0:0:0:0:0:0:0:1]",
  "[0000:0000::0001]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::fFFf:127.0.0.1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[64:ff9b:1::7f00:1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
  "169.254.169.254",
  "0xa9fea9fe",
  "[::ffff:a9fe:a9fe]",
  "[fd00:ec2::254]",
  "[fe80::1]",
  "[fc00::1]",
  "10.0.0.1",
  "012.1.2.3",
  "01200000001",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "192.0.2.1",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
] as const;

for (const host of INNER) {
  Deno.test(`SSRF: ${host} is refused by the policy "public", directly and through a proxy`, async () => {
    let reached = 0;
    await using proxy = byteServer(async (wire) => {
      reached += (await wire.readAll()).length;
    });
    const bare = host.replace(/^\[|\]$/g, "");
    for (
      const options of [
        {},
        { proxy: `socks5://127.0.0.1:${proxy.port}` },
        { proxy: `http://127.0.0.1:${proxy.port}` },
      ]
    ) {
      for (const hostname of new Set([host, bare])) {
        const error = await assertRejects(
          () =>
            dial({ hostname, port: 80 }, {
              policy: "public",
              timeout: 10_000,
              // Whatever a resolver makes of such a spelling, it is not asked.
              lookup: (name) => Promise.resolve(name.startsWith("localhost") ? ["127.0.0.1"] : []),
              ...options,
            }),
        );
        assert(error instanceof NetError || error instanceof TypeError, String(error));
        if (error instanceof NetError) assertEquals(error.code, "ERR_DIAL_POLICY");
      }
    }
    const error = await assertRejects(() =>
      connectWebSocket(`ws://${host}:9/`, { policy: "public" })
    );
    assertEquals((error as NetError).code, "ERR_DIAL_POLICY");
    assertEquals(reached, 0);
  });
}

Deno.test("SSRF: a SOCKS5 server with a policy connects and sends to none of the spellings", async () => {
  let reached = 0;
  using target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const conn of target) {
      reached++;
      conn.close();
    }
  })();
  const { port } = target.addr;
  await using server = createSocks5Server({ policy: "public" });
  const addr = server.listen();
  for (const host of INNER) {
    // As a name, whatever it is: it is the server that must see through it.
    const name = latin1(host.replace(/^\[|\]$/g, ""));
    using wire = await Wire.connect(addr.port);
    await wire.write(
      joined(hex("05 01 00 05 01 00 03"), new Uint8Array([name.length]), name, portBytes(port)),
    );
    const answer = await within(`the answer for ${host}`, wire.readAll());
    assert(answer.length >= 4 && answer[3] !== 0, `${host}: ${answer.toHex()}`);
  }
  for (
    const address of ["01 7f 00 00 01", "04 00000000000000000000ffff7f000001", "01 00 00 00 00"]
  ) {
    using wire = await Wire.connect(addr.port);
    await wire.write(joined(hex(`05 01 00 05 01 00 ${address}`), portBytes(port)));
    const answer = await wire.readAll();
    assertEquals(answer.subarray(0, 4), hex("05 00 05 02"), address);
  }
  assertEquals(reached, 0);
  target.close();
  await accepting;
});

function portBytes(port: number): Uint8Array {
  return new Uint8Array([port >> 8, port & 255]);
}

Deno.test("SSRF: a redirect leads no client past its policy", async () => {
  let reached = 0;
  await using inner = byteServer(async (wire) => {
    reached++;
    await wire.readAll();
  });
  await using outer = byteServer(async (wire) => {
    await wire.readHead();
    await wire.write(
      `HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.2:${inner.port}/\r\nContent-Length: 0\r\n\r\n`,
    );
  });
  const error = await assertRejects(() =>
    connectWebSocket(`ws://127.0.0.1:${outer.port}/`, {
      maxRedirects: 3,
      policy: { allow: ["127.0.0.1"] },
    })
  );
  assertEquals([(error as NetError).code, reached], ["ERR_DIAL_POLICY", 0]);
});

Deno.test("SSRF: datagrams go to none of the spellings", async () => {
  await using socket = createDatagramSocket({ policy: "public" });
  for (const host of INNER.filter((host) => !host.includes(":"))) {
    await assertRejects(() => socket.send(new Uint8Array(1), { address: host, port: 9 }), Error);
  }
  assertEquals(socket.metrics().sent, 0);
});

Deno.test("DNS rebinding: a client looks a name up once, and dials what was judged", async () => {
  await using server = byteServer((wire) => wire.readAll());
  for (const proxied of [false, true]) {
    await using proxy = createSocks5Server();
    let lookups = 0;
    const transport = await dial({ hostname: "rebind.example", port: server.port }, {
      policy: { allow: ["127.0.0.1"] },
      proxy: proxied ? `socks5://127.0.0.1:${proxy.listen().port}` : undefined,
      lookup: () => Promise.resolve(lookups++ === 0 ? ["127.0.0.1"] : ["127.0.0.2"]),
    });
    transport.close();
    assertEquals(lookups, 1);
    // A name with one address that may be dialled and one that may not is refused altogether.
    const error = await assertRejects(() =>
      dial({ hostname: "rebind.example", port: server.port }, {
        policy: { allow: ["127.0.0.1"] },
        lookup: () => Promise.resolve(["127.0.0.1", "127.0.0.2"]),
      })
    );
    assertEquals((error as NetError).code, "ERR_DIAL_POLICY");
  }
});

// TLS that is switched off. CVE-2020-11050 (Java-WebSocket), CVE-2020-15133, -15134 (faye), CVE-2016-10536 (engine.io-client).

/** A TLS server that counts the bytes that it gets inside TLS. */
async function withTlsServer(
  cert: CertName,
  run: (port: number, received: () => number) => Promise<void>,
): Promise<void> {
  let received = 0;
  await using server = byteServer(async (wire) => {
    received += (await wire.readAll()).length;
  }, identity(cert));
  await run(server.port, () => received);
}

/** Options of a client that trusts the tests' authority, as each implementation takes it. */
function trusting(implementation: "node" | "deno" | "auto"): TlsClientOptions {
  return implementation === "node" ? { ca: CA, implementation } : { caCerts: [CA], implementation };
}

/** A proxy by HTTP CONNECT that connects to anywhere. */
function connectProxy() {
  return byteServer(async (wire) => {
    const port = Number(/^CONNECT [^ ]*:(\d+) /.exec(await wire.readHead())?.[1]);
    const target = await Deno.connect({ hostname: "127.0.0.1", port });
    await wire.write("HTTP/1.1 200 OK\r\n\r\n");
    const forth = target.readable.pipeTo(wire.conn.writable).catch(() => {});
    await wire.conn.readable.pipeTo(target.writable).catch(() => {});
    await forth;
  });
}

const UNTRUSTED: readonly (readonly [name: string, cert: CertName])[] = [
  ["an unknown authority", "foreign"],
  ["another host's name", "a_example"],
  ["a time that is over", "expired"],
  ["a time that is to come", "future"],
];

for (const [name, cert] of UNTRUSTED) {
  Deno.test(`TLS bypass: a certificate of ${name} is refused by every client on every way, and gets not a byte`, async () => {
    await withTlsServer(cert, async (port, received) => {
      await using socks = createSocks5Server();
      await using http = connectProxy();
      const ways: Pick<DialOptions, "proxy">[] = [
        {},
        { proxy: `socks5://127.0.0.1:${socks.listen().port}` },
        { proxy: `http://127.0.0.1:${http.port}` },
      ];
      for (const way of ways) {
        for (const implementation of ["node", "deno", "auto"] as const) {
          const tls = trusting(implementation);
          await assertRejects(
            () => dial({ hostname: "localhost", port }, { ...way, tls, timeout: 10_000 }),
            TlsError,
          );
          await assertRejects(
            () => connectWebSocket(`wss://localhost:${port}/`, { ...way, tls }),
            TlsError,
          );
        }
      }
      for (const transport of ["polling", "websocket"] as const) {
        const socket = connectSocketIo(`https://localhost:${port}`, {
          transports: [transport],
          reconnection: false,
          WebSocket: StandardWebSocket as unknown as typeof WebSocket,
        });
        await within(
          "the end of the attempt",
          new Promise((resolve) => socket.on("connect_error", resolve)),
        );
        socket.disconnect();
      }
      assertEquals(received(), 0);
    });
  });
}

Deno.test("TLS bypass: no variable of the environment switches the checks off", async () => {
  const names = ["NODE_TLS_REJECT_UNAUTHORIZED", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];
  const before = names.map((name) => Deno.env.get(name));
  try {
    Deno.env.set("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    for (const name of names.slice(1)) Deno.env.set(name, "/nonexistent");
    await withTlsServer("foreign", async (port, received) => {
      for (const implementation of ["node", "deno", "auto"] as const) {
        for (const tls of [trusting(implementation), { implementation }]) {
          await assertRejects(
            () => dial({ hostname: "localhost", port }, { tls, timeout: 10_000 }),
            TlsError,
          );
          await assertRejects(
            () => connectWebSocket(`wss://localhost:${port}/`, { tls }),
            TlsError,
          );
        }
      }
      assertEquals(received(), 0);
    });
  } finally {
    for (const [i, name] of names.entries()) {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

// SOCKS5, the client's side.

/** Bytes that a proxy must not answer with, and what the client says to them. */
const BAD_PROXIES: readonly (readonly [name: string, answers: string[], code: string])[] = [
  ["another version", ["04 00"], "ERR_PROXY_PROTOCOL"],
  ["an HTTP answer", ["48545450 2f312e31"], "ERR_PROXY_PROTOCOL"],
  ["no method that it takes", ["05 ff"], "ERR_PROXY_AUTH"],
  ["a method that was not offered", ["05 01"], "ERR_PROXY_PROTOCOL"],
  ["a refused login", ["05 02", "01 01"], "ERR_PROXY_AUTH"],
  ["a login of another version", ["05 02", "05 00"], "ERR_PROXY_PROTOCOL"],
  ["a reply of another version", ["05 00", "04 00 00 01 00000000 0000"], "ERR_PROXY_PROTOCOL"],
  [
    "a reply with an unknown address type",
    ["05 00", "05 00 00 02 00000000 0000"],
    "ERR_PROXY_PROTOCOL",
  ],
  ["an unknown reply", ["05 00", "05 63 00 01 00000000 0000"], ""],
  ["not allowed", ["05 00", "05 02 00 01 00000000 0000"], ""],
];

for (const [name, answers, code] of BAD_PROXIES) {
  Deno.test(`SOCKS5: a proxy that answers with ${name} gets nothing of the target's bytes`, async () => {
    const received: Uint8Array[] = [];
    await using proxy = byteServer(async (wire) => {
      for (const answer of answers) {
        await wire.more();
        await wire.write(hex(answer));
      }
      received.push(await wire.readAll());
    });
    const error = await assertRejects(
      () =>
        dial({ hostname: "target.example", port: 80 }, {
          proxy: `socks5://user:s3cret@127.0.0.1:${proxy.port}`,
          timeout: 10_000,
        }),
      NetError,
    );
    if (code !== "") assertEquals(error.code, code);
    assert(!`${error.message}${Deno.inspect(error)}`.includes("s3cret"));
    await until(() => received.length === 1);
  });
}

Deno.test("SOCKS5: a reply is read to its last byte and no further, with names of 0 to 255 bytes, cut anywhere", async () => {
  for (const length of [0, 1, 100, 255]) {
    for (const pause of [undefined, 0]) {
      await using proxy = byteServer(async (wire) => {
        await wire.read(3);
        await wire.write(hex("05 00"));
        await wire.read(4);
        const reply = joined(
          hex("05 00 00 03"),
          new Uint8Array([length]),
          new Uint8Array(length).fill(0x61),
          hex("00 50"),
          latin1("first bytes of the target\n"),
        );
        if (pause === undefined) await wire.write(reply);
        else await drip(wire, reply, pause);
        await wire.readAll();
      });
      const dialled = dial({ hostname: "target.example", port: 80 }, {
        proxy: `socks5://127.0.0.1:${proxy.port}`,
        timeout: 10_000,
      });
      // An empty name is no host: refused or ignored, but what follows is never mixed up.
      const transport = length === 0 ? await dialled.catch(() => undefined) : await dialled;
      if (transport === undefined) continue;
      await using socket = new MessageSocket(transport, lineFramer());
      assertEquals(await socket.read({ timeout: 10_000 }), "first bytes of the target");
    }
  }
});

// CVE-2023-38545 (curl): names that are too long.
Deno.test("SOCKS5: names of more than 255 bytes are an error, and are never looked up here", async () => {
  let reached = 0;
  await using proxy = byteServer(async (wire) => {
    reached += (await wire.readAll()).length;
  });
  for (const length of [256, 257, 65_535, 65_536, 1_000_000]) {
    let lookups = 0;
    const name = "a".repeat(63) + ".".concat("a".repeat(length - 64));
    await assertRejects(
      () =>
        dial({ hostname: name, port: 80 }, {
          proxy: `socks5://127.0.0.1:${proxy.port}`,
          timeout: 10_000,
          lookup: () => {
            lookups++;
            return Promise.resolve(["127.0.0.1"]);
          },
        }),
      TypeError,
    );
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
    await assertRejects(() => socks5Connect(conn, { hostname: name, port: 80 }), TypeError);
    assertEquals(lookups, 0);
  }
  for (const [username, password] of [["u".repeat(256), "p"], ["u", "p".repeat(256)], ["", "p"]]) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
    await assertRejects(
      () => socks5Connect(conn, { hostname: "a.example", port: 80 }, { username, password }),
      TypeError,
    );
  }
  assertEquals(reached, 0);
});

// CVE-2026-48930 (Node): a NUL in a name.
Deno.test("SOCKS5: a name with a NUL or a line break goes to no proxy and to no resolver", async () => {
  let reached = 0;
  await using proxy = byteServer(async (wire) => {
    reached += (await wire.readAll()).length;
  });
  let lookups = 0;
  const lookup = () => {
    lookups++;
    return Promise.resolve(["127.0.0.1"]);
  };
  for (
    const hostname of ["good.example\0.evil.example", "a\r\nb", "a b", "a/b", "a@b", "", "%00"]
  ) {
    for (
      const proxyUrl of [
        `socks5://127.0.0.1:${proxy.port}`,
        `http://127.0.0.1:${proxy.port}`,
        undefined,
      ]
    ) {
      await assertRejects(
        () => dial({ hostname, port: 80 }, { proxy: proxyUrl, lookup, timeout: 10_000 }),
        TypeError,
      );
    }
  }
  assertEquals([reached, lookups], [0, 0]);
});

// SOCKS5, the server's side.

Deno.test("SOCKS5: a server tells bad clients so and no more, and serves the next", async () => {
  await using port = await socks5Port({
    handshakeTimeout: 1000,
    authenticate: ({ username, password }) => username === "u" && password === "p",
  });
  await using open = await socks5Port({ handshakeTimeout: 1000 });
  for (
    const [at, bytes, expected] of [
      [open.port, "04 01 0050 7f000001 00", ""],
      [open.port, "05 00", "05ff"],
      [open.port, "05 01 02", "05ff"],
      [open.port, "05 01 ff", "05ff"],
      [open.port, "05 01 00 05 01 00 05 00", "0500" + "05080001000000000000"],
      [open.port, "05 01 00 05 09 00 01 7f000001 0050", "0500" + "05070001000000000000"],
      [open.port, "05 01 00 05 02 00 01 7f000001 0050", "0500" + "05070001000000000000"],
      [open.port, "05 01 00 05 03 00 01 7f000001 0050", "0500" + "05070001000000000000"],
      [open.port, "05 01 00 04 01 00 01 7f000001 0050", "0500"],
      // Without a login where one is asked for.
      [port.port, "05 01 00 05 01 00 01 7f000001 0050", "05ff"],
      [port.port, "05 02 00 01", "05ff"],
      [port.port, "05 02 00 02 01 01 75 01 78 05 01 00 01 7f000001 0050", "0502" + "0101"],
      [port.port, "05 01 02 01 00 00", "0502"],
      [port.port, "05 01 02 05 01 75 01 70", "0502"],
    ] as const
  ) {
    using wire = await Wire.connect(at);
    await wire.write(hex(bytes));
    const answer = (await within("the end", wire.readAll())).toHex();
    assert(answer.startsWith(expected), `${bytes}: ${answer}`);
    // Whatever follows, it is a refusal and not a connection.
    assert(!answer.slice(4).startsWith("0500"), `${bytes}: ${answer}`);
  }
  await open.visit();
});

Deno.test("SOCKS5: a client that sends all at once, or byte by byte, gets the same", async () => {
  await using echo = byteServer(async (wire) => {
    await wire.write(await wire.read(5));
    await wire.readAll();
  });
  await using server = createSocks5Server({ authenticate: () => true });
  const { port } = server.listen();
  const all = joined(
    hex("05 02 00 02"),
    new Uint8Array([1, 255]),
    new Uint8Array(255).fill(0x75),
    new Uint8Array([255]),
    new Uint8Array(255).fill(0x70),
    hex("05 01 00 01 7f000001"),
    portBytes(echo.port),
    latin1("hello"),
  );
  for (const split of [false, true]) {
    using wire = await Wire.connect(port);
    const writing = split ? drip(wire, all, 0) : wire.write(all);
    const answer = await within("the echo", wire.read(2 + 2 + 10 + 5));
    await writing;
    assertEquals(answer.subarray(0, 8), hex("05 02 01 00 05 00 00 01"));
    assertEquals(textOf(answer.subarray(14)), "hello");
  }
});

Deno.test("SOCKS5: fragments, strangers and broken datagrams go nowhere, and get no answer", async () => {
  await using target = createDatagramSocket();
  await target.bind({ address: "127.0.0.1" });
  await using server = createSocks5Server({ udp: true });
  using wire = await Wire.connect(server.listen().port);
  await wire.write(hex("05 01 00 05 03 00 01 00000000 0000"));
  const reply = await wire.read(12);
  const relay = { address: "127.0.0.1", port: reply[10] << 8 | reply[11] };
  await using client = createDatagramSocket();
  const to = joined(hex("01 7f000001"), portBytes(target.address().port));
  const good = joined(hex("0000 00"), to, latin1("good"));
  for (
    const bad of [
      joined(hex("0000 01"), to, latin1("a fragment")),
      joined(hex("0000 80"), to, latin1("the last fragment")),
      joined(hex("0001 00"), to, latin1("reserved")),
      hex("0000 00 01 7f"),
      hex("0000 00 05 7f000001 0001"),
      hex("0000 00 03 ff 61"),
      hex("0000 00 01 7f000001 0000"),
      new Uint8Array(0),
    ]
  ) await client.send(bad, relay);
  await client.send(good, relay);
  assertEquals(textOf((await target.receive({ timeout: 10_000 })).data), "good");
  // Another sender than the client that began is nobody.
  await using stranger = createDatagramSocket();
  await stranger.send(joined(hex("0000 00"), to, latin1("strange")), relay);
  await client.send(good, relay);
  assertEquals(textOf((await target.receive({ timeout: 10_000 })).data), "good");
  assertEquals([stranger.metrics().received, client.metrics().received], [0, 0]);
});

// Truncation.

/** Forwards to a port, and ends the connection to the client, without a word of TLS, when `cut` is called. */
function cutter(port: number) {
  const cut = Promise.withResolvers<void>();
  const server = byteServer(async (wire) => {
    const target = await Deno.connect({ hostname: "127.0.0.1", port });
    const back = (async () => {
      const buffer = new Uint8Array(65_536);
      for (let n; (n = await target.read(buffer).catch(() => null)) !== null;) {
        await wire.write(buffer.subarray(0, n));
      }
    })();
    const forth = (async () => {
      while (!wire.ended) {
        const before = await wire.more();
        await target.write(before).catch(() => 0);
        await wire.read(before.length);
      }
    })();
    await cut.promise;
    await (wire.conn as Deno.TcpConn).closeWrite().catch(() => {});
    await forth;
    target.close();
    await back;
  });
  return {
    ...server,
    port: server.port,
    cut: cut.resolve,
    [Symbol.asyncDispose]: server[Symbol.asyncDispose],
  };
}

for (const implementation of ["node", "deno", "auto"] as const) {
  Deno.test(`truncation: a TLS stream that is cut is an error and not an end, in every framing, with ${implementation}`, async () => {
    await using server = byteServer(async (wire) => {
      const count = (await wire.read(1))[0];
      // A whole message, and one that its framing would take for whole if the stream had ended.
      await wire.write(count === 1 ? "whole\npart" : count === 2 ? hex("05776f6c65") : "whole\n");
      await wire.readAll();
    }, identity("server"));
    for (
      const [first, framer, whole] of [
        [1, lineFramer({ unterminated: "message" }), ["whole"]],
        [1, delimiterFramer({ marker: "\n", unterminated: "message" }), [latin1("whole")]],
        [1, jsonLinesFramer(), []],
        [2, lengthPrefixFramer({ prefix: "u8" }), []],
        [3, lineFramer(), ["whole"]],
      ] as const
    ) {
      await using proxy = cutter(server.port);
      const tls = { ...trusting(implementation), servername: "localhost" };
      const transport = await dial({ hostname: "127.0.0.1", port: proxy.port }, { tls });
      await using socket = new MessageSocket<unknown>(transport, framer as never);
      await transport.write(new Uint8Array([first]));
      if (first === 1 && whole.length === 0) {
        await assertRejects(() => socket.read({ timeout: 10_000 }), NetError); // no JSON
        proxy.cut();
        continue;
      }
      for (const message of whole) assertEquals(await socket.read({ timeout: 10_000 }), message);
      if (whole.length === 0) await until(() => socket.received > 0);
      proxy.cut();
      const error = await assertRejects(() => socket.read({ timeout: 10_000 }), NetError);
      assert(error.code !== "ETIMEDOUT", error.message);
    }
  });
}

Deno.test("truncation: a WebSocket whose stream is cut has lost its connection, and no message came of it", async () => {
  await using server = await serve({
    tls: identity("server"),
    default: async (ws) => {
      for await (const _ of ws);
    },
  });
  await using proxy = cutter(server.port);
  const ws = await connectWebSocket(`wss://localhost:${proxy.port}/`, { tls: { ca: CA } });
  const messages: unknown[] = [];
  ws.on("message", (data) => messages.push(data));
  proxy.cut();
  const info = await within("the end", ws.closed);
  assertEquals([info.wasClean, info.code, messages], [false, 1006, []]);
});

Deno.test("truncation: a TCP stream that ends inside a message is an error in every framing", async () => {
  for (
    const [framer, bytes] of [
      [lineFramer(), latin1("part")],
      [delimiterFramer({ marker: "||" }), latin1("part|")],
      [lengthPrefixFramer(), hex("00000005 61")],
      [lengthPrefixFramer(), hex("0000")],
      [lengthPrefixFramer({ prefix: "varint" }), hex("80")],
      [jsonLinesFramer(), latin1('{"a":1}')],
    ] as const
  ) {
    await using server = byteServer(async (wire) => {
      await wire.write(bytes);
      wire.close();
    });
    const transport = await dial({ hostname: "127.0.0.1", port: server.port });
    await using socket = new MessageSocket<unknown>(transport, framer as never);
    const error = await assertRejects(() => socket.read({ timeout: 10_000 }), NetError);
    assertEquals([error.code, (error as { fault?: string }).fault], ["ERR_FRAMING", "truncated"]);
  }
});

Deno.test("truncation: a close frame that does not come makes an end of a WebSocket unclean", async () => {
  const ended = Promise.withResolvers<{ wasClean: boolean; code: number }>();
  await using server = await serve({ default: (ws) => void ws.closed.then(ended.resolve) });
  const wire = await openWebSocket(server.port);
  await wire.write(hex("81 85 00000000 6162")); // two of five bytes
  wire.close();
  const { wasClean, code } = await ended.promise;
  assertEquals([wasClean, code], [false, 1006]);
  assertEquals(await readToEnd(wire), "");
});
