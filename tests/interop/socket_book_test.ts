/** The socket book and the simple socket with programs that know nothing of them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { ClientInfo, TransmissionMode } from "../../socket/constants.ts";
import { SimpleSocket } from "../../socket/simple_socket.ts";
import { SocketBook } from "../../socket/socket_book.ts";
import { certPath, identity } from "../_support/certs.ts";
import { freePort, peerTest, spawnPeer } from "../_support/peers.ts";

const { END_MARKER, NO_MARKER } = TransmissionMode;

peerTest("a simplified server talks lines with nc", { needs: ["nc"] }, async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  book.changeTransmissionMode("S", END_MARKER, "\n");
  const port = String(book.localPort("S"));
  await using nc = await spawnPeer("nc", ["127.0.0.1", port], { stdin: true });
  await nc.write("question\n");
  assertEquals(await book.read("S"), "question");
  assertEquals(book.clientInfo("S", ClientInfo.ADDRESS), "127.0.0.1");
  await book.write("S", "answer");
  await nc.waitFor(/^answer\n/);
  nc.kill();
  await nc.status;
  assertEquals(await book.read("S"), "");
  assert(book.lastError?.closed);
});

peerTest("a TLS server talks with openssl s_client", { needs: ["openssl"] }, async () => {
  await using book = new SocketBook();
  await book.createTls("S", 0, identity("server"), { address: "127.0.0.1" });
  book.changeTransmissionMode("S", END_MARKER, "\n");
  await using client = await spawnPeer("openssl", [
    "s_client",
    "-connect",
    `127.0.0.1:${book.localPort("S")}`,
    "-CAfile",
    certPath("ca.pem"),
    "-verify_return_error",
    "-quiet",
  ], { stdin: true });
  await client.write("question\n");
  assertEquals(await book.read("S", { timeout: 10_000 }), "question", client.output);
  await book.write("S", "answer");
  await client.waitFor(/^answer$/m);
});

peerTest("a TLS client talks with openssl s_server", { needs: ["openssl"] }, async () => {
  const port = freePort();
  await using server = await spawnPeer("openssl", [
    "s_server",
    "-accept",
    `127.0.0.1:${port}`,
    "-cert",
    certPath("server.pem"),
    "-key",
    certPath("server.key"),
    "-quiet",
  ], { stdin: true, ready: port });
  await using book = new SocketBook();
  const ca = Deno.readTextFileSync(certPath("ca.pem"));
  assert(await book.connectTls("C", port, "localhost", { ca }), book.lastError?.message);
  book.changeTransmissionMode("C", END_MARKER, "\n");
  await book.write("C", "question");
  await server.waitFor(/^question$/m);
  await server.write("answer\n");
  assertEquals(await book.read("C", { timeout: 10_000 }), "answer");
});

peerTest("a UDP socket talks with socat", { needs: ["socat"] }, async () => {
  await using book = new SocketBook();
  await book.createUdp("U", 0, { address: "127.0.0.1" });
  await using socat = await spawnPeer(
    "socat",
    ["-", `UDP4:127.0.0.1:${book.localPort("U")}`],
    { stdin: true },
  );
  await socat.write("question");
  assertEquals(await book.read("U", { timeout: 10_000 }), "question");
  const port = Number(book.clientInfo("U", ClientInfo.PORT));
  await book.write("U", "answer", { address: book.clientInfo("U"), port });
  await socat.waitFor(/^answer/);
});

peerTest("a client without end marker talks HTTP with python", { needs: ["python3"] }, async () => {
  const port = freePort();
  await using _server = await spawnPeer(
    "python3",
    ["-m", "http.server", String(port), "--bind", "127.0.0.1"],
    { ready: port, cwd: fileURLToPath(new URL("../..", import.meta.url)) },
  );
  await using book = new SocketBook();
  await book.connect("C", port, "127.0.0.1");
  book.changeTransmissionMode("C", NO_MARKER);
  await book.write("C", "GET /LICENSE HTTP/1.0\r\n\r\n");
  let page = "";
  for (let part; (part = await book.read("C")) !== "";) page += part;
  assertStringIncludes(page, "200 OK");
  assertStringIncludes(page, "Permission is hereby granted");
  assertEquals(book.lastError?.code, 100031);
});

peerTest("a simple socket talks with nc", { needs: ["nc"] }, async () => {
  const port = freePort();
  await using nc = await spawnPeer("nc", ["-l", "127.0.0.1", String(port)], {
    stdin: true,
    ready: port,
  });
  const got = Promise.withResolvers<string>();
  const closed = Promise.withResolvers<void>();
  const socket = new SimpleSocket();
  socket.ontext((text) => got.resolve(text)).onclose(() => closed.resolve());
  await socket.connect("127.0.0.1", port);
  await socket.write("question\n");
  await nc.waitFor(/^question\n/);
  await nc.write("answer\n");
  assertEquals(await got.promise, "answer\n");
  nc.kill();
  await closed.promise;
});
