import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AF_IRDA } from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import { connectInfrared, listenInfrared } from "../../net/infrared.ts";
import { hasFamily } from "../_support/ffi_sockets.ts";

const WITHOUT = { ignore: Deno.build.os !== "linux" || hasFamily(AF_IRDA, 0) };
const WHY = "EAFNOSUPPORT, this kernel has no infrared sockets (Linux dropped IrDA in 4.17)";

Deno.test("connectInfrared says so where the kernel has no infrared", WITHOUT, async () => {
  const error = await assertRejects(() => connectInfrared({ service: "IrDA:IrCOMM" }), NetError);
  assertEquals(error.message, `Cannot connect to infrared "IrDA:IrCOMM": ${WHY}`);
  assertEquals([error.code, error.syscall, error.address], [
    "EAFNOSUPPORT",
    "socket",
    "IrDA:IrCOMM",
  ]);
});

Deno.test("listenInfrared says so where the kernel has no infrared", WITHOUT, () => {
  const error = assertThrows(() => listenInfrared({ service: "Test" }), NetError);
  assertEquals(error.message, `Cannot listen for infrared "Test": ${WHY}`);
  assertEquals([error.code, error.address], ["EAFNOSUPPORT", "Test"]);
});

Deno.test("infrared options are checked before the system is asked", async () => {
  for (const service of ["", "x".repeat(25), "é".repeat(13), "a\0b", 3 as unknown as string]) {
    await assertRejects(() => connectInfrared({ service }), TypeError, "An infrared service name");
    assertThrows(() => listenInfrared({ service }), TypeError, "An infrared service name");
  }
  for (const device of [-1, 2 ** 32, 1.5]) {
    await assertRejects(() => connectInfrared({ service: "x", device }), RangeError);
  }
  for (const backlog of [0, 1.5]) {
    assertThrows(() => listenInfrared({ service: "x", backlog }), RangeError);
  }
  await assertRejects(() => connectInfrared({ service: "x" }, { timeout: -1 }), RangeError);
  const signal = AbortSignal.abort();
  const aborted = await assertRejects(
    () => connectInfrared({ service: "x" }, { signal }),
    NetError,
  );
  assertEquals(aborted.code, "ABORT_ERR");
});
