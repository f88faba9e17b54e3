import { assertEquals, assertRejects } from "@std/assert";
import { ReadAheadTransport } from "../../net/read_ahead_transport.ts";
import { pair } from "../../net/pair.ts";
import { hex } from "../_support/framing.ts";
import { testTransportContract } from "../_support/transport_contract.ts";
import { readBytes } from "../_support/transport_io.ts";

const never = (): never => {
  throw new Error("must not be called");
};

testTransportContract("read ahead, nothing there yet", () => {
  const [here, there] = pair();
  return [new ReadAheadTransport(here, 16, () => {}), there];
});

Deno.test("read ahead gives what it brought to who reads, before and after it came", async () => {
  const [here, there] = pair();
  const transport = new ReadAheadTransport(here, 3, never);
  const buffer = new Uint8Array(2);
  const first = transport.read(buffer);
  await there.write(hex("0102030405"));
  assertEquals([await first, buffer], [2, hex("0102")]);
  assertEquals(await readBytes(transport, 3), hex("030405"));
  assertEquals([transport.localAddr, transport.remoteAddr], [here.localAddr, here.remoteAddr]);
  await transport.closeWrite();
  assertEquals(await there.read(buffer), null);
  transport.close();
  there.close();
});

Deno.test("read ahead tells of an end and of a fault, and gives them to who reads", async () => {
  for (const fault of [false, true]) {
    const [here, there] = pair();
    const left = Promise.withResolvers<unknown>();
    const transport = new ReadAheadTransport(here, 16, (why) => left.resolve(why));
    if (fault) here.close();
    else await there.closeWrite();
    assertEquals(await left.promise instanceof Error, fault);
    const buffer = new Uint8Array(1);
    if (fault) await assertRejects(() => transport.read(buffer));
    else for (let i = 0; i < 2; i++) assertEquals(await transport.read(buffer), null);
    transport.close();
    there.close();
  }
});

Deno.test("read ahead tells nobody when nobody watches, or it is closed itself", async () => {
  const [here, there] = pair();
  const transport = new ReadAheadTransport(here, 16, never);
  transport.unwatch();
  await there.closeWrite();
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.close();
  there.close();

  const [mine, theirs] = pair();
  const closed = new ReadAheadTransport(mine, 16, never);
  closed.close();
  await assertRejects(() => closed.read(new Uint8Array(1)));
  theirs.close();
});
