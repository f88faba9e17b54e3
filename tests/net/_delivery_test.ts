import { assertEquals } from "@std/assert";
import { isDelivered } from "../../net/_delivery.ts";
import { pair } from "../../net/pair.ts";
import { TransportReader } from "../../net/reader.ts";

Deno.test("chunk is known while it is delivered, and so is its end, and nothing else", async () => {
  const [a, b] = pair();
  const got: boolean[][] = [];
  let kept: Uint8Array | undefined;
  let ended = () => {};
  const done = new Promise<void>((resolve) => ended = resolve);
  new TransportReader(b, {
    data: (chunk) => {
      const views = [chunk, chunk.subarray(1), chunk.subarray(0, 1), chunk.slice(), kept ?? chunk];
      got.push(views.map(isDelivered));
      kept = chunk;
    },
    end: ended,
    error: ended,
  }).start();
  await a.write(new Uint8Array(4));
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(isDelivered(kept!), false);
  await a.write(new Uint8Array(4));
  await a.closeWrite();
  await done;
  assertEquals(got, [[true, true, false, false, true], [true, true, false, false, false]]);
  a.close();
  b.close();
});

Deno.test("chunk is not delivered any more when its listener has thrown", async () => {
  const [a, b] = pair();
  let kept: Uint8Array | undefined;
  const failed = new Promise((resolve) => {
    new TransportReader(b, {
      data: (chunk) => {
        kept = chunk;
        throw new Error("no");
      },
      end: () => {},
      error: resolve,
    }).start();
  });
  await a.write(new Uint8Array(4));
  await failed;
  assertEquals(isDelivered(kept!), false);
  a.close();
  b.close();
});
