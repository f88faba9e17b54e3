import { assertEquals, assertRejects } from "@std/assert";
import { OutgoingStream } from "../../net/_socket_streams.ts";

Deno.test("a stream out waits for room, ends, and gives up, through its sink", async () => {
  const told: string[] = [];
  let room = Promise.withResolvers<void>();
  const { stream } = new OutgoingStream({
    write: (chunk) => (told.push(`write ${chunk}`), chunk.length < 2),
    drained: () => room.promise,
    end: () => (told.push("end"), Promise.resolve()),
    abort: (reason) => void told.push(`abort ${reason}`),
  });
  const writer = stream.getWriter();
  await writer.write(new Uint8Array([1]));
  let done = false;
  const writing = writer.write(new Uint8Array([2, 3])).then(() => done = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(done, false);
  room.resolve();
  await writing;
  room = Promise.withResolvers();
  await writer.close();
  assertEquals(told, ["write 1", "write 2,3", "end"]);
});

Deno.test("a stream out takes bytes only", async () => {
  const { stream } = new OutgoingStream({
    write: () => true,
    drained: () => Promise.resolve(),
    end: () => Promise.resolve(),
    abort: () => {},
  });
  const writer = stream.getWriter();
  await assertRejects(() => writer.write("text" as never), TypeError);
  await writer.closed.catch(() => {});
});
