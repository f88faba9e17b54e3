/** The Socket.IO client through proxies of others, over each transport, in plain text and over TLS. */
import { assertEquals } from "@std/assert";
import { SocketIoServer } from "../../socketio/server.ts";
import { certPath, identity } from "../_support/certs.ts";
import { freePort, peerTest, runPeer, spawnPeer, tempFolder } from "../_support/peers.ts";

/** A program of its own: the authority of the server's certificate is given to it as Deno takes them. */
const CLIENT = `
  const { connectSocketIo } = await import(Deno.args[0]);
  for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
    const socket = connectSocketIo(Deno.args[1], { transports, proxy: Deno.args[2], reconnection: false });
    socket.on("connect_error", console.error);
    const upgraded = new Promise((resolve) => socket.io.once("upgrade", resolve));
    console.log(await socket.timeout(10_000).emitWithAck("sum", 1, 2));
    if (transports.length === 2) await upgraded;
    await socket.close();
  }
`;

async function checkClient(secure: boolean, proxy: string): Promise<void> {
  const io = new SocketIoServer();
  io.on("connection", (socket) => {
    socket.on("sum", (a, b, done) => done(a + b));
  });
  const { port } = await io.listen({
    port: 0,
    hostname: "127.0.0.1",
    tls: secure ? identity("server") : undefined,
  });
  const module = new URL("../../socketio/mod.ts", import.meta.url).href;
  const url = `${secure ? "https" : "http"}://localhost:${port}`;
  const args = ["eval", "--quiet", `--cert=${certPath("ca.pem")}`, CLIENT, module, url, proxy];
  const { code, stdout, stderr } = await runPeer(Deno.execPath(), args);
  await io.close();
  assertEquals([code, stdout, stderr], [0, "3\n3\n3\n", ""]);
}

for (const secure of [false, true]) {
  const what = secure ? "over TLS" : "in plain text";
  peerTest(`our Socket.IO client talks ${what} through microsocks`, {
    needs: ["microsocks"],
  }, async () => {
    const port = freePort();
    const args = ["-i", "127.0.0.1", "-p", `${port}`, "-u", "ann", "-P", "s3cr3t"];
    await using _proxy = await spawnPeer("microsocks", args, { ready: port });
    await checkClient(secure, `socks5://ann:s3cr3t@127.0.0.1:${port}`);
  });

  peerTest(`our Socket.IO client talks ${what} through tinyproxy, by HTTP CONNECT`, {
    needs: ["tinyproxy"],
  }, async () => {
    await using folder = await tempFolder();
    const port = freePort();
    await Deno.writeTextFile(
      `${folder.path}/conf`,
      `Port ${port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 20\nBasicAuth ann s3cr3t\n`,
    );
    await using _proxy = await spawnPeer("tinyproxy", ["-d", "-c", `${folder.path}/conf`], {
      ready: port,
    });
    await checkClient(secure, `http://ann:s3cr3t@127.0.0.1:${port}`);
  });
}
