import { assertEquals } from "@std/assert";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { freePort, networkNamespaces, peerTest, runPeer, spawnPeer } from "../_support/peers.ts";

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

function freeUdpPort(): number {
  return freePort();
}

peerTest("UDP: socat echoes what our socket sends", { needs: ["socat"] }, async () => {
  const port = freeUdpPort();
  await using _socat = await spawnPeer("socat", [
    "-T10",
    `UDP4-LISTEN:${port},bind=127.0.0.1,fork`,
    "PIPE",
  ], { ready: { udp: port } });
  await using client = await createDatagramSocket().connect(port);
  for (const size of [1, 1400, 8000]) {
    const data = crypto.getRandomValues(new Uint8Array(size));
    await client.send(data);
    assertEquals((await client.receive({ timeout: 5000 })).data, data);
  }
});

peerTest("UDP: our socket echoes what socat sends", { needs: ["socat"] }, async () => {
  await using server = await createDatagramSocket().bind(0, "127.0.0.1");
  server.on("message", (data, from) => void server.send(data, from));
  const { code, stdout } = await runPeer("socat", [
    "-t2",
    "-",
    `UDP4:127.0.0.1:${server.address().port}`,
  ], { stdin: "hello from socat" });
  assertEquals([code, stdout], [0, "hello from socat"]);
});

peerTest("UDP: socat and our socket speak over IPv6", { needs: ["socat"] }, async () => {
  await using server = await createDatagramSocket("udp6").bind(0, "::1");
  server.on("message", (data, from) => void server.send(data, from));
  const { stdout } = await runPeer("socat", [
    "-t2",
    "-",
    `UDP6:[::1]:${server.address().port}`,
  ], { stdin: "six" });
  assertEquals(stdout, "six");
});

peerTest("UDP: Node's dgram and our socket answer each other", { needs: ["node"] }, async () => {
  await using server = await createDatagramSocket().bind(0, "127.0.0.1");
  const program = `
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("message", (data, from) => socket.send(data, from.port, from.address, () => {
      if (data.length === 0) socket.close();
    }));
    socket.bind(0, "127.0.0.1", () => socket.send("ready", ${server.address().port}, "127.0.0.1"));`;
  await using node = await spawnPeer("node", ["-e", program]);
  const ready = await server.receive({ timeout: 20_000 });
  assertEquals(text(ready.data), "ready");
  await server.connect(ready.port);
  for (const size of [1, 1472, 65507, 0]) {
    const data = new Uint8Array(size).map((_, i) => i * 7);
    await server.send(data);
    assertEquals((await server.receive({ timeout: 5000 })).data, data);
  }
  assertEquals((await node.status).success, true);
});

peerTest(
  "UDP: multicast loopback can be turned off, and IPv6 groups are joined and left",
  { needs: ["ip", networkNamespaces] },
  async () => {
    const script = new URL("../_support/udp_multicast.ts", import.meta.url).pathname;
    const setup = [
      "ip link set lo up",
      "ip link add d0 type veth peer name d1",
      "ip addr add 10.9.9.1/24 dev d0",
      "ip addr add fd09::1/64 dev d0 nodad",
      "ip link set d0 up",
      "ip link set d1 up",
      `exec "${Deno.execPath()}" run --no-check --quiet -A "${script}"`,
    ].join(" && ");
    const { stdout, stderr } = await runPeer("unshare", ["-rn", "sh", "-c", setup]);
    assertEquals(stderr, "");
    assertEquals(JSON.parse(stdout), {
      loopback: "group",
      quiet: "direct",
      six_before: "direct",
      six_member: "group",
      six_after: "direct",
    });
  },
);
