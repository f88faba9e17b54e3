import { assert, assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { pair } from "../../net/pair.ts";
import { HttpDuplex } from "../../socketio/_http_duplex.ts";

const closed = (duplex: HttpDuplex): Promise<void> =>
  new Promise((resolve) => duplex.once("close", () => resolve()));

Deno.test("a connection for node:http tells when it is idle, and not before, and stays open", async () => {
  const [a, b] = pair();
  const duplex = new HttpDuplex(a);
  await new Promise<void>((resolve) => duplex.setTimeout(1, resolve));
  assertEquals(duplex.destroyed, false);
  // What comes in between begins the time anew.
  let idle = Infinity;
  const start = performance.now();
  let last = start;
  duplex.setTimeout(200, () => idle = performance.now() - last);
  duplex.resume();
  while (performance.now() - start < 300) {
    last = performance.now();
    await b.write(Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // A machine that stands still for so long makes it idle.
  assert(idle > 198, `${idle} ms`);
  // A time that is taken back, or that the end overtakes, holds nothing.
  duplex.setTimeout(60_000);
  assertEquals(duplex.timeout, 60_000);
  duplex.setTimeout(0);
  duplex.setTimeout(60_000);
  const end = closed(duplex);
  duplex.destroy();
  await end;
  b.close();
});

Deno.test("a connection for node:http carries bytes both ways", async () => {
  const [a, b] = pair();
  const duplex = new HttpDuplex(a);
  assertEquals(duplex.encrypted, false);
  duplex.write("out");
  const buffer = new Uint8Array(8);
  assertEquals(await b.read(buffer), 3);
  const came = new Promise((resolve) => duplex.once("data", resolve));
  await b.write(new TextEncoder().encode("in"));
  assertEquals(String(await came), "in");
  const end = closed(duplex);
  duplex.destroy();
  await end;
  b.close();
});

Deno.test("a connection for node:http waits for the responses before it changes over, or ends", async () => {
  const [a, b] = pair();
  const duplex = new HttpDuplex(a);
  const told: string[] = [];
  const request = (): EventEmitter => {
    const response = new EventEmitter();
    duplex.begin(response as unknown as ServerResponse);
    return response;
  };
  const [first, second] = [request(), request()];
  duplex.upgrade(() => told.push("upgrade"));
  first.emit("close");
  assertEquals(told, []);
  second.emit("close");
  assertEquals(told, ["upgrade"]);
  duplex.upgrade(() => told.push("at once"));
  assertEquals(told, ["upgrade", "at once"]);
  const last = request();
  duplex.finish();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(duplex.destroyed, false);
  const end = closed(duplex);
  last.emit("close");
  await end;
  assertEquals(told.length, 2);
  b.close();
});

Deno.test("a connection for node:http that has ended does not change over", async () => {
  const [a, b] = pair();
  const duplex = new HttpDuplex(a);
  const response = new EventEmitter();
  duplex.begin(response as unknown as ServerResponse);
  duplex.upgrade(() => {
    throw new Error("it has ended");
  });
  const end = closed(duplex);
  duplex.destroy();
  await end;
  response.emit("close");
  assertEquals(response.listenerCount("close"), 0);
  b.close();
});

Deno.test("a connection for node:http whose first request is an upgrade has none to wait for", async () => {
  const [a, b] = pair();
  const duplex = new HttpDuplex(a);
  let told = 0;
  duplex.upgrade(() => told++);
  assertEquals(told, 1);
  const end = closed(duplex);
  duplex.finish();
  await end;
  assertEquals(told, 1);
  b.close();
});
