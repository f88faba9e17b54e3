import { assertEquals } from "@std/assert";
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
  let idle = false;
  duplex.setTimeout(200, () => idle = true);
  const start = performance.now();
  duplex.resume();
  while (performance.now() - start < 300) {
    await b.write(Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(idle, false);
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
