import { assertEquals } from "@std/assert";
import { DatagramPeer } from "../../net/_datagram_peer.ts";

Deno.test("datagram peer knows its own datagrams, in whatever way its address is written", () => {
  const cases: [string, string, boolean][] = [
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["192.0.2.1", "::ffff:192.0.2.1", false],
    ["::ffff:192.0.2.1", "::ffff:c000:201", true],
    ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", true],
    ["2001:db8::1", "2001:db8::2", false],
    ["2001:db8::1", "192.0.2.1", false],
    ["192.0.2.1", "no address", false],
  ];
  for (const [peer, sender, same] of cases) {
    const it = new DatagramPeer(peer, 9);
    assertEquals(it.isSender({ address: sender, port: 9 }), same, `${peer} and ${sender}`);
    assertEquals(it.isSender({ address: sender, port: 10 }), false);
    assertEquals([it.address, it.port], [peer, 9]);
  }
});

Deno.test("datagram peer on another link is another one, where both say on which", () => {
  const is = (peer: string, sender: string): boolean =>
    new DatagramPeer(peer, 9).isSender({ address: sender, port: 9 });
  assertEquals(is("fe80::1%eth0", "fe80::1%eth0"), true);
  assertEquals(is("fe80::1%eth0", "fe80:0::1%eth1"), false);
  assertEquals(is("fe80::1%eth0", "fe80::1"), true);
  assertEquals(is("fe80::1", "fe80::1%eth1"), true);
});

Deno.test("datagram peer knows its zone, where it needs one", () => {
  assertEquals(new DatagramPeer("fe80::1%eth0", 9).zone, "eth0");
  assertEquals(new DatagramPeer("fe80::1", 9).zone, undefined);
  assertEquals(new DatagramPeer("::1%eth0", 9).zone, undefined);
});
