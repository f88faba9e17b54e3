import { assertEquals, assertThrows } from "@std/assert";
import {
  type ClientNetwork,
  type ClientProxy,
  networkThrough,
  provideProxies,
} from "../../socketio/_client_network.ts";

Deno.test("there is a network behind a proxy only where somebody has told how to get there", () => {
  const proxy = "socks5://ann:s3cret@host";
  const error = assertThrows(() => networkThrough(proxy), TypeError, "@sluice/sockets/socketio");
  assertEquals(error.message.includes("s3cret"), false);
  const network = {} as ClientNetwork;
  const told: ClientProxy[] = [];
  provideProxies((proxy) => {
    told.push(proxy);
    return () => network;
  });
  assertEquals(networkThrough(proxy)(new URL("http://h"), 1), network);
  assertEquals(told, [proxy]);
});
