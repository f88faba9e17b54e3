import { assert, assertEquals } from "@std/assert";
import { serveWebSocket } from "../../websocket/server.ts";
import { CASES } from "./websocket/cases.ts";
import { openForCase, play } from "./websocket/run.ts";

const GROUPS = [...new Set(CASES.map(({ id }) => id.split(".")[0]))];

for (const group of GROUPS) {
  Deno.test(`websocket conformance: the server passes group ${group}`, async () => {
    await using server = await serveWebSocket({
      hostname: "127.0.0.1",
      perMessageDeflate: true,
      default: (ws) => {
        ws.on("message", (data) => {
          ws.send(data).catch(() => {});
        });
      },
    });
    const wrong: string[] = [];
    const cases = CASES.filter(({ id }) => id.split(".")[0] === group);
    assert(cases.length > 0);
    for (const one of cases) {
      const fault = await play(one, await openForCase(`ws://127.0.0.1:${server.port}/`, one));
      if (fault !== undefined) wrong.push(`${one.id} ${one.title}: ${fault}`);
    }
    assertEquals(wrong, []);
  });
}
