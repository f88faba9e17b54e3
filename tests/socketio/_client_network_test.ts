import { assertEquals, assertThrows } from "@std/assert";
import {
  type ClientNetwork,
  networkThrough,
  newNetwork,
  provideOwnFetch,
  provideProxies,
  type ProxyOptions,
} from "../../socketio/_client_network.ts";

Deno.test("there is a network behind a proxy only where somebody has told how to get there", () => {
  const options = { proxy: "socks5://ann:s3cret@host" };
  const error = assertThrows(() => networkThrough(options), TypeError, "@sluice/sockets/socketio");
  assertEquals(error.message.includes("s3cret"), false);
  const network = {} as ClientNetwork;
  const told: ProxyOptions[] = [];
  provideProxies((options) => {
    told.push(options);
    return () => network;
  });
  assertEquals(networkThrough(options)(new URL("http://h"), 1), network);
  assertEquals(told, [options]);
});

Deno.test("there is a new network after a loss only where somebody has told how to make one", () => {
  assertEquals(newNetwork(WebSocket), undefined);
  let closed = 0;
  provideOwnFetch(() => ({ fetch, close: () => closed++ }));
  const network = newNetwork(WebSocket)!(new URL("http://h"), 1);
  assertEquals([network.fetch, network.WebSocket], [fetch, WebSocket]);
  network.close();
  assertEquals(closed, 1);
});
