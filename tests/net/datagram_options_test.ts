import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { DatagramMetrics, DatagramSocketOptions } from "../../net/datagram_options.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("datagram options: a socket is udp4, and is bound to any address and a free port", async () => {
  await using socket = await createDatagramSocket().bind();
  const { address, port, family } = socket.address();
  assertEquals([socket.type, address, family, port > 0], ["udp4", "0.0.0.0", "IPv4", true]);
  await using six = await createDatagramSocket({ type: "udp6" }).bind({});
  assertEquals([six.type, six.address().address], ["udp6", "::"]);
});

Deno.test("datagram options: a datagram that came goes where the web takes bytes", async () => {
  await using socket = await createDatagramSocket().bind(0, "127.0.0.1");
  await socket.send("ab", socket.address().port, "127.0.0.1");
  const { data } = await socket.receive({ timeout: 5000 });
  assertEquals(await new Blob([data]).text(), "ab");
  socket.on("message", (data) => new Blob([data]));
});

Deno.test("datagram options: the newest is dropped, from 1024 datagrams on", async () => {
  await using socket = await createDatagramSocket().bind(0, "127.0.0.1");
  await using sender = await createDatagramSocket().connect(socket.address().port, "127.0.0.1");
  for (let sent = 0; socket.metrics().received < 1030; sent++) {
    await sender.send(String(sent));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const { received, queued, dropped } = socket.metrics();
  assertEquals([queued, dropped], [1024, received - 1024]);
  assertEquals(new TextDecoder().decode((await socket.receive()).data), "0");
});

Deno.test("datagram options: a socket sends the largest datagram of its type, and no larger", async () => {
  const largest: [DatagramSocketOptions, string, number][] = [
    [{ type: "udp4" }, "127.0.0.1", 65_507],
    [{ type: "udp6" }, "::1", 65_527],
    [{ type: "udp4", maxDatagramSize: 100_000 }, "127.0.0.1", 65_507],
  ];
  for (const [options, address, size] of largest) {
    await using socket = await createDatagramSocket(options).bind(0, address);
    const { port } = socket.address();
    assertEquals(await socket.send(new Uint8Array(size), port, address), size);
    const error = await assertRejects(
      () => socket.send(new Uint8Array(size + 1), port, address),
      NetError,
    );
    assertEquals(error.code, "EMSGSIZE");
  }
});

Deno.test("datagram options: what Deno can't honour throws", () => {
  const refused: DatagramSocketOptions[] = [
    { reusePort: true },
    { recvBufferSize: 65_536 },
    { sendBufferSize: 0 },
  ];
  for (const options of refused) {
    const error = assertThrows(() => createDatagramSocket(options), NetError);
    assertEquals(error.code, "ERR_UNSUPPORTED");
  }
});

Deno.test("datagram metrics begin at nothing", async () => {
  await using socket = createDatagramSocket();
  const nothing: DatagramMetrics = {
    received: 0,
    bytesReceived: 0,
    sent: 0,
    bytesSent: 0,
    queued: 0,
    queuedBytes: 0,
    dropped: 0,
    oversize: 0,
    foreign: 0,
  };
  assertEquals(socket.metrics(), nothing);
});
