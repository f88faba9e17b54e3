import { assertEquals } from "@std/assert";
import { passExtras, type TransportExtras } from "../../net/_transport_extras.ts";
import { pair } from "../../net/pair.ts";
import { prefixTransport } from "../../net/prefixed_transport.ts";
import { ProxiedTransport } from "../../net/proxy_protocol_transport.ts";
import type { Transport } from "../../net/transport.ts";

Deno.test("transports that stand before another one have its settings, and no others", () => {
  const log: unknown[] = [];
  const [end, other]: (Transport & TransportExtras)[] = pair();
  const below: Transport & TransportExtras = Object.assign(end, {
    setNoDelay: (on: boolean) => void log.push("noDelay", on),
    setKeepAlive: (on: boolean, delay: number) => void log.push("keepAlive", on, delay),
    unref: () => void log.push("unref"),
  });
  const header = { version: 2, command: "local", tlvs: [] } as const;
  const proxied = new ProxiedTransport(below, { ...header, tlvs: [] }) as TransportExtras;
  const prefixed = prefixTransport(below, new Uint8Array(1)) as TransportExtras;
  for (const upon of [proxied, prefixed]) {
    upon.setNoDelay!(true);
    upon.setKeepAlive!(true, 7);
    upon.unref!();
    assertEquals(log.splice(0), ["noDelay", true, "keepAlive", true, 7, "unref"]);
    assertEquals([upon.setKeepAlive!.length, upon.ref], [2, undefined]);
  }
  passExtras(end, other);
  assertEquals([end.setNoDelay, end.setKeepAlive, end.unref], [undefined, undefined, undefined]);
  end.close();
  other.close();
});
