// Floor 3: driver.
import { TransportDuplex } from "../net/node_transport.ts";
import type { TlsInfo } from "../net/tls_options.ts";

/** A connection that is handed to node:http, with what its requests tell of TLS. */
export class HttpDuplex extends TransportDuplex {
  /** Whether the connection came over TLS; node's request asks for it here. */
  encrypted = false;
  /** What the TLS handshake came to, where it is known. */
  tls: TlsInfo | undefined;
}
