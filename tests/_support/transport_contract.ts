/** What holds for every transport, as tests: run it over each new one. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { readAll, readBytes } from "./transport_io.ts";

/** Bytes that tell where they are from, so that none can be lost, doubled or swapped unnoticed. */
function pattern(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => (at * 31 + (at >> 8)) & 0xff);
}

/** Runs as a test each: the contract of {@linkcode Transport}. `open` gives both ends of a connection; the first is the one on trial. */
export function testTransportContract(
  name: string,
  open: () => Promise<[Transport, Transport]> | [Transport, Transport],
  { ignore = false }: { ignore?: boolean } = {},
): void {
  const test = (
    what: string,
    run: (here: Transport, there: Transport) => Promise<void>,
  ): void => {
    Deno.test(`${name} ${what}`, { ignore }, async () => {
      const [here, there] = await open();
      try {
        await run(here, there);
      } finally {
        for (const end of [here, there]) {
          try {
            end.close();
          } catch {
            // It is closed already.
          }
        }
      }
    });
  };

  test("carries bytes both ways at once, whatever the sizes of reads", async (here, there) => {
    const sent = pattern(200_000);
    const [got, answer] = await Promise.all([
      readAll(there, 7001),
      readAll(here, 999),
      writeAll(here, sent).then(() => here.closeWrite()),
      writeAll(there, sent.toReversed()).then(() => there.closeWrite()),
    ]);
    assertEquals(got, sent);
    assertEquals(answer, sent.toReversed());
  });

  test("goes on in the other direction when one has ended", async (here, there) => {
    await writeAll(here, pattern(3));
    await here.closeWrite();
    assertEquals(await readAll(there), pattern(3));
    await writeAll(there, pattern(5));
    assertEquals(await readBytes(here, 5), pattern(5));
    await there.closeWrite();
    assertEquals(await here.read(new Uint8Array(1)), null);
    assertEquals(await here.read(new Uint8Array(1)), null, "an end stays one");
  });

  test("gives one byte to a reader that has room for one", async (here, there) => {
    await writeAll(there, pattern(2));
    const buffer = new Uint8Array(1);
    assertEquals([await here.read(buffer), buffer[0]], [1, pattern(2)[0]]);
    assertEquals([await here.read(buffer), buffer[0]], [1, pattern(2)[1]]);
  });

  test("rejects the read that waits when it is closed, and every later one", async (here) => {
    const waiting = assertRejects(() => here.read(new Uint8Array(1)));
    here.close();
    await waiting;
    await assertRejects(() => here.read(new Uint8Array(1)));
    await assertRejects(() => here.write(new Uint8Array(1)));
  });

  test("ends what the other side reads when it is closed", async (here, there) => {
    here.close();
    assertEquals(await there.read(new Uint8Array(1)).catch(() => null), null);
  });

  test("tells where both ends are", (here) => {
    assert(typeof here.localAddr.transport === "string");
    assertEquals(here.remoteAddr.transport, here.localAddr.transport);
    return Promise.resolve();
  });
}
