import { assert, assertEquals } from "@std/assert";
import { isPromise, isThenable, onRejection } from "../../socketio/_thenable.ts";
import { foreignPromise, foreignRejection } from "../_support/foreign_promise.ts";

const thenable = { then: (_: unknown, reject: (error: unknown) => void) => reject("thenable") };

Deno.test("a promise is one of any library or realm", () => {
  for (const promise of [Promise.resolve(), foreignPromise(1), thenable]) {
    assert(isThenable(promise));
  }
  for (const value of [undefined, null, 0, "then", {}, { then: 1 }, () => {}]) {
    assert(!isThenable(value));
  }
});

Deno.test("what has a then is not called for it where nobody waits for what it gives", () => {
  let runs = 0;
  const query = { then: () => runs++, catch: () => runs++ };
  onRejection(query, () => runs++);
  assertEquals(runs, 0);
  for (const promise of [Promise.resolve(), foreignPromise(1)]) assert(isPromise(promise));
  for (const value of [undefined, null, 0, "then", {}, query, thenable, () => {}]) {
    assert(!isPromise(value));
  }
});

Deno.test("a rejection is told, whatever promise it is of, and nothing else", async () => {
  const told: unknown[] = [];
  const tell = (error: unknown) => void told.push(error);
  for (const value of [undefined, 1, Promise.resolve(1), foreignPromise(1)]) {
    onRejection(value, tell);
  }
  onRejection(Promise.reject("own"), tell);
  onRejection(foreignRejection("foreign"), tell);
  for (let turn = 0; turn < 10; turn++) await undefined;
  assertEquals(told.sort(), ["foreign", "own"]);
});
