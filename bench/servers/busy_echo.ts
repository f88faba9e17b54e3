// Echo servers whose every message costs 0.2 ms of work: deno run -A bench/servers/busy_echo.ts PORT raw|tcp|wsDeno|ws
import { createServer } from "../../net/mod.ts";
import { serveWebSocket } from "../../websocket/server.ts";

const hostname = "127.0.0.1";
const port = Number(Deno.args[0]);

function work(): void {
  const end = performance.now() + 0.2;
  while (performance.now() < end);
}

async function serveRaw(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) {
      work();
      await conn.write(buffer.subarray(0, n));
    }
  } catch {
    // The clients left.
  } finally {
    conn.close();
  }
}

const servers: Record<string, () => unknown> = {
  async raw() {
    for await (const conn of Deno.listen({ hostname, port })) serveRaw(conn);
  },
  tcp() {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        work();
        socket.write(chunk);
      });
    });
    return server.listen(port, hostname);
  },
  wsDeno() {
    Deno.serve({ hostname, port }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => {
        work();
        socket.send(data);
      };
      return response;
    });
  },
  ws() {
    return serveWebSocket({
      hostname,
      port,
      default: (ws) => {
        ws.on("message", (data) => {
          work();
          ws.send(data);
        });
      },
    });
  },
};
await servers[Deno.args[1]]();
