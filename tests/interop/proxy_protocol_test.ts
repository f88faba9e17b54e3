import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  decodeProxyProtocolSsl,
  PROXY_PROTOCOL_TLV,
  type ProxyProtocolHeader,
} from "../../net/proxy_protocol.ts";
import { acceptProxyProtocol, sendProxyProtocol } from "../../net/proxy_protocol_transport.ts";
import type { InetAddr } from "../../net/transport.ts";
import { CA, certPath } from "../_support/certs.ts";
import { freePort, peerTest, runPeer, spawnPeer, tempFolder } from "../_support/peers.ts";

const HAPROXY = "/usr/sbin/haproxy";
const decoder = new TextDecoder();
const utf8 = (data: string): Uint8Array => new TextEncoder().encode(data);

async function haproxy(config: string): Promise<AsyncDisposable> {
  const folder = await tempFolder();
  const file = `${folder.path}/haproxy.cfg`;
  const pem = await Deno.readTextFile(certPath("server.pem")) +
    await Deno.readTextFile(certPath("server.key"));
  await Deno.writeTextFile(`${folder.path}/server.pem`, pem);
  await Deno.writeTextFile(
    file,
    `
global
  log stderr local0
defaults
  timeout connect 5s
  timeout client 20s
  timeout server 20s
${config.replaceAll("@FOLDER@", folder.path)}
`,
  );
  const ports = [...config.matchAll(/bind 127\.0\.0\.1:(\d+)/g)].map((match) => Number(match[1]));
  const peer = await spawnPeer(HAPROXY, ["-db", "-f", file], { ready: ports[0] });
  return {
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** A server behind a proxy: it tells who the client is and echoes one message, and keeps the headers. */
function server(): AsyncDisposable & { port: number; headers: ProxyProtocolHeader[] } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const headers: ProxyProtocolHeader[] = [];
  const running: Promise<void>[] = [];
  const serve = async (conn: Deno.Conn): Promise<void> => {
    try {
      const transport = await acceptProxyProtocol(conn, { trusted: ["127.0.0.0/8"] });
      headers.push(transport.header);
      const { port } = transport.remoteAddr as InetAddr;
      await transport.write(utf8(`you are ${port}\n`));
      const buffer = new Uint8Array(100);
      const n = await transport.read(buffer);
      if (n !== null) await transport.write(buffer.subarray(0, n));
    } catch {
      // a look by haproxy whether we live
    }
    try {
      conn.close();
    } catch {
      // closed by acceptProxyProtocol
    }
  };
  let open = true;
  const accepting = (async () => {
    while (open) {
      try {
        running.push(serve(await listener.accept()));
      } catch {
        // Closed; or a look by haproxy, reset before it was accepted, makes `accept` fail once.
      }
    }
  })();
  return {
    port: listener.addr.port,
    headers,
    async [Symbol.asyncDispose]() {
      open = false;
      listener.close();
      await accepting;
      await Promise.all(running);
    },
  };
}

async function ask(conn: Deno.Conn): Promise<string> {
  await conn.write(utf8("echo"));
  let seen = "";
  const buffer = new Uint8Array(100);
  for (let n; (n = await conn.read(buffer)) !== null;) {
    seen += decoder.decode(buffer.subarray(0, n));
    if (seen.endsWith("echo")) break;
  }
  conn.close();
  return seen;
}

peerTest("haproxy tells us its clients, by version 1 and 2", { needs: [HAPROXY] }, async () => {
  for (const [option, version] of [["send-proxy", 1], ["send-proxy-v2", 2]] as const) {
    await using ours = server();
    const port = freePort();
    await using _proxy = await haproxy(`
listen front
  mode tcp
  bind 127.0.0.1:${port}
  server ours 127.0.0.1:${ours.port} ${option}`);
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const own = conn.localAddr.port;
    assertEquals(await ask(conn), `you are ${own}\necho`);
    const [{ tlvs: _, ...header }] = ours.headers;
    assertEquals(header, {
      version,
      command: "proxy",
      source: { transport: "tcp", hostname: "127.0.0.1", port: own },
      destination: { transport: "tcp", hostname: "127.0.0.1", port },
    });
  }
});

peerTest("haproxy tells us TLS, its name, a checksum and an id of the connection", {
  needs: [HAPROXY],
}, async () => {
  await using ours = server();
  const port = freePort();
  await using _proxy = await haproxy(`
listen front
  mode tcp
  unique-id-format id-%[src_port]
  bind 127.0.0.1:${port} ssl crt @FOLDER@/server.pem alpn sluice
  server ours 127.0.0.1:${ours.port} send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,unique-id,ssl,cert-cn,ssl-cipher`);
  const conn = await Deno.connectTls({
    hostname: "localhost",
    port,
    caCerts: [CA],
    alpnProtocols: ["sluice"],
  });
  const own = conn.localAddr.port;
  assertEquals(await ask(conn), `you are ${own}\necho`);
  const tlv = (type: number): Uint8Array =>
    ours.headers[0].tlvs.find((each) => each.type === type)!.value;
  assertEquals(decoder.decode(tlv(PROXY_PROTOCOL_TLV.authority)), "localhost");
  assertEquals(decoder.decode(tlv(PROXY_PROTOCOL_TLV.alpn)), "sluice");
  assertEquals(decoder.decode(tlv(PROXY_PROTOCOL_TLV.uniqueId)), `id-${own}`);
  // The parser has compared it.
  assertEquals(tlv(PROXY_PROTOCOL_TLV.crc32c).length, 4);
  const ssl = decodeProxyProtocolSsl(tlv(PROXY_PROTOCOL_TLV.ssl))!;
  assertEquals([ssl.tls, ssl.certificate, ssl.verified], [true, false, false]);
  assertEquals(ssl.version, "TLSv1.3");
  assert(ssl.cipher!.startsWith("TLS_"));
});

peerTest("haproxy looks whether we live, and says that it is its own connection", {
  needs: [HAPROXY],
}, async () => {
  await using ours = server();
  const port = freePort();
  await using _proxy = await haproxy(`
listen front
  mode tcp
  option tcp-check
  tcp-check expect string you\\ are
  bind 127.0.0.1:${port}
  server ours 127.0.0.1:${ours.port} check inter 50ms send-proxy-v2 check-send-proxy`);
  for (let i = 0; ours.headers.length < 2 && i < 500; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertGreater(ours.headers.length, 1);
  assertEquals(ours.headers[0], { version: 2, command: "local", tlvs: [] });
});

peerTest("haproxy understands what we tell it", { needs: [HAPROXY] }, async () => {
  const port = freePort();
  await using _proxy = await haproxy(`
frontend front
  mode http
  bind 127.0.0.1:${port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_authority] %[fc_pp_unique_id] "`);
  const tcp = (hostname: string, number: number): InetAddr => ({
    transport: "tcp",
    hostname,
    port: number,
  });
  const four = { source: tcp("192.0.2.1", 5000), destination: tcp("198.51.100.2", 80) };
  const six = { source: tcp("2001:db8::1", 65535), destination: tcp("2001:db8::2", 1) };
  const tlvs = [
    { type: PROXY_PROTOCOL_TLV.authority, value: utf8("name.example") },
    { type: PROXY_PROTOCOL_TLV.uniqueId, value: utf8("id-7") },
  ];
  const cases: [
    Parameters<typeof sendProxyProtocol>[1],
    Parameters<typeof sendProxyProtocol>[2],
    string,
  ][] = [
    [four, { version: 1 }, "192.0.2.1 5000 198.51.100.2 80   "],
    [six, { version: 1 }, "2001:db8::1 65535 2001:db8::2 1   "],
    [four, { version: 2 }, "192.0.2.1 5000 198.51.100.2 80   "],
    [six, { version: 2, checksum: true }, "2001:db8::1 65535 2001:db8::2 1   "],
    [{ ...four, tlvs }, { checksum: true }, "192.0.2.1 5000 198.51.100.2 80 name.example id-7 "],
  ];
  for (const [header, options, expected] of cases) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await sendProxyProtocol(conn, header, options);
    await conn.write(utf8("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    let answer = "";
    const buffer = new Uint8Array(1000);
    for (let n; (n = await conn.read(buffer)) !== null;) {
      answer += decoder.decode(buffer.subarray(0, n));
    }
    conn.close();
    assertEquals(answer.split("\r\n\r\n")[1], expected);
  }
  // Where we do not know, it sees us.
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await sendProxyProtocol(conn, { command: "local" });
  await conn.write(utf8("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const buffer = new Uint8Array(1000);
  let answer = "";
  for (let n; (n = await conn.read(buffer)) !== null;) {
    answer += decoder.decode(buffer.subarray(0, n));
  }
  assertEquals(answer.split("\r\n\r\n")[1].split(" ").slice(0, 2), [
    "127.0.0.1",
    `${conn.localAddr.port}`,
  ]);
  conn.close();
});

peerTest("curl tells us its address by version 1", { needs: ["curl"] }, async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const conn = await listener.accept();
    const transport = await acceptProxyProtocol(conn, { trusted: ["127.0.0.1"] });
    const buffer = new Uint8Array(1000);
    await transport.read(buffer);
    const { source } = transport.header as { source: InetAddr };
    const same = source.port === (conn.remoteAddr as Deno.NetAddr).port;
    const body = `${transport.header.version} ${source.hostname} ${same}`;
    await transport.write(
      utf8(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
    );
    transport.close();
  })();
  const url = `http://127.0.0.1:${listener.addr.port}/`;
  const { stdout } = await runPeer("curl", ["-sS", "--max-time", "20", "--haproxy-protocol", url]);
  assertEquals(stdout, "1 127.0.0.1 true");
  await serving;
  listener.close();
});
