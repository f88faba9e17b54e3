import { tcpPair } from "../_support/tcp_pair.ts";
import { testTransportContract } from "../_support/transport_contract.ts";

// What Deno's own connections hold, the other transports are held to in their tests.

testTransportContract("transport: a TCP connection of Deno, as it stands,", () => tcpPair());

testTransportContract("transport: a Unix connection of Deno, as it stands,", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/x.sock`;
    using listener = Deno.listen({ transport: "unix", path });
    return await Promise.all([Deno.connect({ transport: "unix", path }), listener.accept()]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, { ignore: Deno.build.os === "windows" });
