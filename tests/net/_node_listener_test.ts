import { assertEquals, assertRejects } from "@std/assert";
import { listenNode } from "../../net/_node_listener.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("node listener accepts in order, and gives connections that can be reset", async () => {
  const listener = await listenNode({ port: 0, host: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  const waiting = listener.accept();
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  const transport = await waiting;
  await client.write(new Uint8Array([7]));
  const buffer = new Uint8Array(4);
  assertEquals([await transport.read(buffer), buffer[0]], [1, 7]);
  (transport as unknown as { reset(): void }).reset();
  await assertRejects(() => client.read(buffer), Deno.errors.ConnectionReset);
  client.close();
  const last = listener.accept();
  listener.close();
  listener.close();
  await assertRejects(() => last, Deno.errors.BadResource);
  await assertRejects(() => listener.accept(), Deno.errors.BadResource);
});

Deno.test("node listener says that Deno can't do zones", async () => {
  const error = await assertRejects(() => listenNode({ port: 0, host: "fe80::1%eth0" }), NetError);
  assertEquals(
    [error.code, error.syscall, error.address],
    ["ERR_UNSUPPORTED", "listen", "fe80::1%eth0"],
  );
});

Deno.test("node listener tells of a port that is taken", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const error = await assertRejects(() => listenNode({ port, host: "127.0.0.1" }), Error);
  assertEquals((error as { code?: string }).code, "EADDRINUSE");
});

Deno.test("node listener keeps connections that nobody has accepted yet, and closes them with itself", async () => {
  const listener = await listenNode({ port: 0, host: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  const clients: Deno.Conn[] = [];
  for (let i = 0; i < 3; i++) {
    clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  await clients[0].write(new Uint8Array([1]));
  const first = await listener.accept();
  const second = await listener.accept();
  assertEquals(await first.read(new Uint8Array(4)), 1);
  listener.unref?.();
  listener.ref?.();
  await new Promise((resolve) => setTimeout(resolve, 20));
  listener.close();
  // The third was never accepted: its client sees the end.
  assertEquals(await clients[2].read(new Uint8Array(1)), null);
  first.close();
  second.close();
  for (const client of clients) client.close();
});

Deno.test("node listener keeps no more connections than its backlog, and turns the others away", async () => {
  const listener = await listenNode({ port: 0, host: "127.0.0.1", backlog: 2 });
  const { port } = listener.addr as Deno.NetAddr;
  const clients: Deno.Conn[] = [];
  for (let i = 0; i < 4; i++) {
    clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    if (i > 1) assertEquals(await clients[i].read(new Uint8Array(1)).catch(() => null), null);
  }
  // Whoever is kept is accepted, and makes room.
  for (let i = 0; i < 2; i++) {
    const transport = await listener.accept();
    await clients[i].write(new Uint8Array([i]));
    const buffer = new Uint8Array(1);
    assertEquals([await transport.read(buffer), buffer[0]], [1, i]);
    transport.close();
  }
  clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  (await listener.accept()).close();
  listener.close();
  for (const client of clients) client.close();
});
