import { assertEquals } from "@std/assert";
import { Departures } from "../../socketio/_departures.ts";

class Leaver {
  terminated = 0;
  readonly #departures: Departures;
  constructor(departures: Departures) {
    this.#departures = departures;
    departures.add(this);
  }
  leave(): void {
    this.#departures.delete(this);
  }
  terminate(): void {
    this.terminated++;
    this.leave();
  }
}

Deno.test("who takes too long to leave is ended by force", async () => {
  const departures = new Departures(5);
  const leaver = new Leaver(departures);
  await departures.wait(1000);
  assertEquals(leaver.terminated, 1);
});

Deno.test("a wait ends when the last one has left", async () => {
  const departures = new Departures(60_000);
  const leavers = [new Leaver(departures), new Leaver(departures)];
  const waiting = departures.wait(60_000);
  for (const leaver of leavers) leaver.leave();
  leavers[0].leave();
  await waiting;
  assertEquals(leavers.map(({ terminated }) => terminated), [0, 0]);
  await departures.wait(60_000);
});

Deno.test("a wait that is over ends all that are left", async () => {
  const departures = new Departures(60_000);
  const leavers = [new Leaver(departures), new Leaver(departures)];
  await departures.wait(5);
  assertEquals(leavers.map(({ terminated }) => terminated), [1, 1]);
});
