/** The tracer between `nc -u` and a UDP echo. */
import { assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest, spawnPeer, tempFolder } from "../_support/peers.ts";
import { readRecording, replayClient } from "../../trace/replay.ts";
import { startTraceCommand, stopTraceCommand } from "../_support/trace_command.ts";

peerTest("nc -u talks to socat's UDP echo through the tracer, and its recording plays again", {
  needs: ["nc", "socat"],
}, async () => {
  await using folder = await tempFolder();
  const record = `${folder.path}/a.trace`;
  const port = freePort();
  await using _echo = await spawnPeer(
    "socat",
    [`UDP4-RECVFROM:${port},bind=127.0.0.1,fork`, "PIPE"],
    {
      ready: { udp: port },
    },
  );
  await using trace = await startTraceCommand(
    ...["--listen", "udp://0", "--to", `udp://127.0.0.1:${port}`, "--hex", "--text"],
    ...["--record", record],
  );
  {
    await using first = await spawnPeer("nc", ["-u", "127.0.0.1", String(trace.port)], {
      stdin: true,
    });
    await using second = await spawnPeer("nc", ["-u", "127.0.0.1", String(trace.port)], {
      stdin: true,
    });
    await first.write("one\n");
    await first.waitFor(/^one\n$/);
    await second.write("two\n");
    await second.waitFor(/^two\n$/);
    await first.write("three\n");
    await first.waitFor(/^one\nthree\n$/);
  }
  await trace.peer.waitFor(/#1 client <- server {2}three\n/);
  assertMatch(trace.shown, /#1 client \(127\.0\.0\.1:\d+\) connects to server/);
  assertMatch(trace.shown, /#1 client -> server {2}one\n/);
  assertMatch(trace.shown, /#2 client -> server {2}00000000 {2}74 77 6f 0a .*\|two\.\|\n/);
  assertEquals(await stopTraceCommand(trace), 0);
  assertMatch(trace.shown, /#1 closed: 10 bytes from client, 10 from server\n/);

  const report = await replayClient(await readRecording(record), { port }, { timeout: 5000 });
  assertEquals(report.connections.map(({ sent, difference, error }) => [sent, difference, error]), [
    [10, undefined, undefined],
    [4, undefined, undefined],
  ]);
});
