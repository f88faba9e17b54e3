import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { SocketIoServer } from "../../socketio/server.ts";
import { nodePackages } from "../_support/node_modules.ts";
import { freePort, peerTest, spawnPeer } from "../_support/peers.ts";
import { type Case, CASES, play } from "./socketio/cases.ts";

/** The server that the cases ask for. */
function makeServer(): SocketIoServer {
  const io = new SocketIoServer({
    pingInterval: 1000,
    pingTimeout: 1000,
    connectTimeout: 3000,
    // Faults are what the cases are made of.
    onListenerError: () => {},
  });
  for (const nsp of ["/", "/custom"]) {
    io.of(nsp).on("connection", (socket) => {
      socket.emit("auth", socket.handshake.auth);
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("message-with-ack", (...args) => args.pop()(...args));
      socket.on("ask", (...args) => {
        socket.emit("question", ...args, (...answers: unknown[]) => {
          socket.emit("answered", ...answers);
        });
      });
    });
  }
  return io;
}

/** Plays cases against the server at a URL; what is wrong with it. */
async function faults(cases: readonly Case[], url: string): Promise<string[]> {
  const wrong: string[] = [];
  await Promise.all(cases.map(async (one) => {
    const fault = await play(one, url);
    if (fault !== undefined) wrong.push(`${one.id} ${one.title}: ${fault}`);
  }));
  return wrong;
}

const GROUPS = [...new Set(CASES.map(({ id }) => id.split(".")[0]))];

for (const group of GROUPS) {
  Deno.test(`socketio conformance: the server passes group ${group}`, async () => {
    await using io = makeServer();
    const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
    const cases = CASES.filter(({ id }) => id.split(".")[0] === group);
    assert(cases.length > 0);
    assertEquals(await faults(cases, `http://127.0.0.1:${port}`), []);
  });
}

peerTest("socketio conformance: npm's server passes what the documents demand", {
  needs: ["node", "npm:socket.io"],
}, async () => {
  const port = freePort();
  const script = fileURLToPath(new URL("socketio/npm_server.mjs", import.meta.url));
  const env = { PACKAGES: await nodePackages(["socket.io"]) };
  await using _npm = await spawnPeer("node", [script, String(port)], { env, ready: /ready/ });
  const demanded = CASES.filter(({ strict }) => !strict);
  // In parts: a case counts the time that the server takes, and so many at once take long.
  for (const group of GROUPS) {
    const cases = demanded.filter(({ id }) => id.split(".")[0] === group);
    assertEquals(await faults(cases, `http://127.0.0.1:${port}`), []);
  }
});
