/**
 * HTTP clients (those of browsers, and Deno's fetch) send a request again when a connection that they have used before is cut before the
 * answer, and say nothing. Packets must not come twice then, nor get lost.
 */
import { assert, assertEquals } from "@std/assert";
import { connectSocketIo } from "../../socketio/connect.ts";
import { FaultRelay } from "../_support/fault_relay.ts";
import { inTime } from "../_support/kill_switch.ts";
import { withServer } from "../_support/socketio_rig.ts";

/** Events in each direction. */
const COUNT = 6;

for (const cut of ["reset", "end"] as const) {
  Deno.test(`Socket.IO by polling, with requests that are sent again after a ${cut}: each event comes once, in order`, async () => {
    await withServer({}, async ({ io, port }) => {
      let received: number[] = [];
      io.on("connection", (socket) => {
        const up = received;
        socket.on("up", (n: number, answer: () => void) => {
          up.push(n);
          socket.emit("down", n);
          answer();
        });
      });
      for (let cutAt = 1; cutAt < 100; cutAt++) {
        await using relay = new FaultRelay(port, { cutAt, cut });
        const up: number[] = received = [];
        const down: number[] = [];
        const client = connectSocketIo(`http://127.0.0.1:${relay.port}`, {
          transports: ["polling"],
          upgrade: false,
          reconnection: false,
          forceNew: true,
          timeout: 10_000,
        });
        client.on("down", (n: number) => down.push(n));
        const over = new Promise<void>((resolve) => {
          client.once("disconnect", () => resolve());
          client.once("connect_error", () => resolve());
          client.io.once("close" as never, (() => resolve()) as never);
        });
        const talk = async (): Promise<void> => {
          for (let n = 0; n < COUNT; n++) await client.emitWithAck("up", n);
        };
        await inTime(Promise.race([talk().catch(() => {}), over]), `cut before piece ${cutAt}`);
        await client.close();
        const all = Array.from({ length: COUNT }, (_, n) => n);
        assertEquals(up, all.slice(0, up.length), `cut before piece ${cutAt}`);
        assertEquals(down, all.slice(0, down.length), `cut before piece ${cutAt}`);
        if (!relay.fired) {
          assertEquals([up.length, down.length], [COUNT, COUNT]);
          assert(cutAt > 10, `${cutAt}`);
          return;
        }
      }
    });
  });
}
