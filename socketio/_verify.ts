// Floor 2: protocol.

/**
 * Why the engine refused a request: the numbers of npm's engine.io.
 *
 * 0 the transport is not known, 1 the session is not known, 2 a connection begins with `GET` alone, 3 a bad request,
 * 4 not let in, 5 the revision of the protocol is not supported.
 */
export type EngineErrorCode = 0 | 1 | 2 | 3 | 4 | 5;

/** The text of each {@linkcode EngineErrorCode}. */
export const ENGINE_ERRORS: Readonly<Record<EngineErrorCode, string>> = {
  0: "Transport unknown",
  1: "Session ID unknown",
  2: "Bad handshake method",
  3: "Bad request",
  4: "Forbidden",
  5: "Unsupported protocol version",
};

/** A refusal, with what led to it. */
export interface Refusal {
  readonly code: EngineErrorCode;
  readonly context: Record<string, unknown>;
}

/** What is to be checked. */
export interface RequestFacts {
  readonly method: string | undefined;
  readonly query: Record<string, string>;
  /** Whether it asks for a WebSocket. */
  readonly upgrade: boolean;
  readonly transports: ReadonlySet<string>;
  /** The transport of the session that the request names; `undefined` if there is none. */
  readonly sessionTransport: (sid: string) => string | undefined;
}

/** Checks a request against the protocol; `undefined` if nothing is wrong with it. */
export function verifyRequest(facts: RequestFacts): Refusal | undefined {
  const { method, query, upgrade, transports } = facts;
  const { transport, sid, EIO } = query;
  if (transport === undefined || !transports.has(transport)) {
    return { code: 0, context: { transport } };
  }
  if (upgrade && transport !== "websocket") {
    return { code: 3, context: { name: "TRANSPORT_HANDSHAKE_ERROR" } };
  }
  if (sid !== undefined && sid !== "") {
    const previousTransport = facts.sessionTransport(sid);
    if (previousTransport === undefined) return { code: 1, context: { sid } };
    if (!upgrade && previousTransport !== transport) {
      return { code: 3, context: { name: "TRANSPORT_MISMATCH", transport, previousTransport } };
    }
    return EIO === "4" ? undefined : { code: 3, context: { name: "PROTOCOL_MISMATCH" } };
  }
  if (method !== "GET") return { code: 2, context: { method } };
  if (transport === "websocket" && !upgrade) {
    return { code: 3, context: { name: "TRANSPORT_HANDSHAKE_ERROR" } };
  }
  return EIO === "4" ? undefined : { code: 5, context: { protocol: EIO } };
}
