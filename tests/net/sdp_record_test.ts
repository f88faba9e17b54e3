import { assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../net/errors.ts";
import {
  decodeSdpElement,
  encodeSdpElement,
  sdpSequence,
  sdpText,
  sdpUint,
} from "../../net/sdp.ts";
import {
  SDP_ATTRIBUTE,
  type SdpRecord,
  sdpRecordFromElement,
  sdpRecordToElement,
} from "../../net/sdp_record.ts";
import { hex } from "../_support/hex.ts";

const RECORD: SdpRecord = new Map([
  [SDP_ATTRIBUTE.ServiceName, sdpText("COM")],
  [SDP_ATTRIBUTE.ServiceRecordHandle, sdpUint(0x10000, 4)],
]);

Deno.test("a service record goes over the wire in the order of its attributes", () => {
  const element = sdpRecordToElement(RECORD);
  assertEquals(encodeSdpElement(element), hex("35 10 09 0000 0a 00010000 09 0100 25 03 434f4d"));
  assertEquals(sdpRecordFromElement(element), RECORD);
  assertEquals([...sdpRecordFromElement(element).keys()], [0x0000, 0x0100]);
});

Deno.test("a service record leaves out what was not asked for", () => {
  const element = sdpRecordToElement(RECORD, (attribute) => attribute >= 0x0100);
  assertEquals(sdpRecordFromElement(element), new Map([[0x0100, sdpText("COM")]]));
});

Deno.test("a service record that is none is rejected with EPROTO", () => {
  const wrong = [
    sdpUint(1, 2),
    sdpSequence(sdpUint(1, 2)),
    sdpSequence(sdpUint(1, 4), sdpText("")),
    sdpSequence(sdpText(""), sdpText("")),
  ];
  for (const element of wrong) {
    assertEquals(decodeSdpElement(encodeSdpElement(element)), element);
    assertEquals(assertThrows(() => sdpRecordFromElement(element), NetError).code, "EPROTO");
  }
});
