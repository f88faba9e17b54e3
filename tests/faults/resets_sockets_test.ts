/** A connection over real sockets that is cut before each piece that passes: by a reset, and by an end that came too early. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import type { Server } from "../../net/server.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import { SocketIoError } from "../../socketio/errors.ts";
import { CA, identity } from "../_support/certs.ts";
import { FaultRelay } from "../_support/fault_relay.ts";
import { inTime } from "../_support/kill_switch.ts";
import { withServer } from "../_support/socketio_rig.ts";
import { readBytes } from "../_support/transport_io.ts";

const HELLO = new TextEncoder().encode("hello");
const CUTS = ["reset", "end"] as const;

/** Runs a scenario through a relay that cuts before the first piece, the second, and so on, until it is through. Returns at how many. */
async function cutEverywhere(
  port: number,
  cut: "reset" | "end",
  scenario: (relay: FaultRelay) => Promise<void>,
): Promise<number> {
  for (let cutAt = 1; cutAt < 200; cutAt++) {
    await using relay = new FaultRelay(port, { cutAt, cut });
    try {
      await inTime(scenario(relay), "the scenario");
    } catch (error) {
      throw new Error(`Cut before piece ${cutAt}: ${(error as Error).message}`, { cause: error });
    }
    if (!relay.fired) return cutAt - 1;
  }
  throw new Error("the scenario has no end");
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", () => resolve()));
  return (server.address() as { port: number }).port;
}

for (const cut of CUTS) {
  Deno.test(`dialling with TLS, echo and close, cut by ${cut} before each piece`, async () => {
    const server = createSecureServer(identity("server"), (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket as never);
    });
    await using _server = server;
    server.on("tlsClientError" as never, (() => {}) as never);
    const port = await listening(server);
    const places = await cutEverywhere(port, cut, async (relay) => {
      let transport;
      try {
        transport = await dial({ hostname: "localhost", port: relay.port }, {
          tls: { caCerts: [CA] },
          family: 4,
          timeout: 20_000,
        });
        await writeAll(transport, HELLO);
        const answer = await readBytes(transport, HELLO.length);
        if (answer.length === 0) assert(relay.fired);
        else assertEquals(answer, HELLO);
        await transport.closeWrite();
        assertEquals(await transport.read(new Uint8Array(1)), null);
      } catch (error) {
        assert(relay.fired, `${(error as Error).stack}`);
        assert(error instanceof NetError || error instanceof Error);
        const { code } = error as { code?: string };
        assert(
          ["ECONNRESET", "EPIPE", "ERR_TLS", "ERR_TLS_TRUNCATED"].includes(code ?? ""),
          `${code}: ${error.message}`,
        );
      } finally {
        transport?.close();
      }
    });
    assert(places >= 4, `${places} places`);
  });

  Deno.test(`a socket's connection, echo and end, cut by ${cut} before each piece`, async () => {
    await using server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket as never);
    });
    const port = await listening(server);
    const places = await cutEverywhere(port, cut, async (relay) => {
      const socket = connect({ port: relay.port, host: "127.0.0.1", allowHalfOpen: true });
      let failure: NetError | undefined;
      let answer = "";
      socket.setEncoding("utf8");
      socket.on("error", (error) => failure = error as NetError);
      socket.on("data", (text) => {
        answer += text;
        if (answer === "hello") socket.end();
      });
      socket.on("end", () => socket.end());
      socket.write("hello");
      await new Promise((resolve) => socket.once("close", resolve));
      if (failure !== undefined) {
        assert(relay.fired && failure instanceof NetError, `${failure.stack}`);
        assert(["ECONNRESET", "EPIPE"].includes(failure.code), failure.code);
      } else if (!relay.fired) assertEquals(answer, "hello");
    });
    assert(places >= 2, `${places} places`);
  });
}

const WAYS = [
  ["polling", { transports: ["polling"] as const, upgrade: false }],
  ["websocket", { transports: ["websocket"] as const }],
  ["polling that is upgraded", { transports: ["polling", "websocket"] as const }],
] as const;

/**
 * Deno's fetch sends a request again, with a body too, when a connection that it has used before is cut before the answer. What
 * was cut here is to be seen: each request gets a connection of its own.
 */
function unpooled(): { fetch: typeof fetch } & Disposable {
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  return {
    fetch: (input, init) => fetch(input as string | URL, { ...init, client }),
    [Symbol.dispose]: () => client.close(),
  };
}

for (const [way, options] of WAYS) {
  for (const cut of CUTS) {
    Deno.test(`Socket.IO by ${way}: connection, acknowledgement and end, cut by ${cut} before each piece`, async () => {
      using http = unpooled();
      await withServer({}, async ({ io, port }) => {
        io.on("connection", (socket) => {
          socket.on("question", (n: number, answer: (n: number) => void) => answer(n + 1));
        });
        const places = await cutEverywhere(port, cut, async (relay) => {
          const client = connectSocketIo(`http://127.0.0.1:${relay.port}`, {
            ...options,
            fetch: http.fetch,
            reconnection: false,
            forceNew: true,
            timeout: 15_000,
          });
          try {
            const connected = await new Promise<boolean>((resolve) => {
              client.once("connect", () => resolve(true));
              client.once("connect_error", (error: unknown) => {
                assert(error instanceof Error && error.message.length > 0);
                resolve(false);
              });
              // The engine was open and is lost before the namespace was joined: that is told by the manager.
              client.io.once("close" as never, (() => resolve(false)) as never);
            });
            if (!connected) return assert(relay.fired);
            const disconnected = new Promise<string>((resolve) =>
              client.once("disconnect", resolve)
            );
            const answer = await client.timeout(15_000).emitWithAck("question", 41)
              .catch((error: unknown) => error);
            if (answer !== 42) {
              assert(relay.fired, String(answer));
              assert(answer instanceof SocketIoError, String(answer));
              assertEquals(answer.code, "ERR_DISCONNECTED");
              const reason = await disconnected;
              assert(
                ["transport close", "transport error", "ping timeout"].includes(reason),
                reason,
              );
            }
          } finally {
            await client.close();
          }
        });
        assert(places >= 3, `${places} places`);
        // Those whose end the server could not see go with it.
        await io.close();
        assertEquals([io.engine.clientsCount, io.sockets.sockets.size], [0, 0]);
      });
    });
  }
}
