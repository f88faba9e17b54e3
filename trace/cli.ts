// Floor 3: driver.
import { encodeUtf8 } from "../buffer/utf8.ts";
import { errorOf } from "../net/error_of.ts";
import type { TlsClientOptions, TlsServerOptions } from "../net/tls_options.ts";
import { certificateNames, showAddr, showEndpoint } from "./_address.ts";
import {
  type CommandAddress,
  type CommandTls,
  HELP,
  parseCommand,
  type ReplayCommand,
  type TraceCommand,
  UsageError,
} from "./_arguments.ts";
import { escapeText } from "./_text.ts";
import { generateCertificate, type GeneratedCertificate } from "./certificate.ts";
import { createPcapSink, createRecordSink } from "./file_sinks.ts";
import { readRecording, replayClient, type ReplayReport, replayServer } from "./replay.ts";
import { createTextSink } from "./text_sink.ts";
import type { TraceSink } from "./trace_event.ts";
import { createTracer, type Tracer } from "./tracer.ts";
import type { TracerOptions } from "./tracer_options.ts";
import { createWebSink } from "./web_sink.ts";

/** What the command reads and writes, beside files and the network. */
export interface TraceCommandIo {
  /** Takes the lines that show the traffic. */
  stdout: { write(p: Uint8Array): Promise<number> };
  /** Takes notes, and what goes wrong. */
  stderr: { write(p: Uint8Array): Promise<number> };
  /** Whether the lines may have colours. */
  colors: boolean;
  /** Ends the command when it fires. */
  signal: AbortSignal;
}

/** What a run of the command needs. */
interface Run extends TraceCommandIo {
  note(text: string): Promise<void>;
}

async function note(io: TraceCommandIo, text: string): Promise<void> {
  try {
    // It may hold what a server's certificate says, or a recording.
    for (let p = encodeUtf8(`${escapeText(text)}\n`); p.length > 0;) {
      p = p.subarray(await io.stderr.write(p));
    }
  } catch {
    // Nobody reads it.
  }
}

function describe({ endpoint }: CommandAddress): string {
  return "path" in endpoint
    ? endpoint.path
    : showEndpoint(endpoint.hostname ?? "127.0.0.1", endpoint.port);
}

async function clientTls(
  address: CommandAddress | undefined,
  tls: CommandTls,
): Promise<false | TlsClientOptions> {
  if (address?.kind !== "tls") {
    if (tls.ca !== undefined || tls.insecure || tls.servername !== undefined) {
      throw new UsageError("--ca, --insecure and --servername need a server with tls://");
    }
    return false;
  }
  return {
    ca: tls.ca === undefined ? undefined : await Deno.readTextFile(tls.ca),
    rejectUnauthorized: !tls.insecure,
    servername: tls.servername,
  };
}

async function givenIdentity({ cert, key }: CommandTls): Promise<TlsServerOptions | undefined> {
  if (cert === undefined || key === undefined) return undefined;
  return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

async function serverTls(
  listen: CommandAddress | undefined,
  tls: CommandTls,
): Promise<TlsServerOptions | "generate" | undefined> {
  const given = await givenIdentity(tls);
  if (listen?.kind !== "tls") {
    if (given !== undefined || tls.saveCert !== undefined) {
      throw new UsageError("--cert, --key and --save-cert need --listen with tls://");
    }
    return undefined;
  }
  if (given !== undefined && tls.saveCert !== undefined) {
    throw new UsageError("--save-cert saves a certificate that is generated: --cert gives one");
  }
  return given ?? "generate";
}

/** Tells of a certificate that was generated, and saves it where that was asked for. */
async function showCertificate(
  { cert, fingerprint256 }: GeneratedCertificate,
  { saveCert }: CommandTls,
  run: Run,
): Promise<void> {
  if (saveCert !== undefined) await Deno.writeTextFile(saveCert, cert);
  await run.note(`Generated a certificate, SHA-256 ${fingerprint256}`);
}

/** A sink that is made when the tracer has its port: a command that fails before replaces no file. */
function whenOpened(make: () => Promise<TraceSink>): TraceSink {
  let sink: TraceSink | undefined;
  return {
    async open(): Promise<void> {
      sink = await make();
    },
    event: (event) => sink?.event(event),
    close: () => sink?.close?.(),
  };
}

/** The sinks that the command line asks for; those that were made are closed when another one can't be. */
async function makeSinks(command: TraceCommand, run: Run): Promise<TraceSink[]> {
  const sinks: TraceSink[] = [];
  const { format, filter, color, all } = command;
  const server = describe(command.to);
  try {
    if (!command.quiet) {
      const colors = color === "always" || (color === "auto" && run.colors);
      sinks.push(createTextSink({ ...format, ...filter, all, color: colors, output: run.stdout }));
    }
    const { pcap, record } = command;
    if (pcap !== undefined) sinks.push(whenOpened(() => createPcapSink(pcap)));
    if (record !== undefined) {
      const transport = command.to.kind === "udp" ? "udp" : "tcp";
      const masked = !command.secrets;
      sinks.push(whenOpened(() => createRecordSink(record, { transport, server, masked })));
    }
    if (command.web !== undefined) {
      const title = `Traffic to ${server}`;
      const web = await createWebSink({ port: command.web, title });
      sinks.push(web);
      await run.note(`Live page: ${web.url}`);
    }
  } catch (error) {
    for (const sink of sinks) await Promise.resolve(sink.close?.()).catch(() => {});
    throw error;
  }
  return sinks;
}

/** A tracer; if its options make no sense, its sinks are closed. */
async function makeTracer(options: TracerOptions): Promise<Tracer> {
  try {
    return createTracer(options);
  } catch (error) {
    for (const sink of options.sinks ?? []) await sink.close?.();
    throw error;
  }
}

async function runTracer(command: TraceCommand, run: Run): Promise<number> {
  const { listen, to, tls, maxConnections, timeout } = command;
  const toTls = await clientTls(to, tls);
  const ownTls = await serverTls(listen, tls);
  const sinks = await makeSinks(command, run);
  const over = Promise.withResolvers<void>();
  const stop = (): void => over.resolve();
  const options: TracerOptions = {
    listen: listen.endpoint,
    to: to.endpoint,
    transport: to.kind === "udp" ? "udp" : "tcp",
    tls: ownTls,
    toTls: to.kind === "udp" ? undefined : toTls,
    sinks,
    onSinkError: stop,
    secrets: command.secrets,
    secretHeaders: command.secretHeaders,
    decode: command.decode,
    faults: command.faults,
    maxConnections,
    connectTimeout: timeout,
  };
  const tracer = await makeTracer(options);
  run.signal.addEventListener("abort", stop, { once: true });
  if (run.signal.aborted) stop();
  await tracer.start();
  try {
    const { certificate } = tracer;
    if (certificate !== undefined) await showCertificate(certificate, tls, run);
    await run.note(`Listening on ${showAddr(tracer.addr!)}, connecting to ${describe(to)}`);
    await over.promise;
  } finally {
    run.signal.removeEventListener("abort", stop);
    await tracer.stop();
  }
  return 0;
}

/** Tells how it went, and gives the exit code. */
async function tellReport({ connections, same }: ReplayReport, run: Run): Promise<number> {
  for (const { connection, sent, received, expected, difference, error } of connections) {
    const how = error !== undefined
      ? error.message
      : difference === undefined
      ? "the same"
      : `different from byte ${difference} on`;
    await run.note(
      `#${connection} sent ${sent} bytes, received ${received} of ${expected}: ${how}`,
    );
  }
  return same ? 0 : 1;
}

async function runReplay(command: ReplayCommand, run: Run): Promise<number> {
  const { to, listen, tls, speed, wait, timeout } = command;
  const recording = await readRecording(command.file);
  const { masked, transport } = recording.header;
  if (masked) await run.note("Secrets are masked in this recording, and are played so");
  const options = { speed, wait, timeout, signal: run.signal };
  for (const address of [to, listen]) {
    if (address !== undefined && (address.kind === "udp") !== (transport === "udp")) {
      throw new UsageError(`The recording holds ${transport === "udp" ? "datagrams" : "streams"}`);
    }
  }
  const toTls = await clientTls(to, tls);
  const ownTls = await serverTls(listen, tls);
  if (to !== undefined) {
    return await tellReport(
      await replayClient(recording, to.endpoint, { ...options, tls: toTls }),
      run,
    );
  }
  const { endpoint } = listen!;
  const generated = ownTls === "generate"
    ? await generateCertificate({ names: certificateNames(endpoint) })
    : undefined;
  await using server = await replayServer(recording, endpoint, {
    ...options,
    tls: ownTls === "generate" ? { cert: generated!.cert, key: generated!.key } : ownTls,
  });
  if (generated !== undefined) await showCertificate(generated, tls, run);
  await run.note(`Listening on ${showAddr(server.addr)}`);
  return await tellReport(await server.finished, run);
}

/** A broken pipe is how `| head` says that it has seen enough. */
function isBrokenPipe(error: unknown): boolean {
  if (error instanceof Deno.errors.BrokenPipe) return true;
  return error instanceof Error && error.cause !== undefined && isBrokenPipe(error.cause);
}

/**
 * Runs the command `trace` with the arguments of a command line.
 *
 * @returns The exit code: 0; 1 when something failed, or a replay was different; 2 for arguments that make no sense.
 *
 * @example
 * ```ts
 * import { runTraceCommand, type TraceCommandIo } from "@sluice/sockets/trace";
 * import { assert, assertEquals } from "@std/assert";
 *
 * let text = "";
 * const write = (p: Uint8Array) => {
 *   text += new TextDecoder().decode(p);
 *   return Promise.resolve(p.length);
 * };
 * const { signal } = new AbortController();
 * const io: TraceCommandIo = { stdout: { write }, stderr: { write }, colors: false, signal };
 * assertEquals(await runTraceCommand(["--help"], io), 0);
 * assert(text.includes("--listen"));
 * ```
 */
export async function runTraceCommand(
  args: readonly string[],
  io: TraceCommandIo,
): Promise<number> {
  const run: Run = { ...io, note: (text) => note(io, text) };
  try {
    const command = parseCommand(args);
    if (command.command === "help") {
      for (let p = encodeUtf8(HELP); p.length > 0;) p = p.subarray(await io.stdout.write(p));
      return 0;
    }
    return command.command === "trace"
      ? await runTracer(command, run)
      : await runReplay(command, run);
  } catch (error) {
    if (isBrokenPipe(error)) return 0;
    const usage = error instanceof UsageError || error instanceof TypeError ||
      error instanceof RangeError;
    await run.note(errorOf(error).message);
    if (usage) await run.note('Use "--help" to see how it is used.');
    return usage ? 2 : 1;
  }
}

/**
 * Runs the command as a program: with its arguments, on its terminal, until Ctrl+C.
 *
 * @example
 * ```ts ignore
 * import { traceMain } from "@sluice/sockets/trace";
 *
 * if (import.meta.main) await traceMain();
 * ```
 */
export async function traceMain(): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = (): void => {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
    interrupted.abort();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  const code = await runTraceCommand(Deno.args, {
    stdout: Deno.stdout,
    stderr: Deno.stderr,
    colors: Deno.stdout.isTerminal() && !Deno.noColor,
    signal: interrupted.signal,
  });
  Deno.exit(code);
}
