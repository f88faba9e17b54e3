import { assertEquals } from "@std/assert";
import type { TraceEvent, TraceSink } from "../../trace/trace_event.ts";

Deno.test("an event is told from the others by its type", () => {
  const seen: string[] = [];
  const sink: TraceSink = {
    event(event: TraceEvent): void {
      if (event.type === "data") seen.push(`${event.from}:${event.bytes.length}`);
      else if (event.type === "close") seen.push(`${event.clientBytes}/${event.serverBytes}`);
    },
  };
  const base = { time: 1, connection: 1 };
  sink.event({
    ...base,
    type: "data",
    from: "client",
    bytes: new Uint8Array(3),
    offset: 0,
    decoded: false,
  });
  sink.event({ ...base, type: "close", clientBytes: 3, serverBytes: 0 });
  assertEquals(seen, ["client:3", "3/0"]);
});
