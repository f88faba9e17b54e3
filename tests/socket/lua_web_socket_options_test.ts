import { assertEquals } from "@std/assert";
import type {
  EventWebSocketOptions,
  LuaTlsParams,
  SyncWebSocketOptions,
} from "../../socket/lua_web_socket_options.ts";
import { SyncWebSocket } from "../../socket/sync_web_socket.ts";
import { serveWebSocket } from "../../websocket/server.ts";

Deno.test("Lua clients take what connectWebSocket takes, and their own", async () => {
  let seen: string | null = "";
  await using server = await serveWebSocket({
    hostname: "127.0.0.1",
    origin: () => true,
    default: (ws) => {
      seen = ws.request!.headers.get("origin");
      ws.send(ws.request!.headers.get("x-a")!);
    },
  });
  const options: SyncWebSocketOptions & EventWebSocketOptions = {
    origin: "https://example.org",
    headers: { "x-a": "b" },
    maxMessageSize: 1000,
    family: 4,
  };
  await using ws = new SyncWebSocket({ ...options, timeout: 5000 });
  await ws.connect(`ws://127.0.0.1:${server.port}`);
  assertEquals((await ws.receive())[0], "b");
  assertEquals(seen, "https://example.org");
  const tls: LuaTlsParams = { servername: "example.org" };
  assertEquals(Object.keys(tls), ["servername"]);
});
