// Floor 3: driver.
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  createServer,
  getCACertificates,
  type Server,
  type TLSSocket,
} from "node:tls";
import { ClientHelloReader } from "./_client_hello.ts";
import { closeQuietly } from "./_close_quietly.ts";
import { foreignText } from "./_foreign_text.ts";
import { resetOf } from "./_reset.ts";
import { isThenable } from "./_thenable.ts";
import { loadAuthorities, type LoadedIdentity, loadIdentity } from "./_tls_material.ts";
import type { TransportExtras } from "./_transport_extras.ts";
import { VerifiedClients } from "./_verified_clients.ts";
import { errorOf } from "./error_of.ts";
import { NetError } from "./errors.ts";
import { parseHost } from "./host.ts";
import { parseIp } from "./ip.ts";
import { NodeTransport, TransportDuplex } from "./node_transport.ts";
import { TlsError, type TlsErrorReason, toTlsError } from "./tls_error.ts";
import type {
  PeerCertificate,
  TlsCipher,
  TlsClientOptions,
  TlsIdentity,
  TlsInfo,
  TlsServerOptions,
} from "./tls_options.ts";
import type { Transport } from "./transport.ts";
import type { Deadline } from "./wait.ts";

/** How long a handshake may take where nothing else is said, in ms, as in Node. */
export const HANDSHAKE_TIMEOUT = 120_000;

/** A connection after its handshake. */
export interface SecuredTransport {
  readonly transport: Transport;
  readonly info: TlsInfo;
}

/** What a handshake is about, for its errors. */
export interface HandshakeContext {
  what: string;
  syscall: string;
  address?: string;
  port?: number;
}

/** Runs `start`, and `abort` when one of the deadlines fires first. */
export function underDeadlines<T>(
  deadlines: readonly Deadline[],
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  abort: () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let open = true;
    for (const deadline of deadlines) {
      deadline.onfire((error) => {
        if (!open) return;
        open = false;
        reject(error);
        abort();
      });
    }
    if (!open) return;
    start((value) => {
      open = false;
      resolve(value);
    }, (error) => {
      open = false;
      reject(error);
    });
  });
}

/** All of it is asked for at once: after the connection has closed, node:tls knows nothing of it any more. */
class NodeTlsInfo implements TlsInfo {
  readonly implementation = "node";
  readonly authorized: boolean;
  readonly authorizationError: string | null;
  readonly alpnProtocol: string | null;
  readonly servername: string | null;
  readonly protocol: string | null;
  readonly cipher: TlsCipher | null;
  readonly #certificate: PeerCertificate | null;

  constructor(
    socket: TLSSocket,
    servername: string | null,
    verified: boolean,
    doubt: TlsErrorReason | null,
  ) {
    const error = verified ? (socket.authorizationError as unknown) || doubt : null;
    this.authorized = verified && socket.authorized && doubt === null;
    this.authorizationError = error instanceof Error
      ? (error as { code?: string }).code ?? error.message
      : (error as string | null | undefined) ?? null;
    this.alpnProtocol = socket.alpnProtocol || null;
    this.servername = servername;
    this.protocol = socket.getProtocol();
    this.cipher = (socket.getCipher() as TlsCipher | undefined) ?? null;
    // A server that asked for no certificate needs not look for one.
    const certificate = verified
      ? socket.getPeerCertificate() as unknown as PeerCertificate | null
      : null;
    this.#certificate = certificate?.raw === undefined ? null : certificate;
  }

  getPeerCertificate(): PeerCertificate | null {
    return this.#certificate;
  }
}

/**
 * node:tls reports a stream that was cut as an ordinary end (RFC 8446, 6.1, wants it told apart). With its end mark the peer ends
 * the plain stream before the encrypted one below it ends; without, the encrypted one is the first.
 */
function watchEnd(socket: TLSSocket, raw: TlsDuplex): () => Error | undefined {
  let truncated = false;
  const push = socket.push;
  socket.push = function (this: TLSSocket, ...args: Parameters<typeof push>): boolean {
    if (args[0] !== null && this.readableFlowing && this.readableLength === 0) {
      // Past the stream's queue: the transport has its own, and holds the peer back itself.
      this.emit("data", args[0]);
      return true;
    }
    if (args[0] === null) {
      if (raw.readableEnded) truncated = true;
      else raw.marked = true;
    }
    return push.apply(this, args);
  };
  return () => {
    if (!truncated) return undefined;
    const message = "Cannot read: the connection ended without TLS's end mark";
    return new TlsError(message, { reason: "TRUNCATED", syscall: "read" });
  };
}

function secured(
  socket: TLSSocket,
  duplex: TlsDuplex,
  inner: Transport,
  servername: string | null,
  verified: boolean,
  doubt: TlsErrorReason | null = null,
): SecuredTransport {
  duplex.established();
  const info = new NodeTlsInfo(socket, servername, verified, doubt);
  return { transport: new NodeTlsTransport(socket, duplex, inner), info };
}

/** From how many bytes on a write waits until they are with the transport below. */
const IN_FLIGHT = 65_536;

/** What node:tls makes of a transport; its addresses and its settings are those of the transport below. */
class NodeTlsTransport extends NodeTransport {
  readonly #inner: Transport & TransportExtras;
  readonly #duplex: TlsDuplex;
  #taken = 0;
  #ending: Promise<void> | undefined;

  constructor(socket: TLSSocket, duplex: TlsDuplex, inner: Transport) {
    super(socket, { checkEnd: watchEnd(socket, duplex) });
    this.#inner = inner;
    this.#duplex = duplex;
    // Bound, it still says by its length whether it takes a delay.
    this.setKeepAlive = this.#inner.setKeepAlive?.bind(inner) ?? (() => {});
  }

  /** A node:tls socket that is paused goes on to read and to store: only the stream below it stops. */
  protected override pauseReading(): void {
    this.#duplex.hold();
  }

  protected override resumeReading(): void {
    this.#duplex.release();
  }

  /** node:tls takes all that it is given at once, whether the peer reads or not: the limit is made here. */
  override write(p: Uint8Array): Promise<number> {
    const written = super.write(p);
    this.#taken += p.length;
    return this.#taken < IN_FLIGHT ? written : this.#whenIdle(written);
  }

  async #whenIdle(written: Promise<number>): Promise<number> {
    const n = await written;
    await this.#duplex.idle();
    this.#taken = 0;
    return this.#duplex.destroyed ? await super.write(new Uint8Array(0)) : n;
  }

  override async closeWrite(): Promise<void> {
    await super.closeWrite();
    await (this.#ending ??= this.#endBelow());
  }

  async #endBelow(): Promise<void> {
    await this.#duplex.idle();
    if (this.#duplex.destroyed) return;
    await new Promise<void>((resolve, reject) => {
      this.#duplex.once("error", reject);
      this.#duplex.once("close", resolve);
      // node:stream gives an error to this callback, whatever its types say.
      this.#duplex.end((error?: Error | null) => error ? reject(error) : resolve());
    });
  }

  override close(): void {
    super.close();
    this.#duplex.cut();
  }

  override get localAddr(): Transport["localAddr"] {
    return this.#inner.localAddr;
  }

  override get remoteAddr(): Transport["remoteAddr"] {
    return this.#inner.remoteAddr;
  }

  override setNoDelay(on = true): void {
    this.#inner.setNoDelay?.(on);
  }

  override ref(): void {
    this.#inner.ref?.();
  }

  override unref(): void {
    this.#inner.unref?.();
  }

  override get resets(): boolean {
    return resetOf(this.#inner) !== undefined;
  }

  override reset(): void {
    const reset = resetOf(this.#inner);
    if (reset === undefined) {
      throw new NetError("Cannot reset the connection: this kind of connection has no reset", {
        code: "ERR_UNSUPPORTED",
      });
    }
    reset();
    this.close();
  }
}

/** How long the alert of a handshake that failed may take to leave, in ms. */
const ALERT_TIMEOUT = 1000;
/** After so many turns node:tls has read what it was given. */
const END_TURNS = 4;

type BufferEncoding = Parameters<TransportDuplex["push"]>[1];

/**
 * What node:tls speaks through. It destroys its stream as soon as it is done, before its last records (an alert that tells the peer why,
 * the end mark) have left; so `destroy` waits for them.
 */
class TlsDuplex extends TransportDuplex {
  #state: "handshake" | "open" | "leaving" = "handshake";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written: (() => void) | null = null;
  #idle: Promise<void> | null = null;
  /** Whether the writing side has been ended, well or not. */
  #finished = false;
  /** Whether the peer has sent its end mark. */
  marked = false;

  /** The handshake is done. */
  established(): void {
    this.#state = "open";
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk !== null || this.#state !== "open" || this.readableLength > 0) {
      return super.push(chunk, encoding);
    }
    this.#endUnmarked(END_TURNS);
    return false;
  }

  /**
   * node:tls takes the end of this stream for the end of both directions. With the peer's end mark it is that of one only (RFC 8446, 6.1):
   * then node:tls is not told of it, and may go on to write.
   */
  #endUnmarked(turns: number): void {
    if (this.marked || this.destroyed) return;
    if (turns > 0) setImmediate(() => this.#endUnmarked(turns - 1));
    else super.push(null);
  }

  override destroy(error?: Error): this {
    if (this.#state === "leaving" || this.destroyed) return this;
    const limited = this.#state === "handshake";
    this.#state = "leaving";
    setImmediate(() => {
      if (limited && !this.destroyed) {
        this.#timer = setTimeout(() => this.cut(error), ALERT_TIMEOUT);
      }
      this.idle().then(() => {
        if (this.destroyed) return;
        // A stream that has failed to end never calls back.
        if (this.#finished) return this.cut(error);
        this.end(() => this.cut(error));
      });
    });
    return this;
  }

  /** Destroys at once. */
  cut(error?: Error): void {
    clearTimeout(this.#timer);
    this.#state = "leaving";
    super.destroy(error);
    this.#written?.();
  }

  /** Destroys when the last records have left, and resolves then. */
  async leave(): Promise<void> {
    if (this.closed) return;
    this.destroy();
    await new Promise<void>((resolve) => this.once("close", resolve));
  }

  /** Resolves when all that node:tls has to send is with the transport, or nothing more can be. */
  idle(): Promise<void> {
    return this.#idle ??= this.#becomeIdle();
  }

  async #becomeIdle(): Promise<void> {
    for (;;) {
      // node:tls keeps what it has to send until the write before has come back, and hands it on then.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.writableLength === 0 || this.destroyed || this.errored !== null) {
        this.#idle = null;
        return;
      }
      await new Promise<void>((resolve) => this.#written = resolve);
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    super._final((error) => {
      this.#finished = true;
      callback(error);
    });
  }

  override _write(
    chunk: Uint8Array,
    encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    super._write(chunk, encoding, (error) => {
      callback(error);
      const written = this.#written;
      this.#written = null;
      written?.();
    });
  }
}

/** The client's side of a handshake, by node:tls. */
export function nodeClientHandshake(
  inner: Transport,
  hostname: string | undefined,
  options: TlsClientOptions,
  deadlines: readonly Deadline[],
  context: HandshakeContext,
  head?: Uint8Array,
): Promise<SecuredTransport> {
  const name = options.servername ?? hostname;
  const isIp = name !== undefined && parseIp(name) !== undefined;
  const identity = options.cert === undefined && options.key === undefined
    ? undefined
    : loadIdentity(options);
  const duplex = new TlsDuplex(inner, { head, allowHalfOpen: true, transient: true });
  const settings: ConnectionOptions & { allowHalfOpen: boolean } = {
    socket: duplex,
    host: name,
    // RFC 6066, 3: no address as SNI
    servername: isIp ? "" : name,
    cert: identity?.cert,
    key: identity?.key,
    ca: clientAuthorities(options),
    ALPNProtocols: options.ALPNProtocols as string[] | undefined,
    minVersion: options.minVersion ?? "TLSv1.2",
    maxVersion: options.maxVersion ?? "TLSv1.3",
    allowHalfOpen: true,
    // Always said, so that no environment variable turns it off.
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    checkServerIdentity: (_host, certificate) => judge(options, name, certificate),
  };
  return underDeadlines<SecuredTransport>(
    deadlines,
    (resolve, reject) => {
      const socket = connect(settings);
      let last: unknown;
      socket.on("error", (error) => last ??= error);
      socket.once("secureConnect", () => {
        resolve(secured(socket, duplex, inner, isIp ? null : name ?? null, true));
      });
      whenOver(duplex, (error) => reject(toTlsError(last ?? error, context)));
    },
    () => duplex.cut(),
  ).catch(async (error) => {
    await duplex.leave();
    throw error;
  });
}

/**
 * node:tls takes no notice of an end during the handshake, so this closes the stream then; and when it is closed, and node:tls has had
 * time to say why, it tells.
 */
function whenOver(duplex: TlsDuplex, tell: (error: Error) => void): void {
  duplex.once("end", () => duplex.destroy());
  duplex.once("close", () => {
    let turns = 5;
    const wait = (): void => {
      if (turns-- > 0) setImmediate(wait);
      else tell(duplex.errored ?? cutShort());
    };
    wait();
  });
}

function cutShort(): Error {
  return Object.assign(new Error("the connection was closed during the handshake"), {
    code: "ECONNRESET",
  });
}

function clientAuthorities(options: TlsClientOptions): string[] | undefined {
  const { ca, caCerts } = options;
  const own = ca === undefined ? undefined : loadAuthorities(ca);
  if (caCerts === undefined) return own;
  return [...own ?? getCACertificates("default"), ...loadAuthorities(caCerts)];
}

function judge(
  options: TlsClientOptions,
  name: string | undefined,
  certificate: Parameters<typeof checkServerIdentity>[1],
): Error | undefined {
  if (options.checkServerIdentity === undefined) {
    if (name !== undefined) return checkServerIdentity(name, certificate);
    return new TypeError("no name to compare the certificate with");
  }
  let error: Error | undefined;
  try {
    error = options.checkServerIdentity(name ?? "", certificate as unknown as PeerCertificate);
  } catch (thrown) {
    error = errorOf(thrown);
  }
  if (error === undefined || error === null) return undefined;
  if (isThenable(error)) {
    // What comes later comes too late; and if it were rejected, nobody else would hear of it.
    Promise.resolve(error).catch(() => {});
    error = new TypeError("checkServerIdentity returned a promise");
  }
  // Then it ends nothing, and is told as `authorizationError`, by the code or the text that it has, if it has one to tell.
  if (options.rejectUnauthorized === false && saysWhy(error)) return error;
  return new TlsError(`Cannot trust the certificate: ${foreignText(error.message)}`, {
    reason: "CERT_REJECTED",
    cause: error,
  });
}

/** Whether an error can be told by its code, a text, or by its message where it has no code. */
function saysWhy(error: Error): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (code === undefined || code === null) return error.message !== "";
  return typeof code === "string" && code !== "";
}

/**
 * Of all servers: they resume each other's sessions, because Deno keeps those of all in one place, and it does not verify what a
 * resumed session holds. So a certificate counts there only if the same authorities have verified it before.
 */
const verifiedClients = new VerifiedClients();

/** A short name for a set of authorities; the empty one for none. */
function nameOf(ca: readonly string[] | undefined): string {
  return ca === undefined ? "" : createHash("sha256").update(ca.join("\n")).digest("base64");
}

/** How much of a client's hello is read at once, in bytes: nearly all come in one piece. */
const HELLO_READ = 4096;

/** The certificates and settings of a server, ready for handshakes; they can be changed while it runs. */
export class ServerContext {
  readonly #options: TlsServerOptions;
  #own: LoadedIdentity;
  #ca: string[] | undefined;
  #authorities: string;
  readonly #named = new Map<string, LoadedIdentity>();
  /** Servers of node's that have nothing to do, for each identity, with the authorities of now. */
  #idle = new WeakMap<LoadedIdentity, Server[]>();

  /** @throws {TypeError} When a certificate or key is no good. */
  constructor(options: TlsServerOptions) {
    this.#options = options;
    this.#own = loadIdentity(options);
    this.#ca = options.ca === undefined ? undefined : loadAuthorities(options.ca);
    this.#authorities = nameOf(this.#ca);
    for (const [name, identity] of Object.entries(options.sni ?? {})) this.add(name, identity);
  }

  /** How long a handshake may take, in ms. */
  get handshakeTimeout(): number {
    return this.#options.handshakeTimeout ?? HANDSHAKE_TIMEOUT;
  }

  /** Changes the server's own certificate, and the authorities when they are given. Connections that stand keep theirs. */
  replace(options: TlsIdentity & Pick<TlsServerOptions, "ca">): void {
    const own = loadIdentity(options);
    if (options.ca !== undefined) {
      this.#ca = loadAuthorities(options.ca);
      this.#authorities = nameOf(this.#ca);
      this.#idle = new WeakMap();
    }
    this.#own = own;
  }

  /** Adds or changes the certificate for a name. */
  add(name: string, identity: TlsIdentity): void {
    const asked = sniName(name);
    const loaded = loadIdentity(identity);
    // What node:tls can't use is told now.
    this.#idleOf(loaded).push(this.#makeServer(loaded));
    this.#named.set(asked, loaded);
  }

  #idleOf(identity: LoadedIdentity): Server[] {
    let idle = this.#idle.get(identity);
    if (idle === undefined) this.#idle.set(identity, idle = []);
    return idle;
  }

  /** The server's side of a handshake, by node:tls. */
  async handshake(
    inner: Transport,
    deadlines: readonly Deadline[],
    context: HandshakeContext,
    head?: Uint8Array,
  ): Promise<SecuredTransport> {
    if (this.#named.size === 0 && (this.#options.SNICallback ?? undefined) === undefined) {
      return await this.#handshake(this.#own, inner, deadlines, context, head);
    }
    // Deno's node:tls keeps for good what it holds of a client whose hello does not come whole, if it is to tell the name.
    const hello = await this.#receiveHello(inner, deadlines, context, head);
    return await this.#handshake(hello.identity, inner, deadlines, context, hello.bytes);
  }

  /** Reads the client's hello, and finds what is to be shown to who asks so. */
  #receiveHello(
    inner: Transport,
    deadlines: readonly Deadline[],
    context: HandshakeContext,
    head: Uint8Array | undefined,
  ): Promise<{ identity: LoadedIdentity; bytes: Uint8Array }> {
    const receive = async () => {
      const reader = new ClientHelloReader();
      if (head !== undefined) reader.push(head);
      const buffer = new Uint8Array(HELLO_READ);
      while (!reader.done) {
        const n = await inner.read(buffer);
        if (n === null) throw cutShort();
        reader.push(buffer.subarray(0, n));
      }
      const identity = await this.#identityFor(reader.servername);
      return { identity, bytes: reader.bytes() };
    };
    return underDeadlines(
      deadlines,
      (resolve, reject) => {
        receive().then(resolve, (error) => {
          closeQuietly(inner);
          reject(toTlsError(errorOf(error), context));
        });
      },
      () => closeQuietly(inner),
    );
  }

  #handshake(
    identity: LoadedIdentity,
    inner: Transport,
    deadlines: readonly Deadline[],
    context: HandshakeContext,
    head: Uint8Array | undefined,
  ): Promise<SecuredTransport> {
    const duplex = new TlsDuplex(inner, { head, allowHalfOpen: true, transient: true });
    // One handshake at a time for each of node's servers, so that its events are about this one.
    const idle = this.#idleOf(identity);
    const server = idle.pop() ?? this.#makeServer(identity);
    const authorities = this.#authorities;
    return underDeadlines<SecuredTransport>(
      deadlines,
      (resolve, reject) => {
        const fail = (error: unknown, socket?: TLSSocket): void => {
          const reason = socket?.authorizationError as unknown as string | null | undefined;
          reject(refused(reason, error, context) ?? toTlsError(error, context));
        };
        server.once("tlsClientError", fail);
        server.once("secureConnection", (socket) => {
          server.off("tlsClientError", fail);
          if (idle.length < 64) idle.push(server);
          const name = (socket as { servername?: string | false }).servername;
          const { requestCert = false, rejectUnauthorized = true } = this.#options;
          const doubt = requestCert ? this.#doubt(socket, authorities) : null;
          if (doubt === null || !rejectUnauthorized) {
            return resolve(secured(socket, duplex, inner, name || null, requestCert, doubt));
          }
          const { what, ...facts } = context;
          const why = "the client resumes a session in which no certificate of its was verified";
          reject(new TlsError(`${what}: ${why} by these authorities`, { ...facts, reason: doubt }));
          duplex.cut();
        });
        whenOver(duplex, fail);
        server.emit("connection", duplex);
      },
      () => duplex.cut(),
    ).catch(async (error) => {
      await duplex.leave();
      throw error;
    });
  }

  /** Why the session that a client resumes tells nothing of who it is; `authorities` are those of the handshake's begin. */
  #doubt(socket: TLSSocket, authorities: string): TlsErrorReason | null {
    const fingerprint256 = socket.getPeerCertificate()?.fingerprint256;
    if (socket.isSessionReused()) {
      if (fingerprint256 === undefined) return "CERT_REQUIRED";
      const known = verifiedClients.has(authorities, fingerprint256);
      return known ? null : "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    }
    if (socket.authorized && fingerprint256 !== undefined && authorities === this.#authorities) {
      verifiedClients.add(authorities, fingerprint256);
    }
    return null;
  }

  #makeServer({ cert, key }: LoadedIdentity): Server {
    const { requestCert = false, rejectUnauthorized = true, ALPNProtocols } = this.#options;
    const server = createServer({
      cert,
      key,
      ca: this.#ca,
      requestCert,
      rejectUnauthorized,
      ALPNProtocols: ALPNProtocols as string[] | undefined,
      minVersion: this.#options.minVersion ?? "TLSv1.2",
      maxVersion: this.#options.maxVersion ?? "TLSv1.3",
      allowHalfOpen: true,
      // The deadlines are the caller's. 0 would be the default: a timer that holds failed connections for two minutes.
      handshakeTimeout: -1,
    });
    server.on("tlsClientError", () => {});
    return server;
  }

  /** What is shown to a client that asks for `name`. */
  async #identityFor(name: string | undefined): Promise<LoadedIdentity> {
    if (name === undefined) return this.#own;
    const found = this.#find(name.toLowerCase());
    if (found !== undefined) return found;
    const identity = await this.#options.SNICallback?.(name);
    return identity === undefined || identity === null ? this.#own : loadIdentity(identity);
  }

  #find(name: string): LoadedIdentity | undefined {
    const dot = name.indexOf(".");
    return this.#named.get(name) ??
      (dot < 0 ? undefined : this.#named.get(`*${name.slice(dot)}`));
  }
}

/** A name as clients ask for it: in ASCII, and without a final dot (RFC 6066, 3); `*.` may stand before it. */
function sniName(name: string): string {
  const star = name.startsWith("*.") ? "*." : "";
  try {
    const { hostname, ip } = parseHost(name.slice(star.length));
    if (ip === undefined && !hostname.includes("*")) return `${star}${hostname}`;
  } catch {
    // It is no name at all.
  }
  throw new TypeError(`Cannot use SNI name ${JSON.stringify(name)}`);
}

/** A client whose certificate was asked for and does not verify. */
function refused(
  authorizationError: string | null | undefined,
  cause: unknown,
  context: HandshakeContext,
): TlsError | undefined {
  if (!authorizationError) return undefined;
  const { what, ...facts } = context;
  const known = /EXPIRED|NOT_YET/.exec(authorizationError);
  const reason: TlsErrorReason = known === null
    ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
    : known[0] === "EXPIRED"
    ? "CERT_HAS_EXPIRED"
    : "CERT_NOT_YET_VALID";
  return new TlsError(`${what}: the client's certificate does not verify, ${authorizationError}`, {
    ...facts,
    reason,
    cause,
  });
}
