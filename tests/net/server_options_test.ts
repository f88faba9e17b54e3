import { assertEquals } from "@std/assert";
import { connect } from "../../net/connect.ts";
import { pair } from "../../net/pair.ts";
import { Server } from "../../net/server.ts";
import type { ListenOptions, TransportListener } from "../../net/server_options.ts";
import type { Transport } from "../../net/transport.ts";

Deno.test("server options: a listener of Deno is a transport listener as it stands", async () => {
  const listener: TransportListener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  (await listener.accept()).close();
  client.close();
  listener.close();
});

Deno.test("server options: a server serves over any listener", async () => {
  const [client, end] = pair();
  const last = Promise.withResolvers<Transport>();
  const came = [Promise.resolve(end), last.promise];
  class MemoryServer extends Server {
    protected override openListener(_options: ListenOptions): TransportListener {
      return {
        addr: { transport: "memory" },
        accept: () => came.shift()!,
        close: () => last.reject(new Deno.errors.BadResource("closed")),
      };
    }
  }
  const server = new MemoryServer({}, (socket) => socket.end("through memory"));
  await server.listen();
  const buffer = new Uint8Array(64);
  const n = await client.read(buffer);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, n ?? 0)), "through memory");
  client.close();
  await server.close();
});

Deno.test("server options: pauseOnConnect holds data events back until it is resumed", async () => {
  const log: string[] = [];
  const server = await new Server({ pauseOnConnect: true }, (socket) => {
    log.push(`paused ${socket.isPaused()}`);
    socket.on("data", (chunk) => log.push(`data ${chunk}`));
    setTimeout(() => {
      log.push("resume");
      socket.resume();
    }, 20);
  }).listen(0, "127.0.0.1");
  const client = connect(server.port, "127.0.0.1");
  client.end("x");
  await client.resume().closed;
  assertEquals(log, ["paused true", "resume", "data x"]);
  await server.close({ drain: 1000 });
});

Deno.test("server options: pauseOnConnect does not hold back who pipes", async () => {
  const server = await new Server({ pauseOnConnect: true }, (socket) => {
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  const client = connect(server.port, "127.0.0.1");
  client.end("x");
  assertEquals((await Array.fromAsync(client)).join(""), "x");
  await server.close({ drain: 1000 });
});

Deno.test("server options: pauseOnConnect leaves a connection unread until somebody reads", async () => {
  const server = await new Server({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  const accepted = new Promise<import("../../net/socket.ts").Socket>((resolve) =>
    server.once("connection", resolve)
  );
  const client = connect(server.port, "127.0.0.1");
  client.end("x");
  const socket = await accepted;
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(socket.bytesRead, 0);
  assertEquals((await Array.fromAsync(socket)).join(""), "x");
  await client.resume().closed;
  await server.close({ drain: 1000 });
});
