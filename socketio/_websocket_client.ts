// Floor 3: driver.
import type {
  ClientTransport,
  ClientTransportHost,
  ClientTransportOptions,
} from "./_client_transport.ts";
import { isConnectionLoss } from "./_connection_loss.ts";
import { isLarger } from "./_message_size.ts";
import { transportUrl } from "./_polling_client.ts";
import { Unread } from "./_unread.ts";
import { MAX_UNREAD_ANSWERS, UnreadAnswers, unreadAnswersError } from "./_unread_answers.ts";
import { decodeEnginePacket, encodeEnginePacket, type EnginePacket } from "./engine_packet.ts";
import { failureMessage } from "./_failure_text.ts";
import { PacketFault, SocketIoError } from "./errors.ts";

/** How long `close` waits for the server's part of the closing handshake, in ms. */
const CLOSE_TIME = 2_000;
/** From how many bytes on the server counts as slow. */
const HIGH_WATER_MARK = 1_048_576;
/** So many packets are counted as one: they have left when the last of them has. */
const JOINED_PACKETS = 16;
const TOO_LARGE = "Cannot accept a message: it is too large";

/** A WebSocket, of the platform or of any class with its interface. */
export class WebSocketClient implements ClientTransport {
  readonly name = "websocket";
  readonly #options: ClientTransportOptions;
  readonly #host: ClientTransportHost;
  readonly #sid: string | undefined;
  #socket: WebSocket | undefined;
  /** Whether the session is there: a packet of it came, or it was there before. */
  #begun: boolean;
  #closed = false;
  /** How many bytes were sent. */
  #sent = 0;
  readonly #packets = new Unread(JOINED_PACKETS);
  readonly #answers = new UnreadAnswers();
  #gone: PromiseWithResolvers<void> | undefined;

  constructor(
    options: ClientTransportOptions,
    host: ClientTransportHost,
    sid: string | undefined,
  ) {
    this.#options = options;
    this.#host = host;
    this.#sid = sid;
    this.#begun = sid !== undefined;
  }

  get writable(): boolean {
    return this.#socket?.readyState === 1 && this.#socket.bufferedAmount < HIGH_WATER_MARK;
  }

  get buffered(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  get bufferedPackets(): number {
    return this.#packets.weigh(this.#sent - this.buffered);
  }

  open(): void {
    const { url, cookies, WebSocket } = this.#options;
    const headers = cookies?.addTo(this.#options.headers, Date.now()) ?? this.#options.headers;
    const target = transportUrl(url, "websocket", this.#sid);
    target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
    let socket: WebSocket;
    try {
      // Only a program with headers to send needs a class that takes them; those of browsers do not.
      socket = headers === undefined
        ? new WebSocket(target.href)
        : new (WebSocket as new (url: string, options: unknown) => WebSocket)(target.href, {
          headers,
        });
    } catch (cause) {
      queueMicrotask(() => this.#end(cause));
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    let failure: unknown;
    socket.onopen = () => {
      if (!this.#closed) this.#host.onTransportOpen(this);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onerror = (event) => {
      const { error, message } = event as ErrorEvent;
      // Browsers tell nothing.
      failure = error ?? (message || event);
    };
    socket.onclose = ({ code, reason }) => {
      this.#gone?.resolve();
      const why = failure ?? (code === 1000 || code === 1005 ? undefined : `${code} ${reason}`);
      this.#end(why, failure === undefined || isConnectionLoss(failure));
    };
  }

  send(packets: EnginePacket[], answers = 0): void {
    const socket = this.#socket!;
    const before = socket.bufferedAmount;
    for (const packet of packets) {
      socket.send(encodeEnginePacket(packet) as string | Uint8Array<ArrayBuffer>);
    }
    const after = socket.bufferedAmount;
    this.#sent += Math.max(0, after - before);
    this.#packets.add(packets.length, this.#sent, this.#sent - after);
    if (answers === 0) return;
    const unread = this.#answers.add(answers, this.#sent, this.#sent - after);
    const { maxUnreadAnswers = MAX_UNREAD_ANSWERS } = this.#options;
    if (unread === answers || unread <= maxUnreadAnswers) return;
    socket.close();
    this.#end(unreadAnswersError());
  }

  pause(done: () => void): void {
    done();
  }

  close(): Promise<void> {
    this.#closed = true;
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === 3) return Promise.resolve();
    if (this.#gone === undefined) {
      const gone = this.#gone = Promise.withResolvers<void>();
      // Where the network passes nothing on, the platform's WebSocket waits for as long as it likes, and can't be stopped.
      const timer = setTimeout(gone.resolve, CLOSE_TIME);
      gone.promise.then(() => clearTimeout(timer));
    }
    if (socket.readyState < 2) socket.close();
    return this.#gone.promise;
  }

  #receive(data: string | ArrayBuffer): void {
    if (this.#closed) return;
    const message = typeof data === "string" ? data : new Uint8Array(data);
    if (isLarger(message, this.#options.maxHttpBufferSize)) {
      this.#socket!.close();
      return this.#end(new SocketIoError("ERR_LIMIT", TOO_LARGE));
    }
    const packet = decodeEnginePacket(message);
    if (packet instanceof PacketFault) {
      this.#socket!.close();
      this.#end(packet.toError());
    } else {
      this.#begun = true;
      this.#host.onTransportPacket(this, packet);
    }
  }

  #explain(cause: unknown): Error | undefined {
    if (cause === undefined || cause instanceof SocketIoError) return cause;
    if ((cause as { code?: unknown }).code === "MESSAGE_TOO_BIG") { // a WebSocket of this package
      return new SocketIoError("ERR_LIMIT", TOO_LARGE, { cause });
    }
    const [code, what] = this.#begun
      ? ["ERR_TRANSPORT", "Cannot go on with the WebSocket"] as const
      : ["ERR_CONNECT", "Cannot connect by WebSocket"] as const;
    return new SocketIoError(code, failureMessage(what, cause), { cause });
  }

  #end(cause: unknown, lost = false): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.onTransportClose(this, this.#explain(cause), lost);
  }
}
