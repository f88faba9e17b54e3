/**
 * See what passes between a client and a server: TCP, TLS and UDP, with WebSocket messages and Socket.IO packets decoded, captures for Wireshark,
 * recordings that can be played again, a live page, and disturbances for tests.
 *
 * As a command: `deno run -A jsr:@sluice/sockets/trace --listen 8080 --to example.org:80`.
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
