import { assertEquals } from "@std/assert";
import { peerInfo } from "../../socket/_named_socket.ts";

Deno.test("the peer's address and port are text, whatever kind of address it is", () => {
  assertEquals(peerInfo({ transport: "tcp", hostname: "::1", port: 80 }), {
    address: "::1",
    port: "80",
  });
  assertEquals(peerInfo({ transport: "unix", path: "/run/x" }), { address: "/run/x", port: "" });
  assertEquals(peerInfo({ transport: "unix", path: null }), { address: "", port: "" });
  assertEquals(
    peerInfo({ transport: "bluetooth", address: "00:1A:7D:DA:71:13", port: 3 }),
    { address: "00:1A:7D:DA:71:13", port: "3" },
  );
  assertEquals(peerInfo({ transport: "memory" }), { address: "", port: "" });
});
