import { assertEquals, assertThrows } from "@std/assert";
import {
  ClientInfo,
  DEFAULT_END_MARKER,
  SocketBookEvent,
  SocketBookOption,
  TlsProtocol,
  TransmissionMode,
} from "../../socket/constants.ts";

Deno.test("transmission modes have WLangage's values where they are known", () => {
  assertEquals(TransmissionMode.END_MARKER, 0);
  assertEquals(TransmissionMode.NO_MARKER, 3);
  assertEquals(
    [TransmissionMode.SIZE_HEADER, TransmissionMode.END_MARKER_BUFFERED].sort(),
    [1, 2],
  );
  assertEquals(DEFAULT_END_MARKER.charCodeAt(0), 26);
});

Deno.test("the values of a set of constants differ, and can't be changed", () => {
  for (
    const constants of [
      TransmissionMode,
      ClientInfo,
      SocketBookEvent,
      SocketBookOption,
      TlsProtocol,
    ]
  ) {
    const values = Object.values(constants);
    assertEquals(new Set(values).size, values.length);
    assertThrows(() => Object.assign(constants, { OTHER: 9 }), TypeError);
  }
});

Deno.test("options and protocols are flags", () => {
  for (const flags of [SocketBookOption, TlsProtocol]) {
    const values: number[] = Object.values(flags);
    assertEquals(
      values.reduce((sum, flag) => sum | flag),
      values.reduce((sum, flag) => sum + flag),
    );
  }
});
