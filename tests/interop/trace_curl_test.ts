/** The tracer between curl and a TLS server. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { certPath } from "../_support/certs.ts";
import {
  ctrlC,
  freePort,
  type Peer,
  peerTest,
  runPeer,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";
import { startTraceCommand, stopTraceCommand } from "../_support/trace_command.ts";

/** OpenSSL's own server: it answers GET with a page about the connection. */
async function startTlsServer(port: number): Promise<Peer> {
  const args = ["-cert", certPath("server.pem"), "-key", certPath("server.key")];
  return await spawnPeer("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, "-www", ...args], {
    ready: port,
  });
}

peerTest("curl reads from a TLS server through the tracer, which shows what was inside", {
  needs: ["curl", "openssl", ctrlC],
}, async () => {
  await using folder = await tempFolder();
  const [cert, pcap] = ["cert.pem", "a.pcap"].map((name) => `${folder.path}/${name}`);
  const port = freePort();
  await using _server = await startTlsServer(port);
  await using trace = await startTraceCommand(
    ...["--listen", "tls://0", "--to", `tls://localhost:${port}`, "--ca", certPath("ca.pem")],
    ...["--save-cert", cert, "--pcap", pcap, "--server-name", "openssl"],
  );
  const url = `https://localhost:${trace.port}/page`;
  const direct = await runPeer("curl", [
    ...["-sS", "--cacert", certPath("ca.pem"), `https://localhost:${port}/page`],
  ]);
  const traced = await runPeer("curl", ["-sS", "--cacert", cert, "-u", "me:secret", url]);
  assertEquals([traced.code, traced.stderr], [0, ""]);
  // The same page, but for what it says of the session.
  assertEquals(traced.stdout.split("\n")[2], direct.stdout.split("\n")[2]);
  await trace.peer.waitFor(/closed: \d+ bytes/);
  assertMatch(trace.shown, /#1 client -> openssl {2}GET \/page HTTP\/1\.1\n/);
  assertMatch(trace.shown, /#1 client -> openssl {2}Authorization: Basic \*{12}\n/);
  assertMatch(trace.shown, /#1 client <- openssl {2}HTTP\/1\.0 200 ok\n/);
  assertStringIncludes(trace.shown, "<BODY");

  // Who does not know the certificate does not get through.
  const distrusting = await runPeer("curl", ["-sS", url]);
  assertEquals(distrusting.code, 60);
  await trace.peer.waitFor(/#2 client: /);
  assertEquals(await stopTraceCommand(trace), 0);
  const captured = await Deno.readFile(pcap);
  const text = new TextDecoder("latin1").decode(captured);
  assert(text.includes("GET /page") && !text.includes(btoa("me:secret")));
});

peerTest("curl is reset when the server's certificate is not trusted, and the tracer says why", {
  needs: ["curl", "openssl"],
}, async () => {
  const port = freePort();
  await using _server = await startTlsServer(port);
  await using trace = await startTraceCommand("--listen", "0", "--to", `tls://localhost:${port}`);
  const { code } = await runPeer("curl", ["-sS", `http://127.0.0.1:${trace.port}/`]);
  assertEquals(code, Deno.build.os === "linux" ? 56 : 52);
  await trace.peer.waitFor(/#1 server: Cannot .*certificate/);
});

peerTest("curl uploads and downloads a large file through a tracer that splits and delays", {
  needs: ["curl"],
}, async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/up.bin`;
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  await Deno.writeFile(file, content);
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => new Response(await request.bytes()),
  );
  await using trace = await startTraceCommand(
    ...["--listen", "0", "--to", String(server.addr.port), "--quiet"],
    ...["--split", "700", "--delay", "30", "--rate", "2M"],
  );
  const down = `${folder.path}/down.bin`;
  const { code, stderr } = await runPeer("curl", [
    ...["-sS", "--data-binary", `@${file}`, "-o", down, `http://127.0.0.1:${trace.port}/`],
  ]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(await Deno.readFile(down), content);
});
