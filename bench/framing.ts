// What the framing codecs do on one core, without a socket: `deno run bench/framing.ts [filter]`.
import { FramingBuffer } from "../net/framing_buffer.ts";
import type { Framer } from "../net/framer.ts";
import { cobsFramer } from "../net/cobs_framer.ts";
import { contentLengthFramer } from "../net/content_length_framer.ts";
import { delimiterFramer, nulFramer } from "../net/delimiter_framer.ts";
import { fixedSizeFramer } from "../net/fixed_size_framer.ts";
import { jsonLinesFramer } from "../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../net/length_prefix_framer.ts";
import { lineFramer } from "../net/line_framer.ts";
import { netstringFramer } from "../net/netstring_framer.ts";
import { sizeHeaderFramer } from "../net/size_header_framer.ts";

const CHUNK = 64 * 1024;
const SECONDS = 0.5;

interface Figures {
  encode: number;
  decode: number;
  both: number;
}

/** Messages a second: encoded into a buffer; decoded from chunks of 64 KiB; one after the other. */
function measure<T>(framer: Framer<T>, message: T): Figures {
  const sample = new FramingBuffer();
  framer.encode(message, sample);
  const size = sample.take().length;
  // Enough for several chunks, and the chunks cut messages anywhere.
  const batch = Math.max(8, Math.ceil(4 * CHUNK / size));
  const encodeBatch = (): Uint8Array => {
    const buffer = new FramingBuffer();
    for (let i = 0; i < batch; i++) framer.encode(message, buffer);
    return buffer.take();
  };
  // A slab is written again here, as nobody keeps its messages; a socket's writer does the same.
  const reused = new FramingBuffer();
  const encodeReused = (): void => {
    for (let i = 0; i < batch; i++) {
      framer.encode(message, reused);
      if (reused.length > CHUNK) reused.clear();
    }
    reused.clear();
  };
  const bytes = encodeBatch();
  const decoder = framer.createDecoder();
  let seen = 0;
  const decodeBatch = (): void => {
    for (let at = 0; at < bytes.length; at += CHUNK) {
      decoder.push(bytes.subarray(at, at + CHUNK));
      while (decoder.next() !== undefined) seen++;
    }
  };
  const rate = (run: () => void): number => {
    for (let i = 0; i < 20; i++) run();
    const start = performance.now();
    const end = start + SECONDS * 1000;
    let batches = 0;
    while (performance.now() < end) {
      run();
      batches++;
    }
    return batches * batch / ((performance.now() - start) / 1000);
  };
  const figures = {
    encode: rate(encodeReused),
    decode: rate(decodeBatch),
    both: rate(() => {
      encodeReused();
      decodeBatch();
    }),
  };
  if (decoder.error !== undefined || seen === 0) throw decoder.error;
  return figures;
}

function row<T>(name: string, framer: Framer<T>, message: T, size: number): void {
  if (Deno.args[0] !== undefined && !name.includes(Deno.args[0])) return;
  const { encode, decode, both } = measure(framer, message);
  const show = (rate: number): string =>
    `${(rate / 1e6).toFixed(3).padStart(8)} ${(rate * size / 1e9).toFixed(2).padStart(6)}`;
  console.log(`${name.padEnd(30)} ${show(encode)} ${show(decode)} ${show(both)}`);
}

console.log(
  `${"".padEnd(30)} ${"encode".padEnd(15)} ${"decode".padEnd(15)} encode and decode
${"framing, message".padEnd(30)} million/s  GB/s million/s  GB/s million/s  GB/s`,
);
for (const size of [16, 1024, 65536]) {
  const bytes = new Uint8Array(size).fill(65);
  const text = "A".repeat(size);
  const label = (name: string): string => `${name}, ${size} B`;
  for (const prefix of ["u8", "u16", "u24", "u32", "varint"] as const) {
    if (prefix === "u8" && size > 255 || prefix === "u16" && size > 65535) continue;
    row(label(`length prefix ${prefix}`), lengthPrefixFramer({ prefix }), bytes, size);
  }
  row(label("size header"), sizeHeaderFramer(), bytes, size);
  row(label("Content-Length"), contentLengthFramer(), bytes, size);
  row(label("netstring"), netstringFramer(), bytes, size);
  row(label("fixed size"), fixedSizeFramer(size), bytes, size);
  row(label("end marker CRLF"), delimiterFramer(), bytes, size);
  row(label("NUL-terminated"), nulFramer(), bytes, size);
  row(label("COBS"), cobsFramer(), bytes, size);
  row(label("lines"), lineFramer(), text, size);
  row(label("JSON lines"), jsonLinesFramer<string>(), text, size);
}
