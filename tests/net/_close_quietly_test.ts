import { assertEquals } from "@std/assert";
import { closeQuietly } from "../../net/_close_quietly.ts";
import { pair } from "../../net/pair.ts";

Deno.test("closing quietly closes a transport, and takes one that can't be closed, or none", async () => {
  const [a, b] = pair();
  closeQuietly(a);
  assertEquals(await b.read(new Uint8Array(1)), null);
  closeQuietly(b);
  closeQuietly(undefined);
  let calls = 0;
  closeQuietly(
    {
      ...b,
      close() {
        calls++;
        throw new Deno.errors.BadResource("closed");
      },
    } as typeof b,
  );
  assertEquals(calls, 1);
});
