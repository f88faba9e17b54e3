// Floor 3: driver.
import type { TlsInfo } from "../net/tls_options.ts";
import { ReadAheadTransport } from "../net/read_ahead_transport.ts";
import type { Transport } from "../net/transport.ts";
import {
  buildRefusal,
  buildServerHandshake,
  checkClientHandshake,
} from "../websocket/handshake.ts";
import { type HttpRequestHead, parseRequestHead } from "../websocket/http_head.ts";
import {
  acceptDeflate,
  type PerMessageDeflateParameters,
} from "../websocket/permessage_deflate.ts";
import { reportCallbackError } from "./_callback.ts";
import type { EngineWebSocket, ResponseHeaders, UpgradeExchange } from "./_exchange.ts";
import { type RawRequest, refuseRaw, writeRaw } from "./_front_door.ts";
import { DeflatedSocket } from "./_deflated_socket.ts";
import { parseQuery } from "./_query.ts";
import { RawSocket, type RawSocketOptions } from "./_raw_socket.ts";
import { acceptKey } from "./_websocket_tools.ts";
import type { EngineHeaders, EngineRequest } from "./types.ts";

/** So much is read before the program has decided, once, to notice when the client leaves. */
const EARLY_BYTES = 512;

/** The headers of a request as node has them. */
export function toEngineHeaders(head: HttpRequestHead): EngineHeaders {
  const headers: EngineHeaders = Object.create(null);
  for (const [name, value] of head.fields) {
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else headers[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
  }
  return headers;
}

/** What a request tells of its connection. */
interface RawConnection {
  encrypted: boolean;
  remoteAddress: string;
  tls?: TlsInfo;
}

/** A request on a raw connection. It is kept as text, and taken apart when somebody looks: few do. */
export class RawEngineRequest implements EngineRequest {
  readonly method: string;
  readonly url: string;
  readonly #text: string;
  readonly #encrypted: boolean;
  readonly #remoteAddress: string;
  readonly #tls: TlsInfo | undefined;
  #headers: EngineHeaders | undefined;
  #connection: RawConnection | undefined;

  constructor({ head, text, encrypted, tls }: RawRequest, remoteAddress: string) {
    this.method = head.method;
    this.url = head.target;
    this.#text = text;
    this.#encrypted = encrypted;
    this.#remoteAddress = remoteAddress;
    this.#tls = tls;
  }

  get headers(): EngineHeaders {
    return this.#headers ??= toEngineHeaders(parseRequestHead(this.#text) as HttpRequestHead);
  }

  /** Lets go of what was taken apart, now that the request is answered. */
  forget(): void {
    this.#headers = undefined;
  }

  get _query(): Record<string, string> {
    return parseQuery(this.url);
  }

  /** The same each time: programs note things about a connection in it, or by it. */
  get connection(): RawConnection {
    if (this.#connection !== undefined) return this.#connection;
    const tls = this.#tls;
    const known = { encrypted: this.#encrypted, remoteAddress: this.#remoteAddress };
    return this.#connection = tls === undefined ? known : { ...known, tls };
  }

  get socket(): RawConnection {
    return this.connection;
  }
}

function lines(headers: ResponseHeaders): [string, string][] {
  const list: [string, string][] = [];
  for (const [name, value] of Object.entries(headers)) {
    for (const one of typeof value === "string" ? [value] : value) list.push([name, one]);
  }
  return list;
}

/** A request for a WebSocket on a raw connection. */
export class RawUpgrade implements UpgradeExchange {
  readonly request: EngineRequest;
  readonly remoteAddress: string;
  readonly #raw: RawRequest;
  readonly #options: RawSocketOptions;
  #transport: Transport;
  #ahead: ReadAheadTransport | undefined;
  readonly #onleft: (() => void)[] = [];
  #done = false;

  constructor(raw: RawRequest, options: RawSocketOptions, request?: EngineRequest) {
    this.#raw = raw;
    this.#options = options;
    this.#transport = raw.transport;
    this.remoteAddress = hostnameOf(raw.transport);
    this.request = request ?? new RawEngineRequest(raw, this.remoteAddress);
  }

  get origin(): string | undefined {
    return this.#raw.head.fields.get("origin");
  }

  get host(): string | undefined {
    return this.#raw.head.fields.get("host");
  }

  get hasRoom(): boolean {
    return this.#raw.hasRoom === true;
  }

  get done(): boolean {
    return this.#done;
  }

  watch(left: () => void): void {
    this.#onleft.push(left);
    if (this.#ahead !== undefined) return;
    const ahead = this.#transport = this.#ahead = new ReadAheadTransport(
      this.#transport,
      EARLY_BYTES,
      () => {
        this.#done = true;
        ahead.close();
        for (const left of this.#onleft) left();
      },
    );
  }

  refuse(status: number, headers: ResponseHeaders, message: string): void {
    if (this.#done) return;
    this.#done = true;
    this.#ahead?.unwatch();
    let response: string;
    try {
      response = buildRefusal(status, message, lines(headers));
    } catch (error) {
      // What middleware chose can't be sent.
      reportCallbackError(error);
      response = buildRefusal(500, "Internal error");
    }
    refuseRaw(this.#transport, response);
  }

  accept(headers: ResponseHeaders): EngineWebSocket | Promise<EngineWebSocket> | undefined {
    const { head, rest } = this.#raw;
    const transport = this.#transport;
    const { deflate } = this.#options;
    const client = checkClientHandshake(head);
    if (!("key" in client)) {
      this.refuse(client.status, Object.fromEntries(client.headers), client.message);
      return undefined;
    }
    const agreed = deflate && acceptDeflate(client.extensions, deflate);
    let response: string;
    try {
      response = buildServerHandshake({
        accept: acceptKey(client.key),
        // None means anything to the engine; but browsers that have offered some fail if none is chosen.
        protocol: client.protocols[0],
        extension: agreed?.response,
        headers: lines(headers),
      });
    } catch (error) {
      // A header of the program's can't be sent.
      reportCallbackError(error);
      this.refuse(500, {}, "Internal error");
      return undefined;
    }
    this.#done = true;
    this.#ahead?.unwatch();
    if (this.request instanceof RawEngineRequest) this.request.forget();
    if (agreed !== undefined) return this.#acceptDeflated(response, agreed.parameters);
    const socket = new RawSocket(transport, rest, this.#options);
    socket.greet(response);
    return socket;
  }

  async #acceptDeflated(
    response: string,
    deflate: PerMessageDeflateParameters,
  ): Promise<EngineWebSocket> {
    const { rest } = this.#raw;
    const transport = this.#transport;
    const { deflate: perMessageDeflate = {}, maxMessageSize, departures } = this.#options;
    const { limits, messageTimeout } = this.#options;
    try {
      await writeRaw(transport, response);
    } catch (error) {
      transport.close();
      throw error;
    }
    return new DeflatedSocket(transport, {
      maxMessageSize,
      departures,
      deflate,
      perMessageDeflate,
      rest,
      limits,
      messageTimeout,
    });
  }
}

function hostnameOf(transport: Transport): string {
  const { remoteAddr } = transport;
  return "hostname" in remoteAddr ? remoteAddr.hostname : "";
}
