// Floor 3: driver.
import type { Datagram } from "./datagram_options.ts";
import { createDatagramSocket, type DatagramSocket } from "./datagram_socket.ts";
import type { DialPolicy } from "./dial_policy.ts";
import { hostAndPort } from "./_host_port.ts";
import { lookupWith } from "./lookup.ts";
import type { HostLookup } from "./lookup_options.ts";
import { decodeSocks5Datagram, encodeSocks5Datagram, type Socks5Address } from "./socks5_codec.ts";
import type { Transport } from "./transport.ts";

/** Options of a {@linkcode Socks5Association}. */
export interface Socks5AssociationOptions {
  /** The address that the client's datagrams come to. */
  localHostname: string;
  /** The only address that the client's datagrams may come from. */
  clientHostname: string;
  /** The port that they will come from, if the client told it; else that of the first. */
  clientPort: number;
  /** Whether datagrams may go to a destination; asked once for each. The signal fires when nobody waits for the answer any more. */
  allow(destination: Socks5Address, signal: AbortSignal): boolean | Promise<boolean>;
  policy: DialPolicy | undefined;
  lookup: HostLookup;
  /** How long a lookup may take, in ms. */
  lookupTimeout: number;
  /** How many destinations are remembered. */
  maxDestinations: number;
  /** Something passed through. */
  onactivity(): void;
}

/** How many datagrams wait until their destinations are found: as many as the socket that they come from holds. */
const MAX_WAITING = 256;
/** How many bytes they have together. */
const MAX_WAITING_BYTES = 4 << 20;

/** The server's side of a relay of datagrams (RFC 1928 §7): one client, any number of destinations. */
export class Socks5Association {
  readonly #options: Socks5AssociationOptions;
  readonly #inner: DatagramSocket;
  readonly #outer: Record<"udp4" | "udp6", DatagramSocket | undefined> = {
    udp4: undefined,
    udp6: undefined,
  };
  /** What destinations resolved to, in the order of their first use; `undefined` for those refused. */
  readonly #destinations = new Map<string, Socks5Address | undefined>();
  /** Who may answer: `host:port` of all addresses that were sent to, and how many destinations lead there. */
  readonly #peers = new Map<string, number>();
  /** What goes to destinations that are being looked for, in the order in which it came. */
  readonly #waiting = new Map<string, Uint8Array[]>();
  #waitingCount = 0;
  #waitingBytes = 0;
  #clientPort: number;
  readonly #end = new AbortController();
  /** Datagrams that were not passed on. */
  dropped = 0;

  constructor(options: Socks5AssociationOptions) {
    this.#options = options;
    this.#clientPort = options.clientPort;
    this.#inner = createDatagramSocket({
      type: options.localHostname.includes(":") ? "udp6" : "udp4",
      maxQueue: MAX_WAITING,
    });
  }

  /** Starts to take datagrams; returns where. */
  async bind(): Promise<Socks5Address> {
    await this.#inner.bind({ address: this.#options.localHostname, port: 0 });
    const { address, port } = this.#inner.address();
    this.#fromClient();
    return { hostname: address, port };
  }

  /** Closes all sockets. */
  async close(): Promise<void> {
    this.#end.abort();
    await Promise.all([this.#inner, this.#outer.udp4, this.#outer.udp6].map((s) => s?.close()));
  }

  async #fromClient(): Promise<void> {
    for await (const datagram of received(this.#inner)) {
      try {
        await this.#forward(datagram);
      } catch {
        // No way there: as on every network, the datagram is lost.
        this.dropped++;
      }
    }
  }

  async #forward({ data, address, port }: Datagram): Promise<void> {
    const { clientHostname } = this.#options;
    const fromClient = address === clientHostname &&
      (this.#clientPort === 0 || port === this.#clientPort);
    const datagram = fromClient ? decodeSocks5Datagram(data) : undefined;
    // RFC 1928 §7: an implementation without fragmentation drops fragments.
    if (datagram === undefined || datagram.fragment !== 0 || datagram.address.port === 0) {
      this.dropped++;
      return;
    }
    this.#clientPort = port;
    this.#options.onactivity();
    const { hostname } = datagram.address;
    const key = hostAndPort(hostname, datagram.address.port);
    if (this.#destinations.has(key) && !this.#waiting.has(key)) {
      return await this.#send(datagram.data, this.#destinations.get(key));
    }
    // Whatever the search takes, it holds up nothing that goes elsewhere.
    this.#wait(key, datagram.address, datagram.data);
  }

  async #send(data: Uint8Array, destination: Socks5Address | undefined): Promise<void> {
    if (destination === undefined) {
      this.dropped++;
      return;
    }
    const socket = await this.#outerFor(destination.hostname);
    await socket.send(data, { address: destination.hostname, port: destination.port });
  }

  #wait(key: string, destination: Socks5Address, data: Uint8Array): void {
    const bytes = this.#waitingBytes + data.length;
    if (this.#waitingCount >= MAX_WAITING || bytes > MAX_WAITING_BYTES) {
      this.dropped++;
      return;
    }
    this.#waitingCount++;
    this.#waitingBytes = bytes;
    const others = this.#waiting.get(key);
    if (others !== undefined) others.push(data);
    else {
      this.#waiting.set(key, [data]);
      void this.#sendWaiting(key, destination);
    }
  }

  async #sendWaiting(key: string, destination: Socks5Address): Promise<void> {
    const found = await this.#resolve(key, destination);
    const waiting = this.#waiting.get(key)!;
    for (let data; (data = waiting.shift()) !== undefined;) {
      this.#waitingCount--;
      this.#waitingBytes -= data.length;
      try {
        await this.#send(data, found);
      } catch {
        this.dropped++;
      }
    }
    this.#waiting.delete(key);
  }

  /** The address of a destination that is allowed. */
  async #resolve(key: string, destination: Socks5Address): Promise<Socks5Address | undefined> {
    const { allow, policy, lookup, lookupTimeout, maxDestinations } = this.#options;
    const { hostname, port } = destination;
    const { signal } = this.#end;
    let found: Socks5Address | undefined;
    try {
      if (await allow(destination, signal)) {
        const addresses = await lookupWith(lookup, hostname, { timeout: lookupTimeout, signal });
        policy?.check(hostname, port, addresses);
        found = { hostname: addresses[0], port };
      }
    } catch {
      // Refused, or nowhere to be found.
    }
    if (this.#destinations.size >= maxDestinations) {
      const [oldest] = this.#destinations;
      this.#destinations.delete(oldest[0]);
      this.#count(oldest[1], -1);
    }
    this.#destinations.set(key, found);
    this.#count(found, 1);
    return found;
  }

  #count(peer: Socks5Address | undefined, change: 1 | -1): void {
    if (peer === undefined) return;
    const key = hostAndPort(peer.hostname, peer.port);
    const count = (this.#peers.get(key) ?? 0) + change;
    if (count > 0) this.#peers.set(key, count);
    else this.#peers.delete(key);
  }

  async #outerFor(hostname: string): Promise<DatagramSocket> {
    const type = hostname.includes(":") ? "udp6" : "udp4";
    let socket = this.#outer[type];
    if (socket === undefined) {
      if (this.#end.signal.aborted) {
        throw new TypeError("Cannot relay datagrams: the association is closed");
      }
      socket = createDatagramSocket({ type, maxQueue: 256, ipv6Only: type === "udp6" });
      this.#outer[type] = socket;
      try {
        await socket.bind();
      } catch (error) {
        // The next datagram tries again; this socket would send, and nobody would hear the answers.
        this.#outer[type] = undefined;
        await socket.close();
        throw error;
      }
      this.#toClient(socket);
    }
    return socket;
  }

  async #toClient(socket: DatagramSocket): Promise<void> {
    for await (const { data, address, port } of received(socket)) {
      // Only who was spoken to may answer, or the relay would open the client to everybody.
      if (!this.#peers.has(hostAndPort(address, port))) {
        this.dropped++;
        continue;
      }
      this.#options.onactivity();
      try {
        await this.#inner.send(encodeSocks5Datagram({ hostname: address, port }, data), {
          address: this.#options.clientHostname,
          port: this.#clientPort,
        });
      } catch {
        this.dropped++;
      }
    }
  }
}

/** What a socket receives, until it is closed. What the system could not receive is lost, as datagrams may be. */
async function* received(socket: DatagramSocket): AsyncGenerator<Datagram, void, undefined> {
  for (let open = true; open;) {
    try {
      yield* socket;
      open = false;
    } catch {
      // The socket lives on.
    }
  }
}

/** What may come on the connection that an association lives by; RFC 1928 knows nothing that would, and reading it costs time. */
const MAX_STRAY = 4096;

/** Reads and forgets what comes on the connection that an association lives by, until it ends. Resolves to whether it sent too much instead. */
export async function untilEnd(control: Transport): Promise<boolean> {
  const buffer = new Uint8Array(64);
  try {
    for (let stray = 0; stray <= MAX_STRAY;) {
      const n = await control.read(buffer);
      if (n === null) return false;
      stray += n;
    }
    return true;
  } catch {
    // Broken is as good as ended.
    return false;
  }
}
