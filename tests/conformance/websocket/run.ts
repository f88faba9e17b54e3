/**
 * Runs the WebSocket conformance cases against a server that echoes.
 *
 *     deno run --allow-net tests/conformance/websocket/run.ts ws://127.0.0.1:9001/ [ID-PREFIX]
 *
 * Prints a line a case and the counts; ends with 1 if one failed.
 */
import { type Case, CASES } from "./cases.ts";
import { connectPeer, type Peer } from "./peer.ts";

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

const shown = (bytes: Uint8Array): string =>
  bytes.length > 24 ? `${bytes.length} bytes` : `[${bytes.toHex()}]`;

/** What is wrong with what came back; undefined if nothing is. */
function judge(one: Case, peer: Peer): string | undefined {
  const { messages = [], pongs = [] } = one;
  if (peer.violation !== null) return peer.violation;
  // Where the connection is failed on purpose, good messages before the fault may be lost, but no others may come.
  if (one.fails === undefined && peer.messages.length !== messages.length) {
    return `${peer.messages.length} messages instead of ${messages.length}`;
  }
  for (const [i, message] of peer.messages.entries()) {
    const wanted = messages[i];
    if (wanted === undefined) return `a message too many: ${shown(message.payload)}`;
    if (message.opcode !== wanted.opcode || !same(message.payload, wanted.payload)) {
      return `message ${i} is ${shown(message.payload)} instead of ${shown(wanted.payload)}`;
    }
  }
  const got = one.latestPong ? peer.pongs.slice(-1) : peer.pongs;
  const wanted = one.latestPong ? pongs.slice(-1) : pongs;
  if (one.fails === undefined && got.length !== wanted.length) {
    return `${got.length} pongs instead of ${wanted.length}`;
  }
  for (const [i, pong] of got.entries()) {
    if (!same(pong, wanted[i] ?? new Uint8Array(1))) return `pong ${i} is ${shown(pong)}`;
  }
  const codes = one.fails ?? [one.closes ?? 1000];
  // A close frame without a code may be answered without one, or with 1000.
  if (one.closes === 1005) codes.push(1000);
  if (peer.closeCode === undefined) return "no close frame came";
  if (!codes.includes(peer.closeCode)) return `close code ${peer.closeCode} instead of ${codes}`;
  return undefined;
}

/** Plays one case over an open connection and closes it. Returns what is wrong, or undefined. */
export async function play(one: Case, peer: Peer): Promise<string | undefined> {
  try {
    if (one.deflate !== undefined && peer.deflate === null) return "compression was not agreed on";
    const sending = peer.send(one.frames(peer), one.chop);
    if (one.fails === undefined && one.closes === undefined) {
      const { messages = [], pongs = [] } = one;
      const last = pongs.at(-1);
      await peer.until(() =>
        peer.messages.length >= messages.length &&
        (one.latestPong
          ? peer.pongs.some((pong) => same(pong, last!))
          : peer.pongs.length >= pongs.length)
      );
      await sending;
      await peer.send([{ opcode: 8, payload: new Uint8Array([3, 232]) }]);
    }
    // What is tested sends the close frame; a server then closes the connection, too (RFC 6455 §7.1.1).
    await peer.until(() => peer.close !== null);
    if (peer.isClient && !await peer.until(() => false, 5000) && !peer.ended) {
      return judge(one, peer) ?? "the server did not close the connection";
    }
    await peer.leave();
    await sending;
    return judge(one, peer);
  } finally {
    await peer.leave();
  }
}

/** The value of a parameter in an extension header. */
export function parameter(header: string, name: string): number | undefined {
  const found = new RegExp(`(?:^|[;\\s])${name}\\s*(?:=\\s*"?(\\d+)"?)?\\s*(?:;|$)`).exec(header);
  return found === null ? undefined : Number(found[1] ?? 0);
}

/** Opens the connection that a case asks for to a server. */
export async function openForCase(url: string, one: Case): Promise<Peer> {
  if (one.deflate === undefined) return await connectPeer(url);
  const offer = `permessage-deflate${one.deflate === "" ? "" : `; ${one.deflate}`}`;
  const peer = await connectPeer(url, { "Sec-WebSocket-Extensions": offer });
  const answer = peer.headers.get("sec-websocket-extensions") ?? "";
  if (answer.startsWith("permessage-deflate")) {
    peer.deflate = {
      theirBits: parameter(answer, "server_max_window_bits") || 15,
      theirTakeover: parameter(answer, "server_no_context_takeover") === undefined,
      ownBits: parameter(answer, "client_max_window_bits") || 15,
    };
  }
  return peer;
}

if (import.meta.main) {
  const [url, prefix = ""] = Deno.args;
  if (!/^wss?:/.test(url ?? "")) {
    console.error("Usage: tests/conformance/websocket/run.ts ws://HOST:PORT/ [ID-PREFIX]");
    Deno.exit(2);
  }
  let passed = 0;
  let failed = 0;
  for (const one of CASES.filter(({ id }) => id.startsWith(prefix))) {
    let wrong: string | undefined;
    try {
      wrong = await play(one, await openForCase(url, one));
    } catch (error) {
      wrong = String(error);
    }
    console.log(
      `${wrong === undefined ? "ok  " : "FAIL"} ${one.id} ${one.title}${wrong ? `: ${wrong}` : ""}`,
    );
    if (wrong === undefined) passed++;
    else failed++;
  }
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed > 0 ? 1 : 0);
}
