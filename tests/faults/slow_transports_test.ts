/**
 * Transports that take their time: each read, write and end comes back some turns of the event loop later, now and then
 * a part of the bytes only. Everything that can happen between two steps does.
 */
import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers/promises";
import { pair } from "../../net/pair.ts";
import { connectThroughProxies } from "../../net/proxy_chain.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { startServerTls, startTls } from "../../net/start_tls.ts";
import type { Transport, TransportAddr } from "../../net/transport.ts";
import { waitFor } from "../../net/wait.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { CA, identity } from "../_support/certs.ts";
import { MemoryListener } from "../_support/kill_switch.ts";
import { randomFrom } from "../_support/random.ts";
import { echo, readAll, readText } from "../_support/transport_io.ts";

/** Nothing here takes so long, however busy the machine is, in ms. */
const STUCK = 60_000;

class SlowTransport implements Transport {
  readonly #inner: Transport;
  readonly #random: (below: number) => number;

  constructor(inner: Transport, random: (below: number) => number) {
    this.#inner = inner;
    this.#random = random;
  }

  get localAddr(): TransportAddr {
    return this.#inner.localAddr;
  }

  get remoteAddr(): TransportAddr {
    return this.#inner.remoteAddr;
  }

  read(p: Uint8Array): Promise<number | null> {
    return this.#slowly(() => this.#inner.read(this.#part(p)));
  }

  write(p: Uint8Array): Promise<number> {
    return this.#slowly(() => this.#inner.write(this.#part(p)));
  }

  closeWrite(): Promise<void> {
    return this.#slowly(() => this.#inner.closeWrite());
  }

  close(): void {
    this.#inner.close();
  }

  #part(p: Uint8Array): Uint8Array {
    return this.#random(3) > 0 ? p : p.subarray(0, 1 + this.#random(p.length));
  }

  async #slowly<T>(work: () => Promise<T>): Promise<T> {
    await this.#lag();
    const result = await work();
    await this.#lag();
    return result;
  }

  async #lag(): Promise<void> {
    for (let turns = Math.max(0, this.#random(16) - 6); turns > 0; turns--) await setImmediate();
  }
}

function slowPair(random: (below: number) => number): [Transport, Transport] {
  const [a, b] = pair();
  return [new SlowTransport(a, random), new SlowTransport(b, random)];
}

function filled(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => i * 31 >> 3);
}

async function each(count: number, work: (random: (below: number) => number) => Promise<void>) {
  for (let from = 0; from < count; from += 20) {
    const runs = Array.from({ length: 20 }, async (_, i) => {
      const seed = from + i;
      const run = work(randomFrom(seed));
      try {
        await waitFor(run, "come to the end", { timeout: STUCK });
      } catch (error) {
        throw new Error(`Seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    });
    await Promise.all(runs);
  }
}

for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
  Deno.test(`slow transports: all comes through ${maxVersion} in both directions, and both ends are told`, async () => {
    await each(200, async (random) => {
      const [a, b] = slowPair(random);
      const serve = async (): Promise<void> => {
        await echo(await startServerTls(b, { ...identity("server"), implementation: "node" }));
      };
      const visit = async (): Promise<void> => {
        const options = { hostname: "localhost", ca: CA, maxVersion, implementation: "node" };
        const transport = await startTls(a, options as Parameters<typeof startTls>[1]);
        // Often nothing at all: the end follows the handshake at once.
        const bytes = filled(random(2) * random(random(4) === 0 ? 200_000 : 1000));
        const write = async (): Promise<void> => {
          await writeAll(transport, bytes);
          await transport.closeWrite();
        };
        const [back] = await Promise.all([readAll(transport), write()]);
        assertEquals(back.length, bytes.length);
        assertEquals(back, bytes);
        transport.close();
      };
      await Promise.all([serve(), visit()]);
    });
  });
}

Deno.test("slow transports: through SOCKS5 servers all comes in both directions, and nobody is left", async () => {
  await each(100, async (random) => {
    const greeting = filled(1 + random(300));
    const open: Promise<void>[] = [];
    const serve = async (transport: Transport): Promise<void> => {
      await writeAll(transport, greeting);
      await echo(transport);
    };
    // From the last one, which leads to the target, to the first.
    let next = (): Transport => {
      const [near, far] = slowPair(random);
      open.push(serve(far));
      return near;
    };
    const servers = Array.from({ length: 1 + random(3) }, () => {
      const behind = next;
      const server = createSocks5Server({
        dial: () => Promise.resolve(behind()),
        authenticate: ({ username, password }) => username === "u" && password === "p",
      });
      next = () => {
        const [near, far] = slowPair(random);
        open.push(server.serve(far));
        return near;
      };
      return server;
    });
    const proxies = servers.map((_, i) => `socks5://u:p@proxy${i}:1080`);
    const target = { hostname: "target.example", port: 7 };
    const transport = await connectThroughProxies(next(), proxies, target);
    const bytes = filled(random(random(3) === 0 ? 100_000 : 1000));
    const write = async (): Promise<void> => {
      await writeAll(transport, bytes);
      await transport.closeWrite();
    };
    const [back] = await Promise.all([readAll(transport), write()]);
    assertEquals(back.subarray(0, greeting.length), greeting);
    assertEquals(back.subarray(greeting.length), bytes);
    transport.close();
    await Promise.all(open);
    assertEquals(servers.map(({ connections }) => connections), servers.map(() => 0));
  });
});

Deno.test("slow transports: pipelined requests have all their responses, in order", async () => {
  const listener = new MemoryListener();
  await using _server = await serveWebSocket({
    listener,
    default: (ws) => ws.terminate(),
    handler: async (request) => {
      const { length } = await request.bytes();
      return new Response(
        `<${length}>${"x".repeat(Number(new URL(request.url).pathname.slice(1)))}`,
      );
    },
  });
  await each(200, async (random) => {
    const [a, b] = slowPair(random);
    listener.push(b);
    let requests = "";
    const expected: string[] = [];
    const count = 1 + random(4);
    for (let i = 1; i <= count; i++) {
      const sent = random(2) * random(100_000);
      const asked = random(random(2) ? 2000 : 80_000);
      const last = i === count ? "Connection: close\r\n" : "";
      requests += `POST /${asked} HTTP/1.1\r\nHost: h\r\n${last}Content-Length: ${sent}\r\n\r\n` +
        "y".repeat(sent);
      expected.push(`<${sent}>${asked}`);
    }
    const [text] = await Promise.all([
      readText(a),
      writeAll(a, new TextEncoder().encode(requests)),
    ]);
    const got = text.replaceAll(/\r\n[0-9a-f]+\r\n/g, "").matchAll(/<(\d+)>([x\s]*)/g);
    assertEquals(
      Array.from(got, ([, size, body]) => `<${size}>${body.replaceAll(/[^x]/g, "").length}`),
      expected,
    );
    a.close();
  });
});

Deno.test("slow transports: WebSocket messages come back, and the connection closes cleanly", async () => {
  const listener = new MemoryListener();
  await using _server = await serveWebSocket({
    listener,
    perMessageDeflate: true,
    async default(ws) {
      for await (const message of ws) await ws.send(message);
    },
  });
  await each(200, async (random) => {
    const [a, b] = slowPair(random);
    listener.push(b);
    const perMessageDeflate = random(2) === 0;
    const ws = await connectWebSocket("ws://h/", { transport: a, perMessageDeflate });
    for (let i = random(5); i > 0; i--) {
      const message = filled(random(random(3) === 0 ? 100_000 : 500));
      await ws.send(message);
      assertEquals((await ws.receive()).data, message);
    }
    const { wasClean, code } = await ws.close();
    assertEquals([wasClean, code], [true, 1000]);
  });
});
