import { assertEquals } from "@std/assert";
import type {
  WebSocketProtocolOutput,
  WebSocketProtocolTools,
} from "../../websocket/protocol_types.ts";
import { PLATFORM_TOOLS } from "../../websocket/_tools.ts";
import { pair } from "../../net/pair.ts";
import { TransportWriter } from "../../net/writer.ts";

Deno.test("writer of net is an output, and the platform's tools are tools", () => {
  const [a, b] = pair();
  const output: WebSocketProtocolOutput = new TransportWriter(a);
  const tools: WebSocketProtocolTools = PLATFORM_TOOLS;
  assertEquals([output.full, typeof tools.nextMask()], [false, "number"]);
  a.close();
  b.close();
});
