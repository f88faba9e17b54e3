// Floor 0: vocabulary.

/**
 * The codes of a {@linkcode TraceError}.
 *
 * | code | meaning |
 * | --- | --- |
 * | `ERR_TRACE_STARTED` | started already: it has to be stopped first |
 * | `ERR_TRACE_STOPPED` | stopped already, or never started |
 * | `ERR_TRACE_LISTEN` | the address to listen on is not one of this machine, or its port is taken |
 * | `ERR_TRACE_SINK` | a sink failed: a file could not be written, a callback threw |
 * | `ERR_TRACE_RECORDING` | a recording can't be read |
 * | `ERR_TRACE_REPLAY` | the other side did not do what was recorded |
 */
export type TraceErrorCode =
  | "ERR_TRACE_STARTED"
  | "ERR_TRACE_STOPPED"
  | "ERR_TRACE_LISTEN"
  | "ERR_TRACE_SINK"
  | "ERR_TRACE_RECORDING"
  | "ERR_TRACE_REPLAY";

/**
 * What the tracer, its sinks and the replay report.
 *
 * @example
 * ```ts
 * import { TraceError } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new TraceError("Cannot stop the tracer: already stopped", "ERR_TRACE_STOPPED");
 * assertEquals(error.code, "ERR_TRACE_STOPPED");
 * ```
 */
export class TraceError extends Error {
  /** The name of the class. */
  override readonly name: string = "TraceError";
  /** What went wrong. */
  readonly code: TraceErrorCode;

  /** Makes an error with the text `message`. */
  constructor(message: string, code: TraceErrorCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
