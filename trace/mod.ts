/**
 * See what passes between a client and a server: TCP, TLS and UDP, with WebSocket messages and Socket.IO packets decoded, captures for Wireshark,
 * recordings that can be played again, a live page, and disturbances for tests.
 *
 * As a command: `deno run -A jsr:@sluice/sockets/trace --listen 8080 --to example.org:80`.
 *
 * @example What a server says, as the command shows it
 * ```ts
 * import { connect, createServer } from "@sluice/sockets/net";
 * import { createTracer, TraceFormatter } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const server = await createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
 * const formatter = new TraceFormatter();
 * const lines: string[] = [];
 * const tracer = await createTracer({
 *   listen: { port: 0 },
 *   to: { hostname: "127.0.0.1", port: server.port },
 *   onEvent: (event) => void lines.push(...formatter.format(event)),
 * }).start();
 *
 * const client = connect(tracer.port, "127.0.0.1").setEncoding("utf8");
 * assertEquals(await Array.fromAsync(client), ["hello"]);
 * await tracer.stop();
 * await server.close();
 * assertEquals(lines.some((line) => line.endsWith("#1 client <- server  hello")), true);
 * ```
 *
 * @module
 */
export * from "./certificate.ts";
export * from "./cli.ts";
export * from "./errors.ts";
export * from "./file_sinks.ts";
export * from "./pcap.ts";
export * from "./recording.ts";
export * from "./replay.ts";
export * from "./text_sink.ts";
export * from "./trace_event.ts";
export * from "./trace_filter.ts";
export * from "./trace_format.ts";
export * from "./tracer.ts";
export * from "./tracer_options.ts";
export * from "./web_sink.ts";

import { traceMain } from "./cli.ts";

if (import.meta.main) traceMain();
