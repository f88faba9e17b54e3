import { assert, assertEquals } from "@std/assert";
import {
  MAX_UNREAD_ANSWERS,
  UnreadAnswers,
  unreadAnswersError,
  weightOfAnswer,
} from "../../socketio/_unread_answers.ts";

Deno.test("unread answers weigh what has not left, neighbours as long as the last of them has not", () => {
  const part = MAX_UNREAD_ANSWERS / 64;
  const answers = new UnreadAnswers();
  assertEquals(answers.add(part, 10, 0), part);
  assertEquals(answers.add(7, 20, 0), part + 7);
  assertEquals(answers.add(1, 30, 9), part + 8);
  assertEquals(answers.add(1, 40, 10), 9);
  assertEquals(answers.add(1, 50, 39), 10);
  assertEquals(answers.add(part, 60, 49), part + 10);
  assertEquals(answers.add(1, 70, 50), part + 1);
  assertEquals(answers.add(1, 80, 80), 1);
});

Deno.test("unread answers do not add up where there is always something unread", () => {
  const answers = new UnreadAnswers();
  let most = 0;
  const weight = weightOfAnswer(100);
  for (let end = 100; end < 100_000_000; end += 100) {
    most = Math.max(most, answers.add(weight, end, end - 1000));
  }
  assert(most <= MAX_UNREAD_ANSWERS / 64 + 11 * weight);
});

Deno.test("an answer counts more than its bytes: one of none counts, too", () => {
  for (const bytes of [0, 1, 100_000]) assert(weightOfAnswer(bytes) >= bytes + 500);
});

Deno.test("unread answers that are too many are told with ERR_LIMIT", () => {
  assertEquals(unreadAnswersError().code, "ERR_LIMIT");
});
