import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { SecureServer } from "../../net/secure_server.ts";
import { blackhole } from "../_support/blackhole.ts";
import { CA, identity, OTHER_CA } from "../_support/certs.ts";
import { ACCEPT, RawClient, serve, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { acceptKey } from "../../websocket/_tools.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "../../websocket/client.ts";
import {
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
} from "../../websocket/errors.ts";

/** A server that answers each request with what `answer` makes of it, and keeps the requests. */
function fake(
  answer: (request: string, accept: string) => string | Uint8Array | undefined,
): AsyncDisposable & { port: number; requests: string[] } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  const conns: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const conn of listener) {
      conns.push(conn);
      const buffer = new Uint8Array(65_536);
      let text = "";
      while (!text.includes("\r\n\r\n")) {
        const n = await conn.read(buffer).catch(() => null);
        if (n === null) break;
        text += String.fromCharCode(...buffer.subarray(0, n));
      }
      requests.push(text);
      const key = /sec-websocket-key: (.*)\r\n/i.exec(text)?.[1] ?? "";
      const reply = answer(text, acceptKey(key));
      if (reply === undefined) conn.close();
      else {
        const bytes = typeof reply === "string"
          ? Uint8Array.from(reply, (char) => char.charCodeAt(0))
          : reply;
        await conn.write(bytes).catch(() => {});
      }
    }
  })();
  return {
    port: listener.addr.port,
    requests,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // closed already
        }
      }
    },
  };
}

function good(accept: string, more = ""): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Accept: ${accept}\r\n${more}\r\n`;
}

async function fails(
  code: WebSocketHandshakeErrorCode,
  url: string,
  options?: ConnectWebSocketOptions,
): Promise<WebSocketHandshakeError> {
  const error = await assertRejects(() => connectWebSocket(url, options), WebSocketHandshakeError);
  assertEquals(error.code, code, error.message);
  return error;
}

Deno.test("client sends its headers, subprotocols and credentials", async () => {
  await using server = fake((_, accept) => good(accept, "Sec-WebSocket-Protocol: b\r\nX-A: 1\r\n"));
  const ws = await connectWebSocket(`ws://user:pass@127.0.0.1:${server.port}/a?b=c`, {
    protocols: ["a", "b"],
    headers: { "x-token": "t" },
    origin: "https://example.org",
    perMessageDeflate: true,
  });
  const [request] = server.requests;
  assertStringIncludes(request, "GET /a?b=c HTTP/1.1\r\n");
  for (
    const line of [
      `Host: 127.0.0.1:${server.port}`,
      "Sec-WebSocket-Protocol: a, b",
      "Origin: https://example.org",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
      "x-token: t",
      "authorization: Basic dXNlcjpwYXNz",
    ]
  ) assertStringIncludes(request, `\r\n${line}\r\n`);
  assertEquals([ws.protocol, ws.extensions, ws.headers.get("x-a")], ["b", "", "1"]);
  assertEquals(ws.url, `ws://127.0.0.1:${server.port}/a?b=c`);
  assertEquals(ws.request, undefined);
  ws.terminate();
});

Deno.test("client takes in frames in the same segment as the response", async () => {
  await using server = fake((_, accept) => good(accept) + "\x81\x05hello");
  const ws = await connectWebSocket(urlOf(server));
  assertEquals((await ws.receive()).data, "hello");
  ws.terminate();
});

Deno.test("client reads a response that comes byte by byte", async () => {
  const [a, b] = pair({ split: 1 });
  const opening = connectWebSocket("ws://memory/", { transport: a });
  const buffer = new Uint8Array(1000);
  let text = "";
  while (!text.endsWith("\r\n\r\n")) {
    text += String.fromCharCode(...buffer.subarray(0, (await b.read(buffer))!));
  }
  const accept = acceptKey(/sec-websocket-key: (.*)\r\n/i.exec(text)![1]);
  await b.write(Uint8Array.from(good(accept) + "\x81\x01x", (char) => char.charCodeAt(0)));
  const ws = await opening;
  assertEquals((await ws.receive()).data, "x");
  ws.terminate();
  b.close();
});

Deno.test("client tells a connection that breaks in the handshake as a NetError", async () => {
  const rows: [unknown, string][] = [
    [new Deno.errors.ConnectionReset("reset"), "ECONNRESET"],
    [new Deno.errors.BrokenPipe("broken"), "EPIPE"],
    // What Deno's TLS throws where the server wants a certificate.
    [new Deno.errors.InvalidData("received fatal alert: CertificateRequired"), "ERR_TLS"],
    [new NetError("reset", { code: "ECONNRESET" }), "ECONNRESET"],
  ];
  for (const where of ["read", "write"] as const) {
    for (const [cause, code] of rows) {
      const [a, b] = pair();
      a[where] = () => Promise.reject<never>(cause);
      const error = await assertRejects(
        () => connectWebSocket("ws://user:secret@memory/?token=secret", { transport: a }),
        NetError,
      );
      assertEquals(error.code, code);
      if (error !== cause) {
        assertEquals(error.cause, cause);
        assertStringIncludes(error.message, 'Cannot connect to "ws://memory": ');
      }
      b.close();
    }
  }
});

const FAILURES: Array<[
  name: string,
  answer: (accept: string) => string | undefined,
  code: WebSocketHandshakeErrorCode,
  options?: ConnectWebSocketOptions,
]> = [
  ["a forged accept", () => good(ACCEPT), "HANDSHAKE_ACCEPT"],
  ["no accept", (accept) => good(accept).replace("Sec-WebSocket-Accept", "X"), "HANDSHAKE_ACCEPT"],
  [
    "a subprotocol nobody offered",
    (accept) => good(accept, "Sec-WebSocket-Protocol: x\r\n"),
    "HANDSHAKE_PROTOCOL",
  ],
  [
    "an extension nobody offered",
    (accept) => good(accept, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    "HANDSHAKE_EXTENSION",
  ],
  [
    "a bad parameter",
    (accept) =>
      good(accept, "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n"),
    "HANDSHAKE_EXTENSION",
    { perMessageDeflate: true },
  ],
  ["status 200", () => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HANDSHAKE_STATUS"],
  ["a redirect", () => "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "HANDSHAKE_REDIRECT"],
  ["no HTTP", () => "SSH-2.0-OpenSSH_9.2\r\n", "HANDSHAKE_MALFORMED"],
  ["a bare LF", () => "HTTP/1.1 101 x\nUpgrade: websocket\n\n", "HANDSHAKE_MALFORMED"],
  ["a header without a name", () => "HTTP/1.1 101 x\r\n: x\r\n\r\n", "HANDSHAKE_MALFORMED"],
  [
    "a response without end",
    () => `HTTP/1.1 101 x\r\nA: ${"x".repeat(20_000)}`,
    "HANDSHAKE_TOO_LARGE",
  ],
  ["the end of the connection", () => undefined, "HANDSHAKE_CLOSED"],
  ["nothing", () => "", "HANDSHAKE_TIMEOUT", { handshakeTimeout: 20 }],
];

for (const [name, answer, code, options] of FAILURES) {
  Deno.test(`client that gets ${name} fails with ${code}, and leaves nothing open`, async () => {
    await using server = fake((_, accept) => answer(accept));
    const url = `ws://user:secretpassword@127.0.0.1:${server.port}/path?token=secrettoken`;
    const error = await fails(code, url, { headers: { cookie: "secretcookie" }, ...options });
    assert(!/secret/.test(Deno.inspect(error)), error.message);
    assertStringIncludes(error.message, ` to "ws://127.0.0.1:${server.port}": `);
  });
}

Deno.test("client that is refused gets the response, which is not printed", async () => {
  await using server = fake(() =>
    "HTTP/1.1 401 No\r\nSet-Cookie: secret\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "5\r\nlog i\r\n5\r\nn 1st\r\n0\r\n\r\n"
  );
  const error = await fails("HANDSHAKE_STATUS", urlOf(server));
  assert(!/secret/.test(Deno.inspect(error)));
  assertEquals([error.response?.status, error.response?.statusText], [401, "No"]);
  assertEquals(error.response?.headers.get("set-cookie"), "secret");
  assertEquals(await error.response?.text(), "log in 1st");
});

Deno.test("client that is redirected and does not follow gets the response's headers", async () => {
  await using server = fake(() => "HTTP/1.1 302 Found\r\nLocation: /x\r\nX-A: b\r\n\r\nbody");
  const { response } = await fails("HANDSHAKE_REDIRECT", urlOf(server));
  assertEquals([response?.status, response?.headers.get("x-a")], [302, "b"]);
});

Deno.test("client that waits for the body of a refusal can be aborted, and has its deadline", async () => {
  await using server = fake(() => "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nno");
  const error = await fails("HANDSHAKE_STATUS", urlOf(server), { handshakeTimeout: 100 });
  assertEquals(await error.response?.text(), "no");
  const controller = new AbortController();
  const opening = connectWebSocket(urlOf(server), { signal: controller.signal });
  setTimeout(() => controller.abort(), 100);
  const aborted = await assertRejects(() => opening, NetError);
  assertEquals(aborted.code, "ABORT_ERR");
});

Deno.test("client passes over interim responses, but not without end", async () => {
  const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  await using server = fake((_, accept) =>
    `HTTP/1.1 100 Continue\r\n\r\n${hints}${good(accept)}\x81\x02hi`
  );
  const ws = await connectWebSocket(urlOf(server));
  assertEquals((await ws.receive()).data, "hi");
  ws.terminate();
  await using flood = fake((_, accept) => hints.repeat(50) + good(accept));
  const error = await fails("HANDSHAKE_STATUS", urlOf(flood));
  assertEquals([error.status, error.response], [103, undefined]);
});

Deno.test("client takes all bytes from 0x80 to 0xff in response headers", async () => {
  const bytes = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join("");
  await using server = fake((_, accept) => good(accept, `X-A: x${bytes}x\r\n`));
  const ws = await connectWebSocket(urlOf(server));
  assertEquals(ws.headers.get("x-a"), `x${bytes}x`);
  ws.terminate();
});

Deno.test("client tells why a server can't be reached", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const refused = await assertRejects(() => connectWebSocket(urlOf({ port })), NetError);
  assertEquals(refused.code, "ECONNREFUSED");
  await using hole = await blackhole();
  const timeout = await assertRejects(
    () => connectWebSocket(urlOf(hole), { connectTimeout: 20, handshakeTimeout: 20 }),
  );
  assert(
    (timeout as NetError).code === "ETIMEDOUT" ||
      (timeout as NetError).code as string === "HANDSHAKE_TIMEOUT",
  );
});

Deno.test("client that is aborted stops, in whichever phase", async () => {
  await using silent = fake(() => "");
  const before = AbortSignal.abort();
  const first = await assertRejects(
    () => connectWebSocket(urlOf(silent), { signal: before }),
    NetError,
  );
  assertEquals(first.code, "ABORT_ERR");
  const controller = new AbortController();
  const opening = connectWebSocket(urlOf(silent), { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  assertEquals((await assertRejects(() => opening, NetError)).code, "ABORT_ERR");
});

Deno.test("client that is open is no longer ended by its signal", async () => {
  await using server = await serve();
  const controller = new AbortController();
  await using ws = await connectWebSocket(urlOf(server), { signal: controller.signal });
  controller.abort();
  await ws.send("x");
  assertEquals((await ws.receive()).data, "x");
});

Deno.test("client refuses options that make no sense, before anything is opened", async () => {
  const bad: Array<[string, ConnectWebSocketOptions]> = [
    ["nonsense", {}],
    ["ws://h/#x", {}],
    ["ws://h/", { protocols: ["a", "a"] }],
    ["ws://h/", { protocols: "a b" }],
    ["ws://h/", { headers: { host: "x" } }],
    ["ws://h/", { origin: "a\r\nb" }],
    ["ws://h/", { tls: {} }],
    ["wss://h/", { tls: false }],
    ["ws://h/", { perMessageDeflate: { threshold: -1 } }],
    ["ws://h/", { transport: pair()[0], proxy: "socks5://h" }],
    ["ws://h/", { transport: pair()[0], maxRedirects: 1 }],
  ];
  for (const [url, options] of bad) {
    await assertRejects(() => connectWebSocket(url, options), TypeError);
  }
  await assertRejects(() => connectWebSocket("ws://h/", { maxMessageSize: -1 }), RangeError);
  await assertRejects(() => connectWebSocket("ws://h/", { maxRedirects: -1 }), RangeError);
  for (const timeout of [-1, NaN, 2 ** 31]) {
    for (const name of ["connectTimeout", "handshakeTimeout"]) {
      await assertRejects(
        () => connectWebSocket("ws://127.0.0.1:1", { [name]: timeout }),
        RangeError,
      );
    }
  }
  await assertRejects(() => connectWebSocket("ws://h/", { head: { maxLineSize: 0 } }), RangeError);
});

// Redirects.

const SECRETS = { authorization: "Bearer secret", cookie: "a=secret", "x-api-key": "secret" };

Deno.test("redirect to the same host is followed with everything, as often as is allowed", async () => {
  let hops = 0;
  await using server = fake((_, accept) =>
    ++hops <= 2 ? `HTTP/1.1 307 x\r\nLocation: /hop${hops}?q\r\n\r\n` : good(accept)
  );
  await fails("HANDSHAKE_REDIRECT", urlOf(server), { maxRedirects: 1 });
  hops = 0;
  const ws = await connectWebSocket(urlOf(server), { maxRedirects: 2, headers: SECRETS });
  const last = server.requests.at(-1)!;
  assertStringIncludes(last, "GET /hop2?q HTTP/1.1\r\n");
  assertStringIncludes(last, "Bearer secret");
  assertEquals(ws.url, urlOf(server, "/hop2?q"));
  ws.terminate();
});

Deno.test("redirect to another host carries no credentials there", async () => {
  await using target = fake((_, accept) => good(accept));
  for (
    const location of [
      `http://127.0.0.1:${target.port}/x`,
      `ws://127.0.0.1:${target.port}/x`,
      `//127.0.0.1:${target.port}/x`,
      `http://u:p@127.0.0.1:${target.port}/x`,
    ]
  ) {
    await using server = fake(() => `HTTP/1.1 302 x\r\nLocation: ${location}\r\n\r\n`);
    const ws = await connectWebSocket(`ws://user:secret@127.0.0.1:${server.port}/`, {
      maxRedirects: 1,
      headers: SECRETS,
      protocols: [],
    });
    const request = target.requests.at(-1)!.toLowerCase();
    assert(!/secret|authorization|cookie|x-api-key/.test(request), request);
    assertEquals(ws.url, `ws://127.0.0.1:${target.port}/x`);
    ws.terminate();
  }
});

Deno.test("client that is refused names the server as it is, whatever its path has in it", {
  ignore: Deno.build.os === "windows", // Deno has no Unix sockets there
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/$'$&$1`;
  try {
    await using _server = await serve({ path, authorize: () => false });
    const { message } = await fails("HANDSHAKE_STATUS", `ws+unix:${path}:/`);
    assertStringIncludes(message, ` to "ws+unix://${path}": `);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("redirects to nowhere, and from TLS to no TLS, are not followed", async () => {
  for (
    const location of [
      "",
      "Location: \x01\r\n",
      "Location: ftp://h/\r\n",
      "Location: ws+unix:/s:/x\r\n",
    ]
  ) {
    await using server = fake(() => `HTTP/1.1 301 x\r\n${location}\r\n`);
    await assertRejects(() => connectWebSocket(urlOf(server), { maxRedirects: 3 }));
  }
  for (const location of ["ftp://h/", "ws://h/#fragment", "ws://u:%ff@h/", "http://["]) {
    await using server = fake(() => `HTTP/1.1 301 x\r\nLocation: ${location}\r\n\r\n`);
    await fails("HANDSHAKE_REDIRECT", urlOf(server), { maxRedirects: 3 });
  }
  const { cert, key } = identity("server");
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const serving = (async () => {
    const conn = await listener.accept();
    await conn.read(new Uint8Array(2000));
    await conn.write(
      new TextEncoder().encode("HTTP/1.1 301 x\r\nLocation: ws://127.0.0.1:1/\r\n\r\n"),
    );
    await conn.read(new Uint8Array(10)).catch(() => {});
    conn.close();
    listener.close();
  })();
  const error = await fails("HANDSHAKE_REDIRECT", `wss://localhost:${listener.addr.port}/`, {
    maxRedirects: 3,
    tls: { ca: CA },
    lookup: () => Promise.resolve(["127.0.0.1"]),
  });
  assertEquals(error.status, 301);
  await serving;
});

Deno.test("redirect to another host takes neither the client's certificate nor its servername there", async () => {
  const seen: string[] = [];
  const options = { ...identity("server"), ca: CA, requestCert: true, rejectUnauthorized: false };
  const redirects: Record<string, string> = {};
  const listen = async (): Promise<SecureServer> => {
    const server = new SecureServer(options, (socket) => {
      socket.once("data", (data) => {
        const head = new TextDecoder().decode(data);
        const path = head.split(" ")[1];
        seen.push(`${path} ${socket.authorized}`);
        const key = /sec-websocket-key: (.*)\r\n/i.exec(head)![1];
        const location = redirects[path];
        if (location === undefined) socket.write(good(acceptKey(key)));
        else socket.write(`HTTP/1.1 302 x\r\nLocation: ${location}\r\n\r\n`);
      });
      socket.on("error", () => {});
    });
    return await server.listen(0, "127.0.0.1");
  };
  await using server = await listen();
  await using other = await listen();
  redirects["/start"] = "/same";
  redirects["/same"] = `https://localhost:${other.port}/other`;
  redirects["/other"] = `https://localhost:${server.port}/back`;
  redirects["/lost"] = `https://b.example:${other.port}/never`;
  const tls = { ca: CA, ...identity("client"), servername: "localhost" };
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  const connect = (path: string) =>
    connectWebSocket(`wss://a.example:${server.port}${path}`, { tls, lookup, maxRedirects: 3 });
  const ws = await connect("/start");
  ws.terminate();
  assertEquals(seen, ["/start true", "/same true", "/other false", "/back false"]);
  // The certificate is for "localhost", and the other host's name is another one.
  const error = await assertRejects(() => connect("/lost"), NetError);
  assertEquals(error.code, "ERR_TLS_CERT");
  assertEquals(seen.at(-1), "/lost true");
});

// TLS.

Deno.test("client refuses certificates of the wrong authority or for another name", async () => {
  const { cert, key } = identity("server");
  await using server = await serve({ tls: { cert, key } });
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  for (
    const [host, tls] of [
      ["localhost", {}],
      ["localhost", { ca: OTHER_CA }],
      ["wrong.example", { ca: CA }],
    ] as const
  ) {
    const error = await assertRejects(
      () => connectWebSocket(`wss://${host}:${server.port}/`, { tls, lookup }),
      NetError,
    );
    assert(error.code.startsWith("ERR_TLS"), error.code);
  }
});

// Compression with a real server.

Deno.test("client and server agree on compression with all parameters", async () => {
  for (
    const [client, own] of [
      [true, true],
      [{ serverMaxWindowBits: 9, clientMaxWindowBits: 8 }, true],
      [true, {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 8,
      }],
      [{ clientMaxWindowBits: 15 }, { clientMaxWindowBits: 10 }],
    ] as const
  ) {
    await using server = await serve({ perMessageDeflate: own });
    await using ws = await connectWebSocket(urlOf(server), { perMessageDeflate: client });
    assertEquals(ws.extensions.startsWith("permessage-deflate"), true);
    const text = JSON.stringify(Array.from({ length: 400 }, (_, i) => ({ i, t: `text ${i % 7}` })));
    for (let i = 0; i < 3; i++) {
      await ws.send(text);
      assertEquals((await ws.receive()).data, text);
    }
  }
  await using plain = await serve();
  await using ws = await connectWebSocket(urlOf(plain), { perMessageDeflate: true });
  assertEquals(ws.extensions, "");
});

Deno.test("request of the client passes our own server's check", async () => {
  await using server = await serve();
  using raw = await RawClient.connect(server.port);
  await raw.write(upgradeRequest({ "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" }));
  assertStringIncludes(await raw.readHead(), acceptKey("AAAAAAAAAAAAAAAAAAAAAA=="));
});

Deno.test("client refuses options that it does not know, before anything is opened", async () => {
  for (
    const [options, text] of [
      [{ rejectUnauthorized: false }, "`rejectUnauthorized` goes into `tls`"],
      [{ maxPayload: 1 }, "`maxPayload` is `maxMessageSize` here"],
      [{ followRedirects: true }, "`followRedirects` is `maxRedirects` here"],
      [{ maxMesageSize: 1 }, "there is no option `maxMesageSize`"],
      [["chat"], "the options are not an object"],
      [null, "the options are not an object"],
    ] as const
  ) {
    const given = options as ConnectWebSocketOptions;
    await assertRejects(() => connectWebSocket("ws://127.0.0.1:1", given), TypeError, text);
  }
});

Deno.test("client refuses what is no TLS option, no subprotocol and no origin, with a text that says so", async () => {
  const url = "wss://127.0.0.1:1/";
  for (const tls of [null, 0, "", 5, "x"]) {
    await assertRejects(() => connectWebSocket(url, { tls: tls as never }), TypeError, "`tls`");
  }
  const head = null as never;
  await assertRejects(() => connectWebSocket(url, { head }), TypeError, "HTTP heads");
  for (const protocol of [null, undefined, 5]) {
    const protocols = [protocol] as never;
    await assertRejects(() => connectWebSocket(url, { protocols }), TypeError, "subprotocol");
  }
  for (const origin of [null, 5, {}] as never[]) {
    await assertRejects(() => connectWebSocket(url, { origin }), TypeError, "origin");
  }
});
