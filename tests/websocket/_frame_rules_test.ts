import { assert, assertEquals } from "@std/assert";
import { faultOfStart, readClosePayload } from "../../websocket/_frame_rules.ts";
import { isWebSocketCloseCode } from "../../websocket/close_code.ts";
import { readFrameHeader, WebSocketFrameHeader } from "../../websocket/frame.ts";
import { hex } from "../_support/hex.ts";
import { plainTools } from "../_support/websocket_rig.ts";

const FLAGS = [false, true];

Deno.test("frame rules pass exactly the starts that RFC 6455 and RFC 7692 allow", () => {
  const header = new WebSocketFrameHeader();
  let passed = 0;
  for (let start = 0; start < 0x10000; start++) {
    const [first, second] = [start >> 8, start & 0xff];
    readFrameHeader(header, new Uint8Array([first, second]), 0, 2);
    const opcode = first & 0x0f;
    for (const client of FLAGS) {
      for (const begun of FLAGS) {
        for (const compresses of FLAGS) {
          const control = opcode >= 8 && opcode <= 10 && first >= 0x80 && (second & 0x7f) < 126;
          const reserved = first & 0x70;
          const allowed = (second >= 0x80) !== client &&
            (opcode === 0 ? begun : opcode <= 2 ? !begun : control) &&
            (reserved === 0 ||
              (reserved === 0x40 && compresses && (opcode === 1 || opcode === 2)));
          const fault = faultOfStart(header, second, client, begun, compresses);
          assert((fault === undefined) === allowed, `${start.toString(16)} ${fault?.code}`);
          if (fault === undefined) passed++;
          else assertEquals(fault.closeCode, 1002);
        }
      }
    }
  }
  assert(passed > 0);
});

Deno.test("frame rules say which of them was broken", () => {
  const header = new WebSocketFrameHeader();
  const cases: Array<[bytes: string, client: boolean, begun: boolean, code: string, why: string]> =
    [
      ["c0 80", false, true, "RESERVED_BITS", "a reserved bit was set"],
      ["81 00", false, false, "MASK", "the client did not mask a frame"],
      ["81 80", true, false, "MASK", "the server masked a frame"],
      ["81 80", false, true, "CONTINUATION", "a new message began inside another"],
      ["80 80", false, false, "CONTINUATION", "a continuation came without a message"],
      ["83 80", false, false, "RESERVED_OPCODE", "opcode 3 is not defined"],
      ["8b 80", false, false, "RESERVED_OPCODE", "opcode 11 is not defined"],
      ["09 80", false, false, "CONTROL_FRAME", "a control frame was fragmented"],
      ["88 fe", false, false, "CONTROL_FRAME", "a control frame had more than 125 bytes"],
    ];
  for (const [text, client, begun, code, why] of cases) {
    const bytes = hex(text);
    readFrameHeader(header, bytes, 0, bytes.length);
    const fault = faultOfStart(header, bytes[1], client, begun, true);
    assertEquals(fault, { code, closeCode: 1002, why } as typeof fault);
  }
});

Deno.test("close payload is a code and a reason, or a fault", () => {
  const tools = plainTools();
  assertEquals(readClosePayload(hex(""), tools), { code: 1005, reason: "" });
  assertEquals(readClosePayload(hex("03e8 c3a9"), tools), { code: 1000, reason: "é" });
  for (let code = 0; code < 5100; code++) {
    const read = readClosePayload(new Uint8Array([code >> 8, code & 0xff]), tools);
    if (isWebSocketCloseCode(code)) assertEquals(read, { code, reason: "" });
    else assert("why" in read && read.closeCode === 1002);
  }
  const half = readClosePayload(hex("03"), tools);
  assert("why" in half && half.code === "CLOSE_PAYLOAD" && half.closeCode === 1002);
  const bad = readClosePayload(hex("03e8 c3"), tools);
  assert("why" in bad && bad.code === "CLOSE_PAYLOAD" && bad.closeCode === 1007);
});
