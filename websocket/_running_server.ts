// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { AcceptFailures } from "../net/accept_failures.ts";
import { AdmissionControl } from "../net/admission_control.ts";
import type { Budget } from "../net/budget.ts";
import type { Pressure } from "../net/limits.ts";
import { MAX_DELAY } from "../net/max_delay.ts";
import { checkOptionNames } from "../net/option_names.ts";
import {
  acceptProxyProtocol,
  type AcceptProxyProtocolOptions,
  checkedProxyProtocol,
} from "../net/proxy_protocol_transport.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";
import { configureTransport } from "../net/transport_settings.ts";
import { abortError, deadlineSignal, type WaitOptions } from "../net/wait.ts";
import {
  closeQuietly,
  HeadFaultError,
  type HeadTaker,
  type ReceivedHead,
  takeHead,
} from "./_head_exchange.ts";
import { closePayload } from "./_frame_output.ts";
import type { FrontDoor } from "./_front_door.ts";
import { openListening, type WebSocketListening } from "./_listen.ts";
import { checkCastOptions, FOREIGN_SERVER_OPTIONS } from "./_option_names.ts";
import { toMessage } from "./_outgoing.ts";
import { ACCEPT_OPTIONS, type Arrival, BUSY, ServerCore } from "./_server_core.ts";
import { PLATFORM_TOOLS } from "./_tools.ts";
import type { WebSocketConnection } from "./connection.ts";
import { isUpgradeRequest } from "./handshake.ts";
import { checkHttpHeadLimits, parseRequestHead } from "./http_head.ts";
import type { ServeWebSocketOptions, WebSocketAcceptOptions } from "./server_options.ts";

/** How long to wait after a failed `accept`, in ms: at the limit of file descriptors it fails again at once. */
const ACCEPT_PAUSE = 100;
/** How long a server that closes waits for the responses of plain HTTP, if it is not told, in ms. */
const REQUEST_GRACE = 1_000;

/** By a type that has them all: one that is missing here does not compile. */
const OWN_OPTIONS: Record<
  Exclude<keyof ServeWebSocketOptions, keyof WebSocketAcceptOptions>,
  true
> = {
  port: true,
  hostname: true,
  path: true,
  listener: true,
  tls: true,
  proxyProtocol: true,
  head: true,
  handler: true,
  http: true,
  signal: true,
  maxConnectionsPerAddress: true,
  ipv6PrefixLength: true,
  acceptRate: true,
  allowList: true,
  blockList: true,
  onDrop: true,
};
const KNOWN: Readonly<Record<string, unknown>> = { ...ACCEPT_OPTIONS, ...OWN_OPTIONS };

interface PublishSettings {
  except?: WebSocketConnection;
  compress?: boolean;
  protocol?: string;
}

const PUBLISH_OPTIONS = { except: true, compress: true };
const BROADCAST_OPTIONS = { ...PUBLISH_OPTIONS, protocol: true };

interface CloseSettings extends WaitOptions {
  keepClients?: boolean;
  code?: number;
  reason?: string;
  over?: number;
}

/** By a type that has them all: one that is missing here does not compile. */
const CLOSE_OPTIONS: Record<keyof CloseSettings, true> = {
  keepClients: true,
  code: true,
  reason: true,
  over: true,
  timeout: true,
  signal: true,
};
const FOREIGN_CLOSE_OPTIONS = { drain: "is `timeout` here" };

/** What `serveWebSocket` and `attachWebSocket` return. */
export class RunningServer implements AsyncDisposable {
  static {
    // By the name that programs know.
    const shown = { prototype: RunningServer.prototype, name: "WebSocketServer" };
    defineInspect(shown, (server) => ({
      addr: server.addr,
      clients: server.clients.size,
      closed: server.#stopped,
    }));
  }

  readonly addr: TransportAddr | undefined;
  readonly #core: ServerCore;
  readonly #stop: () => unknown;
  #released: unknown;
  readonly #finished = Promise.withResolvers<void>();
  #stopped = false;

  /** `stop` stops listening; it is called once. What it returns is waited for. */
  constructor(core: ServerCore, addr: TransportAddr | undefined, stop: () => unknown) {
    this.#core = core;
    this.addr = addr;
    this.#stop = stop;
  }

  get port(): number {
    return this.addr !== undefined && "port" in this.addr ? this.addr.port ?? 0 : 0;
  }

  get clients(): ReadonlySet<WebSocketConnection> {
    return this.#core.connections;
  }

  get pressure(): Pressure {
    return this.#core.limits.pressure;
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  broadcast(data: unknown, options?: PublishSettings): number {
    checkCastOptions("broadcast", options, BROADCAST_OPTIONS);
    const { compress, protocol, except } = options ?? {};
    return this.#core.broadcast(toMessage(data), compress, protocol, except);
  }

  publish(topic: string, data: unknown, options?: PublishSettings): number {
    checkCastOptions("publish", options, PUBLISH_OPTIONS);
    const { compress, except } = options ?? {};
    const left = except && this.#core.subscriber(topic, except);
    return this.#core.publish(topic, toMessage(data), compress, left);
  }

  subscribers(topic: string): number {
    return this.#core.subscribers(topic);
  }

  async close(options: CloseSettings = {}): Promise<void> {
    // It would never be called, and clients be cut off before or after the time that was meant.
    if (typeof options === "function") {
      throw new TypeError("Cannot close the server: there is a promise to await, and no callback");
    }
    // Unseen, a misspelt `keepClients` would close them all.
    checkOptionNames("Cannot close the server", options, CLOSE_OPTIONS, FOREIGN_CLOSE_OPTIONS);
    const { keepClients = false, code = 1001, reason = "", over = 0 } = options;
    // What can't be sent is told before anything is stopped.
    closePayload(code, reason, PLATFORM_TOOLS);
    if (!(over >= 0 && over <= MAX_DELAY)) {
      throw new RangeError(`Cannot close over ${over} ms: it is out of range`);
    }
    const deadline = deadlineSignal("close the server", options);
    if (!this.#stopped) {
      this.#stopped = true;
      this.#core.closing = true;
      this.#released = this.#stop();
      this.#core.dropArrivals();
      this.#core.idle().then(this.#finished.resolve);
    }
    if (keepClients) {
      deadline.clear();
      await this.#released;
      return;
    }
    this.#core.hub.flush();
    deadline.onfire(() => {
      this.#core.endOthers();
      for (const ws of [...this.clients]) ws.terminate();
    });
    await this.#closeClients(code, reason, over, () => deadline.fired !== null);
    this.#core.finishOthers();
    const told = options.timeout !== undefined || options.signal !== undefined;
    const grace = told ? undefined : setTimeout(() => this.#core.endOthers(), REQUEST_GRACE);
    await this.#core.idle();
    await this.#released;
    clearTimeout(grace);
    deadline.clear();
  }

  /** Closes one client after the other, evenly over the time, or as long as there are any. */
  async #closeClients(
    code: number,
    reason: string,
    over: number,
    cut: () => boolean,
  ): Promise<void> {
    const clients = [...this.clients];
    const gone = over > 0 ? Promise.all(clients.map((ws) => ws.closed)) : undefined;
    const start = performance.now();
    for (const [i, ws] of clients.entries()) {
      const wait = start + (over * i) / clients.length - performance.now();
      if (gone !== undefined && wait > 0 && !cut() && this.clients.size > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, wait);
          gone.then(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      if (ws.state !== "closed") ws.close(code, reason);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Listens, and takes in who comes. */
export async function startAccepting(options: ServeWebSocketOptions): Promise<RunningServer> {
  checkOptionNames("Cannot serve WebSockets", options, KNOWN, FOREIGN_SERVER_OPTIONS);
  const core = new ServerCore(options);
  if (options.http !== undefined && options.handler !== undefined) {
    throw new TypeError("Cannot serve WebSockets: give one of `handler` and `http`");
  }
  if (options.handler !== undefined && typeof options.handler !== "function") {
    throw new TypeError("Cannot serve WebSockets: handler is not a function");
  }
  if (options.head !== undefined) checkHttpHeadLimits(options.head);
  const { proxyProtocol } = options;
  const introduction = proxyProtocol && checkedProxyProtocol(proxyProtocol);
  const admission = AdmissionControl._of(options);
  const { signal } = options;
  // It is listened to when the port is open, and nobody would close that.
  if (signal && typeof signal.addEventListener !== "function") {
    throw new TypeError("Cannot serve WebSockets: `signal` is not an AbortSignal");
  }
  if (options.http !== undefined && typeof options.http?.on !== "function") {
    throw new TypeError("Cannot serve WebSockets: `http` is not a server of node:http");
  }
  // Not `throwIfAborted`, which a polyfill's signal need not have, as it need have no reason.
  if (signal?.aborted) throw signal.reason ?? abortError("serve WebSockets", signal);
  // Loaded when it is needed: node:http weighs more than all of this.
  const { http, handler, head } = options;
  const door = http === undefined && handler === undefined
    ? undefined
    : (await import("./_front_door.ts")).openFrontDoor(core, http, handler, head);
  const listening = await openListening(options).catch((error) => {
    door?.close();
    throw error;
  });
  const acceptor = new Acceptor(core, listening, options, door, admission, introduction);
  const onAbort = () => {
    server.close();
  };
  const server = new RunningServer(core, listening.listener.addr, () => {
    signal?.removeEventListener("abort", onAbort);
    door?.close();
    return acceptor.stop();
  });
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  acceptor.run();
  return server;
}

/** Accepts connections, reads their first request, and sends them where they belong. */
class Acceptor {
  readonly #core: ServerCore;
  readonly #listening: WebSocketListening;
  readonly #options: ServeWebSocketOptions;
  readonly #door: FrontDoor | undefined;
  readonly #admission: AdmissionControl;
  readonly #introduction: AcceptProxyProtocolOptions | undefined;
  readonly #failures = new AcceptFailures();
  #stopped = false;
  #accepting: Promise<Transport> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wake: (() => void) | undefined;

  constructor(
    core: ServerCore,
    listening: WebSocketListening,
    options: ServeWebSocketOptions,
    door: FrontDoor | undefined,
    admission: AdmissionControl,
    introduction: AcceptProxyProtocolOptions | undefined,
  ) {
    this.#core = core;
    this.#listening = listening;
    this.#options = options;
    this.#door = door;
    this.#admission = admission;
    this.#introduction = introduction;
  }

  /** The system lets go of the port only when the `accept` that is under way has ended. */
  stop(): Promise<unknown> | undefined {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#wake?.();
    this.#listening.listener.close();
    return this.#accepting?.catch(() => {});
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const { connections } = this.#core.limits;
        if (connections.policy === "wait") {
          while (connections.full && !this.#stopped) await this.#room(connections);
          if (this.#stopped) return;
        }
        this.#accepting = this.#listening.listener.accept();
        const transport = await this.#accepting;
        this.#failures.clear();
        this.#take(transport);
      } catch (error) {
        if (await this.#failures.passOver(error)) continue;
        if (this.#stopped) return;
        this.#core.report(error);
        await new Promise<void>((resolve) => {
          this.#timer = setTimeout(resolve, ACCEPT_PAUSE);
        });
      }
    }
  }

  /** Waits until there is room for one more connection, in all servers that share the limits. */
  #room(connections: Budget): Promise<void> {
    return new Promise((resolve) => {
      const waiter = { onRoom: resolve };
      this.#wake = () => {
        connections.leave(waiter);
        resolve();
      };
      connections.wait(waiter);
    });
  }

  #take(transport: Transport): void {
    const arrival = this.#core.arrive(transport);
    if (arrival === undefined) return this.#answerBusy(transport);
    // Behind a proxy its header tells whose connection it is.
    if (this.#introduction === undefined && !this.#letIn(arrival, transport)) return;
    configureTransport(transport, { noDelay: true });
    if (this.#introduction === undefined && this.#listening.startTls === undefined) {
      takeHead(arrival.transport, "request", this.#options.head, new Entrance(this, arrival));
    } else this.#introduce(arrival);
  }

  /** There is no place for it. */
  #answerBusy(transport: Transport): void {
    if (!this.#stopped) {
      const { full, policy } = this.#core.limits.connections;
      this.#admission.tell(transport, full && policy !== "wait" ? "limits" : "maxConnections");
    }
    const bytes = Uint8Array.from(BUSY, (char) => char.charCodeAt(0));
    const close = () => closeQuietly(transport);
    transport.write(bytes).then(close, close);
  }

  /** Lets a connection in by its address and in time, or drops it. */
  #letIn(arrival: Arrival, transport: Transport): boolean {
    let admitted: Transport | undefined;
    try {
      admitted = this.#admission.admit(transport);
    } catch (error) {
      this.#core.report(error);
    }
    if (admitted === undefined) this.#core.drop(arrival);
    else arrival.transport = admitted;
    return admitted !== undefined;
  }

  /** What comes before the request: who the client is, by the proxy's word, and TLS. */
  async #introduce(arrival: Arrival): Promise<void> {
    const { startTls, tlsInfo } = this.#listening;
    try {
      if (this.#introduction !== undefined) {
        const introduced = await acceptProxyProtocol(arrival.transport, this.#introduction)
          .catch((error) => {
            if (!this.#stopped) this.#admission.tell(arrival.transport, "proxyProtocol");
            throw error;
          });
        if (arrival.over) return closeQuietly(introduced);
        if (!this.#letIn(arrival, introduced)) return;
      }
      if (startTls !== undefined) {
        arrival.transport = await startTls(arrival.transport);
        if (arrival.over) return closeQuietly(arrival.transport);
        arrival.tls = tlsInfo?.(arrival.transport);
      }
    } catch {
      return this.#core.drop(arrival);
    }
    takeHead(arrival.transport, "request", this.#options.head, new Entrance(this, arrival));
  }

  /** The head of its request is there. */
  enter(arrival: Arrival, received: ReceivedHead): void {
    if (arrival.over) return received.reader.stop();
    try {
      const head = parseRequestHead(received.text);
      const { secure } = this.#listening;
      if (this.#door !== undefined && "fields" in head && !isUpgradeRequest(head)) {
        this.#door.inject(arrival, received, secure);
      } else {
        this.#core.admit(arrival, received, secure, head)?.catch((error) =>
          this.#fail(arrival, error)
        );
      }
    } catch (error) {
      this.#fail(arrival, error);
    }
  }

  /** There is no head. */
  turnAway(arrival: Arrival, error: unknown): void {
    if (!(error instanceof HeadFaultError)) return this.#core.drop(arrival);
    const { status, message } = error.fault;
    this.#core.refuse(arrival, error.received, status, `Malformed request: ${message}`)
      .catch((error) => this.#fail(arrival, error));
  }

  #fail(arrival: Arrival, error: unknown): void {
    this.#core.drop(arrival);
    this.#core.report(error);
  }
}

/** Where a connection's first request arrives. */
class Entrance implements HeadTaker {
  readonly #acceptor: Acceptor;
  readonly #arrival: Arrival;

  constructor(acceptor: Acceptor, arrival: Arrival) {
    this.#acceptor = acceptor;
    this.#arrival = arrival;
  }

  took(received: ReceivedHead): void {
    this.#acceptor.enter(this.#arrival, received);
  }

  failed(error: unknown): void {
    this.#acceptor.turnAway(this.#arrival, error);
  }
}
