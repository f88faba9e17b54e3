import * as parser from "socket.io-parser";
import { assertEquals, assertThrows } from "@std/assert";
import { next, withServer } from "../_support/socketio_rig.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import type { SocketIoClientOptions } from "../../socketio/client_options.ts";
import "../../socketio/client_proxy.ts";
import { connectSocketIo } from "../../socketio/connect.ts";

/** What is asked for, by a fetch that never answers. */
function recordUrl(target: string | URL, options = {}): string {
  let url = "";
  const socket = connectSocketIo(target, {
    ...options,
    fetch: (input) => {
      url = String(input);
      return new Promise(() => {});
    },
  });
  socket.disconnect();
  return url;
}

Deno.test("the path of the URL is the namespace, and the engine's path is an option", () => {
  assertEquals(
    recordUrl("http://host:1/admin?x=1#y"),
    "http://host:1/socket.io/?x=1&EIO=4&transport=polling",
  );
  assertEquals(
    recordUrl(new URL("https://host"), { path: "/chat/", query: { a: "b c" } }),
    "https://host/chat/?a=b+c&EIO=4&transport=polling",
  );
  assertEquals(
    recordUrl("wss://host", { addTrailingSlash: false }),
    "https://host/socket.io?EIO=4&transport=polling",
  );
  const socket = connectSocketIo("http://host/b%20c", { autoConnect: false });
  assertEquals(socket.nsp, "/b c");
  assertEquals(connectSocketIo("http://host", { autoConnect: false }).nsp, "/");
});

Deno.test("a page's own server is asked for by a path, and by nothing else", () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "location")!;
  const href = "https://example.org/page/x?y";
  Object.defineProperty(globalThis, "location", { value: { href }, configurable: true });
  try {
    const asked = "https://example.org/socket.io/?EIO=4&transport=polling";
    assertEquals([recordUrl("/"), recordUrl("/chat")], [asked, asked]);
    assertEquals(connectSocketIo("/chat", { autoConnect: false }).nsp, "/chat");
    // What npm's client also takes: no URL, options alone, a host.
    for (const odd of [undefined, null, { autoConnect: false }, 80, "", "localhost"]) {
      assertThrows(() => connectSocketIo(odd as string), TypeError, "begins neither with a scheme");
    }
  } finally {
    Object.defineProperty(globalThis, "location", before);
  }
});

Deno.test("a URL or an option that can't be used throws", () => {
  assertThrows(() => connectSocketIo("ftp://host"), TypeError, "ftp:");
  assertThrows(() => connectSocketIo("not a url"), TypeError);
  const secret = "http://ann:s3cret@host:99999/?token=s3cret";
  const error = assertThrows(() => connectSocketIo(secret), TypeError);
  assertEquals(error.message, "Cannot connect: the URL is not valid");
  assertThrows(() => connectSocketIo("http://host/a%zz"), TypeError, "namespace");
  for (const path of ["a,b", "a%2Cb", "admin,1"]) {
    assertThrows(() => connectSocketIo(`http://host/${path}`), TypeError, "has a comma");
  }
  const own = connectSocketIo("http://host/a,b", { parser, autoConnect: false });
  assertEquals(own.nsp, "/a,b");
  const url = "http://host";
  assertThrows(() => connectSocketIo(url, { transports: ["webtransport" as never] }), TypeError);
  assertThrows(() => connectSocketIo(url, { transports: [] }), TypeError, "empty");
  for (
    const name of [
      "reconnectionDelay",
      "timeout",
      "maxBufferedBytes",
      "maxBufferedEvents",
      "randomizationFactor",
    ]
  ) {
    assertThrows(() => connectSocketIo(url, { [name]: -1 }), RangeError);
  }
});

Deno.test("options of a proxy without one, or with what goes past it, throw", () => {
  const url = "https://host";
  for (const name of ["tls", "proxyTls", "policy"]) {
    assertThrows(() => connectSocketIo(url, { [name]: {} }), TypeError, name);
  }
  const proxy = "http://proxy";
  assertThrows(() => connectSocketIo(url, { proxy, fetch }), TypeError, "not go through it");
  assertThrows(() => connectSocketIo(url, { proxy, WebSocket }), TypeError, "not go through it");
  assertThrows(() => connectSocketIo("http://host", { proxy, tls: {} }), TypeError, "tls");
  // What is null is none, as in npm's client.
  const none = { proxy: null, tls: null, proxyTls: null, policy: null } as never as Parameters<
    typeof connectSocketIo
  >[1];
  connectSocketIo("http://127.0.0.1:9", null).disconnect();
  const direct = connectSocketIo("http://null.example", { ...none, autoConnect: false });
  const plain = connectSocketIo("http://null.example/a", { autoConnect: false });
  assertEquals(direct.io === plain.io, true);
  direct.disconnect();
  connectSocketIo("http://null.example", { ...none, proxy, autoConnect: false }).disconnect();
});

Deno.test("sockets share a connection only if they want the same of it", () => {
  const options = { autoConnect: false };
  const url = "http://shared.example";
  const one = connectSocketIo(url, options);
  const same = connectSocketIo(`${url}/a`, { ...options, auth: { other: "auth" }, retries: 1 });
  const otherOption = connectSocketIo(`${url}/b`, { ...options, upgrade: false });
  const own = connectSocketIo(`${url}/c`, { ...options, multiplex: false });
  const otherHost = connectSocketIo("http://other.example/d", options);
  const ownFetch = connectSocketIo(`${url}/e`, { ...options, fetch: () => new Promise(() => {}) });
  assertEquals(one.io === same.io, true);
  for (const socket of [otherOption, own, otherHost, ownFetch]) {
    assertEquals(one.io === socket.io, false);
  }
  one.disconnect();
  assertEquals(connectSocketIo(`${url}/f`, options).io === one.io, false, "an old connection");
});

Deno.test("sockets share a connection through the same proxy with the same login and settings alone", () => {
  const url = "https://shared.example";
  const tls = { ca: "authority" };
  const ways: SocketIoClientOptions[] = [
    { proxy: "socks5://ann:one@host" },
    { proxy: "socks5://ann:two@host" },
    { proxy: parseProxyUrl("socks5://ann:three@host") },
    { proxy: parseProxyUrl("socks5://ann:four@host") },
    { proxy: ["socks5://near", parseProxyUrl("http://ann:five@host")] },
    { proxy: ["socks5://near", parseProxyUrl("http://ann:six@host")] },
    { proxy: "socks5://seven", tls },
    { proxy: "socks5://seven", tls: { ...tls } },
    { proxy: "socks5://seven", proxyTls: tls },
    { proxy: "socks5://seven", policy: "public" },
  ];
  const found = new Set<unknown>();
  for (const way of ways) {
    const options = { ...way, autoConnect: false };
    const [one, same] = ["a", "b"].map((nsp) => connectSocketIo(`${url}/${nsp}`, options));
    assertEquals(one.io === same.io, true);
    found.add(one.io);
  }
  assertEquals(found.size, ways.length);
});

Deno.test("headers and cookies are sent by polling", async () => {
  await withServer({}, async ({ io, url }) => {
    const headers = new Promise((resolve) =>
      io.on("connection", (socket) => resolve(socket.handshake.headers["x-a"]))
    );
    const socket = connectSocketIo(url, {
      transports: ["polling"],
      extraHeaders: { "X-A": "b" },
      withCredentials: true,
    });
    await next(socket, "connect");
    assertEquals(await headers, "b");
    await socket.close();
  });
});

for (const withCredentials of [true, false]) {
  const kept = withCredentials ? "kept for its WebSocket, too, and no longer" : "not kept";
  Deno.test(`cookies of a connection are ${kept}, withCredentials ${withCredentials}`, async () => {
    await withServer({ cookie: true }, async ({ io, url }) => {
      const sent: (string | undefined)[] = [];
      const note = (options: unknown): void => {
        const { headers } = (options ?? {}) as { headers?: Record<string, string> };
        sent.push(headers?.Cookie);
      };
      class Noting extends WebSocket {
        constructor(url: string, options?: string) {
          note(options);
          super(url, options);
        }
      }
      const socket = connectSocketIo(url, {
        withCredentials,
        reconnectionDelay: 1,
        fetch: (input, init) => {
          note(init);
          return fetch(input, init);
        },
        WebSocket: Noting as typeof WebSocket,
      });
      const upgrade = (): Promise<unknown> =>
        new Promise((resolve) => socket.io.once("upgrade", () => resolve(undefined)));
      for (let i = 0; i < 2; i++) {
        await Promise.all([next(socket, "connect"), upgrade()]);
        const { conn } = io.sockets.sockets.get(socket.id!)!;
        const [first, ...others] = sent.splice(0);
        assertEquals(first, undefined);
        assertEquals(new Set(others), new Set([withCredentials ? `io=${conn.id}` : undefined]));
        conn.close();
      }
      await socket.close();
    });
  });
}

Deno.test("headers are sent by a WebSocket that can", async () => {
  await withServer({}, async ({ io, url }) => {
    const headers = new Promise((resolve) =>
      io.on("connection", (socket) => resolve(socket.handshake.headers["x-a"]))
    );
    const socket = connectSocketIo(url, {
      transports: ["websocket"],
      extraHeaders: { "X-A": "b" },
    });
    await next(socket, "connect");
    assertEquals(await headers, "b");
    await socket.close();
  });
});

Deno.test("a fetch that keeps cookies sends each once without withCredentials, as documented, and twice with it", async () => {
  for (const withCredentials of [false, true]) {
    await withServer({ cookie: true }, async ({ io, url }) => {
      let kept = "";
      const seen: (string | undefined)[] = [];
      io.engine.on("headers", (_headers: unknown, request: { headers: { cookie?: string } }) => {
        seen.push(request.headers.cookie);
      });
      const socket = connectSocketIo(url, {
        withCredentials,
        transports: ["polling"],
        fetch: async (input, init) => {
          const headers = new Headers(init?.headers);
          const cookie = [headers.get("cookie"), kept].filter(Boolean).join("; ");
          if (cookie !== "") headers.set("cookie", cookie);
          const response = await fetch(input, { ...init, headers });
          kept ||= response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
          return response;
        },
      });
      await next(socket, "connect");
      await socket.close();
      const expected = withCredentials ? `${kept}; ${kept}` : kept;
      assertEquals(seen[0], undefined);
      assertEquals(new Set(seen.slice(1)), new Set([expected]));
    });
  }
});
