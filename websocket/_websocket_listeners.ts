// Floor 3: driver.
import type { IncomingMessage, Server } from "node:http";
import { hasListElement } from "./_tokens.ts";

/** The listeners to `upgrade` that take WebSockets and nothing else, of all servers. */
export const WEBSOCKET_LISTENERS: WeakSet<CallableFunction> = new WeakSet();

/** "A server MAY ignore a received Upgrade header field", and does for HTTP/2, which some clients offer each time. RFC 9110 §7.8 */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return hasListElement(headers.upgrade, "websocket");
}

/** Says whether a request is to be told by the event `upgrade`; `undefined` leaves it to others, at last to the server itself. */
export type UpgradeDecider = (request: IncomingMessage) => boolean | undefined;

/** What stands in the place of a server's own decision. */
interface Deciding {
  deciders: UpgradeDecider[];
  /** Puts the server back as it was. */
  restore(): void;
}

const DECIDING = new WeakMap<Server, Deciding>();

/**
 * Adds a say about upgrades to a server. All of them share one place, so that whoever leaves first the server is as it was with the last one.
 *
 * @returns What takes it away.
 */
export function decideUpgrades(server: Server, decider: UpgradeDecider): () => void {
  let deciding = DECIDING.get(server);
  if (deciding === undefined) DECIDING.set(server, deciding = begin(server));
  const { deciders, restore } = deciding;
  deciders.push(decider);
  return () => {
    const index = deciders.indexOf(decider);
    if (index < 0) return;
    deciders.splice(index, 1);
    if (deciders.length > 0) return;
    DECIDING.delete(server);
    restore();
  };
}

function begin(server: Server): Deciding {
  const place = server as { shouldUpgradeCallback?: (request: IncomingMessage) => boolean };
  const before = place.shouldUpgradeCallback;
  const deciders: UpgradeDecider[] = [];
  const own = (request: IncomingMessage): boolean => {
    for (const decider of deciders) {
      const answer = decider(request);
      if (answer !== undefined) return answer;
    }
    return before?.call(server, request) ?? server.listenerCount("upgrade") > 0;
  };
  place.shouldUpgradeCallback = own;
  return {
    deciders,
    restore() {
      // Somebody who came later may hold on to it: it decides nothing by itself.
      if (place.shouldUpgradeCallback === own) place.shouldUpgradeCallback = before;
    },
  };
}
