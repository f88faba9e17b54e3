// What has gone wrong in npm's ws, tried against our client and servers over real connections. Engine.IO and Socket.IO: socketio_test.ts.
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  acceptance,
  acceptWebSocket,
  askForWebSocket,
  assertEchoes,
  assertLinear,
  type ByteServer,
  byteServer,
  clientFrame,
  flood,
  growthDuring,
  longFrame,
  openWebSocket,
  repeated,
  serverFrame,
  statusOf,
  Wire,
} from "../_support/attack.ts";
import { CA, identity } from "../_support/certs.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { attachWebSocket } from "../../websocket/attach.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { checkClientHandshake } from "../../websocket/handshake.ts";
import { parseRequestHead } from "../../websocket/http_head.ts";
import type { WebSocketAcceptOptions } from "../../websocket/server_options.ts";
import { DEFAULT_MAX_FRAGMENTS } from "../../websocket/types.ts";

const MIB = 1_048_576;

/** The same server behind a port of its own, and attached to a server of node:http. */
async function behind(
  door: "serveWebSocket" | "attachWebSocket",
  options: WebSocketAcceptOptions,
  run: (port: number) => Promise<void>,
): Promise<void> {
  const echo = (ws: WebSocketConnection) => void ws.on("message", (data) => ws.send(data));
  if (door === "serveWebSocket") {
    await using server = await serve({ default: echo, ...options });
    return await run(server.port);
  }
  const http = createServer((_request, response) => response.end("a page"));
  const attached = attachWebSocket(http, { default: echo, ...options });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    await run((http.address() as AddressInfo).port);
  } finally {
    await attached.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
}

const DOORS = ["serveWebSocket", "attachWebSocket"] as const;

// CVE-2016-10518
Deno.test("Memory disclosure: a number in place of bytes or of a reason is refused, and nothing of it goes out", async () => {
  const attempts: ((ws: WebSocketConnection) => unknown)[] = [
    (ws) => ws.send(10 as unknown as string),
    (ws) => ws.send(1e9 as unknown as string),
    (ws) => ws.ping(10 as unknown as { timeout?: number }),
    (ws) => ws.ping(new Uint8Array(10) as { timeout?: number }),
    (ws) => ws.pong(10 as unknown as Uint8Array),
    (ws) => ws.pong("ten bytes!" as unknown as Uint8Array),
    (ws) => ws.close(1000, 5 as unknown as string),
    (ws) => ws.close(1000, null as unknown as string),
    (ws) => ws.close("1000" as unknown as number),
  ];
  const thrown: unknown[] = [];
  await using server = await serve({
    default: async (ws) => {
      for (const attempt of attempts) {
        try {
          await attempt(ws);
          thrown.push(undefined);
        } catch (error) {
          thrown.push(error);
        }
      }
      ws.send("end");
    },
  });
  using wire = await openWebSocket(server.port);
  assertEquals(await wire.readText(), "end");
  assertEquals(thrown.length, attempts.length);
  for (const error of thrown) assert(error instanceof TypeError || error instanceof RangeError);
  await wire.write(clientFrame(8));
  assertEquals(await wire.readClose(), 1005);
});

// CVE-2016-10518, CVE-2026-45736
Deno.test("Memory disclosure: every view of a buffer sends its own bytes and none around them, both ways", async () => {
  const CANARY = 0xca;
  /** A view of 8 bytes in the middle of a buffer full of the canary. */
  const views = [
    DataView,
    Uint8Array,
    Int8Array,
    Uint8ClampedArray,
    Uint16Array,
    Int16Array,
    Uint32Array,
    Int32Array,
    Float32Array,
    Float64Array,
    BigUint64Array,
    BigInt64Array,
  ].map((View) => {
    const buffer = new Uint8Array(4096).fill(CANARY).buffer;
    new Uint8Array(buffer, 1024, 8).set([1, 2, 3, 4, 5, 6, 7, 8]);
    const size = "BYTES_PER_ELEMENT" in View ? View.BYTES_PER_ELEMENT as number : 1;
    return new (View as Uint8ArrayConstructor)(buffer, 1024, 8 / size);
  });
  await using server = await serve({
    default: (ws) => {
      for (const view of views) ws.send(view);
      assertThrows(() => ws.close(1000, new Float32Array(20) as unknown as string), TypeError);
      ws.close(1000, "end");
    },
  });
  using wire = await openWebSocket(server.port);
  for (const view of views) {
    const frame = await wire.readFrame();
    assertEquals(frame!.payload, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), view.constructor.name);
  }
  const close = await wire.readFrame();
  assertEquals(close!.payload, joined(new Uint8Array([3, 232]), new TextEncoder().encode("end")));
  await wire.write(clientFrame(8, new Uint8Array([3, 232])));
  assertEquals(await wire.readAll(), new Uint8Array(0));

  const got: Uint8Array[] = [];
  await using raw = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    for (const _ of views) {
      const frame = await wire.readFrame();
      assert(frame!.masked);
      got.push(frame!.payload);
    }
    await wire.write(serverFrame(1, "all there"));
    await wire.readClose();
  });
  const ws = await connectWebSocket(urlOf(raw));
  for (const view of views) await ws.send(view);
  assertEquals((await ws.receive()).data, "all there");
  for (const bytes of got) assertEquals(bytes, new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]));
  ws.terminate();
});

// CVE-2016-10542
for (const role of ["server", "client"] as const) {
  Deno.test(`Unlimited message: a ${role} refuses a length far above its limit at the header, without memory for it`, async () => {
    for (
      const [length, code] of [
        [2n ** 20n + 1n, 1009],
        [2n ** 31n, 1009],
        [2n ** 32n + 5n, 1009],
        [2n ** 53n, 1009],
        [2n ** 63n - 1n, 1009],
        [2n ** 63n, 1002],
        [2n ** 64n - 1n, 1002],
      ] as const
    ) {
      for (const opcode of [1, 2]) {
        const growth = await growthDuring(async () => {
          if (role === "server") {
            await using server = await serve();
            using wire = await openWebSocket(server.port);
            await wire.write(longFrame(length, { opcode }));
            assertEquals(await wire.readClose(), code, `${length}`);
          } else {
            let told = 0;
            await using raw = byteServer(async (wire) => {
              await acceptWebSocket(wire, "", longFrame(length, { opcode, masked: false }));
              told = await wire.readClose();
              wire.close();
            });
            const ws = await connectWebSocket(urlOf(raw));
            assertEquals((await ws.closed).error?.closeCode, code, `${length}`);
            assertEquals(told, code);
          }
        });
        assertLess(growth, 16 * MIB);
      }
    }
  });
}

// GHSA-5v72-xg48-5rpm
for (const door of DOORS) {
  Deno.test(`Prototype lookup: extensions, parameters and subprotocols with names of Object.prototype are unknown to ${door}`, async () => {
    const names = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"];
    await behind(door, { perMessageDeflate: true, protocols: { chat: () => {} } }, async (port) => {
      for (const name of names) {
        const headers = [
          { "Sec-WebSocket-Extensions": name },
          { "Sec-WebSocket-Extensions": `${name}; ${name}=1, ${name}` },
          { "Sec-WebSocket-Extensions": `permessage-deflate; ${name}` },
          { "Sec-WebSocket-Extensions": `permessage-deflate; ${name}=15` },
          { "Sec-WebSocket-Protocol": name },
        ];
        for (const header of headers) {
          const { wire, head, status } = await askForWebSocket(port, { headers: header });
          assertEquals(status, 101, head);
          assert(!/sec-websocket-(extensions|protocol)/i.test(head), head);
          wire.close();
        }
      }
      await assertEchoes(port);
    });
  });
}

// GHSA-5v72-xg48-5rpm
Deno.test("Prototype lookup: a client takes no extension or subprotocol that is a name of Object.prototype", async () => {
  for (const name of ["constructor", "__proto__", "toString"]) {
    for (
      const header of [
        `Sec-WebSocket-Extensions: ${name}`,
        `Sec-WebSocket-Extensions: permessage-deflate; ${name}=1`,
        `Sec-WebSocket-Protocol: ${name}`,
      ]
    ) {
      await using raw = byteServer((wire) => acceptWebSocket(wire, `${header}\r\n`));
      const error = await assertRejects(() =>
        connectWebSocket(urlOf(raw), { perMessageDeflate: true, protocols: ["chat"] })
      );
      assertEquals(
        (error as { code?: string }).code,
        header.includes("Extensions") ? "HANDSHAKE_EXTENSION" : "HANDSHAKE_PROTOCOL",
      );
    }
  }
});

/** Headers that are lists, or are matched against a pattern, with what patterns choke on. */
const CHOKING: Record<string, (size: number) => string> = {
  "Sec-WebSocket-Protocol": (size) => `b${" ".repeat(size)}x`,
  "Sec-WebSocket-Extensions": (size) => `a;${" ".repeat(size)}b="${"\\".repeat(size)}`,
  "Connection": (size) => `Upgrade,${" ,".repeat(size)}x${" ".repeat(size)}x`,
  "Upgrade": (size) => `websocket,${" ,".repeat(size)}${" ".repeat(size)}x`,
  "Sec-WebSocket-Version": (size) => `13${" ".repeat(size)}x`,
  "Sec-WebSocket-Key": (size) => `${"A".repeat(size)}==`,
  "Origin": (size) => `http://${"a".repeat(size)}${" ".repeat(size)}x`,
  "Host": (size) => `${"a:".repeat(size)}${" ".repeat(size)}!`,
  "Content-Length": (size) => `${"0".repeat(size)}${" ".repeat(size)}x`,
};

// CVE-2021-32640
Deno.test("ReDoS: the headers of a handshake are read in linear time, whatever is in them", () => {
  for (const [name, value] of Object.entries(CHOKING)) {
    assertLinear((size) => {
      const head = parseRequestHead(upgradeRequest({ [name]: value(size) }));
      assert("fields" in head, name);
      checkClientHandshake(head);
    });
  }
});

// CVE-2021-32640
for (const door of DOORS) {
  Deno.test(`ReDoS: 32,000 spaces in a header do not keep ${door} from serving others`, async () => {
    const raised = { head: { maxHeadSize: 200_000, maxLineSize: 180_000 } };
    const options = door === "serveWebSocket" ? raised : {};
    await behind(door, options as WebSocketAcceptOptions, async (port) => {
      for (const [name, value] of Object.entries(CHOKING)) {
        for (const size of [2_000, 32_000]) {
          const attack = askForWebSocket(port, { headers: { [name]: value(size) } });
          await assertEchoes(port);
          const { wire, status } = await attack;
          // A list with an empty tail may still be a list; all else is refused.
          assert([101, 400, 403, 426, 431].includes(status), `${name}: ${status}`);
          wire.close();
        }
      }
    });
  });
}

// CVE-2024-37890
for (const door of DOORS) {
  Deno.test(`Header count: 2,000 headers in front of Upgrade are refused by ${door}, which goes on`, async () => {
    await behind(door, {}, async (port) => {
      for (const count of [101, 2_000]) {
        const many = Object.fromEntries(Array.from({ length: count }, (_, i) => [`x${i}`, "1"]));
        using wire = await Wire.connect(port);
        await wire.write(upgradeRequest({ Upgrade: undefined, ...many, upgrade: "websocket" }));
        const status = statusOf(await wire.readHead());
        // node:http drops what is over its own limit: without Upgrade it is no request for a WebSocket.
        if (door === "serveWebSocket") assertEquals(status, 431);
        else assert([101, 400, 426, 431].includes(status), `${status}`);
      }
      await assertEchoes(port);
    });
  });
}

// CVE-2026-48779
Deno.test("Tiny fragments: a million fragments of one byte or none end early with 1008, in little memory", async () => {
  await using server = await serve();
  for (const data of ["", "x"]) {
    const first = clientFrame(2, data, { fin: false });
    const next = clientFrame(0, data, { fin: false });
    const growth = await growthDuring(async () => {
      using wire = await openWebSocket(server.port);
      await wire.write(first);
      assertEquals(await flood(wire, repeated(next, 100_000), 10), 1008);
    });
    assertLess(growth, 64 * MIB);
  }
  await assertEchoes(server.port);
});

// CVE-2026-48779
Deno.test("Tiny fragments: a client ends them early with 1008, too", async () => {
  const first = serverFrame(2, "x", { fin: false });
  const next = serverFrame(0, "", { fin: false });
  let told = 0;
  await using raw = byteServer(async (wire) => {
    await acceptWebSocket(wire);
    await wire.write(first);
    told = await flood(wire, repeated(next, DEFAULT_MAX_FRAGMENTS + 1));
  });
  const ws = await connectWebSocket(urlOf(raw));
  const { error } = await ws.closed;
  assertEquals([error?.code, error?.closeCode, told], ["TOO_MANY_FRAGMENTS", 1008, 1008]);
});

// CVE-2026-48779 (a message in one frame, cut by the network)
Deno.test("Tiny chunks: a message that comes byte by byte costs no more than its bytes", async () => {
  await using server = await serve({ maxMessageSize: 65_536 });
  using wire = await openWebSocket(server.port);
  const frame = clientFrame(2, new Uint8Array(20_000).fill(7));
  const growth = await growthDuring(async () => {
    for (let at = 0; at < frame.length; at++) await wire.write(frame.subarray(at, at + 1));
    const echo = await wire.readFrame();
    // However many pieces it was in the end, it is either echoed or refused as too many.
    if (echo!.opcode === 2) assertEquals(echo!.payload.length, 20_000);
    else assertEquals(echo!.payload.subarray(0, 2), new Uint8Array([3, 240]));
  });
  assertLess(growth, 16 * MIB);
});

/** A server that answers each request by `answer`, and keeps the heads that came. */
function answering(
  answer: (head: string) => string | Promise<string>,
  tls?: { cert: string; key: string },
): ByteServer & { heads: string[] } {
  const heads: string[] = [];
  const server = byteServer(async (wire) => {
    const head = await wire.readHead();
    heads.push(head);
    await wire.write(await answer(head));
  }, tls);
  return Object.assign(server, { heads });
}

const accepted = (head: string) => acceptance(head);
const redirected = (location: string) => () =>
  `HTTP/1.1 302 x\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;

const SECRETS = {
  authorization: "Bearer s3cret",
  cookie: "sid=s3cret",
  "proxy-authorization": "Basic s3cret",
  "x-api-key": "s3cret",
};

// ws 6946f5fe, ws d68ba9e1, ws bc8bd34e
Deno.test("Credential leak on redirect: another port, host or scheme gets none of what was meant for the first", async () => {
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  const tls = { ca: CA };
  await using plain = answering(accepted);
  await using secure = answering(accepted, identity("server"));
  const connect = (url: string) =>
    connectWebSocket(url, {
      headers: SECRETS,
      maxRedirects: 3,
      lookup,
      ...url.startsWith("wss") && { tls },
    });
  const cases: [name: string, location: string, target: typeof plain][] = [
    ["another port", `ws://127.0.0.1:${plain.port}/`, plain],
    ["another name of this machine", `ws://localhost:${plain.port}/`, plain],
    ["a name with credentials of its own", `http://u:p@127.0.0.1:${plain.port}/`, plain],
    ["a location without scheme", `//127.0.0.1:${plain.port}/`, plain],
  ];
  for (const [name, location, target] of cases) {
    await using first = answering(redirected(location));
    const ws = await connect(`ws://user:s3cret@127.0.0.1:${first.port}/`);
    ws.terminate();
    assert(first.heads[0].includes("s3cret"), name);
    assert(!/s3cret|authorization|cookie|api-key/i.test(target.heads.at(-1)!), name);
  }
  // From TLS to another host with TLS: the same.
  await using first = answering(
    redirected(`wss://localhost:${secure.port}/`),
    identity("server"),
  );
  const ws = await connect(`wss://user:s3cret@localhost:${first.port}/`);
  ws.terminate();
  assert(!/s3cret|authorization|cookie|api-key/i.test(secure.heads.at(-1)!));
});

// ws 6946f5fe
Deno.test("Credential leak on redirect: what was left behind does not come back with the way back", async () => {
  await using home: ReturnType<typeof answering> = answering((head) =>
    home.heads.length === 1 ? redirected(`ws://127.0.0.1:${away.port}/`)() : accepted(head)
  );
  await using away = answering(() => redirected(`ws://127.0.0.1:${home.port}/again`)());
  const ws = await connectWebSocket(urlOf(home), { headers: SECRETS, maxRedirects: 3 });
  ws.terminate();
  assertEquals(home.heads.length, 2);
  for (const head of [away.heads[0], home.heads[1]]) {
    assert(!/s3cret|authorization|cookie|api-key/i.test(head), head);
  }
});

// ws d68ba9e1, ws bc8bd34e
Deno.test("Credential leak on redirect: from TLS to none, and to a socket file, there is no way", async () => {
  await using plain = answering(accepted);
  await using secure = answering(
    redirected(`ws://localhost:${plain.port}/`),
    identity("server"),
  );
  const options = {
    headers: SECRETS,
    maxRedirects: 3,
    tls: { ca: CA },
    lookup: () => Promise.resolve(["127.0.0.1"]),
  };
  const error = await assertRejects(() =>
    connectWebSocket(`wss://localhost:${secure.port}/`, options)
  );
  assertEquals((error as { code?: string }).code, "HANDSHAKE_REDIRECT");
  await using local = answering(redirected("ws+unix:/tmp/somebody.sock:/"));
  await assertRejects(() => connectWebSocket(urlOf(local), { headers: SECRETS, maxRedirects: 3 }));
  assertEquals(plain.heads, []);
});

// ws bc8bd34e
Deno.test({
  name: "Credential leak on redirect: from a socket file to a port, nothing goes along",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using target = answering(accepted);
    const path = await Deno.makeTempFile({ suffix: ".sock" });
    await Deno.remove(path);
    const listener = Deno.listen({ transport: "unix", path });
    const serving = (async () => {
      const conn = await listener.accept();
      const wire = new Wire(conn as unknown as Deno.Conn);
      await wire.readHead();
      await wire.write(redirected(`ws://127.0.0.1:${target.port}/`)());
      wire.close();
    })();
    const ws = await connectWebSocket(`ws+unix:${path}:/x`, { headers: SECRETS, maxRedirects: 1 });
    ws.terminate();
    listener.close();
    await serving;
    assert(!/s3cret|authorization|cookie|api-key/i.test(target.heads[0]));
  },
});
