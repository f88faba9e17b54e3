import { assertEquals } from "@std/assert";
import { type Departing, Departures } from "../../socketio/_departures.ts";
import { microtasks } from "../_support/microtasks.ts";

/** Something that is closed only by force, and then says so. */
class Stubborn implements Departing {
  terminated = 0;
  readonly ended: Promise<void>;
  readonly #departures: Departures;
  #resolve!: () => void;

  constructor(departures: Departures) {
    this.#departures = departures;
    this.ended = new Promise((resolve) => this.#resolve = resolve);
    departures.add(this);
  }

  terminate(): void {
    this.terminated++;
    this.#departures.delete(this);
    this.#resolve();
  }
}

/** Whether a promise is settled already. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => done = true);
  await microtasks(5);
  return done;
}

Deno.test("departures end by force what takes too long", async () => {
  const departures = new Departures(10);
  const stubborn = new Stubborn(departures);
  await stubborn.ended;
  assertEquals(stubborn.terminated, 1);
  await departures.wait();
});

Deno.test("departures leave alone what closes in time", async () => {
  const departures = new Departures(60_000);
  const stubborn = new Stubborn(departures);
  departures.delete(stubborn);
  departures.delete(stubborn);
  assertEquals(await settled(departures.wait()), true);
  assertEquals(stubborn.terminated, 0);
});

Deno.test("departures wait until the last one is closed, for all who ask", async () => {
  const departures = new Departures(60_000);
  const [first, second] = [new Stubborn(departures), new Stubborn(departures)];
  const waits = [departures.wait(), departures.wait()];
  departures.delete(first);
  assertEquals(await settled(waits[0]), false);
  departures.delete(second);
  await Promise.all(waits);
  assertEquals([first.terminated, second.terminated], [0, 0]);
});

Deno.test("departures end all by force when they are told to", async () => {
  const departures = new Departures(60_000);
  const all = [new Stubborn(departures), new Stubborn(departures)];
  departures.terminate();
  await departures.wait();
  assertEquals(all.map(({ terminated }) => terminated), [1, 1]);
  const later = new Stubborn(departures);
  const wait = departures.wait();
  assertEquals(await settled(wait), false);
  later.terminate();
  await wait;
});
