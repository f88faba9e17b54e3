import { assertEquals } from "@std/assert";
import { VerifiedClients } from "../../net/_verified_clients.ts";

Deno.test("verified clients are known to the authorities that vouched for them, and to no others", () => {
  const clients = new VerifiedClients();
  clients.add("one", "AA:01");
  assertEquals(clients.has("one", "AA:01"), true);
  assertEquals(clients.has("two", "AA:01"), false);
  assertEquals(clients.has("one", "AA:02"), false);
});

Deno.test("verified clients that came last, or were asked for, are kept; others are forgotten", () => {
  const clients = new VerifiedClients(2);
  clients.add("one", "1");
  clients.add("one", "2");
  assertEquals(clients.has("one", "1"), true);
  clients.add("one", "3");
  assertEquals(["1", "2", "3"].map((each) => clients.has("one", each)), [true, false, true]);
});
