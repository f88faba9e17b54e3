// Floor 3: driver.
import type { EncodingName } from "../buffer/types.ts";
import type {
  TlsClientOptions,
  TlsIdentity,
  TlsServerOptions,
  TlsVersion,
} from "../net/tls_options.ts";
import type { WaitOptions } from "../net/wait.ts";
import type { SocketBookEvent } from "./constants.ts";

/** Options of a `SocketBook`. */
export interface SocketBookOptions {
  /**
   * Whether a call that fails throws a `SocketBookError`. When false it returns `false` or `""`, and `lastError` says why.
   * @default {false}
   */
  throws?: boolean;
  /**
   * The encoding of text: what is written as a string and read as one. WINDEV's own strings are `"windows1252"` unless they are Unicode.
   * @default {"utf8"}
   */
  encoding?: EncodingName;
  /** Certificates by name or by whatever else identifies them, for `createTls` with such a name: WLangage takes them from the Windows store. */
  certificates?: Readonly<Record<string, TlsIdentity>>;
  /**
   * The longest message that is taken, in bytes.
   *
   * @default {1048576}
   */
  maxMessageBytes?: number;
  /**
   * How much is read ahead of the program on each connection, in bytes; then the peer is held back.
   *
   * @default {65536}
   */
  maxInboxBytes?: number;
  /**
   * How much may wait to be sent on each connection, in bytes; a `write` beyond fails with `LIMIT_REACHED`.
   *
   * @default {16777216}
   */
  maxSendQueueBytes?: number;
  /**
   * How many sockets there may be at once; a channel whose client has gone is one until it is closed.
   *
   * @default {4096}
   */
  maxSockets?: number;
  /**
   * How many connections a listening socket holds until they are accepted; more wait in the system.
   *
   * @default {16}
   */
  maxPending?: number;
}

/** What `parameter` sets, for the sockets that are made afterwards. */
export interface SocketBookParameters {
  /**
   * Whether the system gathers small writes (Nagle's algorithm); WebSockets never do. `false` sends them at once.
   *
   * @default {true}
   */
  nagle?: boolean;
  /**
   * Whether a port that somebody listens on is refused. It always is: `false` fails with `UNSUPPORTED`, since Deno can't share a port without
   * an unstable flag. A port whose listener was closed a moment ago is free.
   * @default {true}
   */
  uniqueAddress?: boolean;
  /**
   * Has the system probe a silent connection.
   *
   * @default {false}
   */
  keepAlive?: boolean;
  /**
   * How long connecting may take, name and proxy and TLS included, in ms.
   *
   * @default {20000}
   */
  connectTimeout?: number;
  /**
   * How long a TLS client of a listening socket may take for the handshake, in ms.
   *
   * @default {10000}
   */
  handshakeTimeout?: number;
  /**
   * How long `read` waits with `wait: false`, in ms.
   *
   * @default {1000}
   */
  readTimeout?: number;
  /**
   * How long `write` may take until the system has taken everything, in ms; 0 for no limit.
   *
   * @default {0}
   */
  writeTimeout?: number;
  /**
   * How long `close` may take to send what is queued, in ms.
   *
   * @default {5000}
   */
  closeTimeout?: number;
  /**
   * The oldest TLS version to speak.
   *
   * @default {"TLSv1.2"}
   */
  minVersion?: TlsVersion;
  /**
   * The newest TLS version to speak.
   *
   * @default {"TLSv1.3"}
   */
  maxVersion?: TlsVersion;
}

/** The part of {@linkcode SocketBookParameters} that can be changed on a connection that is there. */
export type ConnectionParameters = Pick<SocketBookParameters, "nagle" | "keepAlive">;

/** Options of `create`. */
export interface CreateSocketOptions {
  /**
   * The local address to listen on.
   *
   * @default {all of this machine}
   */
  address?: string;
  /**
   * How many connections the system holds until they are accepted.
   *
   * @default {511}
   */
  backlog?: number;
}

/** Options of `createUdp`. */
export interface CreateUdpOptions {
  /**
   * The local address; an IPv6 address makes an IPv6 socket.
   *
   * @default {all IPv4 addresses of this machine}
   */
  address?: string;
  /**
   * Whether it may send to broadcast addresses.
   *
   * @default {false}
   */
  broadcast?: boolean;
}

/** The versions of TLS as WLangage has them. */
export interface TlsProtocolOptions {
  /**
   * The versions that may be spoken: flags of `TlsProtocol` added up, instead of `minVersion` and `maxVersion`. Those below TLS 1.2 are never spoken;
   * with none above them it fails.
   * @default {TLS 1.2 and 1.3}
   */
  protocols?: number;
}

/** Options of `createTls`: those of `create`, and of TLS on the server's side. */
export type CreateTlsOptions =
  & CreateSocketOptions
  & TlsProtocolOptions
  & Omit<TlsServerOptions, "cert" | "key" | "passphrase" | "handshakeTimeout" | "reloadable">;

/** Options of `createBluetooth`. */
export interface CreateBluetoothOptions {
  /**
   * The RFCOMM channel.
   *
   * @default {the system's choice}
   */
  channel?: number;
  /**
   * The address of the adapter (WLangage's radio).
   *
   * @default {all adapters}
   */
  adapter?: string;
  /**
   * The service's name in its record.
   *
   * @default {none}
   */
  serviceName?: string;
  /**
   * Whether the service is published (SDP), which takes a privileged user.
   *
   * @default {true}
   */
  publish?: boolean;
}

/** Options of `connectTls`. */
export type ConnectTlsOptions =
  & WaitOptions
  & TlsProtocolOptions
  & Omit<TlsClientOptions, "handshakeTimeout">
  & {
    /**
     * The client's certificate and its key, or what the book's `certificates` know them by.
     *
     * @default {none}
     */
    certificate?: TlsIdentity | string;
  };

/** Options of `connectBluetooth`. */
export interface ConnectNamedBluetoothOptions extends WaitOptions {
  /**
   * The address of the adapter (WLangage's radio).
   *
   * @default {the system's choice}
   */
  adapter?: string;
  /** The RFCOMM channel, instead of the service's UUID: then the device is not asked for it. */
  channel?: number;
}

/** What a WebSocket's callback is called with: what happened, and the message, or the reason of the end or of the error. */
export type WebSocketCallback = (event: SocketBookEvent, message: string | Uint8Array) => unknown;

/** Options of `webSocketClientConnect`. */
export interface WebSocketClientOptions extends WaitOptions {
  /**
   * The port.
   *
   * @default {that of the URL, or 80, with TLS 443}
   */
  port?: number;
  /**
   * The path.
   *
   * @default {that of the URL, or "/"}
   */
  path?: string;
  /**
   * The subprotocols to offer, best first; text holds them separated by commas.
   *
   * @default {none}
   */
  protocols?: string | readonly string[];
  /** Is called for what happens, instead of `read`: WLangage's asynchronous form. What it throws ends the connection. */
  callback?: WebSocketCallback;
}

/** Options of `webSocketClientConnectTls`. */
export type WebSocketClientTlsOptions =
  & WebSocketClientOptions
  & Omit<TlsClientOptions, "handshakeTimeout" | "ALPNProtocols">
  & {
    /**
     * The versions that may be spoken: flags of `TlsProtocol` added up.
     *
     * @default {TLS 1.2 and 1.3}
     */
    tlsProtocols?: number;
  };

/** Options of `read`. */
export interface ReadSocketOptions {
  /**
   * Whether to wait as long as it takes; with `false` for `timeout`.
   *
   * @default {true, with a `timeout` false}
   */
  wait?: boolean;
  /**
   * How long to wait, in ms; 0 takes what is there.
   *
   * @default {with `wait: false` 1000, or what `parameter` says}
   */
  timeout?: number;
  /**
   * In the mode without end marker: the most bytes. The messages of the other modes come whole, up to the book's `maxMessageBytes`.
   *
   * @default {4096}
   */
  maxBytes?: number;
  /**
   * In the mode without end marker: how long to go on gathering after the first bytes came, in ms, up to `maxBytes`;
   * `Infinity` gathers until there are so many, the time to wait is over or the connection has ended.
   * @default {0}, what is there is given at once
   */
  receiveDelay?: number;
  /**
   * Gives bytes instead of text.
   *
   * @default {false}
   */
  bytes?: boolean;
  /**
   * The encoding of the text.
   *
   * @default {the book's}
   */
  encoding?: EncodingName;
  /** Gives up when it fires. */
  signal?: AbortSignal;
}

/** Options of `write`. */
export interface WriteSocketOptions extends WaitOptions {
  /** For UDP: where to send to. */
  address?: string;
  /** For UDP: the port to send to. */
  port?: number;
  /**
   * The encoding of text.
   *
   * @default {the book's}
   */
  encoding?: EncodingName;
}

/** How long to wait: ms, or options with them and a signal. */
export type SocketWait = number | WaitOptions;
