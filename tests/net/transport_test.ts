import { assertEquals } from "@std/assert";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";

/** All that a transport promises, tried from both ends. */
async function tryOut(a: Transport, b: Transport): Promise<void> {
  const buffer = new Uint8Array(16);
  assertEquals(await a.write(new TextEncoder().encode("hello")), 5);
  assertEquals(await b.read(buffer), 5);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, 5)), "hello");
  await a.closeWrite();
  assertEquals(await b.read(buffer), null);
  // The other direction is still open.
  await b.write(new Uint8Array([7]));
  assertEquals([await a.read(buffer), buffer[0]], [1, 7]);
  a.close();
  assertEquals(await b.read(buffer).catch(() => null), null);
  b.close();
}

Deno.test("transport: a TCP connection of Deno is one as it stands", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [a, b] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  await tryOut(a, b);
});

Deno.test({
  name: "transport: a Unix connection of Deno is one as it stands",
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/x.sock`;
    using listener = Deno.listen({ transport: "unix", path });
    const [a, b] = await Promise.all([
      Deno.connect({ transport: "unix", path }),
      listener.accept(),
    ]);
    await tryOut(a, b);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("transport: the ends of a pair are ones", async () => {
  await tryOut(...pair());
});
