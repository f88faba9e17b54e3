// Floor 0: vocabulary.
import type { TlsClientOptions, TlsServerOptions } from "../net/tls_options.ts";
import type { TraceEvent, TraceSide, TraceSink } from "./trace_event.ts";

/** A port of a host, or a Unix socket file. */
export type TraceEndpoint = { hostname?: string; port: number } | { path: string };

/** What is done to the traffic on purpose, to see how programs bear it. Nothing of it loses or reorders a byte, except a cut. */
export interface TraceFaults {
  /**
   * How much later everything arrives, in ms.
   *
   * @default {0}
   */
  delay?: number;
  /**
   * The most bytes a second, for each connection and direction.
   *
   * @default {Infinity}
   */
  rate?: number;
  /**
   * After how many bytes of a direction the connection is cut: both sides get a reset. Datagrams behind them are swallowed.
   *
   * @default {Infinity}
   */
  cutAfter?: number;
  /**
   * The most bytes that are written at once. Not for datagrams.
   *
   * @default {Infinity}
   */
  split?: number;
  /**
   * Whose bytes are disturbed.
   *
   * @default {"both"}
   */
  from?: TraceSide | "both";
}

/** Options of `createTracer`. */
export interface TracerOptions {
  /** Where clients connect. The host is `127.0.0.1` when left out; port 0 is any free one. */
  listen: TraceEndpoint;
  /** Where they are connected to. */
  to: TraceEndpoint;
  /**
   * Traces streams, or datagrams.
   *
   * @default {"tcp"}
   */
  transport?: "tcp" | "udp";
  /**
   * Speaks TLS with clients: with the certificate and the key given here, or with `"generate"` with a new one that
   * is signed by itself (see {@linkcode Tracer.certificate}). Not for datagrams.
   */
  tls?: TlsServerOptions | "generate";
  /**
   * Speaks TLS with the server.
   *
   * @default {as `tls` is set}
   */
  toTls?: boolean | TlsClientOptions;
  /**
   * Who is told what happens.
   *
   * @default {[]}
   */
  sinks?: readonly TraceSink[];
  /** Is told what happens; short for a sink. */
  onEvent?: (event: TraceEvent) => void;
  /** Is told of a sink that failed, which is left out from then on. `stop()` rejects with the first such error in any case. */
  onSinkError?: (error: unknown, sink: TraceSink) => void;
  /**
   * Shows what stands in `Authorization`, `Cookie` and other such headers, instead of asterisks.
   *
   * @default {false}
   */
  secrets?: boolean;
  /** More headers to mask, by name. */
  secretHeaders?: readonly string[];
  /**
   * Tells WebSocket messages and Socket.IO packets where it sees an upgrade.
   *
   * @default {true}
   */
  decode?: boolean;
  /**
   * The most bytes of a WebSocket message that are kept to be told.
   *
   * @default {1048576}
   */
  maxMessage?: number;
  /**
   * Disturbs the traffic.
   *
   * @default {{}}
   */
  faults?: TraceFaults;
  /**
   * The most connections at once; those of clients that come then are reset.
   *
   * @default {1024}
   */
  maxConnections?: number;
  /**
   * How long the server may take to accept a connection, and TLS on either side, in ms.
   *
   * @default {30000}
   */
  connectTimeout?: number;
  /**
   * After how long without a datagram a client is forgotten, in ms. Only for datagrams.
   *
   * @default {60000}
   */
  idleTimeout?: number;
  /** Stops the tracer when it fires. If that is before `start()`, its sinks are closed when `start()` is called, which fails. */
  signal?: AbortSignal;
}
