import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { reported } from "../_support/console_errors.ts";
import { Budget } from "../../net/budget.ts";
import type { RequestBody } from "../../socketio/_exchange.ts";
import { NodeExchange, nodeRequest } from "../../socketio/_node_exchange.ts";

/** A node:http server on a real port whose requests go to `take`. */
async function withServer(
  take: (exchange: NodeExchange, request: IncomingMessage, response: ServerResponse) => void,
  body: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) =>
    take(new NodeExchange(request, response), request, response)
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    await body(`http://127.0.0.1:${port}/`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

Deno.test("node exchange reads a body up to its limit, and answers", async () => {
  await withServer(async (exchange) => {
    const body = await exchange.readBody(5);
    exchange.respond(200, { "Content-Type": "text/plain" }, body);
    exchange.respond(500, {});
    assertEquals([exchange.done, exchange.hold()], [true, false]);
  }, async (url) => {
    const answer = await fetch(url, { method: "POST", body: "12345" });
    assertEquals([answer.status, await answer.text()], [200, "12345"]);
  });
});

Deno.test("node exchange refuses a body that is too large, told or counted", async () => {
  await withServer(async (exchange) => {
    const body = await exchange.readBody(5);
    exchange.respond(413, { Connection: "close" }, String(body));
  }, async (url) => {
    const told = await fetch(url, { method: "POST", body: "123456" });
    assertEquals([told.status, await told.text()], [413, "too large"]);
    // Without a length: a chunked body is counted as it comes.
    const stream = new Blob(["123", "456"]).stream();
    const counted = await fetch(url, { method: "POST", body: stream });
    assertEquals([counted.status, await counted.text()], [413, "too large"]);
  });
});

Deno.test("node exchange lets a client that is refused send the rest, and answers the next request", async () => {
  const SIZE = 8_000_000;
  const heads = {
    told: [`Content-Length: ${SIZE}`, ""],
    counted: ["Transfer-Encoding: chunked", `${SIZE.toString(16)}\r\n`],
  };
  await withServer(async (exchange) => {
    const body = await exchange.readBody(5);
    if (body === "too large") exchange.respond(413, { Connection: "close" });
    else exchange.respond(200, {}, "well");
  }, async (url) => {
    const { hostname, port } = new URL(url);
    for (const [what, [head, size]] of Object.entries(heads)) {
      using conn = await Deno.connect({ hostname, port: Number(port) });
      const send = async (text: string) => {
        for (let left = new TextEncoder().encode(text); left.length > 0;) {
          left = left.subarray(await conn.write(left));
        }
      };
      const bytes = new Uint8Array(1000);
      const receive = async () =>
        new TextDecoder().decode(bytes.subarray(0, await conn.read(bytes) ?? 0)).split("\r\n")[0];
      await send(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${size}0123456789`);
      assertEquals(await receive(), "HTTP/1.1 413 Payload Too Large", what);
      // As a proxy that sends all first.
      await send("x".repeat(SIZE - 10) + (size === "" ? "" : "\r\n0\r\n\r\n"));
      await send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      assertEquals(await receive(), "HTTP/1.1 200 OK", what);
    }
  });
});

Deno.test("node exchange cuts off a refused client whose request does not end, and no other", () => {
  for (const what of ["stays", "ends its request", "goes"]) {
    const { setTimeout: realTimeout, clearTimeout: realClear } = globalThis;
    const timers = new Map<number, [() => void, number | undefined]>();
    globalThis.setTimeout = ((callback: () => void, delay?: number) => {
      timers.set(timers.size + 1, [callback, delay]);
      return timers.size;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = (id) => void timers.delete(id as number);
    let destroyed = false;
    const request = Object.assign(new EventEmitter(), {
      complete: false,
      headers: { "content-length": "9" },
      socket: new EventEmitter(),
      resume() {},
      destroy: () => void (destroyed = true),
    });
    const response = Object.assign(new EventEmitter(), {
      writableEnded: false,
      writeHead() {},
      end() {},
    });
    try {
      const exchange = new NodeExchange(
        request as unknown as IncomingMessage,
        response as unknown as ServerResponse,
      );
      exchange.respond(413, { Connection: "close" });
      response.emit("finish");
      if (what === "ends its request") request.emit("end");
      if (what === "goes") request.socket.emit("close");
    } finally {
      Object.assign(globalThis, { setTimeout: realTimeout, clearTimeout: realClear });
    }
    const left = [...timers.values()];
    assertEquals([left.map(([, delay]) => delay), destroyed], [
      what === "stays" ? [5000] : [],
      false,
    ]);
    for (const [callback] of left) callback();
    assertEquals(destroyed, what === "stays");
  }
});

Deno.test("node exchange ends the connection of a refused client that has sent all", async () => {
  await withServer(
    (exchange) => exchange.respond(400, { Connection: "close" }, "no"),
    async (url) => {
      const { hostname, port } = new URL(url);
      using conn = await Deno.connect({ hostname, port: Number(port) });
      await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
      assertStringIncludes(await new Response(conn.readable).text(), "Connection: close");
    },
  );
});

const readers: Record<string, (request: IncomingMessage) => Promise<unknown> | void> = {
  "read all of": (request) => request.toArray(),
  "begun to read": (request) =>
    new Promise<void>((resolve) => {
      request.once("data", () => {
        request.pause();
        resolve();
      });
    }),
  "set an encoding for": (request) => void request.setEncoding("utf8"),
};

for (const [what, read] of Object.entries(readers)) {
  Deno.test(`node exchange does not wait for a body that middleware has ${what}`, async () => {
    await withServer(async (exchange, request) => {
      await read(request);
      const error = await assertRejects(() => exchange.readBody(1_000_000), TypeError);
      exchange.respond(500, {}, error.message);
    }, async (url) => {
      // On one connection: the second one is there at all.
      for (let i = 0; i < 2; i++) {
        const answer = await fetch(url, { method: "POST", body: "x".repeat(400_000) });
        assertStringIncludes(await answer.text(), "middleware has begun to read it");
      }
    });
  });
}

Deno.test("node exchange has no body of a client that has gone", async () => {
  const body = Promise.withResolvers<unknown>();
  await withServer((exchange, request) => {
    request.destroy();
    exchange.readBody(5).then(body.resolve, body.reject);
  }, async (url) => {
    await assertRejects(() => fetch(url, { method: "POST", body: "12345" }));
    assertEquals(await body.promise, "aborted");
  });
});

Deno.test("node exchange waits for no body behind its response", async () => {
  const bodies: RequestBody[] = [];
  await withServer((exchange, request) => {
    exchange.readBody(10).then((body) => bodies.push(body));
    // The session ends meanwhile, and some of the body has come.
    request.once("data", () => exchange.respond(400, { Connection: "close" }));
  }, async (url) => {
    const { hostname, port } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    await conn.write(
      new TextEncoder().encode("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"),
    );
    await conn.read(new Uint8Array(1000));
    conn.close();
  });
  assertEquals(bodies, ["aborted"]);
});

Deno.test("node exchange tells of a client that has gone, and then answers no more", async () => {
  const gone = Promise.withResolvers<boolean>();
  await withServer((exchange) => {
    exchange.onAbort = () => {
      gone.resolve(exchange.done);
      exchange.respond(200, {});
    };
  }, async (url) => {
    const { hostname, port } = new URL(url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await new Promise((resolve) => setTimeout(resolve, 10));
    conn.close();
    assertEquals(await gone.promise, true);
  });
});

Deno.test("node exchange tells of a client that has gone where its response waits behind another", async () => {
  const gone: string[] = [];
  const all = Promise.withResolvers<void>();
  const budget = new Budget(1000);
  const pipelined = createServer((request, response) => {
    const exchange = new NodeExchange(request, response, budget);
    // The second one is answered, and its answer can't leave before that of the first.
    if (request.url === "/2") exchange.respond(200, {}, "ok");
    exchange.onAbort = () => void gone.push(request.url!);
    if (request.url === "/12") all.resolve();
  });
  await new Promise<void>((resolve) => pipelined.listen(0, "127.0.0.1", resolve));
  const { port } = pipelined.address() as { port: number };
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const urls = Array.from({ length: 12 }, (_, i) => `/${i + 1}`);
  const requests = urls.map((url) => `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`).join("");
  await conn.write(new TextEncoder().encode(requests));
  await all.promise;
  assertEquals([budget.used, gone], [2, []]);
  conn.close();
  for (let i = 0; gone.length < 11 && i < 2000; i++) await new Promise((r) => setTimeout(r, 1));
  assertEquals(gone.sort(), urls.filter((url) => url !== "/2").sort());
  assertEquals(budget.used, 0);
  await new Promise((resolve) => pipelined.close(resolve));
});

Deno.test("node exchange knows the client's address; the request has its connection", async () => {
  await withServer((exchange, request) => {
    const same = nodeRequest(request).connection as unknown === request.socket;
    exchange.respond(200, {}, `${exchange.remoteAddress} ${same}`);
  }, async (url) => {
    assertEquals(await (await fetch(url)).text(), "127.0.0.1 true");
  });
});

Deno.test("node exchange answers 500 where the headers can't be sent, or with nothing where that fails, too", async () => {
  const errors = await reported(() =>
    withServer((exchange, _request, response) => {
      response.setHeader("X-Kept", "kept");
      if (exchange.request.url === "/hook") {
        response.writeHead = () => {
          throw new Error("mine");
        };
      }
      exchange.respond(200, { "X-User": undefined as unknown as string }, "body");
      assertEquals(exchange.done, true);
    }, async (url) => {
      const answer = await fetch(url);
      assertEquals([answer.status, answer.headers.get("x-kept")], [500, null]);
      assertEquals(await answer.text(), "");
      await assertRejects(
        () => fetch(`${url}hook`, { method: "POST", body: new Blob(["x"]).stream() }),
        TypeError,
      );
    })
  );
  assertEquals(errors.length, 2);
});

Deno.test("node exchange cuts a response whose end middleware has replaced by one that throws, unless it has ended", async () => {
  const errors = await reported(() =>
    withServer((exchange, _request, response) => {
      const end = response.end.bind(response);
      response.end = (chunk?: unknown): never => {
        if (exchange.request.url === "/behind") end(chunk);
        throw new Error("mine");
      };
      exchange.respond(200, {}, "body");
      assertEquals(exchange.done, true);
    }, async (url) => {
      assertEquals(await (await fetch(`${url}behind`)).text(), "body");
      await assertRejects(
        () => fetch(url, { method: "POST", body: new Blob(["x"]).stream() }),
        TypeError,
      );
    })
  );
  assertEquals(errors.length, 2);
});
