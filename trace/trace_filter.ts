// Floor 1: codec.
import { decodeUtf8, Utf8Decoder } from "../buffer/utf8.ts";
import { showAddr, showEndpoint } from "./_address.ts";
import type { TraceEvent, TraceSide } from "./trace_event.ts";

/** Options of a {@linkcode TraceFilter}; what is left out filters nothing. */
export interface TraceFilterOptions {
  /** Only these connections: by their numbers, or by the client's address (`192.0.2.1`, `192.0.2.1:5000`). */
  connections?: readonly (number | string)[];
  /** Only data and messages that hold this text, or that this expression matches. */
  content?: string | RegExp;
  /** Only what this side does. */
  from?: TraceSide;
}

/** So many characters of the piece before are looked at again, so that what is cut in two is found. */
const CARRY = 256;

/** The text of one side, as far as it is still needed. */
interface Tail {
  decoder: Utf8Decoder;
  text: string;
}

interface Followed {
  shown: boolean;
  /** None for datagrams, which stand alone. */
  tails: Record<TraceSide, Tail> | undefined;
}

/** Whether what is sought is in a text and ends behind its first `before` characters. */
type Search = (text: string, before: number) => boolean;

function makeSearch(content: string | RegExp): Search {
  if (typeof content === "string") {
    return (text, before) => text.includes(content, before - content.length + 1);
  }
  const pattern = new RegExp(content.source, `${content.flags.replace(/[gy]/g, "")}g`);
  return (text, before) => {
    for (const match of text.matchAll(pattern)) {
      if (match.index + match[0].length > before || before === 0) return true;
    }
    return false;
  };
}

/**
 * Decides which events are shown.
 *
 * Content is searched in each piece of data together with the last 256 characters before it, as UTF-8 text; in each datagram and in each WebSocket
 * message by itself.
 *
 * @example
 * ```ts
 * import { type TraceDataEvent, TraceFilter } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const filter = new TraceFilter({ content: /err(or)?/i });
 * const data = (text: string): TraceDataEvent => ({
 *   type: "data",
 *   time: 0,
 *   connection: 1,
 *   from: "server",
 *   bytes: new TextEncoder().encode(text),
 *   offset: 0,
 *   decoded: false,
 * });
 * assertEquals(filter.accepts(data("all is well")), false);
 * assertEquals(filter.accepts(data("500 Internal Error")), true);
 * ```
 */
export class TraceFilter {
  readonly #connections: readonly (number | string)[] | undefined;
  readonly #search: Search | undefined;
  readonly #from: TraceSide | undefined;
  readonly #followed = new Map<number, Followed>();

  /**
   * Makes a filter.
   *
   * @throws {TypeError} For what nothing would ever fit.
   */
  constructor(options: TraceFilterOptions = {}) {
    const { connections, content, from } = options;
    if (connections !== undefined && !Array.isArray(connections)) {
      throw new TypeError("Cannot filter by connections: they are no list");
    }
    if (content !== undefined && typeof content !== "string" && !(content instanceof RegExp)) {
      throw new TypeError("Cannot filter by content: it is neither a text nor an expression");
    }
    if (from !== undefined && from !== "client" && from !== "server") {
      throw new TypeError('Cannot filter by from: it is neither "client" nor "server"');
    }
    this.#connections = connections;
    this.#from = from;
    if (content !== undefined) this.#search = makeSearch(content);
  }

  /** Whether an event is to be shown. It has to be asked about all of them, in order. */
  accepts(event: TraceEvent): boolean {
    const followed = this.#follow(event);
    if (event.type === "close") this.#followed.delete(event.connection);
    if (!followed.shown) return false;
    return this.#holdsContent(event, followed) && this.#sideFits(event);
  }

  #sideFits(event: TraceEvent): boolean {
    return this.#from === undefined || !("from" in event) || event.from === this.#from;
  }

  #follow(event: TraceEvent): Followed {
    let followed = this.#followed.get(event.connection);
    if (followed === undefined) {
      const streams = !(event.type === "open" && event.transport === "udp");
      const tail = (): Tail => ({ decoder: new Utf8Decoder(), text: "" });
      followed = {
        shown: this.#isChosen(event),
        tails: streams ? { client: tail(), server: tail() } : undefined,
      };
      this.#followed.set(event.connection, followed);
    }
    return followed;
  }

  #isChosen(event: TraceEvent): boolean {
    if (this.#connections === undefined) return true;
    const addr = event.type === "open" ? event.client : undefined;
    const names: (number | string)[] = [event.connection];
    if (addr !== undefined) names.push(showAddr(addr));
    if (addr !== undefined && "hostname" in addr) {
      // An IPv4 client of a listener for both families has a v4-mapped address; a link-local one of datagrams may have its zone.
      const plain = addr.hostname.replace(/^::ffff:(?=\d+\.)|%.*/g, "");
      names.push(addr.hostname, plain, showEndpoint(plain, addr.port));
    }
    return this.#connections.some((wanted) => names.includes(wanted));
  }

  #holdsContent(event: TraceEvent, { tails }: Followed): boolean {
    const search = this.#search;
    if (search === undefined) return true;
    if (event.type === "message") {
      return search(event.packet ?? "", 0) || search(decodeUtf8(event.bytes), 0);
    }
    if (event.type !== "data") return false;
    const tail = tails?.[event.from];
    if (tail === undefined) return search(decodeUtf8(event.bytes), 0);
    const before = tail.text.length;
    const text = tail.text + tail.decoder.push(event.bytes);
    tail.text = text.slice(-CARRY);
    return search(text, before);
  }
}
