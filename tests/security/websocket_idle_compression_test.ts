// What connections cost that could compress and do not.
import { assertEquals } from "@std/assert";
import process from "node:process";
import type { ZlibOptions } from "node:zlib";
import { pair } from "../../net/pair.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";

const AGREED = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

Deno.test("a thousand idle connections that may compress hold no zlib stream until one sends", async () => {
  const made: string[] = [];
  // node:zlib as websocket/_zlib.ts gets it, which it does when it first compresses.
  const { getBuiltinModule } = process;
  const zlib = getBuiltinModule("node:zlib");
  const counted = {
    ...zlib,
    createDeflateRaw: (options: ZlibOptions) => {
      made.push("deflate");
      return zlib.createDeflateRaw(options);
    },
    createInflateRaw: (options: ZlibOptions) => {
      made.push("inflate");
      return zlib.createInflateRaw(options);
    },
  };
  process.getBuiltinModule = () => counted as never;
  try {
    const pairs = Array.from({ length: 1000 }, () => {
      const [a, b] = pair();
      return [
        new WebSocketConnection(a, { role: "client", deflate: AGREED }),
        new WebSocketConnection(b, { role: "server", deflate: AGREED }),
      ];
    });
    await Promise.all(pairs.map(([client]) => client.ping()));
    await pairs[0][0].send("short");
    assertEquals((await pairs[0][1].receive()).data, "short");
    assertEquals(made, []);
    await pairs[7][0].send("long enough ".repeat(100));
    assertEquals((await pairs[7][1].receive()).data, "long enough ".repeat(100));
    assertEquals(made, ["deflate", "inflate"]);
    await Promise.all(pairs.flat().map((ws) => ws.close()));
    assertEquals(made.length, 2);
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
});
