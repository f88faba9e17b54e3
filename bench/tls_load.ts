/**
 * The load for TLS echo servers, in one process with nothing else to do:
 *
 *     deno run -A bench/tls_load.ts PORT[,PORT…] CONNECTIONS SIZE PIPELINE SECONDS ROUNDS
 *
 * The servers are measured in turns, ROUNDS slices of SECONDS each, in an order that changes. It prints one line of JSON:
 * for each server the messages a second of each slice.
 */
const [ports, ...numbers] = Deno.args;
const [connections, size, pipeline, seconds, rounds] = numbers.map(Number);
const ca = Deno.readTextFileSync(new URL("../tests/_support/certs/ca.pem", import.meta.url));

class Target {
  readonly conns: Deno.TlsConn[] = [];
  bytes = 0;
  #running = false;
  #loops: Promise<void>[] = [];

  async open(port: number): Promise<void> {
    for (let i = 0; i < connections; i++) {
      const conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [ca] });
      await conn.handshake();
      this.conns.push(conn);
    }
  }

  begin(): void {
    this.#running = true;
    this.#loops = this.conns.map((conn) => this.#drive(conn));
  }

  /** What is in flight still arrives. */
  async end(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  async #drive(conn: Deno.TlsConn): Promise<void> {
    const batch = new Uint8Array(size * pipeline);
    const buffer = new Uint8Array(Math.max(65_536, size));
    await write(conn, batch);
    let flying = batch.length;
    let have = 0;
    while (flying > 0) {
      const n = await conn.read(buffer);
      if (n === null) throw new Error("the server ended");
      this.bytes += n;
      flying -= n;
      have += n;
      const whole = Math.floor(have / size) * size;
      have -= whole;
      if (whole > 0 && this.#running) {
        flying += whole;
        await write(conn, batch.subarray(0, whole));
      }
    }
  }
}

async function write(conn: Deno.TlsConn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await conn.write(rest));
}

const targets: Target[] = [];
for (const port of ports.split(",").map(Number)) {
  const target = new Target();
  await target.open(port);
  targets.push(target);
}
const rates: number[][] = targets.map(() => []);
for (let round = -1; round < rounds; round++) {
  const order = targets.map((_, i) => (i + round + targets.length) % targets.length);
  for (const i of round % 2 === 0 ? order : order.reverse()) {
    const target = targets[i];
    const start = performance.now();
    const before = target.bytes;
    target.begin();
    await new Promise((resolve) => setTimeout(resolve, (round < 0 ? 0.5 : 1) * seconds * 1000));
    const rate = (target.bytes - before) / size / ((performance.now() - start) / 1000);
    await target.end();
    if (round >= 0) rates[i].push(rate); // the first round warms up
  }
}
console.log(JSON.stringify(rates));
Deno.exit(0);
