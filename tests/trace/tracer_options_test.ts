import { assertEquals } from "@std/assert";
import type { TraceEndpoint, TracerOptions } from "../../trace/tracer_options.ts";

Deno.test("the least that a tracer takes is two endpoints", () => {
  const ends: TraceEndpoint[] = [{ port: 0 }, { path: "/tmp/a.sock" }];
  const options: TracerOptions = { listen: ends[0], to: ends[1] };
  assertEquals(Object.keys(options), ["listen", "to"]);
});
