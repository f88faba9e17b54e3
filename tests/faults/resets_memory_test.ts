/** A connection that is reset at every place where something is awaited: in memory, operation by operation. */
import { assert, assertEquals } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { connectThroughProxies } from "../../net/proxy_chain.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { startServerTls, startTls } from "../../net/start_tls.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { CA, identity } from "../_support/certs.ts";
import { cutEverywhere, KillSwitch, MemoryListener } from "../_support/kill_switch.ts";
import { echoServer } from "../_support/raw_peer.ts";
import { echo, readBytes } from "../_support/transport_io.ts";

const HELLO = new TextEncoder().encode("hello");

/** Each of the sides is through, or was stopped by one of these errors; when nothing was cut, all are through. */
async function checkSides(
  kill: KillSwitch,
  codes: readonly string[],
  sides: readonly Promise<void>[],
): Promise<void> {
  for (const result of await Promise.allSettled(sides)) {
    if (result.status === "fulfilled") continue;
    const { reason } = result;
    if (!kill.fired) throw reason;
    assert(reason instanceof NetError || reason instanceof WebSocketError, `${reason?.stack}`);
    assert(codes.includes(reason.code), `${reason.code}: ${reason.message}`);
  }
}

/** Says hello, hears it, ends its side, and sees the end. */
async function converse(transport: Transport): Promise<void> {
  try {
    await writeAll(transport, HELLO);
    assertEquals(await readBytes(transport, HELLO.length), HELLO);
    await transport.closeWrite();
    assertEquals(await transport.read(new Uint8Array(1)), null);
  } finally {
    transport.close();
  }
}

Deno.test("TLS over a connection that is reset at each operation: handshake, echo, close", async () => {
  const places = await cutEverywhere(async (kill) => {
    const [a, b] = kill.pair();
    await checkSides(kill, ["ECONNRESET", "EPIPE", "ERR_TLS", "ERR_TLS_TRUNCATED"], [
      startTls(a, { hostname: "localhost", caCerts: [CA] }).then(converse),
      startServerTls(b, identity("server")).then(echo),
    ]);
  });
  assert(places > 10, `${places} places`);
});

Deno.test("a chain of SOCKS5 proxies over a connection that is reset at each operation", async () => {
  await using target = await echoServer();
  await using second = createSocks5Server();
  const { port } = second.listen();
  const places = await cutEverywhere(async (kill) => {
    const [a, b] = kill.pair();
    await using first = createSocks5Server({
      authenticate: ({ username }) => username === "user",
    });
    const client = connectThroughProxies(
      a,
      ["socks5://user:secret@first.test:1080", `socks5://127.0.0.1:${port}`],
      { hostname: "127.0.0.1", port: target.port },
    ).then(converse);
    await checkSides(kill, ["ECONNRESET", "EPIPE"], [client, first.serve(b)]);
    assertEquals(first.connections, 0);
  });
  assert(places > 10, `${places} places`);
});

for (const perMessageDeflate of [false, true]) {
  const how = perMessageDeflate ? ", compressed" : "";
  Deno.test(`a WebSocket over a connection that is reset at each operation: handshake, echo, close${how}`, async () => {
    const listener = new MemoryListener();
    const errors: unknown[] = [];
    await using server = await serveWebSocket({
      listener,
      perMessageDeflate: perMessageDeflate && { threshold: 0 },
      default: async (ws) => {
        for await (const message of ws) await ws.send(message);
      },
      onError: (error) => errors.push(error),
    });
    const scenario = async (kill: KillSwitch): Promise<void> => {
      const [a, b] = kill.pair();
      listener.push(b);
      let ws: WebSocketConnection;
      try {
        ws = await connectWebSocket("ws://server.test/", {
          transport: a,
          perMessageDeflate: perMessageDeflate && { threshold: 0 },
        });
      } catch (error) {
        assert(kill.fired);
        assert(error instanceof WebSocketError || error instanceof NetError, `${error}`);
        assert(["HANDSHAKE_CLOSED", "ECONNRESET"].includes(error.code), error.code);
        return;
      }
      const talk = async (): Promise<void> => {
        await ws.send("hello");
        const { value } = await ws[Symbol.asyncIterator]().next();
        // The end of the connection is the end of the loop; why, `closed` tells.
        if (value === undefined) assert(kill.fired);
        else assertEquals(value, "hello");
      };
      await checkSides(kill, ["CLOSED", "CONNECTION_LOST"], [talk()]);
      const info = await ws.close();
      assertEquals(await ws.closed, info);
      if (info.wasClean) return assertEquals([info.code, info.error], [1000, undefined]);
      assert(kill.fired);
      assertEquals([info.code, info.error?.code], [1006, "CONNECTION_LOST"]);
    };
    const places = await cutEverywhere(scenario);
    assert(places > 8, `${places} places`);
    // The server has survived all of them, and has let go of them.
    await scenario(new KillSwitch(Infinity));
    while (server.clients.size > 0) await new Promise((resolve) => setTimeout(resolve));
    for (const error of errors) {
      assert(error instanceof WebSocketError || error instanceof NetError, `${error}`);
    }
  });
}

Deno.test("framed messages over a connection that is reset at each operation", async () => {
  const framer = lengthPrefixFramer({ prefix: "u16" });
  const large = new Uint8Array(50_000).fill(7);
  const places = await cutEverywhere(async (kill) => {
    const [a, b] = kill.pair({ capacity: 4096 });
    await using client = new MessageSocket(a, framer);
    await using server = new MessageSocket(b, framer);
    const ask = async (): Promise<void> => {
      for (const message of [HELLO, large]) {
        await client.write(message);
        const answer = await client.read();
        assertEquals(answer?.length, message.length);
      }
      await client.closeWrite();
      assertEquals(await client.read(), undefined);
    };
    const answer = async (): Promise<void> => {
      for await (const message of server) await server.write(message);
      await server.closeWrite();
    };
    await checkSides(kill, ["ECONNRESET", "EPIPE", "ERR_FRAMING"], [ask(), answer()]);
  });
  assert(places > 20, `${places} places`);
});
