// Floor 3: driver.
import { hasBinary } from "./_attachments.ts";
import { checkForeignPacket } from "./_foreign_packet.ts";
import { encodePacketHead } from "./_packet_head.ts";
import { toParserInput } from "./_parser_input.ts";
import type { Budget } from "../net/budget.ts";
import { BudgetShare, type BudgetShareOwner } from "../net/budget_share.ts";
import { PacketFault, SocketIoError } from "./errors.ts";
import {
  PacketDecoder,
  type PacketDecoderOptions,
  PacketType,
  type SocketIoPacket,
} from "./packet.ts";
import type { SocketClient } from "./socket.ts";
import type { Delay } from "./_scheduler.ts";
import type {
  EngineConnection,
  EngineRequest,
  EngineWriteOptions,
  ServerDisconnectReason,
  SocketId,
  SocketIoParser,
  Untyped,
} from "./types.ts";

/** The part of a socket that a client knows. */
export interface ClientSocket {
  readonly id: SocketId;
  readonly nsp: { readonly name: string };
  disconnect(): unknown;
  _onPacket(packet: SocketIoPacket): void;
  _onError(error: Error): void;
  _onClose(reason: ServerDisconnectReason, description?: unknown): void;
}

/** What a client says of itself when it joins a namespace. */
type Auth = Record<string, Untyped> | undefined;

/** A namespace that was asked for and has not answered yet. */
interface Joining {
  readonly client: ServerClient;
  readonly name: string;
  /** The newest words of the client, where it asked once more. */
  newer: { auth: Auth } | undefined;
  /** Whether it has answered, or its time is over. */
  settled: boolean;
}

/** The part of a namespace that a client knows. */
export interface ClientNamespace {
  readonly name: string;
  /** Lets a client in, or not. Once it is not `wanted` any more, nobody hears of it but `done`. */
  _add(
    client: SocketClient,
    auth: Auth,
    wanted: () => boolean,
    done: (socket: ClientSocket | undefined) => void,
  ): void;
  /** A client that is not let in yet has gone. */
  _forget(client: SocketClient): void;
}

/** The part of a server that a client knows. */
export interface ClientServer {
  readonly encoder: { encode(packet: SocketIoPacket): (string | Uint8Array)[] };
  readonly parser: SocketIoParser | undefined;
  readonly decoderOptions: PacketDecoderOptions;
  readonly maxNamespaces: number;
  /** Ends a client that joined nothing in time. */
  readonly connectDelay: Delay<ServerClient>;
  /** Gives up on a namespace that lets a client wait. */
  readonly joinDelay: Delay<Joining>;
  /** What counts the attachments that wait for others. */
  readonly receivedBytes: Budget;
  /** Ends a client whose attachments did not come in time. */
  readonly attachmentDelay: Delay<ServerClient>;
  readonly namespaces: ReadonlyMap<string, ClientNamespace>;
  /** Makes a namespace that is not there yet; `undefined` if there is none of this name for this client. */
  makeNamespace(
    name: string,
    auth: Record<string, Untyped>,
    found: (namespace: ClientNamespace | undefined) => void,
  ): void;
}

/** A connection that hands its messages to one sink, in place of listeners. */
interface SinkConnection extends EngineConnection {
  _sink: unknown;
  _writeText(head: string, body: string, options: EngineWriteOptions): void;
  readonly _receiving: boolean;
}

function takesSink(conn: EngineConnection): conn is SinkConnection {
  return "_sink" in conn;
}

/**
 * One connection of a client, with its sockets in one or several namespaces: decodes what comes and hands it to the
 * right socket, encodes what goes.
 */
export class ServerClient implements SocketClient, BudgetShareOwner {
  readonly conn: EngineConnection;
  readonly #server: ClientServer;
  #decoder: PacketDecoder | undefined;
  /** The usual client has one socket; the map is made for the second one. */
  #socket: ClientSocket | undefined;
  #more: Map<string, ClientSocket> | undefined;
  #pending: Map<string, Joining> | undefined;
  /** Namespaces that were left: packets for them may still be on their way. */
  #left: Set<string> | undefined;
  #foreign: (() => void) | undefined;
  /** Attachments that wait for others. */
  #share: BudgetShare | undefined;
  #closed = false;

  constructor(server: ClientServer, conn: EngineConnection) {
    this.#server = server;
    this.conn = conn;
    if (server.parser === undefined) this.#decoder = new PacketDecoder(server.decoderOptions);
    if (takesSink(conn) && server.parser === undefined) conn._sink = this;
    else this.#listen(conn, server.parser);
    server.connectDelay.start(this);
  }

  get id(): string {
    return this.conn.id;
  }

  get request(): EngineRequest {
    return this.conn.request;
  }

  /** The time to join a namespace is over. */
  onConnectTimeout(): void {
    if (this.#socket === undefined && this.#more === undefined) this.#close("forced server close");
  }

  /** The time of a namespace to answer is over. */
  onJoinTimeout(joining: Joining): void {
    const { name } = joining;
    this.#server.namespaces.get(name)?._forget(this);
    if (!this.#settle(joining)) this.#refuse(name, "The namespace did not answer in time");
  }

  /** The time for attachments is over. */
  onAttachmentTimeout(): void {
    // One is coming, over a slow network: a message has a time of its own (`messageTimeout`).
    if (takesSink(this.conn) && this.conn._receiving) {
      return this.#server.attachmentDelay.start(this);
    }
    this.#fail(new SocketIoError("ERR_PARSE", "Cannot decode a packet: attachments are missing"));
  }

  /** A message of the connection. */
  onEngineData(data: string | Uint8Array): void {
    const decoder = this.#decoder!;
    const wasWaiting = decoder.waiting;
    const packet = decoder.add(data);
    if (decoder.waiting !== wasWaiting) {
      if (wasWaiting) this.#server.attachmentDelay.stop(this);
      else this.#server.attachmentDelay.start(this);
    }
    if (packet === undefined) return this.#account(decoder.waitingBytes);
    if (this.#share !== undefined) this.#account(0);
    if (packet instanceof PacketFault) this.#fail(packet.toError());
    else this.#onPacket(packet);
  }

  /** Has the limits count attachments that wait for others. */
  #account(bytes: number): void {
    const share = this.#share ??= new BudgetShare(this.#server.receivedBytes, this);
    if (share.set(bytes) !== "go") this.onOverBudget();
  }

  /** For the limits: there is no room for what this client sends. */
  onOverBudget(): void {
    queueMicrotask(() =>
      this.#fail(new SocketIoError("ERR_LIMIT", "Cannot take attachments: there is no room"))
    );
  }

  /** For the limits. Nobody waits here. */
  onRoom(): void {}

  /** The connection is closed. */
  onEngineClose(reason: ServerDisconnectReason, description?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.connectDelay.stop(this);
    this.#server.attachmentDelay.stop(this);
    this.#foreign?.();
    this.#decoder?.reset();
    this.#share?.close();
    for (const socket of this.#sockets()) socket._onClose(reason, description);
    for (const joining of this.#pending?.values() ?? []) {
      this.#server.joinDelay.stop(joining);
      this.#server.namespaces.get(joining.name)?._forget(this);
    }
    this.#socket =
      this.#more =
      this.#pending =
      this.#left =
        undefined;
  }

  writeToEngine(encoded: (string | Uint8Array)[], options: EngineWriteOptions): void {
    const { conn } = this;
    if (options.volatile === true && !conn.transport.writable) return;
    if (encoded.length === 1) conn.write(encoded[0], options);
    else for (const part of encoded) conn.write(part, options);
  }

  _packet(packet: SocketIoPacket, options: EngineWriteOptions): void {
    const { conn } = this;
    if (conn.readyState !== "open") return;
    const { type, nsp, id, data } = packet;
    if (this.#foreign === undefined && !hasBinary(data)) {
      if (options.volatile === true && !conn.transport.writable) return;
      const body = data === undefined || data === null ? "" : JSON.stringify(data);
      (conn as SinkConnection)._writeText(encodePacketHead(type, nsp, id), body, options);
      return;
    }
    const encoded = this.#server.encoder.encode(packet);
    // An engine that is not ours may change the options that it gets.
    this.writeToEngine(encoded, this.#foreign === undefined ? options : { ...options });
  }

  _remove(socket: { readonly id: SocketId }): void {
    if (this.#socket?.id === socket.id) {
      this.#leave(this.#socket.nsp.name);
      this.#socket = undefined;
      return;
    }
    for (const [name, other] of this.#more ?? []) {
      if (other.id !== socket.id) continue;
      this.#more!.delete(name);
      this.#leave(name);
    }
  }

  _disconnect(): void {
    for (const socket of this.#sockets()) socket.disconnect();
    this.#close("forced server close");
  }

  /** Closes the connection; its sockets hear of it at once, with this reason. */
  _close(reason: ServerDisconnectReason, description?: unknown): void {
    this.#close(reason, description);
  }

  #listen(conn: EngineConnection, parser: SocketIoParser | undefined): void {
    let ondata: (data: Untyped) => void;
    let destroy = () => {};
    if (parser === undefined) {
      ondata = (data) =>
        this.onEngineData(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
    } else {
      const decoder = new parser.Decoder();
      decoder.on("decoded", (packet) => this.#onForeignPacket(packet));
      destroy = () => decoder.destroy();
      ondata = (data) => {
        try {
          decoder.add(toParserInput(data));
        } catch (cause) {
          this.#fail(new SocketIoError("ERR_PARSE", "Cannot decode a packet", { cause }));
        }
      };
    }
    const onerror = (error: Error) => this.#fail(error);
    const onclose = (reason: ServerDisconnectReason, description: unknown) =>
      this.onEngineClose(reason, description);
    conn.on("data", ondata);
    conn.on("error", onerror);
    conn.on("close", onclose);
    this.#foreign = () => {
      conn.removeListener("data", ondata);
      conn.removeListener("error", onerror);
      conn.removeListener("close", onclose);
      destroy();
    };
  }

  #find(name: string): ClientSocket | undefined {
    const socket = this.#socket;
    return socket !== undefined && socket.nsp.name === name ? socket : this.#more?.get(name);
  }

  *#sockets(): Iterable<ClientSocket> {
    const more = [...this.#more?.values() ?? []];
    if (this.#socket !== undefined) yield this.#socket;
    yield* more;
  }

  #onForeignPacket(given: unknown): void {
    const packet = checkForeignPacket(given);
    if (packet instanceof PacketFault) this.#fail(packet.toError());
    else this.#onPacket(packet);
  }

  #onPacket(packet: SocketIoPacket): void {
    if (this.#closed) return;
    const socket = this.#find(packet.nsp);
    if (packet.type === PacketType.CONNECT) {
      const auth = packet.data as Auth;
      // Asked again: it left before it heard that it is in, of which npm's client tells nothing, and came back.
      socket?._onClose("client namespace disconnect");
      if (this.#closed) return; // by a listener
      const joining = this.#pending?.get(packet.nsp);
      if (joining === undefined) this.#connect(packet.nsp, auth);
      else joining.newer = { auth };
    } else if (packet.type === PacketType.CONNECT_ERROR) {
      this.#violation("only a server sends a connect error");
    } else if (socket !== undefined) socket._onPacket(packet);
    else if (!this.#left?.has(packet.nsp)) {
      this.#violation("a packet for a namespace that was not joined");
    }
  }

  #connect(name: string, auth: Auth): void {
    const server = this.#server;
    const count = (this.#pending?.size ?? 0) + (this.#more?.size ?? 0) +
      (this.#socket === undefined ? 0 : 1);
    if (count >= server.maxNamespaces) return this.#refuse(name, "Too many namespaces");
    const namespace = server.namespaces.get(name);
    if (namespace !== undefined) return this.#enter(namespace, auth);
    const joining = this.#ask(name);
    server.makeNamespace(name, auth ?? {}, (namespace) => {
      if (this.#settle(joining)) return;
      if (namespace === undefined) this.#refuse(name, "Invalid namespace");
      else this.#enter(namespace, auth);
    });
    // The program's function may have ended the connection.
    if (!joining.settled && !this.#closed) this.#wait(joining);
  }

  #enter(namespace: ClientNamespace, auth: Auth): void {
    const { name } = namespace;
    const joining = this.#ask(name);
    const wanted = () => !joining.settled && joining.newer === undefined;
    namespace._add(this, auth, wanted, (socket) => {
      if (!this.#settle(joining) && socket !== undefined) this.#join(name, socket);
    });
    if (joining.settled) return;
    if (this.#closed) namespace._forget(this); // by middleware
    else this.#wait(joining);
  }

  #ask(name: string): Joining {
    return { client: this, name, newer: undefined, settled: false };
  }

  #wait(joining: Joining): void {
    (this.#pending ??= new Map()).set(joining.name, joining);
    this.#server.joinDelay.start(joining);
  }

  /** A namespace has answered, or its time is over. Returns whether that is void: the client is gone, or has asked anew. */
  #settle(joining: Joining): boolean {
    if (joining.settled) return true;
    joining.settled = true;
    this.#server.joinDelay.stop(joining);
    this.#pending?.delete(joining.name);
    if (this.#closed) return true;
    if (joining.newer === undefined) return false;
    this.#connect(joining.name, joining.newer.auth);
    return true;
  }

  #join(name: string, socket: ClientSocket): void {
    this.#left?.delete(name);
    if (this.#socket === undefined) this.#socket = socket;
    else (this.#more ??= new Map()).set(name, socket);
    this.#server.connectDelay.stop(this);
  }

  #leave(name: string): void {
    const left = this.#left ??= new Set();
    left.add(name);
    if (left.size > this.#server.maxNamespaces) left.delete(left.values().next().value as string);
  }

  #refuse(nsp: string, message: string): void {
    this._packet({ type: PacketType.CONNECT_ERROR, nsp, data: { message } }, {});
  }

  #violation(what: string): void {
    this.#fail(new SocketIoError("ERR_PARSE", `Cannot accept a packet: ${what}`));
  }

  #fail(error: Error): void {
    for (const socket of this.#sockets()) socket._onError(error);
    this.#close("parse error", error);
  }

  #close(reason: ServerDisconnectReason, description?: unknown): void {
    if (this.#closed) return;
    this.onEngineClose(reason, description);
    if (this.conn.readyState === "open") this.conn.close();
  }
}
