// Floor 3: driver.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { NodeTransport } from "../net/node_transport.ts";
import { TransportReader } from "../net/reader.ts";
import type { Transport } from "../net/transport.ts";
import { closeQuietly, writeLatin1 } from "./_head_exchange.ts";
import { BUSY, type ServerCore } from "./_server_core.ts";

const IGNORE = { data: () => {}, end: () => {}, error: () => {} };

/** Goes on with a connection whose request `node:http` has read: what its `upgrade` event gives. */
export function takeUpgrade(
  core: ServerCore,
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
): void {
  const transport: Transport = new NodeTransport(socket, { head });
  const arrival = core.arrive(transport);
  if (arrival === undefined) {
    const close = () => closeQuietly(transport);
    writeLatin1(transport, BUSY).then(close, close);
    return;
  }
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  const reader = new TransportReader(transport, IGNORE);
  reader.pause();
  const secure = (request.socket as { encrypted?: boolean }).encrypted === true;
  const received = { text: `${text}\r\n`, rest: new Uint8Array(0), reader };
  Promise.try(() => core.admit(arrival, received, secure))
    .catch((error) => {
      core.drop(arrival);
      core.report(error);
    });
}
