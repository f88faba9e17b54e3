/** The tracer between Socket.IO's own client and server: nothing is disturbed, and the packets are told. */
import { assert, assertEquals } from "@std/assert";
import { createTracer } from "../../trace/tracer.ts";
import { peerTest } from "../_support/peers.ts";
import { checkReport, runNpmClient, startNpmServer } from "../_support/socketio_interop.ts";

const needs = ["node", "npm:socket.io", "npm:socket.io-client"];

for (
  const [name, transports, compressed] of [
    ["polling", ["polling"], false],
    ["WebSocket", ["websocket"], false],
    ["compressed WebSocket", ["websocket"], true],
    ["the upgrade", ["polling", "websocket"], false],
  ] as const
) {
  peerTest(`npm's Socket.IO does everything by ${name} through the tracer`, { needs }, async () => {
    const perMessageDeflate = compressed ? { threshold: 10 } : false;
    await using server = await startNpmServer({ options: { perMessageDeflate } });
    const packets: string[] = [];
    const notes = new Set<string>();
    let inflated = 0;
    await using tracer = await createTracer({
      listen: { port: 0 },
      to: { port: server.port },
      onEvent(event) {
        if (event.type !== "message") return;
        if (event.compressed) inflated++;
        if (event.note !== undefined) notes.add(event.note);
        if (event.kind === "binary" || event.kind === "text") packets.push(event.packet ?? "?");
      },
    }).start();
    const options = { transports, perMessageDeflate };
    checkReport(
      await runNpmClient({ mode: "client", url: `http://127.0.0.1:${tracer.port}`, options }),
    );
    if (name === "polling") return assertEquals(packets, []);
    assertEquals([packets.filter((packet) => packet === "?"), [...notes]], [[], []]);
    for (
      const words of [
        // Before an upgrade, packets go by polling.
        ...name === "the upgrade" ? ["PING probe", "PONG probe", "UPGRADE"] : [
          'CONNECT {"me":"é"}',
          'CONNECT /admin {"token":"secret"}',
          'CONNECT_ERROR /admin {"message":"not allowed","data":{"code":42}}',
          'EVENT /admin ["welcome","/admin"]',
        ],
        'EVENT ["number",499]',
        "attachment 1 of 2",
        "attachment 2 of 2",
      ]
    ) assert(packets.includes(words), words);
    assert(packets.some((packet) => /^EVENT #\d+ \["echo",/.test(packet)));
    assert(packets.some((packet) => /^BINARY_EVENT #\d+ with 1 attachment \["echo",/.test(packet)));
    assert(packets.some((packet) => /^ACK #\d+ \[/.test(packet)));
    assertEquals(inflated > 100, compressed);
  });
}
