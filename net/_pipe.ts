// Floor 3: driver.
import type { PipeDestination, PipeOptions } from "./socket_options.ts";

/** What of a socket a pipe needs. */
export interface PipeSource {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  off(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  off(event: "end", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** The pipes of one socket. */
export type Pipes = Map<PipeDestination, () => void>;

/** Writes all that `source` emits into `destination`; how to undo that is put into `pipes`. */
export function addPipe(
  pipes: Pipes,
  source: PipeSource,
  destination: PipeDestination,
  options: PipeOptions = {},
): void {
  let waiting = false;
  const data = (chunk: Uint8Array): void => {
    if (destination.write(chunk) === false) {
      waiting = true;
      source.pause();
    }
  };
  const drain = (): void => {
    if (!waiting) return;
    waiting = false;
    source.resume();
  };
  const end = (): void => {
    remove();
    if (options.end !== false) destination.end();
  };
  const remove = (): void => {
    if (!pipes.delete(destination)) return;
    source.off("data", data);
    source.off("end", end);
    destination.off("drain", drain);
    destination.off("close", remove);
    destination.off("error", remove);
    destination.emit("unpipe", source);
  };
  pipes.get(destination)?.();
  pipes.set(destination, remove);
  destination.on("drain", drain);
  destination.on("close", remove);
  destination.on("error", remove);
  destination.emit("pipe", source);
  source.on("end", end);
  source.on("data", data);
}

/** Ends the pipe to `destination`, or all of them. */
export function removePipes(pipes: Pipes, destination?: PipeDestination): void {
  if (destination !== undefined) pipes.get(destination)?.();
  else for (const remove of [...pipes.values()]) remove();
}
