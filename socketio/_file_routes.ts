// Floor 3: driver.
import type { HttpExchange } from "./_exchange.ts";

/** Answers a request for a file beside an engine's path, and says whether it did. */
export type FileRoute = (exchange: HttpExchange, path: string) => boolean;

/** The files beside each engine's path: a Socket.IO server has the browser's client there. */
export const fileRoutes: WeakMap<object, FileRoute> = new WeakMap();
