import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { pair } from "../../net/pair.ts";
import { prefixTransport } from "../../net/prefixed_transport.ts";
import { hex } from "../_support/framing.ts";
import { testTransportContract } from "../_support/transport_contract.ts";
import { readBytes } from "../_support/transport_io.ts";

testTransportContract("prefixed transport, its prefix read", async () => {
  const [here, there] = pair();
  const transport = prefixTransport(here, hex("0102"));
  await readBytes(transport, 2);
  return [transport, there];
});

Deno.test("prefixed transport gives its prefix first, then what comes", async () => {
  const [here, there] = pair();
  const prefix = hex("0102");
  const transport = prefixTransport(here, prefix);
  prefix.fill(9);
  await there.write(hex("03"));
  await there.closeWrite();
  const buffer = new Uint8Array(5);
  assertEquals(await transport.read(buffer), 2);
  assertEquals(buffer, hex("0102000000"));
  assertEquals(await transport.read(buffer), 1);
  assertEquals(buffer[0], 3);
  assertEquals(await transport.read(buffer), null);
  assertEquals([transport.localAddr, transport.remoteAddr], [here.localAddr, here.remoteAddr]);
  await transport.write(hex("04"));
  await transport.closeWrite();
  assertEquals([await there.read(buffer), buffer[0]], [1, 4]);
  assertEquals(await there.read(buffer), null);
  transport.close();
  there.close();
});

Deno.test("prefixed transport without a prefix is the transport itself", () => {
  const [here, there] = pair();
  assertStrictEquals(prefixTransport(here, hex("")), here);
  here.close();
  there.close();
});

Deno.test("prefixed transport gives nothing after close", async () => {
  const [here, there] = pair();
  const transport = prefixTransport(here, hex("01"));
  transport.close();
  await assertRejects(() => transport.read(new Uint8Array(1)));
  there.close();
});
