// Floor 3: driver.
import type { IncomingMessage } from "node:http";
import { hasListElement } from "./_tokens.ts";

/** The listeners to `upgrade` that take WebSockets and nothing else, of all servers. */
export const WEBSOCKET_LISTENERS: WeakSet<CallableFunction> = new WeakSet();

/** "A server MAY ignore a received Upgrade header field", and does for HTTP/2, which some clients offer each time. RFC 9110 §7.8 */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return hasListElement(headers.upgrade, "websocket");
}
