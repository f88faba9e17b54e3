// Floor 3: driver.
import { headerPairs } from "./_header_pairs.ts";
import { HttpFields, parseRequestHead, parseResponseHead } from "./http_head.ts";

/**
 * What the opening handshake said, as the text that came. It is taken apart when somebody asks: most never do, and the
 * parts cost more memory than all else of an idle connection.
 */
export class HandshakeInfo {
  readonly #kind: "request" | "response";
  readonly #text: string;
  readonly #url: string | undefined;
  readonly #secure: boolean;
  /** What the one who let the client in has to say about it. */
  data: unknown = undefined;

  /**
   * Keeps the head of the peer's handshake.
   *
   * @param url The URL, where it is known; a server makes it from the request.
   * @param secure Whether the request came over TLS.
   */
  constructor(
    kind: "request" | "response",
    text: string,
    url: string | undefined,
    secure: boolean,
  ) {
    this.#kind = kind;
    this.#text = text;
    this.#url = url;
    this.#secure = secure;
  }

  /** The URL of the connection: `ws:` or `wss:`. */
  get url(): string {
    if (this.#url !== undefined) return this.#url;
    return `${this.#secure ? "wss" : "ws"}://${this.#fields.get("host")}${this.#target}`;
  }

  /** The headers that the peer sent. */
  get headers(): Headers {
    return this.#fields.toHeaders();
  }

  /** The client's request as the web has it; `undefined` on a client. */
  get request(): Request | undefined {
    return this.#kind === "request" ? this.requestWith() : undefined;
  }

  /** The client's request, with a signal of its own. */
  requestWith(signal?: AbortSignal): Request {
    const url = `${this.#secure ? "https" : "http"}://${this.#fields.get("host")}${this.#target}`;
    return new Request(url, { headers: headerPairs(this.#fields), signal });
  }

  get #fields(): HttpFields {
    const head = this.#kind === "request"
      ? parseRequestHead(this.#text)
      : parseResponseHead(this.#text);
    return "fields" in head ? head.fields : new HttpFields();
  }

  get #target(): string {
    const head = parseRequestHead(this.#text);
    return "target" in head ? head.target : "/";
  }
}
