/** Arbitrary SDP values, for properties. */
import { bluetoothUuid } from "../../net/bluetooth_uuid.ts";
import type { SdpElement } from "../../net/sdp.ts";
import fc from "fast-check";

const text = new TextEncoder();

const integers: fc.Arbitrary<SdpElement>[] = [1, 2, 4].flatMap((size) => [
  fc.integer({ min: 0, max: 2 ** (8 * size) - 1 }).map((value): SdpElement => ({
    type: "uint",
    size: size as 1,
    value,
  })),
  fc.integer({ min: -(2 ** (8 * size - 1)), max: 2 ** (8 * size - 1) - 1 }).map((
    value,
  ): SdpElement => ({ type: "int", size: size as 1, value })),
]);

const bigs: fc.Arbitrary<SdpElement>[] = [8, 16].flatMap((size) => [
  fc.bigInt({ min: 0n, max: 2n ** BigInt(8 * size) - 1n }).map((value): SdpElement => ({
    type: "uint",
    size: size as 8,
    value,
  })),
  fc.bigInt({ min: -(2n ** BigInt(8 * size - 1)), max: 2n ** BigInt(8 * size - 1) - 1n }).map((
    value,
  ): SdpElement => ({ type: "int", size: size as 8, value })),
]);

const uuids: fc.Arbitrary<SdpElement>[] = [
  fc.integer({ min: 0, max: 0xffff }).map((value): SdpElement => ({
    type: "uuid",
    size: 2,
    value: bluetoothUuid(value),
  })),
  fc.integer({ min: 0, max: 0xffffffff }).map((value): SdpElement => ({
    type: "uuid",
    size: 4,
    value: bluetoothUuid(value),
  })),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes): SdpElement => ({
    type: "uuid",
    size: 16,
    value: bluetoothUuid(bytes.toHex()),
  })),
];

/** Any element, nested up to four deep. */
export const anyElement: fc.Arbitrary<SdpElement> = fc.letrec<{ element: SdpElement }>((tie) => ({
  element: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.constant<SdpElement>({ type: "nil" }),
    ...integers,
    ...bigs,
    ...uuids,
    fc.boolean().map((value): SdpElement => ({ type: "bool", value })),
    fc.uint8Array({ maxLength: 300 }).map((value): SdpElement => ({ type: "text", value })),
    fc.string({ unit: "grapheme" }).map((value): SdpElement => ({ type: "url", value })),
    fc.array(tie("element"), { maxLength: 5 }).map((value): SdpElement => ({
      type: "sequence",
      value,
    })),
    fc.array(tie("element"), { maxLength: 3 }).map((value): SdpElement => ({
      type: "alternative",
      value,
    })),
  ),
})).element;

/** Bytes that are nearly an encoding: some are changed, cut off or added. */
export function damaged(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  return fc.tuple(bytes, fc.array(change, { maxLength: 4 }), fc.integer({ min: -4, max: 4 })).map(
    ([good, changes, more]) => {
      const bad = new Uint8Array(Math.max(0, good.length + more));
      bad.set(good.subarray(0, bad.length));
      for (const { at, byte } of changes) if (bad.length > 0) bad[at % bad.length] = byte;
      return bad;
    },
  );
}

/** UTF-8. */
export function bytesOf(string: string): Uint8Array {
  return text.encode(string);
}
