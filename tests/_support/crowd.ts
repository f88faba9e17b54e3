/**
 * Clients that each send a message, wait for its echo, and send the next: `deno run -A crowd.ts tcp|ws PORT CLIENTS WARM_UP ROUNDS`. When they have been
 * served `WARM_UP` times on average it counts until they have been `ROUNDS` times more, and prints how often each was.
 */
import { connectWebSocket } from "../../websocket/mod.ts";

const [protocol] = Deno.args;
const [port, clients, warmUp, rounds] = Deno.args.slice(1).map(Number);
const hostname = "127.0.0.1";
const message = new Uint8Array(64);
const counts: number[] = Array(clients).fill(0);
let total = 0;

function count(client: number): void {
  counts[client]++;
  total++;
  if (total === clients * warmUp) counts.fill(0);
  if (total < clients * (warmUp + rounds)) return;
  console.log(JSON.stringify(counts));
  Deno.exit();
}

async function runTcp(client: number): Promise<void> {
  const conn = await Deno.connect({ hostname, port });
  const buffer = new Uint8Array(256);
  for (;;) {
    await conn.write(message);
    if (await conn.read(buffer) === null) throw new Error("the server has ended the connection");
    count(client);
  }
}

async function runWebSocket(client: number): Promise<void> {
  const ws = await connectWebSocket(`ws://${hostname}:${port}`, { handshakeTimeout: 60_000 });
  ws.on("message", () => {
    count(client);
    ws.trySend(message);
  });
  ws.trySend(message);
}

for (let i = 0; i < clients; i++) protocol === "tcp" ? runTcp(i) : runWebSocket(i);
