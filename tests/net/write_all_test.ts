import { assertEquals, assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { writeAll } from "../../net/write_all.ts";

Deno.test("all is written, however little a transport takes at once", async () => {
  for (const most of [1, 3, Infinity]) {
    const [here] = pair();
    const taken: number[] = [];
    here.write = (bytes) => {
      const n = Math.min(most, bytes.length);
      taken.push(...bytes.subarray(0, n));
      return Promise.resolve(n);
    };
    await writeAll(here, new Uint8Array([1, 2, 3, 4, 5, 6, 7]));
    assertEquals(taken, [1, 2, 3, 4, 5, 6, 7]);
    here.close();
  }
});

Deno.test("nothing is written of nothing", async () => {
  const [here] = pair();
  here.write = () => Promise.reject(new Error("not reached"));
  await writeAll(here, new Uint8Array(0));
  here.close();
});

Deno.test("a transport that says what can't be is asked once", async () => {
  for (const said of [0, -1, NaN, 8, undefined as never]) {
    const [here] = pair();
    let calls = 0;
    here.write = () => {
      if (++calls > 10) throw new Error("the same bytes are written again and again");
      return Promise.resolve(said);
    };
    const error = await assertRejects(() => writeAll(here, new Uint8Array(7)), NetError);
    assertEquals([error.code, calls], ["EIO", 1]);
    here.close();
  }
});

Deno.test("what a transport fails with comes as it is", async () => {
  const [here, there] = pair();
  there.close();
  const error = await assertRejects(() => writeAll(here, new Uint8Array(1)), NetError);
  assertEquals(error.code, "EPIPE");
  here.close();
});
