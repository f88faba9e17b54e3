import { assertEquals, assertThrows } from "@std/assert";
import { changeParameters, DEFAULT_PARAMETERS } from "../../socket/_book_parameters.ts";
import { SocketFailure } from "../../socket/_failure.ts";
import { SocketBookOption } from "../../socket/constants.ts";
import type { SocketBookParameters } from "../../socket/socket_book_options.ts";

const change = (given: unknown) =>
  changeParameters(DEFAULT_PARAMETERS, given as SocketBookParameters);

Deno.test("parameters: what is given is changed, the rest stays", () => {
  assertEquals(change({ nagle: false, readTimeout: 5 }), {
    ...DEFAULT_PARAMETERS,
    nagle: false,
    readTimeout: 5,
  });
  assertEquals(change({ nagle: undefined }), DEFAULT_PARAMETERS);
});

Deno.test("parameters: flags stand for Nagle's algorithm and the unique address", () => {
  assertEquals(change(SocketBookOption.NAGLE_OFF).nagle, false);
  assertEquals(change(SocketBookOption.UNIQUE_ADDRESS).nagle, true);
  assertEquals(change(0), DEFAULT_PARAMETERS);
  const off = { ...DEFAULT_PARAMETERS, nagle: false };
  assertEquals(changeParameters(off, 0).nagle, true);
});

Deno.test("parameters that can't be are refused", () => {
  assertThrows(() => change({ nagel: false }), TypeError, '"nagel"');
  assertThrows(() => change({ nagle: 1 }), TypeError, '"nagle" is no boolean');
  assertThrows(() => change({ minVersion: 12 }), TypeError, '"minVersion" is no string');
  assertThrows(() => change({ readTimeout: -1 }), RangeError, '"readTimeout"');
  assertThrows(() => change({ closeTimeout: 2 ** 31 }), RangeError, '"closeTimeout"');
  assertEquals(change({ closeTimeout: Infinity }).closeTimeout, Infinity);
  assertThrows(() => change({ minVersion: "TLSv1.1" }), TypeError, 'from "TLSv1.1"');
  const reverse = { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" };
  assertThrows(() => change(reverse), TypeError, 'from "TLSv1.3" to "TLSv1.2"');
  assertThrows(() => change({ toString: 1 }), TypeError, '"toString"');
  for (const flags of [4, -1, 1.5, NaN]) assertThrows(() => change(flags), TypeError, "no option");
  assertThrows(() => change({ uniqueAddress: false }), SocketFailure, "unstable");
});
