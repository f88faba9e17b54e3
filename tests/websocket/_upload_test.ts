import { assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { waitFor } from "../../net/wait.ts";
import { createRequestListener, type HttpHandler } from "../../websocket/request_listener.ts";
import { collectGarbage } from "../_support/attack.ts";
import { RawClient } from "../_support/websocket_server.ts";

async function withClient(
  handler: HttpHandler,
  body: (client: RawClient) => Promise<void>,
): Promise<void> {
  const server = createServer(createRequestListener(handler));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    using client = await RawClient.connect((server.address() as AddressInfo).port);
    await body(client);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** More than is read without being asked for. */
const LARGE = 1_000_000;
const upload = (length = LARGE): string =>
  `POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`;
const NEXT = "POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";

const partly: Record<string, (body: ReadableStream<Uint8Array>) => Promise<unknown>> = {
  "leaves a loop over it": async (body) => {
    for await (const _ of body) break;
  },
  "cancels it": (body) => body.cancel(),
  "keeps its reader": (body) => body.getReader().read(),
  "gives its reader back": async (body) => {
    const reader = body.getReader();
    await reader.read();
    reader.releaseLock();
  },
  "reads a branch of it": (body) => body.tee()[0].getReader().read(),
  "does not touch it": async () => {},
};

for (const [what, read] of Object.entries(partly)) {
  Deno.test(`request behind a body is answered soon when the handler ${what}`, async () => {
    await withClient(async (request) => {
      if (request.url.endsWith("/next")) return new Response(`next ${await request.text()}`);
      await read(request.body!);
      return new Response("answered");
    }, async (client) => {
      await client.write(upload() + NEXT);
      const next = client.readUntil((text) => text.includes("next body"));
      await waitFor(next, "read", { timeout: 3000 });
      assertEquals(client.text.match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 200"]);
    });
  });
}

Deno.test("handler gets a body that comes in chunks of a byte in few pieces", async () => {
  const count = 20_000;
  const chunks = Array.from({ length: count }, (_, i) => `1\r\n${i % 10}\r\n`).join("");
  let pieces = 0;
  await withClient(async (request) => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const piece of request.body!) {
      pieces++;
      text += decoder.decode(piece);
    }
    const whole = text === "0123456789".repeat(count / 10);
    return new Response(whole ? "it is whole" : "it is damaged");
  }, async (client) => {
    const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    // The last of them come alone.
    await client.write(head + chunks.slice(0, -12));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.write(chunks.slice(-12, -6));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.write(`${chunks.slice(-6)}0\r\n\r\n`);
    await client.readUntil((text) => text.includes("it is"));
    assertStringIncludes(client.text, "it is whole");
  });
  assertLess(pieces, count / 20);
});

Deno.test("handler that has answered reads on, as slowly as it likes, and is told when it has stopped", async () => {
  const all = Promise.withResolvers<number>();
  const rest = Promise.withResolvers<unknown>();
  await withClient((request) => {
    (async () => {
      const reader = request.body!.getReader();
      let length = 0;
      for (let i = 0;; i++) {
        const { done, value } = await reader.read();
        if (done) break;
        length += value.length;
        if (i < 8) await new Promise((resolve) => setTimeout(resolve, 100));
        if (request.url.endsWith("/next")) {
          // One read of what has come, and a long pause.
          await new Promise((resolve) => setTimeout(resolve, 700));
          return reader.read().then(rest.resolve, rest.reject);
        }
      }
      all.resolve(length);
    })();
    return new Response("answered");
  }, async (client) => {
    await client.write(upload());
    assertEquals(await all.promise, LARGE);
    await client.write(upload().replace("/upload", "/next"));
    await assertRejects(() => rest.promise, TypeError, "its response has left");
  });
});

Deno.test("body of a request is read into a buffer of the handler's, to its end", async () => {
  await withClient(async (request) => {
    const reader = request.body!.getReader({ mode: "byob" });
    const sizes: number[] = [];
    for (let view = new Uint8Array(3);;) {
      const { done, value } = await reader.read(view);
      if (done) break;
      sizes.push(value.length);
      view = new Uint8Array(value.buffer);
    }
    return new Response(`read ${sizes};`);
  }, async (client) => {
    await client.write(upload(7) + upload(3));
    const both = client.readUntil((text) => text.split(";").length > 4);
    await waitFor(both, "read", { timeout: 3000 });
    assertEquals(client.text.match(/read .*?;/g), ["read 3,3,1;", "read 3;"]);
  });
});

Deno.test("body of a request is read by several reads at once, and by one that wants more than has come", async () => {
  const reads: Record<string, (body: ReadableStream<Uint8Array>) => Promise<string>> = {
    "/two": async (body) => {
      const reader = body.getReader();
      const both = await Promise.all([reader.read(), reader.read()]);
      reader.releaseLock();
      return both.map(({ value }) => value?.length).join();
    },
    "/min": async (body) => {
      const reader = body.getReader({ mode: "byob" });
      const { value } = await reader.read(new Uint8Array(6), { min: 6 });
      reader.releaseLock();
      return `${value?.length}`;
    },
    // It ends within a number of two bytes.
    "/numbers": async (body) => {
      const reader = body.getReader({ mode: "byob" });
      try {
        while (!(await reader.read(new Uint16Array(64))).done);
        return "ended";
      } catch (error) {
        return (error as Error).name;
      }
    },
  };
  await withClient(async (request) => {
    const { pathname } = new URL(request.url);
    return new Response(`read ${await reads[pathname](request.body!)};`);
  }, async (client) => {
    const pieces = { "/two": ["abc", "def"], "/min": ["abc", "def"], "/numbers": ["abc", "de"] };
    let answers = 0;
    for (const [path, [first, second]] of Object.entries(pieces)) {
      const length = first.length + second.length;
      await client.write(upload(length).replace("/upload", path).slice(0, -length) + first);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await client.write(second);
      answers++;
      const answer = client.readUntil((text) => text.split("read ").length > answers);
      await waitFor(answer, "read", { timeout: 10_000 });
    }
    assertEquals(client.text.match(/read .*?;/g), ["read 3,3;", "read 6;", "read TypeError;"]);
  });
});

Deno.test("body that its client cuts off fails for the handler", async () => {
  const failed = Promise.withResolvers<unknown>();
  const gone = Promise.withResolvers<void>();
  const handler: HttpHandler = async (request) => {
    await gone.promise;
    failed.resolve(await request.text().catch((error) => error.message));
    return new Response();
  };
  await withClient(handler, async (client) => {
    await client.write(upload(7).slice(0, -1));
    client.close();
    gone.resolve();
    assertEquals(await failed.promise, "aborted");
  });
});

Deno.test("handler that reads on behind its response is told when its client has gone", async () => {
  const told = Promise.withResolvers<unknown>();
  await withClient((request) => {
    request.text().then(told.resolve, told.reject);
    return new Response("early");
  }, async (client) => {
    await client.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf");
    await client.readUntil((text) => text.includes("early"));
    client.conn.close();
    await assertRejects(
      () => waitFor(told.promise, "hear", { timeout: 5000 }),
      TypeError,
      "its client has gone",
    );
  });
});

for (const [what, read] of Object.entries(partly)) {
  Deno.test(`connection does not keep the body of a request when the handler ${what}`, async () => {
    const bodies: WeakRef<object>[] = [];
    await withClient(async ({ body }) => {
      bodies.push(new WeakRef(body!));
      await read(body!);
      return new Response("answered");
    }, async (client) => {
      for (let i = 1; i <= 10; i++) {
        await client.write(NEXT);
        await client.readUntil((text) => text.split("answered").length > i);
      }
      // The last ones may be held by what is still under way; node:http ends the connection after 5 seconds.
      const held = () => bodies.slice(0, 8).filter((body) => body.deref() !== undefined).length;
      for (let i = 0; i < 40 && held() > 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        collectGarbage();
      }
      assertEquals(held(), 0);
    });
  });
}
