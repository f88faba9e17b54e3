import { assertEquals, assertRejects } from "@std/assert";
import { pair } from "../../net/pair.ts";
import {
  HeadEndError,
  HeadFaultError,
  receiveHead,
  writeLatin1,
} from "../../websocket/_head_exchange.ts";

const HEAD = "GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n";

Deno.test("head is received whatever the pieces, and the reader goes on behind it", async () => {
  for (const split of [1, 7, Infinity]) {
    const [a, b] = pair({ split });
    await writeLatin1(a, `${HEAD}rest`);
    const { text, rest, reader } = await receiveHead(b, "request");
    assertEquals(text, HEAD);
    const done = Promise.withResolvers<void>();
    let more = new TextDecoder().decode(rest);
    reader.redirect({
      data: (chunk) => void (more += new TextDecoder().decode(chunk)),
      end: done.resolve,
      error: done.reject,
    });
    reader.resume();
    await a.closeWrite();
    await done.promise;
    assertEquals(more, "rest");
    a.close();
    b.close();
  }
});

Deno.test("head is given up where a transport says that it took nothing of it", async () => {
  const [a] = pair();
  let calls = 0;
  a.write = () => {
    if (++calls > 10) throw new Error("the same bytes are written again and again");
    return Promise.resolve(0);
  };
  const error = await assertRejects(() => writeLatin1(a, HEAD));
  assertEquals([(error as { code?: string }).code, calls], ["EIO", 1]);
  a.close();
});

Deno.test("head that was read in part before is completed", async () => {
  const [a, b] = pair();
  const first = Uint8Array.from(HEAD.slice(0, 9), (char) => char.charCodeAt(0));
  await writeLatin1(a, HEAD.slice(9));
  assertEquals((await receiveHead(b, "request", undefined, first)).text, HEAD);
  const whole = Uint8Array.from(`${HEAD}x`, (char) => char.charCodeAt(0));
  const received = await receiveHead(b, "request", undefined, whole);
  assertEquals([received.text, received.rest.length], [HEAD, 1]);
  received.reader.stop();
  a.close();
  b.close();
});

Deno.test("head that breaks a rule or ends early is an error", async () => {
  const [a, b] = pair();
  await writeLatin1(a, "nonsense\r\n");
  const fault = await assertRejects(() => receiveHead(b, "response"), HeadFaultError);
  assertEquals(fault.fault.status, 400);
  const [c, d] = pair();
  await writeLatin1(c, "GET / HTTP/1.1\r\n");
  await c.closeWrite();
  await assertRejects(() => receiveHead(d, "request"), HeadEndError);
  const [e, f] = pair();
  const reading = assertRejects(() => receiveHead(f, "request"));
  f.close();
  await reading;
  for (const transport of [a, b, c, d, e]) transport.close();
});
