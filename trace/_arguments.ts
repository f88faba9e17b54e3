// Floor 3: driver.
import { parseArgs, type ParseArgsConfig } from "node:util";
import type { TraceFilterOptions } from "./trace_filter.ts";
import type { TraceFormatOptions } from "./trace_format.ts";
import type { TraceEndpoint, TraceFaults } from "./tracer_options.ts";

/** What is wrong with the arguments, for whoever has typed them. */
export class UsageError extends Error {}

/** An address of the command line: `[tls://|udp://|unix:][host:]port`. */
export interface CommandAddress {
  kind: "tcp" | "tls" | "udp";
  endpoint: TraceEndpoint;
}

/** How TLS is done, as the command line says it. */
export interface CommandTls {
  cert?: string;
  key?: string;
  ca?: string;
  insecure: boolean;
  servername?: string;
  saveCert?: string;
}

/** `trace --listen … --to …` */
export interface TraceCommand {
  command: "trace";
  listen: CommandAddress;
  to: CommandAddress;
  tls: CommandTls;
  format: TraceFormatOptions;
  filter: TraceFilterOptions;
  color: "auto" | "always" | "never";
  faults: TraceFaults;
  quiet: boolean;
  all: boolean;
  secrets: boolean;
  secretHeaders: string[];
  decode: boolean;
  pcap?: string;
  record?: string;
  web?: number;
  maxConnections?: number;
  timeout?: number;
}

/** `trace replay FILE …` */
export interface ReplayCommand {
  command: "replay";
  file: string;
  to?: CommandAddress;
  listen?: CommandAddress;
  tls: CommandTls;
  speed: number;
  wait: boolean;
  timeout?: number;
}

/** What is told by `--help`. */
export const HELP = `Shows what passes between a client and a server.

Usage:
  trace --listen ADDRESS --to ADDRESS [options]
  trace replay FILE (--to ADDRESS | --listen ADDRESS) [options]

An ADDRESS is [tls://|udp://][host:]port, or unix:/path. The host is 127.0.0.1 when it is left out.

Both:
  --listen ADDRESS        where clients connect
  --to ADDRESS            the server
  --tls                   the same as tls:// in both addresses
  --cert FILE, --key FILE the certificate to show to clients, in PEM form; without them one is generated
  --save-cert FILE        the generated certificate, for clients to trust
  --ca FILE               the only authority to trust for the server's certificate
  --insecure              does not check the server's certificate
  --servername NAME       the name to ask the server for
  --timeout MS            how long to wait for the other side

What is shown:
  --hex                   bytes in hex; with --text as text, too
  --max-bytes N           at most so many bytes of a piece (4096)
  --only LIST             only these connections: numbers, or the client's addresses, with commas
  --from client|server    only what this side sends
  --grep TEXT             only what holds the text, or matches /an expression/
  --no-decode             WebSocket messages and Socket.IO packets as bytes
  --frames                the bytes of WebSocket frames, too
  --secrets               cookies and passwords in headers, instead of asterisks
  --secret-header NAME    one more header to mask; may be repeated
  --client-name NAME, --server-name NAME
  --color auto|always|never
  --all                   everything, even when that slows the traffic down
  --quiet                 nothing

Elsewhere:
  --pcap FILE             a capture file for Wireshark
  --record FILE           a recording, to be played by "replay"
  --web PORT              a live page, for this machine only

Disturbances:
  --delay MS              everything arrives so much later
  --rate BYTES            so many bytes a second (100k, 2M)
  --split BYTES           small pieces
  --cut-after BYTES       cuts connections
  --disturb client|server only what this side sends
  --max-connections N     at once (1024)

Replay:
  --to ADDRESS            plays the clients of the recording against this server
  --listen ADDRESS        plays its server
  --speed N               so much faster
  --fast                  without pauses
  --no-wait               does not wait for the other side's answers
`;

const TLS_OPTIONS = {
  tls: { type: "boolean" },
  cert: { type: "string" },
  key: { type: "string" },
  ca: { type: "string" },
  insecure: { type: "boolean" },
  servername: { type: "string" },
  "save-cert": { type: "string" },
} as const satisfies ParseArgsConfig["options"];

const TRACE_OPTIONS = {
  ...TLS_OPTIONS,
  listen: { type: "string" },
  to: { type: "string" },
  timeout: { type: "string" },
  hex: { type: "boolean" },
  text: { type: "boolean" },
  "max-bytes": { type: "string" },
  only: { type: "string" },
  from: { type: "string" },
  grep: { type: "string" },
  "no-decode": { type: "boolean" },
  frames: { type: "boolean" },
  secrets: { type: "boolean" },
  "secret-header": { type: "string", multiple: true },
  "client-name": { type: "string" },
  "server-name": { type: "string" },
  color: { type: "string" },
  all: { type: "boolean" },
  quiet: { type: "boolean" },
  pcap: { type: "string" },
  record: { type: "string" },
  web: { type: "string" },
  delay: { type: "string" },
  rate: { type: "string" },
  split: { type: "string" },
  "cut-after": { type: "string" },
  disturb: { type: "string" },
  "max-connections": { type: "string" },
} as const satisfies ParseArgsConfig["options"];

const REPLAY_OPTIONS = {
  ...TLS_OPTIONS,
  listen: { type: "string" },
  to: { type: "string" },
  timeout: { type: "string" },
  speed: { type: "string" },
  fast: { type: "boolean" },
  "no-wait": { type: "boolean" },
} as const satisfies ParseArgsConfig["options"];

const UNITS: Record<string, number> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1 << 10,
  Mi: 1 << 20,
  Gi: 1 << 30,
};

/** A number of an option, with a unit if it has one. */
function parseNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)([kMG]i?)?B?$/.exec(text.replace("Ki", "ki"));
  if (match === null) throw new UsageError(`--${option} takes a number, not "${text}"`);
  return Number(match[1]) * UNITS[(match[2] ?? "").replace("ki", "Ki")];
}

function parsePort(text: string, what: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65535) {
    throw new UsageError(`${what}: "${text}" is no port`);
  }
  return port;
}

/** Reads `[tls://|udp://|tcp://][host:]port` or `unix:/path`. */
export function parseAddress(option: string, text: string): CommandAddress {
  const what = `--${option}`;
  const scheme = /^(?:([a-z]+):\/\/|unix:)/.exec(text);
  const rest = text.slice(scheme?.[0].length ?? 0);
  if (scheme?.[0] === "unix:") {
    if (rest === "") throw new UsageError(`${what}: the path is missing`);
    return { kind: "tcp", endpoint: { path: rest } };
  }
  const kind = scheme?.[1] ?? "tcp";
  if (kind !== "tcp" && kind !== "tls" && kind !== "udp") {
    throw new UsageError(`${what}: "${kind}" is not tcp, tls or udp`);
  }
  const match = /^(?:(\[[^\]]+\]|[^:[\]]+):)?([^:]*)$/.exec(rest);
  if (match === null) throw new UsageError(`${what}: "${text}" is no address`);
  const [, host, port] = match;
  const endpoint: TraceEndpoint = { port: parsePort(port, what) };
  if (host !== undefined) endpoint.hostname = host.replace(/^\[|\]$/g, "");
  return { kind, endpoint };
}

/** Reads what is sought: text, or `/expression/flags`. */
export function parseContent(text: string): string | RegExp {
  const match = /^\/(.+)\/([imsu]*)$/.exec(text);
  if (match === null) return text;
  try {
    return new RegExp(match[1], match[2]);
  } catch (error) {
    throw new UsageError(`--grep: ${(error as Error).message}`);
  }
}

function choice<T extends string>(
  option: string,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (text === undefined || (choices as readonly string[]).includes(text)) return text as T;
  throw new UsageError(`--${option} takes ${choices.join(" or ")}, not "${text}"`);
}

interface TlsValues {
  tls?: boolean;
  cert?: string;
  key?: string;
  ca?: string;
  insecure?: boolean;
  servername?: string;
  "save-cert"?: string;
}

function tlsOf(values: TlsValues): CommandTls {
  const { cert, key, ca, insecure = false, servername } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("--cert and --key belong together");
  }
  return { cert, key, ca, insecure, servername, saveCert: values["save-cert"] };
}

/** Makes `tls://` of what `--tls` is said of. */
function secure(address: CommandAddress, tls: boolean | undefined): CommandAddress {
  if (tls !== true) return address;
  if (address.kind === "udp") throw new UsageError("There is no TLS over datagrams");
  return { ...address, kind: "tls" };
}

function connectionsOf(only: string | undefined): (number | string)[] | undefined {
  return only?.split(",").map((each) => {
    if (each === "") throw new UsageError("--only takes numbers and addresses, with commas");
    return /^\d+$/.test(each) ? Number(each) : each;
  });
}

function read<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T; strict: true; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ", 1)[0]);
  }
}

function parseTrace(args: readonly string[]): TraceCommand {
  const { values, positionals } = read(args, TRACE_OPTIONS);
  if (positionals.length > 0) throw new UsageError(`"${positionals[0]}" is no option`);
  if (values.listen === undefined || values.to === undefined) {
    throw new UsageError("--listen and --to are needed");
  }
  const listen = secure(parseAddress("listen", values.listen), values.tls);
  const to = secure(parseAddress("to", values.to), values.tls);
  if ((listen.kind === "udp") !== (to.kind === "udp")) {
    throw new UsageError("Datagrams can't become a stream: both addresses are udp://, or none");
  }
  if (values.pcap !== undefined && values.pcap === values.record) {
    throw new UsageError("--pcap and --record need a file each");
  }
  const faults = ["delay", "rate", "split", "cut-after"] as const;
  if (values.disturb !== undefined && faults.every((option) => values[option] === undefined)) {
    throw new UsageError(`--disturb needs one of ${faults.map((each) => `--${each}`).join(", ")}`);
  }
  const number = (option: keyof typeof values): number | undefined =>
    parseNumber(option, values[option] as string | undefined);
  const hex = values.hex === true;
  return {
    command: "trace",
    listen,
    to,
    tls: tlsOf(values),
    format: {
      view: hex ? values.text === true ? "both" : "hex" : "text",
      maxBytes: number("max-bytes"),
      clientName: values["client-name"],
      serverName: values["server-name"],
      frames: values.frames,
    },
    filter: {
      connections: connectionsOf(values.only),
      content: values.grep === undefined ? undefined : parseContent(values.grep),
      from: choice("from", values.from, ["client", "server"]),
    },
    color: choice("color", values.color, ["auto", "always", "never"]) ?? "auto",
    faults: {
      delay: number("delay"),
      rate: number("rate"),
      split: number("split"),
      cutAfter: number("cut-after"),
      from: choice("disturb", values.disturb, ["client", "server"]),
    },
    quiet: values.quiet === true,
    all: values.all === true,
    secrets: values.secrets === true,
    secretHeaders: values["secret-header"] ?? [],
    decode: values["no-decode"] !== true,
    pcap: values.pcap,
    record: values.record,
    web: values.web === undefined ? undefined : parsePort(values.web, "--web"),
    maxConnections: number("max-connections"),
    timeout: number("timeout"),
  };
}

function parseReplay(args: readonly string[]): ReplayCommand {
  const { values, positionals } = read(args, REPLAY_OPTIONS);
  const [file, more] = positionals;
  if (file === undefined || more !== undefined) throw new UsageError("replay takes one file");
  const { listen, to, fast = false } = values;
  if ((listen === undefined) === (to === undefined)) {
    throw new UsageError("replay takes either --to or --listen");
  }
  if (fast && values.speed !== undefined) {
    throw new UsageError("--fast and --speed exclude each other");
  }
  const address = (option: "listen" | "to", text: string | undefined) =>
    text === undefined ? undefined : secure(parseAddress(option, text), values.tls);
  return {
    command: "replay",
    file,
    to: address("to", to),
    listen: address("listen", listen),
    tls: tlsOf(values),
    speed: fast ? Infinity : parseNumber("speed", values.speed) ?? 1,
    wait: values["no-wait"] !== true,
    timeout: parseNumber("timeout", values.timeout),
  };
}

/** Reads the arguments of the command. @throws {UsageError} */
export function parseCommand(
  args: readonly string[],
): TraceCommand | ReplayCommand | { command: "help" } {
  if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
    return { command: "help" };
  }
  return args[0] === "replay" ? parseReplay(args.slice(1)) : parseTrace(args);
}
