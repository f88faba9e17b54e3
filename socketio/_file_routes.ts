// Floor 3: driver.
import type { HttpExchange } from "./_exchange.ts";

/** Answers a request for a file. */
export type ServeFile = (exchange: HttpExchange) => Promise<void>;

/** What serves the file of a path beside an engine's own, if there is one. */
export type FileRoute = (path: string) => ServeFile | undefined;

/** The files beside each engine's path: a Socket.IO server has the browser's client there. */
export const fileRoutes: WeakMap<object, FileRoute> = new WeakMap();
