// Floor 3: driver.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { WriteQueue } from "./_write_queue.ts";
import { PcapEncoder } from "./pcap.ts";
import { RecordingEncoder, type RecordingHeader } from "./recording.ts";
import type { TraceEvent, TraceSink } from "./trace_event.ts";

/** A sink that writes what `encode` makes of events into a new file, which only its owner may read. */
async function createFileSink(
  path: string,
  header: Uint8Array,
  encode: (event: TraceEvent) => Uint8Array,
): Promise<TraceSink> {
  const file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  const queue = new WriteQueue((p) => file.write(p));
  try {
    // Written before anything passes: a full disk is told at once.
    queue.push(header);
    await queue.finish();
  } catch (error) {
    file.close();
    throw error;
  }
  return {
    event: (event) => queue.push(encode(event)),
    async close(): Promise<void> {
      try {
        await queue.finish();
      } finally {
        file.close();
      }
    },
  };
}

/**
 * Makes a sink that writes a capture file for Wireshark, tshark and tcpdump (see {@linkcode PcapEncoder}). A slow disk holds back the traffic.
 *
 * @throws {Deno.errors.NotFound} and others, when the file can't be made, or not be written to.
 *
 * @example
 * ```ts
 * import { createPcapSink } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".pcap" });
 * const sink = await createPcapSink(path);
 * await sink.close?.();
 * assertEquals((await Deno.stat(path)).size, 24);
 * await Deno.remove(path);
 * ```
 */
export function createPcapSink(path: string): Promise<TraceSink> {
  const encoder = new PcapEncoder();
  return createFileSink(path, encoder.header(), (event) => encoder.encode(event));
}

/** What a recording says of itself beside when it was begun. */
export type RecordSinkOptions = Omit<RecordingHeader, "started">;

/**
 * Makes a sink that writes a recording, which `replayClient` and `replayServer` play again. A slow disk holds back the traffic.
 *
 * @throws {Deno.errors.NotFound} and others, when the file can't be made, or not be written to.
 *
 * @example
 * ```ts
 * import { createRecordSink, readRecording, type RecordSinkOptions } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".trace" });
 * const options: RecordSinkOptions = { transport: "tcp", server: "example.org:80", masked: true };
 * const sink = await createRecordSink(path, options); // for `createTracer({ sinks: [sink] })`
 * await sink.close?.();
 * assertEquals((await readRecording(path)).header.server, "example.org:80");
 * await Deno.remove(path);
 * ```
 */
export function createRecordSink(path: string, options: RecordSinkOptions): Promise<TraceSink> {
  const started = performance.timeOrigin + performance.now();
  const encoder = new RecordingEncoder({ started, ...options });
  const header = encodeUtf8(encoder.header());
  return createFileSink(path, header, (event) => encodeUtf8(encoder.encode(event)));
}
