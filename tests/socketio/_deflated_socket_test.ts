import { assert, assertEquals, assertFalse } from "@std/assert";
import { pair } from "../../net/pair.ts";
import { WebSocketConnection } from "../../websocket/connection.ts";
import { DeflatedSocket } from "../../socketio/_deflated_socket.ts";
import { Departures } from "../../socketio/_departures.ts";
import { shareMessage } from "../../socketio/_shared_message.ts";

const deflate = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
};

Deno.test("deflated socket carries messages, compressed or not, until it is closed", async () => {
  const [near, far] = pair();
  const departures = new Departures(1000);
  const socket = new DeflatedSocket(near, {
    maxMessageSize: 100_000,
    departures,
    deflate,
    perMessageDeflate: { threshold: 10 },
    rest: new Uint8Array(0),
  });
  const messages: unknown[] = [];
  let drains = 0;
  const closed = new Promise<Error | undefined>((resolve) =>
    socket.start({
      onSocketMessage: (data) => messages.push(data),
      onSocketDrain: () => drains++,
      onSocketClose: resolve,
    })
  );
  const ws = new WebSocketConnection(far, { role: "client", deflate });
  await ws.send("x".repeat(1000));
  socket.send("y".repeat(1000), true);
  socket.send("z".repeat(1000), false);
  socket.sendShared(shareMessage("shared", {}), true);
  assertEquals((await ws.receive()).data, "y".repeat(1000));
  assertEquals((await ws.receive()).data, "z".repeat(1000));
  assertEquals((await ws.receive()).data, "4shared");
  assertEquals(messages, ["x".repeat(1000)]);
  assertFalse(socket.full);
  assertEquals([socket.queued, drains], [0, 0]);
  socket.close(1000, "bye");
  assertEquals((await ws.closed).reason, "bye");
  assertEquals(await closed, undefined);
  await departures.wait(1000);
});

Deno.test("deflated socket ends by force", async () => {
  const [near, far] = pair();
  const socket = new DeflatedSocket(near, {
    maxMessageSize: 100,
    departures: new Departures(1000),
    deflate,
    perMessageDeflate: {},
    rest: new Uint8Array(0),
  });
  const closed = new Promise((resolve) =>
    socket.start({ onSocketMessage() {}, onSocketDrain() {}, onSocketClose: resolve })
  );
  socket.terminate();
  await closed;
  far.close();
  assert(true);
});
