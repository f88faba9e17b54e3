import { assertEquals } from "@std/assert";
import { AcceptFailures } from "../../net/accept_failures.ts";

const { errors } = Deno;
const gone = new errors.NotConnected("os error 107");

/** How many failures in a row are passed over. */
function passed(failures: AcceptFailures): number {
  let count = 0;
  while (count < 1000 && failures.passOver(gone)) count++;
  return count;
}

Deno.test("accept failures tell a client that is gone from a server that can't go on", () => {
  for (const Kind of [errors.NotConnected, errors.ConnectionReset, errors.ConnectionAborted]) {
    assertEquals(new AcceptFailures().passOver(new Kind("x")), true);
  }
  const full = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
  for (const error of [full, new errors.BadResource("closed"), new Error("x"), "x"]) {
    assertEquals(new AcceptFailures().passOver(error), false);
  }
});

Deno.test("accept failures pass over 64 clients in a row, and as many after a rest or a connection", () => {
  const failures = new AcceptFailures();
  assertEquals([passed(failures), passed(failures)], [64, 64]);
  for (let i = 0; i < 40; i++) failures.passOver(gone);
  failures.clear();
  assertEquals(passed(failures), 64);
  for (let i = 0; i < 40; i++) failures.passOver(gone);
  failures.passOver(new Error("too many open files"));
  assertEquals(passed(failures), 64);
});
