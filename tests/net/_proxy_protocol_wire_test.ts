import { assertEquals } from "@std/assert";
import { V2_FIXED, V2_SIGNATURE } from "../../net/_proxy_protocol_wire.ts";
import { text } from "../_support/framing.ts";

Deno.test("PROXY protocol's signature is that of its specification", () => {
  assertEquals(text(V2_SIGNATURE), "\r\n\r\n\0\r\nQUIT\n");
  assertEquals(V2_FIXED, V2_SIGNATURE.length + 4);
});
