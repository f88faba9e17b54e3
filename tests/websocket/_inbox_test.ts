import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Inbox } from "../../websocket/_inbox.ts";

Deno.test("inbox gives messages in order and counts them", () => {
  fc.assert(fc.property(fc.array(fc.option(fc.string()), { maxLength: 200 }), (plan) => {
    const inbox = new Inbox();
    const model: string[] = [];
    for (const step of plan) {
      if (step !== null) {
        inbox.push(step);
        model.push(step);
      } else if (model.length > 0) assertEquals(inbox.shift(), model.shift()!);
      assertEquals(inbox.count, model.length);
      assertEquals(inbox.size, model.reduce((sum, text) => sum + text.length + 64, 0));
    }
  }));
});

Deno.test("inbox goes through many messages, and is empty after", () => {
  const inbox = new Inbox();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5000; i++) inbox.push(`${i}`);
    for (let i = 0; i < 4000; i++) assertEquals(inbox.shift(), `${i}`);
    inbox.push("last");
    for (let i = 4000; i < 5000; i++) assertEquals(inbox.shift(), `${i}`);
    assertEquals(inbox.shift(), "last");
    assertEquals([inbox.count, inbox.size], [0, 0]);
  }
});
