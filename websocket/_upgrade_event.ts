// Floor 3: driver.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { NodeTransport } from "../net/node_transport.ts";
import { TransportReader } from "../net/reader.ts";
import type { TlsInfo } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import { closeQuietly, writeLatin1 } from "./_head_exchange.ts";
import { BUSY, type ServerCore } from "./_server_core.ts";
import type { HttpHeadFault, HttpHeadLimits } from "./http_head.ts";

/** What a request line has beside method and target: two spaces, and the version. */
const LINE_REST = "  HTTP/1.1".length;

/**
 * Why a request is refused whose head `node:http` has read: that knows no limits for lines, counts not
 * all of a head for its size, and leaves out the headers that are too many.
 */
export function laterHeadFault(
  { method = "", url = "", rawHeaders }: IncomingMessage,
  { maxHeadSize = 16_384, maxHeaderCount = 100, maxLineSize = 8_192 }: HttpHeadLimits,
): HttpHeadFault | undefined {
  // As where the first head of a connection is read, a line is counted with one byte of its end. The space around values is gone:
  // the one that is usual in front of each is counted.
  const line = method.length + url.length + LINE_REST + 1;
  if (line > maxLineSize) {
    return { status: 414, message: `its first line is longer than ${maxLineSize} bytes` };
  }
  if (rawHeaders.length > maxHeaderCount * 2) {
    return { status: 431, message: `it has more than ${maxHeaderCount} headers` };
  }
  // So is the empty one at its end.
  let size = line + 1 + 1;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1];
    const header = rawHeaders[i].length + (value === "" ? 1 : 2) + value.length + 1;
    if (header > maxLineSize) {
      return { status: 431, message: `a header is longer than ${maxLineSize} bytes` };
    }
    size += header + 1;
  }
  return size > maxHeadSize
    ? { status: 431, message: `it is larger than ${maxHeadSize} bytes` }
    : undefined;
}

const IGNORE = { data: () => {}, end: () => {}, error: () => {} };

/**
 * Goes on with a connection whose request `node:http` has read: what its `upgrade` event gives.
 *
 * @param given The limits for its head, beside node:http's own, and what the TLS handshake of its connection came to, where that is known.
 */
export function takeUpgrade(
  core: ServerCore,
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  given: { limits?: HttpHeadLimits; tls?: TlsInfo } = {},
): void {
  const { limits, tls } = given;
  const transport: Transport = new NodeTransport(socket, { head });
  const arrival = core.arrive(transport);
  if (arrival === undefined) {
    const close = () => closeQuietly(transport);
    writeLatin1(transport, BUSY).then(close, close);
    return;
  }
  arrival.tls = tls;
  const { method, url, httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  const reader = new TransportReader(transport, IGNORE);
  reader.pause();
  const secure = (request.socket as { encrypted?: boolean }).encrypted === true;
  const received = { text: `${text}\r\n`, rest: new Uint8Array(0), reader };
  const fault = limits && laterHeadFault(request, limits);
  Promise.try(() => core.admit(arrival, received, secure, fault))
    .catch((error) => {
      core.drop(arrival);
      core.report(error);
    });
}
