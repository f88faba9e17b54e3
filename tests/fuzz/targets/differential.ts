/**
 * Differential fuzzing: our parsers and those of npm's `ws` and `socket.io-parser` get the same input, and have to come to the same
 * verdict: the same messages, and the same close code or refusal. Where they do not, the difference has to be one of those
 * that are listed here with their reasons; any other fails.
 */
import { Buffer } from "node:buffer";
import { assert } from "@std/assert";
import fc from "fast-check";
import { Decoder } from "socket.io-parser";
import * as ws from "ws";
import { createCompression, deflateAlone } from "../../../websocket/_compression.ts";
import type { PerMessageDeflateParameters } from "../../../websocket/permessage_deflate.ts";
import type { WebSocketRole } from "../../../websocket/types.ts";
import { PacketFault } from "../../../socketio/errors.ts";
import { PacketDecoder, type SocketIoPacket } from "../../../socketio/packet.ts";
import { asyncFuzzTarget, type FuzzTarget, fuzzTarget, pieces, tell } from "../../_support/fuzz.ts";
import { Rig, type RigEvent } from "../../_support/websocket_rig.ts";
import { packetMessages } from "./socketio.ts";
import { FRAME_LIMITS, frameBytes, validFrames } from "./websocket.ts";

// --- WebSocket frames ------------------------------------------------------------------------------------------------

type Done = (error?: Error & { code?: string }) => void;

/** What is used of ws's classes, which its types leave out. */
interface Receiver {
  _write(chunk: Uint8Array, encoding: string, done: Done): void;
  on(event: "message", listener: (data: Uint8Array, binary: boolean) => void): void;
  on(event: "ping" | "pong", listener: (data: Uint8Array) => void): void;
  on(event: "conclude", listener: (code: number, reason: Uint8Array) => void): void;
}
interface PerMessageDeflate {
  params: Record<string, unknown>;
  cleanup(): void;
}
const { Receiver, PerMessageDeflate } = ws as unknown as {
  Receiver: new (options: Record<string, unknown>) => Receiver;
  PerMessageDeflate: new (options: Record<string, unknown>) => PerMessageDeflate;
};

/** What came of a run: messages, pings and pongs in order, and how it ended. */
interface Verdict {
  events: string[];
  end: { code: number; why: string } | undefined;
}

function ours(
  role: WebSocketRole,
  chunks: readonly Uint8Array[],
  agreed?: PerMessageDeflateParameters,
): Verdict {
  const compression = agreed && createCompression(role, agreed);
  const rig = new Rig(role, { ...FRAME_LIMITS, compression });
  for (const chunk of chunks) rig.protocol.receive(chunk.slice());
  rig.protocol.dispose();
  const isEnd = ([kind]: RigEvent): boolean => kind === "close" || kind === "fail";
  const end = rig.events.find(isEnd);
  return {
    events: rig.events.filter((event) => !isEnd(event)).map((event) => tell(event)),
    end: end?.[0] === "close"
      ? { code: end[1], why: `close ${end[2]}` }
      : end?.[0] === "fail"
      ? { code: end[2], why: end[1] }
      : undefined,
  };
}

/** The symbol under which ws's errors have the close code. */
function closeCodeOf(error: Error): number {
  const symbol = Object.getOwnPropertySymbols(error).find((each) =>
    each.description === "status-code"
  );
  return symbol === undefined ? 0 : (error as unknown as Record<symbol, number>)[symbol];
}

function makeReceiver(
  role: WebSocketRole,
  deflate: PerMessageDeflate | undefined,
): { verdict: Verdict; write(chunk: Uint8Array, done: () => void): void } {
  const receiver = new Receiver({
    isServer: role === "server",
    maxPayload: FRAME_LIMITS.maxMessageSize,
    maxFragments: FRAME_LIMITS.maxFragments,
    extensions: deflate === undefined ? {} : { "permessage-deflate": deflate },
  });
  const verdict: Verdict = { events: [], end: undefined };
  const { events } = verdict;
  const hex = (bytes: Uint8Array): string => Uint8Array.from(bytes).toHex();
  const text = (bytes: Uint8Array): string =>
    new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  receiver.on("message", (data, binary) => {
    events.push(tell(binary ? ["binary", hex(data)] : ["text", text(data)]));
  });
  receiver.on("ping", (data) => events.push(tell(["ping", hex(data)])));
  receiver.on("pong", (data) => events.push(tell(["pong", hex(data)])));
  receiver.on("conclude", (code, reason) => {
    verdict.end = { code, why: `close ${text(reason)}` };
  });
  return {
    verdict,
    write(chunk, done) {
      // A copy: ws takes masks off in place.
      receiver._write(Buffer.from(chunk), "buffer", (error) => {
        if (error) verdict.end = { code: closeCodeOf(error), why: error.code ?? error.message };
        done();
      });
    },
  };
}

/** A difference that is meant. */
interface Difference {
  why: string;
  fits(ours: Verdict, theirs: Verdict, compressed: boolean): boolean;
}

function startsWith(all: readonly string[], start: readonly string[]): boolean {
  return start.every((each, i) => all[i] === each);
}

/** Whether what the second has beyond the first is no message: pings and pongs between fragments. */
function onlyControlMore(ours: Verdict, theirs: Verdict): boolean {
  return startsWith(theirs.events, ours.events) &&
    theirs.events.slice(ours.events.length).every((each) => /^\["p[io]ng"/.test(each));
}

const same = (a: Verdict, b: Verdict): boolean => tell(a.events) === tell(b.events);

const FRAME_DIFFERENCES: readonly Difference[] = [
  {
    why:
      'RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length", and the ' +
      "top bit is 0. ws reads lengths in any form, and refuses those of 2^53 and more with 1009.",
    fits: (ours, theirs) => ours.end?.why === "LENGTH" && startsWith(theirs.events, ours.events),
  },
  {
    why:
      "A bad character, or data that does not inflate, is refused as soon as it is there. ws waits " +
      "for the end of the frame or of the message, and may see another fault before that.",
    fits: (ours, theirs) =>
      (ours.end?.why === "UTF8" || ours.end?.why === "COMPRESSION") &&
      onlyControlMore(ours, theirs),
  },
  {
    why: "A frame too many is refused when it begins. ws waits for its end.",
    fits: (ours, theirs) => ours.end?.why === "TOO_MANY_FRAGMENTS" && onlyControlMore(ours, theirs),
  },
  {
    why: "ws refuses a close frame with one byte before that byte is there.",
    fits: (ours, theirs) =>
      ours.end === undefined && theirs.end?.why === "WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH" &&
      same(ours, theirs),
  },
  {
    why: "ws refuses a length before the masking key behind it is there.",
    fits: (ours, theirs) =>
      ours.end === undefined && theirs.end?.code === 1009 && same(ours, theirs),
  },
  {
    why:
      "Compressed bytes may be a little more than the message may have, as what does not compress " +
      "grows; what counts is the size of the message. ws holds the compressed bytes to the limit, too.",
    fits: (ours, theirs, compressed) =>
      compressed && theirs.end?.code === 1009 && startsWith(ours.events, theirs.events),
  },
  {
    why: "A compressed message that breaks two rules is refused for the one or the other.",
    fits: (ours, theirs, compressed) =>
      compressed && same(ours, theirs) &&
      [ours, theirs].every(({ end }) => end?.code === 1007 || end?.code === 1009),
  },
];

function compare(ours: Verdict, theirs: Verdict, compressed: boolean): void {
  const end = ({ end }: Verdict): string =>
    end === undefined ? "" : `${end.code} ${end.why.startsWith("close") ? end.why : ""}`;
  if (same(ours, theirs) && end(ours) === end(theirs)) return;
  assert(
    FRAME_DIFFERENCES.some(({ fits }) => fits(ours, theirs, compressed)),
    `ours ${tell(ours)}, that of ws ${tell(theirs)}`,
  );
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) {
    chunks.push(bytes.slice(at, at + sizes[i % sizes.length]));
  }
  return chunks;
}

const frames = (["server", "client"] as const).map((role) =>
  fuzzTarget(
    `websocket: frames that come to a ${role}, against ws`,
    fc.tuple(frameBytes(role), pieces),
    ([bytes, sizes]) => {
      const chunks = cut(bytes, sizes);
      const { verdict, write } = makeReceiver(role, undefined);
      for (const chunk of chunks) {
        if (verdict.end === undefined) write(chunk, () => {});
      }
      compare(ours(role, chunks), verdict, false);
    },
  )
);

/** Both ends keep their windows; without that, ws resets streams of node:zlib that have ended, which only Node takes. */
const TAKEOVER: PerMessageDeflateParameters = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

const compressedFrames = asyncFuzzTarget(
  "websocket: compressed frames, against ws",
  // Only what inflates: what does not makes ws throw out of a callback, on Deno's node:zlib.
  fc.tuple(validFrames("server", (bytes) => deflateAlone(bytes, 15)), pieces),
  async ([bytes, sizes]) => {
    const chunks = cut(bytes, sizes);
    const deflate = new PerMessageDeflate({
      isServer: true,
      maxPayload: FRAME_LIMITS.maxMessageSize,
    });
    deflate.params = {};
    const { verdict, write } = makeReceiver("server", deflate);
    for (const chunk of chunks) {
      if (verdict.end !== undefined) break;
      await new Promise<void>((resolve) => write(chunk, resolve));
    }
    deflate.cleanup();
    compare(ours("server", chunks, TAKEOVER), verdict, true);
  },
);

// --- Socket.IO packets -----------------------------------------------------------------------------------------------

/** What came of one message. */
type Outcome = { packet: SocketIoPacket } | { fault: string } | "more";

function ourOutcome(decoder: PacketDecoder, message: string | Uint8Array): Outcome {
  const result = decoder.add(message);
  if (result === undefined) return "more";
  return result instanceof PacketFault ? { fault: result.reason } : { packet: result };
}

function theirOutcome(decoder: Decoder, message: string | Uint8Array): Outcome {
  let packet: SocketIoPacket | undefined;
  const take = (one: unknown): void => void (packet = one as SocketIoPacket);
  decoder.on("decoded", take);
  try {
    decoder.add(message);
  } catch (error) {
    return { fault: (error as Error).message };
  } finally {
    decoder.off("decoded", take);
  }
  return packet === undefined ? "more" : { packet };
}

/** The same packet without fields that are there and undefined, and with its fields in one order. */
function tellPacket(outcome: Outcome): string {
  if (outcome === "more" || "fault" in outcome) return outcome === "more" ? "more" : "fault";
  const { type, nsp, id, data } = outcome.packet;
  return tell([type, nsp, id, data]);
}

/** A difference that is meant: our reason to refuse, or what the text holds. */
interface PacketDifference {
  why: string;
  fits(text: string, ours: Outcome, theirs: Outcome): boolean;
}

/** We refuse for one of these reasons, and npm's parser does not. */
function refusedFor(...reasons: string[]): PacketDifference["fits"] {
  return (_text, ours, theirs) =>
    ours !== "more" && "fault" in ours && reasons.includes(ours.fault) &&
    (theirs === "more" || "packet" in theirs);
}

/** What JavaScript's `Number` takes for 0, and JSON mostly does not take at all. */
const BLANK = /[\s\ufeff]/;

const PACKET_DIFFERENCES: readonly PacketDifference[] = [
  {
    why:
      "The protocol's page has a payload in these packets. npm's parser looks at it only if it is there.",
    fits: (text, ours, theirs) =>
      !/[[{"]/.test(text.replace(/\/[^,]*,?/, "")) &&
      refusedFor(
        "an event without a valid name",
        "an acknowledgement without a list of arguments",
        "a connect error without content",
      )(text, ours, theirs),
  },
  {
    why: "An acknowledgement has a number, and only it and events do. npm's parser takes any.",
    fits: refusedFor(
      "an acknowledgement without a number",
      "a connect packet with a number",
      "a connect error with a number",
      "a disconnect packet with content",
    ),
  },
  {
    why:
      "A number above 2^53 - 1 can't be told from others, so it can't be answered; and no number has " +
      "more than 17 digits.",
    fits: (text, ours, theirs) =>
      refusedFor("an acknowledgement number over 2^53 - 1")(text, ours, theirs) ||
      (/\d{18}/.test(text) && refusedFor("content that is not JSON")(text, ours, theirs)),
  },
  {
    why:
      'A count of attachments has digits. npm\'s parser takes what `Number` does: "0x1", "1e0", " 1".',
    fits: refusedFor("an invalid count of attachments"),
  },
  {
    why: "Names of namespaces are bounded: 4096 characters.",
    fits: refusedFor("a namespace name that is too long"),
  },
  {
    why:
      "Each attachment has one placeholder, whose number is whole. npm's parser puts one in several " +
      "places, or nowhere, and nothing in the place of a broken number.",
    fits: refusedFor(
      "a placeholder without a valid attachment number",
      "an attachment without a placeholder",
    ),
  },
  {
    why:
      "npm's parser takes white space for digits: of a type (that of CONNECT, as an empty text, too) " +
      "and of a number; of numbers with a space inside it makes NaN.",
    fits: (text) => text === "" || BLANK.test(text),
  },
  {
    why: "Keys `__proto__` are left out.",
    fits: (text, ours, theirs) =>
      /__proto__|\\u00/.test(text) && ours !== "more" && theirs !== "more" && "packet" in ours &&
      "packet" in theirs,
  },
];

const packets = fuzzTarget(
  "socketio: packets, against socket.io-parser",
  packetMessages,
  (messages) => {
    const mine = new PacketDecoder();
    const theirs = new Decoder();
    let text = "";
    for (const message of messages) {
      if (typeof message === "string") text = message;
      const our = ourOutcome(mine, structuredClone(message));
      const their = theirOutcome(theirs, structuredClone(message));
      if (tellPacket(our) !== tellPacket(their)) {
        assert(
          PACKET_DIFFERENCES.some(({ fits }) => fits(text, our, their)),
          `${tell(text)}: ours ${tell(our)}, npm's ${tell(their)}`,
        );
        break;
      }
      if (our !== "more" && "fault" in our) break;
    }
    theirs.destroy();
  },
);

/** All of them. */
export const DIFFERENTIAL_TARGETS: readonly FuzzTarget[] = [
  ...frames,
  compressedFrames,
  packets,
];
