import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { httpConnect } from "../../net/http_connect.ts";
import { connectThroughProxies } from "../../net/proxy_chain.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { socks5Connect } from "../../net/socks5.ts";
import { socks5Associate } from "../../net/socks5_datagram_relay.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { CA, certPath } from "../_support/certs.ts";
import {
  freePort,
  type Peer,
  type PeerNeed,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";

const DANTED = "/usr/sbin/danted";
const PYTHON = "/usr/bin/python3";
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const utf8 = (data: string): Uint8Array => new TextEncoder().encode(data);

/** A TCP server that echoes; with `greeting`, it speaks first. */
function echoServer(
  hostname = "127.0.0.1",
  greeting = "",
): AsyncDisposable & { target: { hostname: string; port: number } } {
  const listener = Deno.listen({ hostname, port: 0 });
  const running: Promise<void>[] = [];
  const serve = async (conn: Deno.Conn): Promise<void> => {
    const buffer = new Uint8Array(65536);
    try {
      if (greeting !== "") await conn.write(utf8(greeting));
      for (let n; (n = await conn.read(buffer)) !== null;) {
        for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
      }
    } catch {
      // cut off by the proxy
    }
    conn.close();
  };
  const accepting = (async () => {
    for await (const conn of listener) running.push(serve(conn));
  })();
  return {
    target: { hostname: listener.addr.hostname, port: listener.addr.port },
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(running);
    },
  };
}

/** Sends a megabyte and a byte through an echo; then its end, unless something on the way can't pass that on. */
async function checkEcho(transport: Transport, ends = true): Promise<void> {
  const seed = crypto.getRandomValues(new Uint8Array(65536));
  const sent = new Uint8Array((1 << 20) + 1).map((_, i) => seed[i % 65536] ^ (i >> 16));
  const got = new Uint8Array(sent.length);
  const writing = (async () => {
    await writeAll(transport, sent);
  })();
  for (let at = 0; at < got.length;) at += (await transport.read(got.subarray(at)))!;
  await writing;
  assertEquals(got, sent);
  if (ends) {
    await transport.closeWrite();
    assertEquals(await transport.read(new Uint8Array(1)), null);
  }
  transport.close();
}

function dialTo(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

async function refusal(connecting: Promise<Transport>): Promise<string> {
  return (await assertRejects(() => connecting, ProxyError)).code;
}

/** A port where nobody listens. */
function closedPort(): number {
  return freePort();
}

async function microsocks(
  args: string[] = [],
): Promise<AsyncDisposable & { port: number; peer: Peer }> {
  const port = freePort();
  const peer = await spawnPeer("microsocks", ["-i", "127.0.0.1", "-p", `${port}`, ...args], {
    ready: port,
  });
  return { port, peer, [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
}

async function danted(forbidden: number): Promise<AsyncDisposable & { port: number }> {
  const folder = await tempFolder();
  const port = freePort();
  const file = `${folder.path}/danted.conf`;
  await Deno.writeTextFile(
    file,
    `
logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 127.0.0.0/8 to: 0.0.0.0/0 port = ${forbidden} }
socks pass {
  from: 127.0.0.0/8 to: 0.0.0.0/0
  protocol: tcp udp
  command: connect udpassociate udpreply
}
`,
  );
  const peer = await spawnPeer(DANTED, ["-N", "1", "-f", file, "-p", `${folder.path}/pid`], {
    ready: port,
    cwd: folder.path,
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function tinyproxy(lines: string[] = []): Promise<AsyncDisposable & { port: number }> {
  const folder = await tempFolder();
  const port = freePort();
  const file = `${folder.path}/tinyproxy.conf`;
  const config = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 30", "Allow 127.0.0.1", ...lines];
  await Deno.writeTextFile(file, config.join("\n") + "\n");
  const peer = await spawnPeer("tinyproxy", ["-d", "-c", file], { ready: port });
  return {
    port,
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

peerTest("microsocks connects by address and by name", { needs: ["microsocks"] }, async () => {
  await using echo = echoServer();
  await using proxy = await microsocks();
  for (const hostname of ["127.0.0.1", "localhost"]) {
    const conn = await dialTo(proxy.port);
    const transport = await socks5Connect(conn, { ...echo.target, hostname });
    assert(transport === conn);
    await checkEcho(transport);
  }
});

const IPV6: PeerNeed = {
  name: "IPv6 on loopback",
  optional: true,
  found: () => {
    try {
      Deno.listen({ hostname: "::1", port: 0 }).close();
      return true;
    } catch {
      return false;
    }
  },
};

peerTest("microsocks connects over IPv6", { needs: ["microsocks", IPV6] }, async () => {
  await using echo = echoServer("::1");
  await using proxy = await microsocks();
  await checkEcho(await socks5Connect(await dialTo(proxy.port), echo.target));
});

peerTest("microsocks leaves what the target says first", { needs: ["microsocks"] }, async () => {
  await using echo = echoServer("127.0.0.1", "220 hello\r\n");
  await using proxy = await microsocks();
  const transport = await socks5Connect(await dialTo(proxy.port), echo.target);
  const buffer = new Uint8Array(11);
  for (let at = 0; at < 11;) at += (await transport.read(buffer.subarray(at)))!;
  assertEquals(text(buffer), "220 hello\r\n");
  await checkEcho(transport);
});

peerTest("microsocks tells what went wrong", { needs: ["microsocks"] }, async () => {
  await using proxy = await microsocks();
  const target = { hostname: "127.0.0.1", port: closedPort() };
  assertEquals(await refusal(socks5Connect(await dialTo(proxy.port), target)), "ECONNREFUSED");
  assertEquals(
    (await assertRejects(
      () => dialTo(proxy.port).then((conn) => socks5Associate(conn)),
      ProxyError,
    ))
      .code,
    "ERR_UNSUPPORTED",
  );
});

peerTest("microsocks takes the right login only", { needs: ["microsocks"] }, async () => {
  await using echo = echoServer();
  await using proxy = await microsocks(["-u", "user", "-P", "s3cr3t"]);
  const login = { username: "user", password: "s3cr3t" };
  await checkEcho(await socks5Connect(await dialTo(proxy.port), echo.target, login));
  const attempts = [{}, { username: "user", password: "wr0ng" }, { username: "other" }];
  for (const attempt of attempts) {
    const connecting = socks5Connect(await dialTo(proxy.port), echo.target, attempt);
    const error = await assertRejects(() => connecting, ProxyError);
    assertEquals(error.code, "ERR_PROXY_AUTH");
    assertEquals(/wr0ng|s3cr3t/.test(Deno.inspect(error)), false);
  }
});

peerTest("microsocks leads to TLS that checks the target's name", {
  needs: ["microsocks"],
}, async () => {
  const cert = await Deno.readTextFile(certPath("server.pem"));
  const key = await Deno.readTextFile(certPath("server.key"));
  using listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const { port } = listener.addr;
  await using proxy = await microsocks();
  for (const [hostname, right] of [["localhost", true], ["wrong.example", false]] as const) {
    const transport = await socks5Connect(await dialTo(proxy.port), {
      hostname: "127.0.0.1",
      port,
    });
    // What comes back is the connection itself, so it can be secured.
    const securing = Deno.startTls(transport as Deno.TcpConn, { hostname, caCerts: [CA] });
    const conn = await listener.accept();
    const shaken = conn.handshake().then(() => true, () => false);
    const tls = await securing;
    if (right) {
      await tls.handshake();
      assertEquals(await shaken, true);
    } else {
      await assertRejects(() => tls.handshake(), Error, "not valid for name");
      await shaken;
    }
    tls.close();
    conn.close();
  }
});

peerTest("dante connects, and tells what its rules forbid", { needs: [DANTED] }, async () => {
  await using echo = echoServer();
  await using forbidden = echoServer();
  await using proxy = await danted(forbidden.target.port);
  await checkEcho(await socks5Connect(await dialTo(proxy.port), echo.target));
  await checkEcho(
    await socks5Connect(await dialTo(proxy.port), { ...echo.target, hostname: "localhost" }),
  );
  const blocked = socks5Connect(await dialTo(proxy.port), forbidden.target);
  assertEquals(await refusal(blocked), "EACCES");
  const closed = { hostname: "127.0.0.1", port: closedPort() };
  assertEquals(await refusal(socks5Connect(await dialTo(proxy.port), closed)), "ECONNREFUSED");
});

peerTest("dante relays datagrams", { needs: [DANTED] }, async () => {
  await using echo = createDatagramSocket({}, (data, from) => void echo.send(data, from));
  await echo.bind({ address: "127.0.0.1" });
  await using proxy = await danted(closedPort());
  await using relay = await socks5Associate(await dialTo(proxy.port));
  for (const size of [1, 1400, 8000]) {
    const data = crypto.getRandomValues(new Uint8Array(size));
    await relay.send(data, echo.address());
    const got = await relay.receive({ timeout: 5000 });
    assertEquals([got.data, got.address, got.port], [data, "127.0.0.1", echo.address().port]);
  }
});

peerTest("tinyproxy connects, with and without Basic credentials", {
  needs: ["tinyproxy"],
}, async () => {
  await using echo = echoServer();
  await using open = await tinyproxy();
  await checkEcho(await httpConnect(await dialTo(open.port), echo.target));
  await using proxy = await tinyproxy(["BasicAuth user s3cr3t"]);
  const login = { username: "user", password: "s3cr3t" };
  await checkEcho(await httpConnect(await dialTo(proxy.port), echo.target, login));
  for (const attempt of [{}, { username: "user", password: "wr0ng" }]) {
    const connecting = httpConnect(await dialTo(proxy.port), echo.target, attempt);
    const error = await assertRejects(() => connecting, ProxyError);
    // Versions differ in the status of wrong credentials: 401 or 407.
    assert(error.code === "ERR_PROXY_AUTH" || error.status === 401, error.message);
    assertEquals(/wr0ng/.test(Deno.inspect(error)), false);
  }
});

peerTest("tinyproxy refuses, and leaves what the target says first", {
  needs: ["tinyproxy"],
}, async () => {
  await using echo = echoServer("127.0.0.1", "220 hello\r\n");
  await using proxy = await tinyproxy([`ConnectPort ${echo.target.port}`]);
  const transport = await httpConnect(await dialTo(proxy.port), echo.target);
  const buffer = new Uint8Array(11);
  for (let at = 0; at < 11;) at += (await transport.read(buffer.subarray(at)))!;
  assertEquals(text(buffer), "220 hello\r\n");
  await checkEcho(transport);
  const target = { hostname: "127.0.0.1", port: closedPort() };
  assertEquals(await refusal(httpConnect(await dialTo(proxy.port), target)), "ERR_PROXY_REFUSED");
});

peerTest("a chain leads through microsocks, tinyproxy behind TLS, and dante", {
  needs: ["microsocks", "tinyproxy", "socat", DANTED],
}, async () => {
  await using echo = echoServer();
  await using first = await microsocks();
  await using http = await tinyproxy();
  const port = freePort();
  const listen = `OPENSSL-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,verify=0,cert=${
    certPath("server.pem")
  },key=${certPath("server.key")}`;
  await using _secure = await spawnPeer("socat", [listen, `TCP4:127.0.0.1:${http.port}`], {
    ready: port,
  });
  await using last = await danted(closedPort());
  const proxies = (host: string): string[] => [
    `socks5://127.0.0.1:${first.port}`,
    `https://${host}:${port}`,
    `socks5h://localhost:${last.port}`,
  ];
  const startTls = async (transport: Transport, { hostname }: { hostname: string }) => {
    const tls = await Deno.startTls(transport as Deno.TcpConn, { hostname, caCerts: [CA] });
    await tls.handshake();
    return tls;
  };
  const conn = await dialTo(first.port);
  // socat ends TLS without saying so.
  await checkEcho(
    await connectThroughProxies(conn, proxies("localhost"), echo.target, { startTls }),
    false,
  );
  // The name of the proxy in the middle is checked, too.
  const other = await dialTo(first.port);
  await assertRejects(
    () => connectThroughProxies(other, proxies("127.0.0.2"), echo.target, { startTls }),
  );
});

/** A web page that tells the path asked for. */
function webServer(): AsyncDisposable & { port: number } {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => new Response(`page ${new URL(request.url).pathname}`),
  );
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

peerTest("curl fetches through our SOCKS5 server", { needs: ["curl"] }, async () => {
  await using web = webServer();
  const asked: string[] = [];
  await using server = createSocks5Server({
    authorize: ({ hostname, port }) => asked.push(`${hostname}:${port}`) > 0,
    lookup: () => Promise.resolve(["127.0.0.1"]),
  });
  const { port } = server.listen();
  const page = (option: string, host: string): string[] => [
    "-sS",
    "--max-time",
    "20",
    option,
    `127.0.0.1:${port}`,
    `http://${host}:${web.port}/x`,
  ];
  // By name, which our server resolves; and by address.
  for (const args of [page("--socks5-hostname", "name.example"), page("--socks5", "127.0.0.1")]) {
    assertEquals(await runPeer("curl", args), { code: 0, stdout: "page /x", stderr: "" });
  }
  assertEquals(asked, [`name.example:${web.port}`, `127.0.0.1:${web.port}`]);
});

peerTest("curl logs in to our SOCKS5 server, or does not get in", { needs: ["curl"] }, async () => {
  await using web = webServer();
  await using server = createSocks5Server({
    authenticate: ({ username, password }) => username === "us er" && password === "p:ä",
    authorize: ({ username, port }) => username === "us er" && port === web.port,
  });
  const { port } = server.listen();
  const fetchWith = (login: string, target = web.port) =>
    runPeer("curl", [
      "-sS",
      "--max-time",
      "20",
      "-x",
      `socks5h://${login}127.0.0.1:${port}`,
      `http://127.0.0.1:${target}/y`,
    ]);
  assertEquals((await fetchWith("us%20er:p%3A%C3%A4@")).stdout, "page /y");
  // 97: the proxy's handshake failed (curl's list of exit codes).
  for (const login of ["", "user:wrong@"]) assertEquals((await fetchWith(login)).code, 97);
  const forbidden = await fetchWith("us%20er:p%3A%C3%A4@", closedPort());
  assertEquals(forbidden.code, 97);
  assertStringIncludes(forbidden.stderr, "(2)");
});

peerTest("curl is told what our SOCKS5 server could not do", { needs: ["curl"] }, async () => {
  await using server = createSocks5Server({ policy: { allow: ["127.0.0.1"] } });
  const { port } = server.listen();
  const cases = [["127.0.0.1", "(5)"], ["127.0.0.2", "(2)"], ["[::1]", "(2)"]];
  for (const [host, reply] of cases) {
    const url = `http://${host}:${closedPort()}/`;
    const args = ["-sS", "--max-time", "20", "--socks5-hostname", `127.0.0.1:${port}`, url];
    const { code, stderr } = await runPeer("curl", args);
    assertEquals(code, 97, stderr);
    assertStringIncludes(stderr, reply);
  }
});

const PYSOCKS: PeerNeed = {
  name: "python3-socks",
  found: () => {
    try {
      return Deno.statSync("/usr/lib/python3/dist-packages/socks.py").isFile;
    } catch {
      return false;
    }
  },
};

peerTest("PySocks sends datagrams through our SOCKS5 server", {
  needs: [PYTHON, PYSOCKS],
}, async () => {
  await using echo = createDatagramSocket({}, (data, from) => void echo.send(data, from));
  await echo.bind({ address: "127.0.0.1" });
  await using server = createSocks5Server({
    udp: true,
    authenticate: ({ username, password }) => username === "u" && password === "p",
  });
  const { port } = server.listen();
  const program = `
import socket, socks
s = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
s.set_proxy(socks.SOCKS5, "127.0.0.1", ${port}, username="u", password="p")
s.settimeout(10)
for size in (1, 1400, 8000):
    s.sendto(b"x" * size, ("127.0.0.1", ${echo.address().port}))
    data, sender = s.recvfrom(65536)
    print(len(data), sender[0], sender[1] == ${echo.address().port})
s.close()
`;
  const { stdout, stderr } = await runPeer(PYTHON, ["-c", program]);
  const lines = [1, 1400, 8000].map((size) => `${size} 127.0.0.1 True\n`);
  assertEquals([stdout, stderr], [lines.join(""), ""]);
});
