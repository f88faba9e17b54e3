import { assertEquals, assertRejects } from "@std/assert";
import {
  driveHandshake,
  type Handshake,
  HANDSHAKE_TIMEOUT,
  readInto,
  withDeadline,
} from "../../net/_handshake_driver.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { hex } from "../_support/framing.ts";
import { readBytes } from "../_support/transport_io.ts";

/** Sends 01, wants two bytes, sends 02, wants one, and is done unless that is ff. */
class TwoSteps implements Handshake {
  needed = 2;
  done = false;
  error: Error | undefined;
  seen: number[] = [];
  #output = hex("01");

  takeOutput(): Uint8Array {
    const output = this.#output;
    this.#output = hex("");
    return output;
  }

  receive(chunk: Uint8Array): void {
    this.seen.push(...chunk);
    this.needed -= chunk.length;
    if (this.needed > 0) return;
    if (this.seen.length === 2) {
      this.#output = hex("02");
      this.needed = 1;
    } else if (this.seen[2] === 0xff) this.error = new NetError("no", { code: "EACCES" });
    else this.done = true;
  }

  end(): void {
    this.error = new NetError("ended", { code: "ECONNRESET" });
  }
}

async function isClosed(transport: Transport): Promise<boolean> {
  try {
    return await transport.read(new Uint8Array(1)) === null;
  } catch {
    return true;
  }
}

Deno.test("handshake driver sends and reads in turn, and not a byte too much", async () => {
  for (const split of [1, Infinity]) {
    const [here, there] = pair({ split });
    const handshake = new TwoSteps();
    const done = driveHandshake(here, handshake, "shake hands", {});
    assertEquals(await readBytes(there, 1), hex("01"));
    await writeAll(there, hex("0a0b 0c 0d"));
    assertEquals(await readBytes(there, 1), hex("02"));
    await done;
    assertEquals(handshake.seen, [10, 11, 12]);
    assertEquals(await readBytes(here, 1), hex("0d"));
    here.close();
    there.close();
  }
});

Deno.test("handshake driver closes the transport after a refusal, an end, a timeout and an abort", async () => {
  const cases: [string, (there: Transport) => unknown, AbortSignal?][] = [
    ["EACCES", (there) => writeAll(there, hex("0a0bff"))],
    ["ECONNRESET", (there) => there.closeWrite()],
    ["ETIMEDOUT", () => {}],
    ["ABORT_ERR", () => {}, AbortSignal.abort()],
  ];
  for (const [code, act, signal] of cases) {
    const [here, there] = pair();
    const done = driveHandshake(here, new TwoSteps(), "shake hands", { timeout: 20, signal });
    await Promise.all([
      assertRejects(() => done, NetError).then((error) => assertEquals(error.code, code)),
      act(there),
    ]);
    assertEquals(await isClosed(here), true);
    there.close();
  }
});

Deno.test("handshake driver gives up a transport that says that it took nothing", async () => {
  const [here, there] = pair();
  let calls = 0;
  here.write = () => {
    if (++calls > 10) throw new Error("the same bytes are written again and again");
    return Promise.resolve(0);
  };
  const done = driveHandshake(here, new TwoSteps(), "shake hands", {});
  const error = await assertRejects(() => done, NetError);
  assertEquals([error.code, calls], ["EIO", 1]);
  there.close();
});

Deno.test("handshake driver reports a broken transport with what it was for", async () => {
  const [here, there] = pair({ back: { faults: [{ at: 0, action: "reset" }] } });
  const error = await assertRejects(
    () => driveHandshake(here, new TwoSteps(), "shake hands", {}),
    NetError,
  );
  assertEquals(error.code, "ECONNRESET");
  there.close();
});

Deno.test("a phase under a deadline tells what it was, and passes on misuse as it is", async () => {
  const [here, there] = pair();
  const error = await assertRejects(
    () => withDeadline(here, "do it", { timeout: 1 }, () => new Promise(() => {})),
    NetError,
  );
  assertEquals(error.message, "Cannot do it: timed out after 1 ms");
  await assertRejects(
    () => withDeadline(here, "do it", { timeout: -1 }, () => Promise.resolve()),
    RangeError,
  );
  await assertRejects(
    () => withDeadline(here, "do it", {}, () => Promise.reject(new TypeError("x"))),
    TypeError,
  );
  assertEquals(await withDeadline(here, "do it", {}, () => Promise.resolve(7)), 7);
  assertEquals(HANDSHAKE_TIMEOUT, 30_000);
  there.close();
});

Deno.test("reading into a handshake without a count takes what has come", async () => {
  const [here, there] = pair();
  await writeAll(there, hex("0102"));
  const seen: Uint8Array[] = [];
  const input = {
    receive: (chunk: Uint8Array) => seen.push(chunk),
    end: () => seen.push(hex("ee")),
  };
  await readInto(here, input);
  await there.closeWrite();
  await readInto(here, input);
  assertEquals(seen, [hex("0102"), hex("ee")]);
  here.close();
  there.close();
});
