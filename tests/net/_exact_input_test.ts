import { assertEquals } from "@std/assert";
import { concat, ExactInput } from "../../net/_exact_input.ts";
import { hex } from "../_support/framing.ts";

/** One byte tells how many follow; each such message is kept, and after a message of nothing no more is wanted. */
function reader(): { input: ExactInput; seen: string[] } {
  const seen: string[] = [];
  const input: ExactInput = new ExactInput(1, () => {
    const { buffer, length } = input;
    if (length === 1 && buffer[0] > 0) return input.wantMore(1 + buffer[0]);
    seen.push([...buffer.subarray(1, length)].join());
    input.want(buffer[0] === 0 ? 0 : 1);
  });
  input.want(1);
  return { input, seen };
}

Deno.test("exact input takes its steps whole, however the bytes are cut", () => {
  for (const chunks of [["02070801090009"], ["02", "07", "08", "01", "09", "00", "09"]]) {
    const { input, seen } = reader();
    for (const chunk of chunks) input.receive(hex(chunk));
    assertEquals(seen, ["7,8", "9", ""]);
    assertEquals(input.needed, 0);
    assertEquals(input.leftover, hex("09"));
  }
});

Deno.test("exact input tells how many bytes it needs", () => {
  const { input } = reader();
  assertEquals(input.needed, 1);
  input.receive(hex("03"));
  assertEquals(input.needed, 3);
  input.receive(hex("01"));
  assertEquals(input.needed, 2);
});

Deno.test("exact input goes on with what was left over when more is wanted", () => {
  const { input, seen } = reader();
  input.receive(hex("00 0105"));
  input.receive(hex("00 ff"));
  assertEquals(input.leftover, hex("010500ff"));
  input.want(1);
  assertEquals(seen, ["", "5", ""]);
  assertEquals(input.leftover, hex("ff"));
});

Deno.test("concat joins two pieces", () => {
  assertEquals(concat(hex("01"), hex("0203")), hex("010203"));
});

Deno.test("exact input that was stopped keeps nothing", () => {
  const input = new ExactInput(4, () => {});
  input.want(2);
  input.receive(new Uint8Array([1, 2, 3]));
  assertEquals(input.leftover, new Uint8Array([3]));
  input.stop();
  input.receive(new Uint8Array([4, 5]));
  assertEquals([input.needed, input.leftover.length], [0, 0]);
});
