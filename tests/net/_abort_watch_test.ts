import { assertEquals } from "@std/assert";
import { watchAbort } from "../../net/_abort_watch.ts";
import { countedSignal } from "../_support/counted_signal.ts";

Deno.test("very many who watch one signal are one listener at it, in any order of leaving", () => {
  const { signal, counts } = countedSignal();
  const leave = Array.from({ length: 1000 }, () => watchAbort(signal, () => {}));
  assertEquals(counts, { added: 1, removed: 0 });
  for (const each of leave.splice(0, 500).reverse()) each();
  for (const each of leave.splice(1)) each();
  assertEquals(counts, { added: 1, removed: 0 });
  leave[0]();
  leave[0]();
  assertEquals(counts, { added: 1, removed: 1 });

  // And from the start.
  const again = watchAbort(signal, () => {});
  assertEquals(counts, { added: 2, removed: 1 });
  leave[0]();
  assertEquals(counts, { added: 2, removed: 1 });
  again();
  assertEquals(counts, { added: 2, removed: 2 });
});

Deno.test("those who watch are told once, in order, and not who has left, even meanwhile", () => {
  const { signal, controller } = countedSignal();
  const told: number[] = [];
  const leave: Array<() => void> = [];
  for (let i = 0; i < 5; i++) {
    leave.push(watchAbort(signal, () => {
      told.push(i);
      if (i === 1) leave[3]();
    }));
  }
  leave[0]();
  controller.abort();
  assertEquals(told, [1, 2, 4]);
  for (const each of leave) each();
  signal.dispatchEvent(new Event("abort"));
  assertEquals(told, [1, 2, 4]);
});

Deno.test("what one of those who watch throws is reported, and the others are told", () => {
  const { signal, controller } = countedSignal();
  const reported: unknown[] = [];
  const report = (event: ErrorEvent) => {
    event.preventDefault();
    reported.push(event.error);
  };
  addEventListener("error", report);
  try {
    const error = new Error("planted");
    watchAbort(signal, () => {
      throw error;
    });
    watchAbort(signal, () => reported.push("told"));
    controller.abort();
    assertEquals(reported, [error, "told"]);
  } finally {
    removeEventListener("error", report);
  }
});

Deno.test("a signal that can't take listeners off is watched all the same", () => {
  const listeners: Array<() => void> = [];
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: () => void) => void listeners.push(listener),
  } as unknown as AbortSignal;
  let told = 0;
  const leave = watchAbort(signal, () => told++);
  leave();
  watchAbort(signal, () => told++);
  for (const listener of [...listeners, ...listeners]) listener();
  assertEquals(told, 1);
});
