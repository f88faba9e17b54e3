// The tracer: deno run -A bench/servers/trace_tee.ts PORT TARGET_PORT [nothing|text|all|pcap|record|web]
import {
  createPcapSink,
  createRecordSink,
  createTextSink,
  createTracer,
  createWebSink,
  type TraceSink,
} from "../../trace/mod.ts";

const [port, target, show = "nothing"] = Deno.args;
const sinks: Record<string, () => TraceSink | Promise<TraceSink>> = {
  text: () => createTextSink(),
  all: () => createTextSink({ all: true }),
  pcap: () => createPcapSink("/dev/null"),
  record: () => createRecordSink("/dev/null", { transport: "tcp", server: "", masked: true }),
  web: () => createWebSink(),
};
await createTracer({
  listen: { port: Number(port) },
  to: { port: Number(target) },
  sinks: show === "nothing" ? [] : [await sinks[show]()],
}).start();
