import type { HttpHandler } from "../../websocket/request_listener.ts";

/** Three requests, for {@linkcode endlessHandler}. */
export const PATHS = ["/1", "/2", "/3"];

/** What all of them tell in the end, sorted. */
export const ALL_TOLD = ["cancel", "signal"].flatMap((what) =>
  PATHS.map((path) => `${what} ${path}`)
);

/** A web handler whose bodies have no end: it tells of each request that it is cancelled, and that its signal fires. */
export function endlessHandler(told: string[], asked: () => void = () => {}): HttpHandler {
  return (request) => {
    const { pathname } = new URL(request.url);
    const { signal } = request;
    const tell = () => told.push(`signal ${pathname}`);
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell);
    asked();
    return new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(60_000)),
        cancel: () => void told.push(`cancel ${pathname}`),
      }),
    );
  };
}
