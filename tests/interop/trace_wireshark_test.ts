/** The tracer's captures, read by Debian's tshark. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { createPcapSink } from "../../trace/file_sinks.ts";
import { createTracer, type Tracer } from "../../trace/tracer.ts";
import type { TracerOptions } from "../../trace/tracer_options.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { peerTest, runPeer, tempFolder } from "../_support/peers.ts";

const needs = ["tshark"];

/** What tshark says of a file, with all checksums checked. */
async function tshark(file: string, ...args: string[]): Promise<string> {
  const checks = ["tcp", "udp", "ip"].flatMap((each) => ["-o", `${each}.check_checksum:TRUE`]);
  const { code, stdout, stderr } = await runPeer("tshark", ["-n", "-r", file, ...checks, ...args]);
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Wireshark finds nothing odd: no bad checksum, no gap in a stream, no packet out of order. */
async function assertSound(file: string): Promise<void> {
  const odd = "_ws.malformed || tcp.analysis.flags || ip.checksum.status == 0 || " +
    "tcp.checksum.status == 0 || udp.checksum.status == 0 || _ws.expert.severity >= 6291456";
  assertEquals(await tshark(file, "-Y", odd), "");
}

async function traced(file: string, options: TracerOptions): Promise<Tracer> {
  return await createTracer({ ...options, sinks: [await createPcapSink(file)] }).start();
}

for (const [hostname, kind] of [["127.0.0.1", "IPv4"], ["::1", "IPv6"]]) {
  peerTest(`tshark reads an HTTP conversation over ${kind}`, { needs }, async () => {
    await using folder = await tempFolder();
    const file = `${folder.path}/a.pcap`;
    const body = "line\n".repeat(60_000);
    await using server = Deno.serve(
      { port: 0, hostname, onListen: () => {} },
      () => new Response(body, { headers: { "set-cookie": "a=secret" } }),
    );
    await using tracer = await traced(file, {
      listen: { hostname, port: 0 },
      to: { hostname, port: server.addr.port },
    });
    const conn = await Deno.connect({ hostname, port: tracer.port });
    await conn.write(new TextEncoder().encode(
      "GET /some/page HTTP/1.1\r\nHost: h\r\nCookie: secret\r\nConnection: close\r\n\r\n",
    ));
    let size = 0;
    const p = new Uint8Array(65_536);
    for (let n; (n = await conn.read(p)) !== null;) size += n;
    conn.close();
    await tracer.stop();

    await assertSound(file);
    const fields = ["http.request.uri", "http.cookie", "http.response.code", "http.set_cookie"];
    const http = await tshark(
      file,
      "-Y",
      "http",
      "-T",
      "fields",
      ...fields.flatMap((f) => ["-e", f]),
    );
    assertEquals(http, "/some/page\t******\t\t\n\t\t200\t********\n");
    const followed = await tshark(file, "-q", "-z", "follow,tcp,ascii,0");
    assertStringIncludes(followed, "GET /some/page HTTP/1.1");
    const lengths = await tshark(
      file,
      "-Y",
      `tcp.srcport == ${server.addr.port}`,
      "-T",
      "fields",
      "-e",
      "tcp.len",
    );
    const sum = lengths.trim().split("\n").reduce((total, each) => total + Number(each), 0);
    assertEquals(sum, size);
    const ends = await tshark(
      file,
      "-Y",
      "tcp.flags.fin == 1",
      "-T",
      "fields",
      "-e",
      "tcp.srcport",
    );
    assertEquals(ends.trim().split("\n").length, 2);
  });
}

peerTest("tshark reads WebSocket messages, compressed ones too", { needs }, async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/a.pcap`;
  await using server = await serveWebSocket({
    hostname: "127.0.0.1",
    perMessageDeflate: { threshold: 0 },
    default: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  await using tracer = await traced(file, { listen: { port: 0 }, to: { port: server.port } });
  {
    await using ws = await connectWebSocket(`ws://127.0.0.1:${tracer.port}/`, {
      perMessageDeflate: { threshold: 0 },
    });
    for (let i = 0; i < 3; i++) {
      await ws.send("hello wireshark");
      await ws.receive();
    }
  }
  await tracer.stop();
  await assertSound(file);
  const found = await tshark(file, "-Y", "websocket.opcode == 1", "-V");
  assertEquals(found.split("hello wireshark").length - 1 >= 6, true, found);
});

peerTest("tshark reads datagrams", { needs }, async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/a.pcap`;
  await using server = await createDatagramSocket().bind(0, "127.0.0.1");
  server.on("message", (data, from) => void server.send(data, from));
  const { port } = server.address();
  await using tracer = await traced(file, { transport: "udp", listen: { port: 0 }, to: { port } });
  await using client = await createDatagramSocket().connect(tracer.port, "127.0.0.1");
  for (const text of ["", "a", "odd", "x".repeat(9000)]) {
    await client.send(text);
    await client.receive({ timeout: 5000 });
  }
  await tracer.stop();
  await assertSound(file);
  const lengths = await tshark(
    file,
    "-Y",
    `udp.dstport == ${port}`,
    "-T",
    "fields",
    "-e",
    "udp.length",
  );
  assertEquals(lengths, "8\n9\n11\n9008\n");
  assertMatch(await tshark(file, "-Y", `udp.srcport == ${port}`), /UDP/);
});
