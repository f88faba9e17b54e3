// Floor 3: driver.
import type { TlsIdentity } from "../net/tls_options.ts";
import type { WaitOptions } from "../net/wait.ts";
import { milliseconds } from "./_duration.ts";
import type { ClientInfo, TransmissionMode } from "./constants.ts";
import { NamedSockets } from "./named_sockets.ts";
import type {
  ConnectNamedBluetoothOptions,
  ConnectTlsOptions,
  CreateBluetoothOptions,
  CreateSocketOptions,
  CreateTlsOptions,
  CreateUdpOptions,
  ReadSocketOptions,
  SocketBookParameters,
  SocketWait,
  WebSocketCallback,
  WebSocketClientOptions,
  WebSocketClientTlsOptions,
  WriteSocketOptions,
} from "./socket_book_options.ts";
import type { SocketData } from "./socket_data.ts";

/** A wait as WLangage has it: ms, `Infinity` (`Infini`), or a duration such as `"1 s"`. */
export type WLangageTime = number | string;

/**
 * Sockets that are known by their names: the socket functions of WLangage (WINDEV, WEBDEV), as methods. What blocks there is awaited
 * here, and many sockets wait at once without threads.
 *
 * Each function has an English name, with an options object ({@linkcode NamedSockets}), and its French name, with or without the
 * accents, which takes the arguments in WLangage's order: `SocketLit("A", Faux, 10)` is `await book.socketLit("A", false, 10)`. Names of
 * sockets are case-sensitive.
 *
 * **Errors.** A call that fails returns `false` or `""`, and `lastError` tells why: `code` and `message`, 100031 and 100032 for a
 * connection that has ended. With `throws: true` it throws the same {@linkcode SocketBookError}. Only arguments that are nonsense in themselves, such as
 * a name that is no text, throw in both cases.
 *
 * **Roles.** A client: `connect`, `write`, `read`, `close`. A server: `create`, then `waitForConnection` and `accept` (or `refuse`) for
 * each client. A simplified server: `create`, then `read` and `write` under the same name, one client at a time.
 *
 * **Messages.** A new TCP connection puts the length before each message (`SocketTailleDébut`), and both sides must agree: see
 * `changeTransmissionMode`. An accepted channel begins in the mode of its listening socket.
 *
 * @example A server and a client
 * ```ts
 * import { SocketBook } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * await using book = new SocketBook({ throws: true });
 * await book.create("SERVER", 0, { address: "127.0.0.1" });
 * await book.connect("CLIENT", book.localPort("SERVER"), "127.0.0.1");
 * await book.waitForConnection("SERVER");
 * const channel = await book.accept("SERVER");
 *
 * await book.write("CLIENT", "Bonjour");
 * assertEquals(await book.read(channel), "Bonjour");
 * await book.write(channel, "Bonjour à vous");
 * assertEquals(await book.read("CLIENT"), "Bonjour à vous");
 * ```
 *
 * @example The same in French, as a simplified server, with errors as results
 * ```ts
 * import { SocketBook } from "@sluice/sockets/socket";
 * import { assertEquals } from "@std/assert";
 *
 * await using livre = new SocketBook();
 * await livre.socketCrée("SERVEUR", 0, "127.0.0.1");
 * if (!await livre.socketConnecte("CLIENT", livre.localPort("SERVEUR"), "127.0.0.1", "5 s")) {
 *   console.error(livre.erreurInfo());
 * }
 * await livre.socketEcrit("CLIENT", "Bonjour");
 * assertEquals(await livre.socketLit("SERVEUR"), "Bonjour");
 * await livre.socketFerme("CLIENT");
 * assertEquals(await livre.socketLit("SERVEUR", false, 1000), "");
 * assertEquals(livre.lastError?.code, 100031);
 * ```
 */
export class SocketBook extends NamedSockets {
  /** `create`. */
  socketCrée(
    name: string,
    port: number,
    address?: string | CreateSocketOptions,
  ): Promise<boolean> {
    return this.create(name, port, withAddress(address));
  }

  /** `create`. */
  socketCree(
    name: string,
    port: number,
    address?: string | CreateSocketOptions,
  ): Promise<boolean> {
    return this.socketCrée(name, port, address);
  }

  /** `createUdp`. */
  socketCréeUDP(
    name: string,
    port: number,
    address?: string | CreateUdpOptions,
  ): Promise<boolean> {
    return this.createUdp(name, port, withAddress(address));
  }

  /** `createUdp`. */
  socketCreeUDP(
    name: string,
    port: number,
    address?: string | CreateUdpOptions,
  ): Promise<boolean> {
    return this.socketCréeUDP(name, port, address);
  }

  /** `createTls`; `protocols` are the flags of `TlsProtocol` added up. The Windows certificate store's name has no place here. */
  socketCréeSSL(
    name: string,
    port: number,
    certificate: TlsIdentity | string,
    protocols?: number | CreateTlsOptions,
    address?: string,
  ): Promise<boolean> {
    return this.createTls(name, port, certificate, {
      ...withProtocols(protocols),
      ...withAddress(address),
    });
  }

  /** `createTls`. */
  socketCreeSSL(
    name: string,
    port: number,
    certificate: TlsIdentity | string,
    protocols?: number | CreateTlsOptions,
    address?: string,
  ): Promise<boolean> {
    return this.socketCréeSSL(name, port, certificate, protocols, address);
  }

  /** `createBluetooth`; `radio` is the address of the adapter. */
  socketCréeBluetooth(
    name: string,
    service: string | number,
    radio?: string | CreateBluetoothOptions,
  ): Promise<boolean> {
    const options = typeof radio === "string" ? { adapter: radio } : radio;
    return this.createBluetooth(name, service, options);
  }

  /** `createBluetooth`. */
  socketCreeBluetooth(
    name: string,
    service: string | number,
    radio?: string | CreateBluetoothOptions,
  ): Promise<boolean> {
    return this.socketCréeBluetooth(name, service, radio);
  }

  /** `createInfrared`. */
  socketCréeInfraRouge(name: string, service: string): Promise<boolean> {
    return this.createInfrared(name, service);
  }

  /** `createInfrared`. */
  socketCreeInfraRouge(name: string, service: string): Promise<boolean> {
    return this.createInfrared(name, service);
  }

  /** `waitForConnection`. */
  socketAttendConnexion(name: string, maxWait?: WLangageTime | WaitOptions): Promise<boolean> {
    return this.waitForConnection(name, waitOf(maxWait));
  }

  /** `accept`. */
  socketAccepte(name: string, maxWait?: WLangageTime | WaitOptions): Promise<string> {
    return this.accept(name, waitOf(maxWait));
  }

  /** `refuse`. */
  socketRefuse(name: string): Promise<boolean> {
    return this.refuse(name);
  }

  /** `connect`; an empty address is this machine, as none. */
  socketConnecte(
    name: string,
    port: number,
    address?: string,
    maxWait?: WLangageTime | WaitOptions,
  ): Promise<boolean> {
    return this.connect(name, port, address || undefined, waitOf(maxWait));
  }

  /** `connectTls`; `protocols` are the flags of `TlsProtocol` added up. */
  socketConnecteSSL(
    name: string,
    port: number,
    address: string,
    protocols?: number | ConnectTlsOptions,
    maxWait?: WLangageTime | WaitOptions,
    clientCertificate?: TlsIdentity | string,
  ): Promise<boolean> {
    return this.connectTls(name, port, address, {
      ...withProtocols(protocols),
      ...optionsOf(maxWait),
      ...(clientCertificate === undefined ? {} : { certificate: clientCertificate }),
    });
  }

  /** `connectBluetooth`. */
  socketConnecteBluetooth(
    name: string,
    service: string | number,
    address: string,
    maxWait?: WLangageTime | ConnectNamedBluetoothOptions,
  ): Promise<boolean> {
    return this.connectBluetooth(name, service, address, optionsOf(maxWait));
  }

  /** `connectInfrared`. */
  socketConnecteInfraRouge(
    name: string,
    service: string,
    maxWait?: WLangageTime | WaitOptions,
  ): Promise<boolean> {
    return this.connectInfrared(name, service, waitOf(maxWait));
  }

  /**
   * `webSocketClientConnect`: the address, the port, the path, the subprotocols and the longest wait. A callback in front of the address
   * makes it WLangage's asynchronous form.
   */
  webSocketClientConnecte(
    name: string,
    address: string,
    port?: number | WebSocketClientOptions,
    path?: string,
    protocols?: string | readonly string[],
    maxWait?: WLangageTime,
  ): Promise<boolean>;
  /** `webSocketClientConnect` with a callback. */
  webSocketClientConnecte(
    name: string,
    callback: WebSocketCallback,
    address: string,
    port?: number | WebSocketClientOptions,
    path?: string,
    protocols?: string | readonly string[],
    maxWait?: WLangageTime,
  ): Promise<boolean>;
  webSocketClientConnecte(name: string, ...args: WebSocketArguments): Promise<boolean> {
    const { address, options, rest } = webSocketArguments(args);
    const [maxWait] = rest as [WLangageTime | undefined];
    return this.webSocketClientConnect(name, address, { ...options, ...optionsOf(maxWait) });
  }

  /**
   * `webSocketClientConnectTls`: the address, the port, the path, the subprotocols, the flags of `TlsProtocol` and the longest wait. A callback
   * in front of the address makes it WLangage's asynchronous form.
   */
  webSocketClientConnecteSSL(
    name: string,
    address: string,
    port?: number | WebSocketClientTlsOptions,
    path?: string,
    protocols?: string | readonly string[],
    tlsProtocols?: number,
    maxWait?: WLangageTime,
  ): Promise<boolean>;
  /** `webSocketClientConnectTls` with a callback. */
  webSocketClientConnecteSSL(
    name: string,
    callback: WebSocketCallback,
    address: string,
    port?: number | WebSocketClientTlsOptions,
    path?: string,
    protocols?: string | readonly string[],
    tlsProtocols?: number,
    maxWait?: WLangageTime,
  ): Promise<boolean>;
  webSocketClientConnecteSSL(name: string, ...args: WebSocketArguments): Promise<boolean> {
    const { address, options, rest } = webSocketArguments(args);
    const [tlsProtocols, maxWait] = rest as [number | undefined, WLangageTime | undefined];
    return this.webSocketClientConnectTls(name, address, {
      ...options,
      ...(tlsProtocols === undefined ? {} : { tlsProtocols }),
      ...optionsOf(maxWait),
    });
  }

  /**
   * `read`, with text. As in WLangage it waits for ever unless told not to, then for 1000 ms (or what `parameter` says), and reads 4096 bytes
   * at most where there is no end marker.
   */
  socketLit(
    name: string,
    waitForever: boolean | ReadSocketOptions = true,
    maxWait?: WLangageTime,
    maxBytes?: number,
    receiveDelay?: WLangageTime,
  ): Promise<string> {
    if (typeof waitForever === "object") return this.read(name, { ...waitForever, bytes: false });
    return this.read(name, {
      wait: waitForever,
      timeout: waitForever || maxWait === undefined ? undefined : milliseconds(maxWait),
      maxBytes,
      receiveDelay: receiveDelay === undefined ? undefined : milliseconds(receiveDelay),
    });
  }

  /** `write`; for UDP with the destination. */
  socketEcrit(
    name: string,
    message: SocketData,
    address?: string | WriteSocketOptions,
    port?: number,
  ): Promise<boolean> {
    const options = typeof address === "object" ? address : { address };
    return this.write(name, message, port === undefined ? options : { ...options, port });
  }

  /** `clientInfo`. */
  socketClientInfo(name: string, what?: ClientInfo): string {
    return this.clientInfo(name, what);
  }

  /** `exists`. */
  socketExiste(name: string): boolean {
    return this.exists(name);
  }

  /** `close`. */
  socketFerme(name: string): Promise<boolean> {
    return this.close(name);
  }

  /** `changeTransmissionMode`. */
  socketChangeModeTransmission(
    name: string,
    mode: TransmissionMode,
    marker?: string | Uint8Array,
  ): boolean {
    return this.changeTransmissionMode(name, mode, marker);
  }

  /** `parameter`, for sockets that are made from now on: an object, or the flags of `SocketBookOption` added up. */
  socketParamètre(parameters: SocketBookParameters | number): boolean {
    return this.parameter(parameters);
  }

  /** `parameter`. */
  socketParametre(parameters: SocketBookParameters | number): boolean {
    return this.parameter(parameters);
  }

  /** `proxy`. */
  socketProxy(address: string, port?: number, user?: string, password?: string): boolean {
    return this.proxy(address, port, user, password);
  }

  /** Whether the last call failed: {@linkcode NamedSockets.errorOccurred | errorOccurred}. */
  get erreurDétectée(): boolean {
    return this.errorOccurred;
  }

  /** Whether the last call failed: {@linkcode NamedSockets.errorOccurred | errorOccurred}. */
  get erreurDetectee(): boolean {
    return this.errorOccurred;
  }

  /** The text of the last error; `""` when there is none. */
  erreurInfo(what?: "errMessage"): string;
  /** The number of the last error; 0 when there is none. */
  erreurInfo(what: "errCode"): number;
  erreurInfo(what: "errMessage" | "errCode" = "errMessage"): string | number {
    const error = this.lastError;
    return what === "errCode" ? error?.code ?? 0 : error?.message ?? "";
  }
}

function withAddress<O extends { address?: string }>(address: string | O | undefined): O {
  return (typeof address === "string" ? address === "" ? {} : { address } : address ?? {}) as O;
}

function withProtocols<O extends { protocols?: number }>(protocols: number | O | undefined): O {
  return (typeof protocols === "number" ? { protocols } : protocols ?? {}) as O;
}

function waitOf(maxWait: WLangageTime | WaitOptions | undefined): SocketWait {
  if (maxWait === undefined) return {};
  return typeof maxWait === "object" ? maxWait : milliseconds(maxWait);
}

function optionsOf<O extends WaitOptions>(maxWait: WLangageTime | O | undefined): O {
  if (maxWait === undefined) return {} as O;
  return (typeof maxWait === "object" ? maxWait : { timeout: milliseconds(maxWait) }) as O;
}

type WebSocketArguments = [string | WebSocketCallback, ...unknown[]];

/** Takes `([callback,] address [, port | options [, path [, protocols [, …]]]])` apart. */
function webSocketArguments(
  args: WebSocketArguments,
): { address: string; options: WebSocketClientTlsOptions; rest: unknown[] } {
  const callback = typeof args[0] === "function" ? args[0] : undefined;
  const [address, port, path, protocols, ...rest] = callback === undefined ? args : args.slice(1);
  const options: WebSocketClientTlsOptions = typeof port === "object" && port !== null
    ? { ...port }
    : {};
  if (callback !== undefined) options.callback = callback;
  if (typeof port === "number") options.port = port;
  if (path !== undefined && path !== "") options.path = path as string;
  if (protocols !== undefined) options.protocols = protocols as string | readonly string[];
  return { address: address as string, options, rest };
}
