import { assertEquals, assertRejects } from "@std/assert";
import { interleaveFamilies, raceAddresses } from "../../net/_happy_eyeballs.ts";

Deno.test("addresses of both families take turns, the first one's family first", () => {
  assertEquals(interleaveFamilies(["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]), [
    "::1",
    "1.1.1.1",
    "::2",
    "2.2.2.2",
    "::3",
  ]);
  assertEquals(interleaveFamilies(["1.1.1.1", "2.2.2.2", "::1"]), ["1.1.1.1", "::1", "2.2.2.2"]);
  assertEquals(interleaveFamilies(["::1"]), ["::1"]);
  assertEquals(interleaveFamilies([]), []);
});

/** Attempts that the test settles, with a log of what happens. */
class Attempts {
  readonly log: string[] = [];
  readonly running = new Map<string, PromiseWithResolvers<{ close(): void }>>();

  attempt = (address: string, signal: AbortSignal): Promise<{ close(): void }> => {
    this.log.push(`try ${address}`);
    signal.addEventListener("abort", () => this.log.push(`abort ${address}`));
    const resolvers = Promise.withResolvers<{ close(): void }>();
    this.running.set(address, resolvers);
    return resolvers.promise;
  };

  win(address: string): void {
    this.running.get(address)!.resolve({ close: () => void this.log.push(`close ${address}`) });
  }

  async tried(address: string): Promise<void> {
    while (!this.running.has(address)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const combine = (errors: unknown[]): unknown => new Error(errors.map(String).join("; "));
const never = new AbortController().signal;

Deno.test("race starts the next address after the delay, and aborts those that lost", async () => {
  const attempts = new Attempts();
  const race = raceAddresses(["a", "b", "c"], attempts.attempt, {
    delay: 5,
    signal: never,
    combine,
  });
  await attempts.tried("b");
  attempts.win("b");
  await race;
  assertEquals(attempts.log, ["try a", "try b", "abort a", "abort b"]);
  attempts.win("a"); // too late: it is closed
  await Promise.resolve();
  assertEquals(attempts.log.at(-1), "close a");
});

Deno.test("race starts the next address at once when one fails", async () => {
  const attempts = new Attempts();
  const options = { delay: 60_000, signal: never, combine };
  const race = raceAddresses(["a", "b"], attempts.attempt, options);
  attempts.running.get("a")!.reject("refused");
  await attempts.tried("b");
  attempts.win("b");
  await race;
  assertEquals(attempts.log, ["try a", "try b"]); // there is nobody left to abort
});

Deno.test("race with an infinite delay starts the next address only when one fails", async () => {
  const attempts = new Attempts();
  const options = { delay: Infinity, signal: never, combine };
  const race = raceAddresses(["a", "b"], attempts.attempt, options);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(attempts.log, ["try a"]);
  attempts.running.get("a")!.reject("refused");
  await attempts.tried("b");
  attempts.win("b");
  await race;
});

Deno.test("race fails with all errors in the order of the addresses", async () => {
  const attempts = new Attempts();
  const race = raceAddresses(["a", "b"], attempts.attempt, { delay: 1, signal: never, combine });
  const failed = assertRejects(() => race, Error, "late; early");
  await attempts.tried("b");
  attempts.running.get("b")!.reject("early");
  attempts.running.get("a")!.reject("late");
  await failed;
});

Deno.test("race ends with its signal, before and while it runs", async () => {
  const attempts = new Attempts();
  const gone = AbortSignal.abort(new Error("before"));
  await assertRejects(
    () => raceAddresses(["a"], attempts.attempt, { delay: 1, signal: gone, combine }),
    Error,
    "before",
  );
  assertEquals(attempts.log, []);
  const controller = new AbortController();
  const { signal } = controller;
  const race = raceAddresses(["a", "b"], attempts.attempt, { delay: 60_000, signal, combine });
  const failed = assertRejects(() => race, Error, "while");
  controller.abort(new Error("while"));
  await failed;
  assertEquals(attempts.log, ["try a", "abort a"]);
  attempts.win("a");
  await Promise.resolve();
  assertEquals(attempts.log.at(-1), "close a");
});
