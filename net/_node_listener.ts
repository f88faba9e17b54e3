// Floor 3: driver.
import { lookup } from "node:dns/promises";
import { createServer, isIP, type Server } from "node:net";
import { JoinedListener } from "./_joined_listener.ts";
import { isAllOfIpv6, lacksAddress, SEPARATE_FAMILIES } from "./_listen_on.ts";
import { requireOwnAddress } from "./_net_permission.ts";
import { NetError } from "./errors.ts";
import { parseIp } from "./ip.ts";
import { formatEndpoint } from "./os_error.ts";
import { NodeTransport } from "./node_transport.ts";
import type { ListenOptions, TransportListener } from "./server_options.ts";
import type { InetAddr, Transport } from "./transport.ts";

/** How many connections wait until they are accepted, where nothing else is said. */
const BACKLOG = 511;

/** A listener on node:net: its connections can set a keep-alive delay and be reset, and are slower than Deno's own. */
class NodeListener implements TransportListener {
  readonly addr: InetAddr;
  readonly #server: Server;
  readonly #came: Transport[] = [];
  #waiter: PromiseWithResolvers<Transport> | null = null;
  #closed = false;

  constructor(server: Server, backlog: number, turnAway: (transport: Transport) => void) {
    this.#server = server;
    const { address, port } = server.address() as { address: string; port: number };
    this.addr = { transport: "tcp", hostname: address, port };
    server.on("connection", (socket) => {
      const transport = new NodeTransport(socket);
      const waiter = this.#waiter;
      this.#waiter = null;
      if (waiter !== null) waiter.resolve(transport);
      // node:net accepts whether somebody waits or not: the system's own queue stays empty, and this one has its length.
      else if (this.#closed) transport.close();
      else if (this.#came.length >= backlog) turnAway(transport);
      else this.#came.push(transport);
    });
  }

  accept(): Promise<Transport> {
    if (this.#closed) return Promise.reject(closedError());
    const transport = this.#came.shift();
    if (transport !== undefined) return Promise.resolve(transport);
    this.#waiter ??= Promise.withResolvers();
    return this.#waiter.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const transport of this.#came) transport.close();
    this.#server.close();
    this.#waiter?.reject(closedError());
    this.#waiter = null;
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

function closedError(): Error {
  return new Deno.errors.BadResource("the listener is closed");
}

/** Listens on a port through node:net. A connection behind as many as may wait goes to `turnAway`, which closes it. */
export async function listenNode(
  options: ListenOptions,
  turnAway: (transport: Transport) => void = (transport) => transport.close(),
  separate: boolean = SEPARATE_FAMILIES,
): Promise<TransportListener> {
  const host = options.host ?? options.hostname;
  if (!separate || !(host === undefined || isAllOfIpv6(host))) {
    return await listen(options, turnAway);
  }
  let first: NodeListener;
  try {
    first = await listen({ ...options, host: "::" }, turnAway);
  } catch (error) {
    if (host !== undefined || !lacksAddress(error)) throw error;
    return await listen({ ...options, host: "0.0.0.0" }, turnAway);
  }
  try {
    const second = await listen({ ...options, host: "0.0.0.0", port: first.addr.port }, turnAway);
    return new JoinedListener(first, second);
  } catch (error) {
    first.close();
    throw error;
  }
}

/** Deno's node:net takes no zones, and says EINVAL, or EPERM, of what has one. */
function zoneError(address: string, port: number): NetError {
  const what = `Cannot listen on "${formatEndpoint(address, port)}"`;
  return new NetError(`${what}: Deno can't on an address with a zone, with a keep-alive delay`, {
    code: "ERR_UNSUPPORTED",
    syscall: "listen",
    address,
    port,
  });
}

async function listen(
  options: ListenOptions,
  turnAway: (transport: Transport) => void,
): Promise<NodeListener> {
  const { port = 0, backlog = BACKLOG } = options;
  let host = options.host ?? options.hostname;
  if (host !== undefined) {
    if (isIP(host) === 0) ({ address: host } = await lookup(host));
    if (parseIp(host)?.zone !== undefined) throw zoneError(host, port);
    requireOwnAddress(host, port);
  }
  const server = createServer({ allowHalfOpen: true });
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog }, () => {
      server.off("error", reject);
      resolve(new NodeListener(server, Math.max(backlog, 1), turnAway));
    });
  });
}
