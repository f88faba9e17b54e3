import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { WriteHold } from "../../net/write_hold.ts";
import { microtasks } from "../_support/microtasks.ts";

function recorded(): { log: string[]; hold: WriteHold } {
  const log: string[] = [];
  const hold = new WriteHold({ cork: () => log.push("cork"), uncork: () => log.push("uncork") });
  return { log, hold };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

Deno.test("hold ends when it is told to, and each call counts once", async () => {
  const { log, hold } = recorded();
  hold.end();
  hold.begin();
  hold.begin();
  assertEquals(log, ["cork"]);
  hold.end();
  hold.end();
  assertEquals(log, ["cork", "uncork"]);
  await turn();
  assertEquals(log, ["cork", "uncork"]);
});

Deno.test("hold ends in the next turn at the latest, and not in a microtask", async () => {
  const { log, hold } = recorded();
  hold.begin();
  await microtasks(100);
  assertEquals(log, ["cork"]);
  await turn();
  assertEquals(log, ["cork", "uncork"]);
  hold.begin();
  await turn();
  assertEquals(log, ["cork", "uncork", "cork", "uncork"]);
});

Deno.test("holds of many links end in one turn, also those that began anew in it", async () => {
  const all = [recorded(), recorded(), recorded()];
  for (const { hold } of all) hold.begin();
  all[1].hold.end();
  all[1].hold.begin();
  await turn();
  assertEquals(all.map(({ log }) => log.join(" ")), [
    "cork uncork",
    "cork uncork cork uncork",
    "cork uncork",
  ]);
});
