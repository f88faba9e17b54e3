// The ways to and from a WebSocket: TLS, proxies, Unix sockets, other people's HTTP servers, and coming back.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { reconnecting } from "../../websocket/reconnecting.ts";
import { type WebSocketError, WebSocketHandshakeError } from "../../websocket/errors.ts";
import { upgradeWebSocket } from "../../websocket/upgrade.ts";
import { CA, certPath, identity } from "../_support/certs.ts";
import {
  freePort,
  peerTest,
  runPeer,
  socketFiles,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";
import {
  exerciseServer,
  expectedReport,
  obey,
  PYTHON_WEBSOCKETS,
  recordingHandler,
  runPeerClient,
  startPeerServer,
  WS_ON_NODE,
} from "../_support/websocket_interop.ts";
import { serve } from "../_support/websocket_server.ts";

const protocols = { interop: obey };
const OURS = { compressed: true, ours: true };
const serverFiles = { cert: certPath("server.pem"), key: certPath("server.key") };

// TLS.

for (const program of [WS_ON_NODE, PYTHON_WEBSOCKETS]) {
  peerTest(`our client talks wss with a ${program.name} server`, {
    needs: program.needs,
  }, async () => {
    await using server = await startPeerServer(program, { deflate: true, tls: serverFiles });
    const url = `wss://localhost:${server.port}/`;
    await exerciseServer(url, { compressed: true }, { perMessageDeflate: true, tls: { ca: CA } });
    // An authority that is not trusted is not, by default.
    const error = await assertRejects(() => connectWebSocket(url));
    assertMatch(String((error as { code?: string }).code), /CERT|SELF_SIGNED|UNABLE/);
  });

  peerTest(`a ${program.name} client talks wss with our server`, {
    needs: program.needs,
  }, async () => {
    await using server = await serve({
      protocols,
      perMessageDeflate: true,
      tls: identity("server"),
    });
    const report = await runPeerClient(program, {
      url: `wss://localhost:${server.port}/`,
      deflate: true,
      tls: { ca: certPath("ca.pem") },
    });
    assertEquals(report, expectedReport(true));
  });
}

peerTest("our client shows its certificate to a ws on Node server that asks for one", {
  needs: WS_ON_NODE.needs,
}, async () => {
  const tls = { ...serverFiles, ca: certPath("ca.pem") };
  await using server = await startPeerServer(WS_ON_NODE, { tls });
  const url = `wss://localhost:${server.port}/`;
  await exerciseServer(url, { compressed: false, codes: [] }, {
    tls: { ca: CA, ...identity("client") },
  });
  await assertRejects(() => connectWebSocket(url, { tls: { ca: CA } }));
});

// Proxies.

for (const [kind, secure] of [["ws", false], ["wss", true]] as const) {
  Deno.test(`our client talks ${kind} through a SOCKS5 proxy that wants a password`, async () => {
    await using server = await serve({
      protocols,
      perMessageDeflate: true,
      tls: secure ? identity("server") : undefined,
    });
    await using proxy = createSocks5Server({
      authenticate: ({ username, password }) => username === "user" && password === "s3cr3t",
    });
    const { port } = proxy.listen();
    await exerciseServer(
      `${kind}://localhost:${server.port}/`,
      { ...OURS, codes: [1000] },
      {
        proxy: `socks5://user:s3cr3t@127.0.0.1:${port}`,
        perMessageDeflate: true,
        tls: secure ? { ca: CA } : undefined,
      },
    );
    const wrong = connectWebSocket(`${kind}://localhost:${server.port}/`, {
      proxy: `socks5://user:wrong@127.0.0.1:${port}`,
      tls: secure ? { ca: CA } : undefined,
    });
    const error = await assertRejects(() => wrong);
    assert(!String(error).includes("wrong@"), String(error));
  });

  peerTest(`our client talks ${kind} through tinyproxy, by HTTP CONNECT`, {
    needs: ["tinyproxy"],
  }, async () => {
    await using folder = await tempFolder();
    const port = freePort();
    await Deno.writeTextFile(
      `${folder.path}/conf`,
      `Port ${port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 10\nBasicAuth user s3cr3t\n`,
    );
    await using _proxy = await spawnPeer("tinyproxy", ["-d", "-c", `${folder.path}/conf`], {
      ready: port,
    });
    await using server = await serve({
      protocols,
      perMessageDeflate: true,
      tls: secure ? identity("server") : undefined,
    });
    await exerciseServer(
      `${kind}://localhost:${server.port}/`,
      { ...OURS, codes: [1000] },
      {
        proxy: `http://user:s3cr3t@127.0.0.1:${port}`,
        perMessageDeflate: true,
        tls: secure ? { ca: CA } : undefined,
      },
    );
  });
}

// Unix sockets.

for (const program of [WS_ON_NODE, PYTHON_WEBSOCKETS]) {
  peerTest(
    `our client and a ${program.name} server talk over a Unix socket, and the other way round`,
    {
      needs: [...program.needs, socketFiles],
    },
    async () => {
      await using folder = await tempFolder();
      const theirs = `${folder.path}/theirs`;
      await using _peer = await startPeerServer(program, { path: theirs, deflate: true });
      await exerciseServer(`ws+unix:${theirs}:/`, { compressed: true }, {
        perMessageDeflate: true,
      });

      const path = `${folder.path}/ours`;
      await using _server = await serve({ path, protocols, perMessageDeflate: true });
      const report = await runPeerClient(
        program,
        program === WS_ON_NODE
          ? { url: `ws+unix:${path}:/chat?a=b`, deflate: true }
          : { url: "ws://localhost/chat?a=b", path, deflate: true },
      );
      assertEquals(report, expectedReport(true));
    },
  );
}

// HTTP servers of others.

/** What a web framework is to node:http: a chain of functions that answer, or call the next one. */
function application(): RequestListener {
  return (request, response) => {
    response.setHeader("x-powered-by", "an application");
    if (request.url === "/") response.end("the page");
    else {
      response.statusCode = 404;
      response.end("nothing here");
    }
  };
}

for (const secure of [false, true]) {
  for (const program of [WS_ON_NODE, PYTHON_WEBSOCKETS]) {
    const kind = secure ? "node:https" : "node:http";
    peerTest(
      `a ${program.name} client talks with WebSockets attached to an application on ${kind}`,
      {
        needs: program.needs,
      },
      async () => {
        const { cert, key } = identity("server");
        const http = secure
          ? createHttpsServer({ cert, key }, application())
          : createHttpServer(application());
        await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
        const { port } = http.address() as AddressInfo;
        {
          const { handler, ends } = recordingHandler();
          await using chat = attachWebSocket(http, {
            pathname: "/chat",
            protocols: { interop: handler },
            perMessageDeflate: true,
          });
          await using _other = attachWebSocket(http, { pathname: "/other", default: obey });
          const base = `${secure ? "wss" : "ws"}://localhost:${port}`;
          const tls = secure ? { ca: certPath("ca.pem") } : undefined;
          const ask = async (path: string): Promise<string> => {
            using client = Deno.createHttpClient({ caCerts: [CA] });
            const response = await fetch(base.replace("ws", "http") + path, { client });
            return `${response.status} ${await response.text()}`;
          };
          assertEquals(await ask("/"), "200 the page");
          const report = await runPeerClient(program, { url: `${base}/chat`, deflate: true, tls });
          assertEquals(report, expectedReport(true));
          assertEquals((await Promise.all(ends)).map(({ code }) => code), [4001, 4002, 1006, 1006]);
          await exerciseServer(`${base}/chat`, OURS, {
            perMessageDeflate: true,
            tls: secure ? { ca: CA } : undefined,
          });
          const nowhere = await assertRejects(
            () => connectWebSocket(`${base}/nowhere`, { tls: secure ? { ca: CA } : undefined }),
            WebSocketHandshakeError,
          );
          assertEquals(nowhere.status, 404);
          assertEquals(await ask("/chat"), "404 nothing here");
          assertEquals(chat.clients.size, 0);
        }
        http.closeAllConnections();
        await new Promise((resolve) => http.close(resolve));
      },
    );
  }
}

peerTest(
  "a ws on Node and a python3-websockets client talk with WebSockets of a Deno.serve handler",
  {
    needs: [...WS_ON_NODE.needs, ...PYTHON_WEBSOCKETS.needs],
  },
  async () => {
    const gone: Promise<unknown>[] = [];
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request, info) => {
        const { response, socket } = upgradeWebSocket(request, { info, protocols: ["interop"] });
        gone.push(socket.closed);
        socket.on("message", async (data) => {
          // It has no pings and no fragments: the runtime answers the one, and sends no others.
          if (data === "/ping hello") await socket.send("ponged hello");
          else if (data === "/fragments") await socket.send("fragmented ✓");
          else if (data === "/close 4002 so long") await socket.close(4002, "so long");
          else if (data === "/terminate") socket.terminate();
          else await socket.send(data);
        });
        return response;
      },
    );
    for (const program of [WS_ON_NODE, PYTHON_WEBSOCKETS]) {
      const url = `ws://127.0.0.1:${server.addr.port}/`;
      const report = await runPeerClient(program, { url, deflate: true });
      const expected = expectedReport(false);
      assertEquals(report, {
        ...expected,
        closed: [4001, "bye ✓"],
        // Deno's own WebSocket ends with an empty close frame, and may send only some of the codes.
        terminated: [1005, ""],
        tooBig: 4009,
      });
    }
    await Promise.all(gone);
    await server.shutdown();
  },
);

// curl, which is older than its WebSockets here, as a plain HTTP client.

peerTest("curl gets the page, and is told what the port is for where there is none", {
  needs: ["curl"],
}, async () => {
  await using page = await serve({ default: obey, handler: () => new Response("the page") });
  await using bare = await serve({ default: obey });
  const curl = async (port: number, ...args: string[]): Promise<string> => {
    const { stdout } = await runPeer("curl", ["-sS", "-i", ...args, `http://127.0.0.1:${port}/`]);
    return stdout;
  };
  assertMatch(await curl(page.port), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nthe page$/);
  assertMatch(await curl(bare.port), /^HTTP\/1\.1 426 [^]*\r\nUpgrade: websocket\r\n/i);
});

// Coming back.

peerTest("our client comes back to a ws on Node server that is killed and started again", {
  needs: WS_ON_NODE.needs,
}, async () => {
  const port = freePort();
  let server = await startPeerServer(WS_ON_NODE, { port });
  try {
    const ends: string[] = [];
    await using link = reconnecting(`ws://127.0.0.1:${port}/`, {
      protocols: "interop",
      backoff: { initial: 20, max: 100 },
    });
    for await (const ws of link) {
      await ws.send(`visit ${link.connections}`);
      assertEquals((await ws.receive({ timeout: 5_000 })).data, `visit ${link.connections}`);
      if (link.connections === 3) break;
      const { peer } = server;
      peer.kill("SIGKILL");
      const { wasClean, error } = await ws.closed;
      ends.push(`${wasClean} ${(error as WebSocketError).code}`);
      await server[Symbol.asyncDispose]();
      server = await startPeerServer(WS_ON_NODE, { port });
    }
    assertEquals(ends, ["false CONNECTION_LOST", "false CONNECTION_LOST"]);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});
