import { assertEquals } from "@std/assert";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";
import { CA, identity } from "../_support/certs.ts";
import { peerTest, socketFiles, tempFolder } from "../_support/peers.ts";
import {
  CORPUS_SIZE,
  exerciseServer,
  expectedReport,
  recordingHandler,
  standardClient,
  startPeerServer,
  type WebSocketClass,
  WS_ON_NODE,
} from "../_support/websocket_interop.ts";
import { serve } from "../_support/websocket_server.ts";

/** Deno's own server side: echoes, and closes when it is told to. */
function nativeServer(): {
  handler: (request: Request) => Response;
  closes: { code: number; reason: string }[];
} {
  const closes: { code: number; reason: string }[] = [];
  return {
    closes,
    handler: (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "interop" });
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => {
        const [, code, reason] = typeof data === "string"
          ? /^\/close ?(\d*) ?(.*)$/u.exec(data) ?? []
          : [];
        if (code === undefined) socket.send(data);
        else if (code === "") socket.close();
        else socket.close(Number(code), reason);
      };
      socket.onclose = ({ code, reason }) => closes.push({ code, reason });
      return response;
    },
  };
}

const SOCKET_FILES = socketFiles.found({});

/** What Deno's own WebSocket can do. It never compresses, and closes with codes that programs may choose only. */
const NATIVE = { compressed: false, frames: false, codes: [1000, 3000, 4999, undefined] };

Deno.test("our client talks with Deno's own server, over TCP, TLS and a Unix socket", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/socket`;
  const { handler, closes } = nativeServer();
  const quiet = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const plain = Deno.serve(quiet, handler);
  const secure = Deno.serve({ ...quiet, ...identity("server") }, handler);
  const unix = SOCKET_FILES ? Deno.serve({ path, onListen() {} }, handler) : undefined;
  await exerciseServer(`ws://127.0.0.1:${plain.addr.port}/`, NATIVE, { perMessageDeflate: true });
  await exerciseServer(`wss://localhost:${secure.addr.port}/`, NATIVE, { tls: { ca: CA } });
  if (unix !== undefined) await exerciseServer(`ws+unix:${path}:/`, NATIVE);
  const servers = [plain, secure, unix].filter((server) => server !== undefined);
  await Promise.all(servers.map((server) => server.shutdown()));
  assertEquals(
    closes.filter(({ code }) => code === 4001),
    servers.map(() => ({ code: 4001, reason: "bye ✓" })),
  );
});

Deno.test("Deno's own client talks with our server, over TCP, TLS and a Unix socket", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/socket`;
  const { handler, ends } = recordingHandler();
  const options = { protocols: { interop: handler }, perMessageDeflate: true };
  await using plain = await serve(options);
  await using secure = await serve({ ...options, tls: identity("server") });
  await using _unix = SOCKET_FILES ? await serve({ ...options, path }) : undefined;
  using trusting = Deno.createHttpClient({ caCerts: [CA] });
  using local = SOCKET_FILES
    ? Deno.createHttpClient({ proxy: { transport: "unix", path } })
    : undefined;
  const through = (client: Deno.HttpClient): WebSocketClass =>
    class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, { protocols, client });
      }
    };
  const ways: [string, WebSocketClass | undefined][] = [
    [`ws://127.0.0.1:${plain.port}/`, undefined],
    [`wss://localhost:${secure.port}/`, through(trusting)],
  ];
  if (local !== undefined) ways.push(["ws://localhost/", through(local)]);
  // A connection that was cut off has the code 0 there, and 1006 everywhere else.
  const { sentFragments: _, pong: __, ...expected } = expectedReport(false);
  for (const [url, Socket] of ways) {
    const { extensions, ...report } = await standardClient({ url, frames: true }, Socket);
    assertEquals(extensions, "");
    assertEquals(report, { ...expected, terminated: [0, ""] });
    assertEquals(report.echoed, CORPUS_SIZE);
  }
  assertEquals((await Promise.all(ends)).map(({ code }) => code).slice(0, 2), [4001, 4002]);
});

Deno.test("our WebSocket with the browser's interface talks with our server and with Deno's", async () => {
  const Socket = StandardWebSocket as unknown as WebSocketClass;
  const { handler } = recordingHandler();
  await using server = await serve({ protocols: { interop: handler } });
  const { sentFragments: _, pong: __, ...expected } = expectedReport(false);
  const url = `ws://127.0.0.1:${server.port}/`;
  const { extensions: ___, ...report } = await standardClient({ url, frames: true }, Socket);
  assertEquals(report, expected);

  const native = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    nativeServer().handler,
  );
  const ws = new StandardWebSocket(`ws://127.0.0.1:${native.addr.port}/`, "interop");
  await new Promise((resolve) => ws.onopen = resolve);
  const got = new Promise((resolve) => ws.onmessage = resolve) as Promise<MessageEvent>;
  ws.send("hello");
  assertEquals((await got).data, "hello");
  const closed = new Promise((resolve) => ws.onclose = resolve) as Promise<CloseEvent>;
  ws.close(3001, "enough");
  const { code, wasClean } = await closed;
  assertEquals([code, wasClean], [3001, true]);
  await native.shutdown();
});

peerTest("our WebSocket with the browser's interface talks with ws on Node, compressed", {
  needs: WS_ON_NODE.needs,
}, async () => {
  await using server = await startPeerServer(WS_ON_NODE, { deflate: true });
  const Compressing = class extends StandardWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, { protocols, perMessageDeflate: true });
    }
  } as unknown as WebSocketClass;
  const url = `ws://127.0.0.1:${server.port}/`;
  const { extensions, ...report } = await standardClient({ url, frames: true }, Compressing);
  assertEquals(extensions, "permessage-deflate");
  const { sentFragments: _, pong: __, ...expected } = expectedReport(true);
  // ws repeats the reason, too.
  assertEquals(report, { ...expected, closed: [4001, "bye ✓"] });
});
