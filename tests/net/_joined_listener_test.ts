import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { JoinedListener } from "../../net/_joined_listener.ts";

interface Joined extends Disposable {
  first: Deno.TcpListener;
  second: Deno.TcpListener;
  joined: JoinedListener<Deno.TcpConn, Deno.NetAddr>;
}

function join(): Joined {
  const first = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const second = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const joined = new JoinedListener(first, second);
  return { first, second, joined, [Symbol.dispose]: () => joined[Symbol.dispose]() };
}

const connect = ({ addr }: Deno.TcpListener): Promise<Deno.TcpConn> =>
  Deno.connect({ hostname: addr.hostname, port: addr.port });

Deno.test("joined listener gives what comes to either, whoever waits first", async () => {
  using both = join();
  const { first, second, joined } = both;
  assertEquals(joined.addr, first.addr);
  for (const to of [second, first, second, second, first, first]) {
    const accepting = joined.accept();
    using client = await connect(to);
    using server = await accepting;
    assertEquals(server.remoteAddr.port, client.localAddr.port);
  }
  using a = await connect(first);
  using b = await connect(second);
  const servers = await Promise.all([joined.accept(), joined.accept()]);
  const ports = (conns: Deno.TcpConn[], end: "localAddr" | "remoteAddr"): number[] =>
    conns.map((conn) => conn[end].port).sort();
  assertEquals(ports(servers, "remoteAddr"), ports([a, b], "localAddr"));
  for (const server of servers) server.close();
});

Deno.test("joined listener keeps what comes while nobody waits, and closes it when it is closed", async () => {
  const { first, second, joined } = join();
  const accepting = joined.accept();
  using a = await connect(first);
  (await accepting).close();
  // The second one is in an accept still.
  using b = await connect(second);
  await new Promise((resolve) => setTimeout(resolve, 50));
  using kept = await joined.accept();
  assertEquals(kept.remoteAddr.port, b.localAddr.port);
  const waiting = joined.accept();
  using c = await connect(first);
  (await waiting).close();
  using d = await connect(second);
  await new Promise((resolve) => setTimeout(resolve, 50));
  joined.close();
  // Nothing but its end: an end, or a reset.
  assertEquals(await d.read(new Uint8Array(1)).catch(() => null), null);
  assert(a !== c);
});

Deno.test("joined listener that is closed rejects all that wait, ends its loop, and closes once", async () => {
  const { first, second, joined } = join();
  const waiting = [joined.accept(), joined.accept(), joined.accept()];
  const loop = Array.fromAsync(joined);
  joined.close();
  for (const accept of waiting) await assertRejects(() => accept, Deno.errors.BadResource);
  assertEquals(await loop, []);
  await assertRejects(() => joined.accept(), Deno.errors.BadResource);
  assertThrows(() => joined.close(), Deno.errors.BadResource);
  joined[Symbol.dispose]();
  // Refused, or reset while the system still ends it.
  for (const listener of [first, second]) await assertRejects(() => connect(listener));
});

Deno.test("joined listener passes a failure on to one who waits, and goes on", async () => {
  let fail: ((error: Error) => void) | undefined;
  const never = new Promise<never>(() => {});
  const broken = {
    accept: () => fail === undefined ? new Promise<never>((_, reject) => fail = reject) : never,
    close: () => {},
  };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using joined = new JoinedListener<Deno.TcpConn, Deno.NetAddr>(listener, broken);
  const accepting = joined.accept();
  fail!(new Error("too many open files"));
  await assertRejects(() => accepting, Error, "too many open files");
  const next = joined.accept();
  using _client = await connect(listener);
  (await next).close();
});

Deno.test("joined listener lets the program end where it is told to", async () => {
  const file = import.meta.resolve("../../net/_joined_listener.ts");
  const code = `import { JoinedListener } from ${JSON.stringify(file)};
    const listen = () => Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const joined = new JoinedListener(listen(), listen());
    joined.accept();
    joined.unref();
    joined.ref();
    joined.unref();
    console.log("over");`;
  const { code: status, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", code],
    signal: AbortSignal.timeout(30_000),
  }).output();
  assertEquals([status, new TextDecoder().decode(stdout).trim()], [0, "over"]);
});
