import { assert, assertEquals, assertRejects } from "@std/assert";
import { createPcapSink, createRecordSink } from "../../trace/file_sinks.ts";
import { readRecording } from "../../trace/replay.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";
import { tempFolder } from "../_support/peers.ts";

const client = { transport: "tcp", hostname: "127.0.0.1", port: 5 } as const;

function events(time: number): TraceEvent[] {
  const base = { time, connection: 1 };
  const bytes = Uint8Array.of(1, 2, 3);
  return [
    { ...base, type: "open", transport: "tcp", client, server: "h:1" },
    { ...base, type: "connect", server: client },
    { ...base, type: "data", from: "client", bytes, offset: 0, decoded: false },
    { ...base, type: "close", clientBytes: 3, serverBytes: 0 },
  ];
}

Deno.test("a capture sink writes a file that only its owner reads", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/a.pcap`;
  const sink = await createPcapSink(path);
  for (const event of events(0)) sink.event(event);
  await sink.close?.();
  const bytes = await Deno.readFile(path);
  // The head; three packets of the handshake; data; its acknowledgement; two ends and theirs.
  assertEquals(bytes.length, 24 + 3 * 56 + 59 + 56 + 4 * 56);
  if (Deno.build.os !== "windows") assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("a record sink writes what can be read again", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/a.trace`;
  const sink = await createRecordSink(path, { transport: "tcp", server: "h:1", masked: true });
  const now = performance.timeOrigin + performance.now();
  for (const event of events(now)) sink.event(event);
  await sink.close?.();
  const { header, steps } = await readRecording(path);
  assertEquals([header.transport, header.server, header.masked], ["tcp", "h:1", true]);
  assert(Math.abs(header.started - now) < 10_000);
  assertEquals(steps.map(({ type }) => type), ["open", "data", "close"]);
  assertEquals(steps[1].bytes, Uint8Array.of(1, 2, 3));
});

Deno.test("a file sink overwrites what was there, and fails at once where it can't", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/a.pcap`;
  await Deno.writeTextFile(path, "x".repeat(1000));
  await (await createPcapSink(path)).close?.();
  assertEquals((await Deno.stat(path)).size, 24);
  await assertRejects(() => createPcapSink(`${folder.path}/none/a.pcap`), Deno.errors.NotFound);
});

Deno.test({
  name: "a file sink that can be made but not be written to fails at once",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const options = { transport: "tcp", server: "h:1", masked: true } as const;
    const making = [
      () => createPcapSink("/dev/full"),
      () => createRecordSink("/dev/full", options),
    ];
    for (const make of making) await assertRejects(make, Error, "No space left on device");
  },
});
