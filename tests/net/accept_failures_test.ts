import { assertEquals } from "@std/assert";
import { AcceptFailures } from "../../net/accept_failures.ts";

const { errors } = Deno;
const gone = new errors.NotConnected("os error 107");

/** How many failures in a row are passed over. */
async function passed(failures: AcceptFailures): Promise<number> {
  let count = 0;
  while (count < 100_000 && await failures.passOver(gone)) count++;
  return count;
}

Deno.test("accept failures tell a client that is gone from a server that can't go on", async () => {
  for (const Kind of [errors.NotConnected, errors.ConnectionReset, errors.ConnectionAborted]) {
    assertEquals(await new AcceptFailures().passOver(new Kind("x")), true);
  }
  const full = Object.assign(new Error("Too many open files (os error 24)"), { code: "EMFILE" });
  for (const error of [full, new errors.BadResource("closed"), new Error("x"), "x"]) {
    assertEquals(await new AcceptFailures().passOver(error), false);
  }
});

Deno.test("accept failures pass over 16,384 clients in a row, and as many after a rest or a connection", async () => {
  const failures = new AcceptFailures();
  assertEquals([await passed(failures), await passed(failures)], [16_384, 16_384]);
  for (let i = 0; i < 40; i++) await failures.passOver(gone);
  failures.clear();
  assertEquals(await passed(failures), 16_384);
  for (let i = 0; i < 40; i++) await failures.passOver(gone);
  await failures.passOver(new Error("too many open files"));
  assertEquals(await passed(failures), 16_384);
});

Deno.test("accept failures let the process have its turn after each 64 in a row", async () => {
  const failures = new AcceptFailures();
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  for (let i = 0; i < 63; i++) await failures.passOver(gone);
  assertEquals(turns, 0);
  for (let i = 0; i < 64 * 20; i++) await failures.passOver(gone);
  clearInterval(timer);
  assertEquals(turns > 5, true);
});
