import { assert, assertEquals } from "@std/assert";
import { connectWebSocket } from "../../websocket/client.ts";
import { type Case, CASES } from "./websocket/cases.ts";
import { acceptPeer, type Deflate } from "./websocket/peer.ts";
import { play } from "./websocket/run.ts";

const GROUPS = [...new Set(CASES.map(({ id }) => id.split(".")[0]))];

/** The server's answer to the client's offer: what the case asks for, seen from the other side. */
function agree(one: Case): { answer: string; deflate: Deflate } {
  const flipped = one.deflate!.replaceAll(
    /\b(server|client)_/g,
    (_, side) => side === "server" ? "client_" : "server_",
  );
  // A parameter without a value is an offer only; the answer names a number.
  const answer = flipped.replace(/_max_window_bits(?!=)/g, "_max_window_bits=15")
    // The client's own compressor can't have a window of 8 bits (RFC 7692 §7.1.2.2 leaves it to the client).
    .replace("client_max_window_bits=8", "client_max_window_bits=9");
  const bits = (name: string): number =>
    Number(new RegExp(`${name}_max_window_bits=(\\d+)`).exec(answer)?.[1] ?? 15);
  return {
    answer: `permessage-deflate${answer === "" ? "" : `; ${answer}`}`,
    deflate: {
      theirBits: bits("client"),
      theirTakeover: !answer.includes("client_no_context_takeover"),
      ownBits: bits("server"),
    },
  };
}

async function playClient(
  one: Case,
  listener: Deno.Listener,
  url: string,
): Promise<string | undefined> {
  const accepted = listener.accept();
  const connecting = connectWebSocket(url, { perMessageDeflate: one.deflate !== undefined });
  const agreed = one.deflate === undefined ? undefined : agree(one);
  const peer = await acceptPeer(await accepted, () => agreed?.answer);
  peer.deflate = agreed?.deflate ?? null;
  await using ws = await connecting;
  ws.on("message", (data) => {
    ws.send(data).catch(() => {});
  });
  return await play(one, peer);
}

for (const group of GROUPS) {
  Deno.test(`websocket conformance: the client passes group ${group}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const wrong: string[] = [];
    const cases = CASES.filter(({ id }) => id.split(".")[0] === group);
    assert(cases.length > 0);
    for (const one of cases) {
      const fault = await playClient(one, listener, `ws://127.0.0.1:${port}/`);
      if (fault !== undefined) wrong.push(`${one.id} ${one.title}: ${fault}`);
    }
    assertEquals(wrong, []);
  });
}
