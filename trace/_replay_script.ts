// Floor 1: codec.
import type { RecordedStep } from "./recording.ts";
import type { TraceSide } from "./trace_event.ts";

/** One thing that the side that is played does. */
export interface ScriptAction {
  /** When, in ms since the connection was opened. */
  time: number;
  kind: "send" | "end" | "reset";
  /** What is sent. */
  bytes: Uint8Array;
  /** How much had come from the other side by then: bytes, or datagrams. */
  after: number;
  /** Whether the other side had ended by then. */
  afterEnd: boolean;
}

/** What one side of a recorded connection did. */
export interface Script {
  connection: number;
  /** When the connection was opened, in ms since the recording was begun. */
  start: number;
  actions: ScriptAction[];
  /** What the other side sent. */
  expected: Uint8Array[];
  /** How much that is: bytes, or datagrams. */
  expectedUnits: number;
  /** Whether the other side ended, or reset, the connection. */
  expectsEnd: boolean;
}

const NOTHING = new Uint8Array(0);

/** The scripts of one side, one for each connection, in the order of their beginnings. */
export function makeScripts(
  steps: readonly RecordedStep[],
  side: TraceSide,
  datagrams: boolean,
): Script[] {
  const scripts = new Map<number, Script>();
  for (const { time, connection, type, from, bytes = NOTHING } of steps) {
    let script = scripts.get(connection);
    if (script === undefined) {
      script = {
        connection,
        start: time,
        actions: [],
        expected: [],
        expectedUnits: 0,
        expectsEnd: false,
      };
      scripts.set(connection, script);
    }
    if (type === "open" || type === "close") continue;
    if (from === side) {
      script.actions.push({
        time: time - script.start,
        kind: type === "data" ? "send" : type,
        bytes,
        after: script.expectedUnits,
        afterEnd: script.expectsEnd,
      });
    } else if (type === "data") {
      script.expected.push(bytes);
      script.expectedUnits += datagrams ? 1 : bytes.length;
    } else script.expectsEnd = true;
  }
  return [...scripts.values()];
}

function differsAt(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** Compares what comes with what was recorded. */
export class Comparison {
  /** How much came: bytes, or datagrams. */
  units = 0;
  /** How many bytes came. */
  bytes = 0;
  /** At which byte it differs first. */
  difference: number | undefined;
  readonly #expected: readonly Uint8Array[];
  readonly #datagrams: boolean;
  #index = 0;
  #at = 0;

  constructor(expected: readonly Uint8Array[], datagrams: boolean) {
    this.#expected = expected;
    this.#datagrams = datagrams;
  }

  /** Takes what came. */
  push(bytes: Uint8Array): void {
    if (this.difference === undefined) {
      const at = this.#datagrams ? this.#datagram(bytes) : this.#stream(bytes);
      if (at >= 0) this.difference = this.bytes + at;
    }
    this.bytes += bytes.length;
    this.units += this.#datagrams ? 1 : bytes.length;
  }

  #datagram(bytes: Uint8Array): number {
    const wanted = this.#expected[this.#index++];
    if (wanted === undefined) return 0;
    const at = differsAt(bytes, wanted);
    return at >= 0 || bytes.length === wanted.length ? at : Math.min(bytes.length, wanted.length);
  }

  #stream(bytes: Uint8Array): number {
    for (let done = 0; done < bytes.length;) {
      const wanted = this.#expected[this.#index]?.subarray(this.#at);
      if (wanted === undefined) return done;
      const at = differsAt(bytes.subarray(done), wanted);
      if (at >= 0) return done + at;
      const shared = Math.min(bytes.length - done, wanted.length);
      done += shared;
      this.#at += shared;
      if (shared === wanted.length) {
        this.#index++;
        this.#at = 0;
      }
    }
    return -1;
  }
}
