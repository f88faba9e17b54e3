import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BodyBytes } from "../../socketio/_body_bytes.ts";

Deno.test("body in any pieces is the same bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 30 }), (pieces) => {
      const whole = new Uint8Array(pieces.flatMap((piece) => [...piece]));
      const body = new BodyBytes(whole.length);
      for (const piece of pieces) assert(body.add(piece));
      assertEquals(body.size, whole.length);
      assertEquals(body.take(), whole);
    }),
  );
});

Deno.test("body of one piece is that piece", () => {
  const piece = Uint8Array.of(1, 2);
  const body = new BodyBytes(10);
  assert(body.add(piece));
  assert(body.take() === piece);
  assertEquals(new BodyBytes(10).take(), new Uint8Array(0));
});

Deno.test("body takes no more than its limit", () => {
  const body = new BodyBytes(3);
  assert(body.add(Uint8Array.of(1, 2)));
  assert(!body.add(Uint8Array.of(3, 4)));
  assert(body.add(Uint8Array.of(3)));
  assert(!body.add(Uint8Array.of(4)));
  assertEquals(body.take(), Uint8Array.of(1, 2, 3));
});

Deno.test("body leaves its pieces as they were, and keeps none of several", () => {
  const first = Uint8Array.of(1);
  const body = new BodyBytes(100);
  body.add(first);
  body.add(Uint8Array.of(2));
  body.add(Uint8Array.of(3));
  assertEquals(first, Uint8Array.of(1));
  assert(body.take().buffer !== first.buffer);
});

Deno.test("body asks for room as it grows, and lets go of everything when there is none", () => {
  const asked: number[] = [];
  const body = new BodyBytes(100_000, (held) => {
    asked.push(held);
    return held < 20_000;
  });
  assert(body.add(new Uint8Array(3000)));
  assert(body.add(new Uint8Array(3000)));
  assert(!body.add(new Uint8Array(30_000)));
  assert(body.starved);
  assert(asked[0] === 3000 && asked[1] >= 6000 && asked[2] >= 36_000);
  const tooLarge = new BodyBytes(10, () => true);
  assert(!tooLarge.add(new Uint8Array(11)));
  assert(!tooLarge.starved);
});
