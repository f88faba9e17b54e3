/**
 * Fuzzing: what a target is, and the tools that targets are made of. Valid input is made first and damaged then (bits
 * flipped, numbers changed, parts cut, repeated, moved, mixed with other input), so that most of it gets past the first check.
 */
import { assert, assertStrictEquals } from "@std/assert";
import fc from "fast-check";

/** One parser, with the input that it gets and what must hold for it. */
export interface FuzzTarget {
  /** Module and parser: `net: netstring`. */
  readonly name: string;
  /** The property to run; `onrun` is called at each execution. */
  property(onrun: () => void): fc.IRawProperty<unknown>;
}

/**
 * An input of a few KiB takes a millisecond or so. Whatever takes so long has more than linear work, or no end, however busy the machine is.
 */
const HANG = 10_000;

/** Makes a target; `check` throws when something does not hold. */
export function fuzzTarget<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => void,
): FuzzTarget {
  return {
    name,
    property: (onrun) =>
      fc.property(arbitrary, (value) => {
        onrun();
        const start = performance.now();
        check(value);
        checkTime(start);
      }) as fc.IRawProperty<unknown>,
  };
}

/** {@linkcode fuzzTarget} for a check that waits. */
export function asyncFuzzTarget<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  check: (value: T) => Promise<void>,
): FuzzTarget {
  return {
    name,
    property: (onrun) =>
      fc.asyncProperty(arbitrary, async (value) => {
        onrun();
        const start = performance.now();
        await check(value);
        checkTime(start);
      }) as fc.IRawProperty<unknown>,
  };
}

function checkTime(start: number): void {
  const took = performance.now() - start;
  assert(took < HANG, `one input took ${Math.round(took)} ms`);
}

// --- damage ----------------------------------------------------------------------------------------------------------

/** One way to damage a sequence; places are 16-bit fractions of its length, so that they fit any. */
interface Mutation {
  kind:
    | "flip"
    | "set"
    | "number"
    | "insert"
    | "remove"
    | "repeat"
    | "move"
    | "truncate"
    | "behead";
  at: number;
  size: number;
  values: number[];
}

/** No damage makes an input longer than this. */
const LONGEST = 8192;

/** Numbers at the borders of what lengths and counts can be. */
const BORDERS = [
  0n,
  1n,
  2n,
  125n,
  126n,
  127n,
  128n,
  255n,
  256n,
  0x7fffn,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
];

function applyMutation(values: number[], mutation: Mutation, unit: number): void {
  const { kind, size, values: other } = mutation;
  const { length } = values;
  const at = Math.floor(mutation.at / 0x10000 * (length + (kind === "insert" ? 1 : 0)));
  switch (kind) {
    case "flip":
      if (length > 0) values[at] ^= 1 << size % (unit > 0xff ? 16 : 8);
      break;
    case "set":
      if (length > 0) values[at] = other[0] ?? 0;
      break;
    case "number": {
      const number = BORDERS[(other[0] ?? 0) % BORDERS.length];
      const width = [1, 2, 4, 8][size % 4];
      for (let i = 0; i < width && at + i < length; i++) {
        const place = size % 8 < 4 ? width - 1 - i : i;
        values[at + i] = Number(number >> BigInt(8 * place) & 0xffn);
      }
      break;
    }
    case "insert":
      values.splice(at, 0, ...other);
      break;
    case "remove":
      values.splice(at, size);
      break;
    case "repeat": {
      const part = values.slice(at, at + size);
      for (let i = 0; i <= (other[0] ?? 0) % 32 && values.length < LONGEST; i++) {
        values.splice(at, 0, ...part);
      }
      break;
    }
    case "move": {
      const part = values.splice(at, size);
      values.splice((other[0] ?? 0) % (values.length + 1), 0, ...part);
      break;
    }
    case "truncate":
      values.length = at;
      break;
    case "behead":
      values.splice(0, at);
      break;
  }
}

const place = fc.integer({ min: 0, max: 0xffff });

function mutations(value: fc.Arbitrary<number>): fc.Arbitrary<Mutation[]> {
  return fc.array(
    fc.record<Mutation>({
      kind: fc.constantFrom(
        "flip",
        "flip",
        "set",
        "set",
        "number",
        "insert",
        "remove",
        "repeat",
        "move",
        "truncate",
        "behead",
      ),
      at: place,
      size: fc.integer({ min: 1, max: 24 }),
      values: fc.array(value, { maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 4 },
  );
}

/** Valid sequences, whole or damaged, mixtures of two of them, and now and then noise. */
function damaged(
  valid: fc.Arbitrary<number[]>,
  value: fc.Arbitrary<number>,
  unit: number,
): fc.Arbitrary<number[]> {
  return fc.oneof(
    { weight: 3, arbitrary: valid },
    {
      weight: 9,
      arbitrary: fc.tuple(valid, mutations(value)).map(([sequence, all]) => {
        const result = [...sequence];
        for (const mutation of all) applyMutation(result, mutation, unit);
        return result;
      }),
    },
    {
      weight: 2,
      arbitrary: fc.tuple(valid, place, valid, place).map(([a, i, b, j]) => [
        ...a.slice(0, Math.floor(i / 0x10000 * (a.length + 1))),
        ...b.slice(Math.floor(j / 0x10000 * (b.length + 1))),
      ]),
    },
    { weight: 1, arbitrary: fc.array(value, { maxLength: 64 }) },
  );
}

/** Bytes that are valid input for a parser, or were before they were damaged. `often` come more often than other bytes. */
export function damagedBytes(
  valid: fc.Arbitrary<Uint8Array>,
  often: readonly number[] = [0, 0xff],
): fc.Arbitrary<Uint8Array> {
  const byte = fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.constantFrom(0, ...often));
  return damaged(valid.map((bytes) => [...bytes]), byte, 0xff).map((values) =>
    Uint8Array.from(values)
  );
}

/** {@linkcode damagedBytes} for text: UTF-16 units, so that lone surrogates come, too. */
export function damagedText(
  valid: fc.Arbitrary<string>,
  often: string = "\0\r\n\t ",
): fc.Arbitrary<string> {
  const unit = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...units(often)) },
    { weight: 2, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
  );
  return damaged(valid.map(units), unit, 0xffff).map((values) => {
    let text = "";
    for (const value of values) text += String.fromCharCode(value & 0xffff);
    return text;
  });
}

function units(text: string): number[] {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

/** Latin-1 text as bytes, which is what damaged heads of HTTP are. */
export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(units(text));
}

/** Bytes as the text that they are in Latin-1. */
export function latin1Text(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Several byte arrays in one. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Short bytes, as payloads. */
export function payload(maxLength = 40): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ maxLength }).map((bytes) => Uint8Array.from(bytes));
}

// --- splits ----------------------------------------------------------------------------------------------------------

/** Sizes of pieces, to be used again and again. */
export const pieces: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 24 }), {
  minLength: 1,
  maxLength: 5,
});

/** Up to this length every place is tried as the only cut. */
const ALL_CUTS = 24;

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + sizes[i % sizes.length]);
    chunks.push(bytes.slice(at, end));
    at = end;
  }
  return chunks;
}

/**
 * Runs a parser over the same bytes in one piece, byte by byte, in pieces of `sizes`, and, when they are few, cut in two at every place; all
 * must give the same. Each piece has memory of its own. Returns what they gave.
 */
export function sameForEverySplit(
  bytes: Uint8Array,
  sizes: readonly number[],
  run: (chunks: Uint8Array[]) => string,
): string {
  const whole = run(bytes.length === 0 ? [] : [bytes.slice()]);
  assertStrictEquals(run(cut(bytes, [1])), whole, "byte by byte");
  assertStrictEquals(run(cut(bytes, sizes)), whole, `in pieces of ${sizes.join(", ")}`);
  if (bytes.length <= ALL_CUTS) {
    for (let at = 1; at < bytes.length; at++) {
      const two = [bytes.slice(0, at), bytes.slice(at)];
      assertStrictEquals(run(two), whole, `cut at ${at}`);
    }
  }
  return whole;
}

/** {@linkcode sameForEverySplit} for text, cut between UTF-16 units. */
export function sameForEveryTextSplit(
  text: string,
  sizes: readonly number[],
  run: (chunks: string[]) => string,
): string {
  const whole = run(text === "" ? [] : [text]);
  assertStrictEquals(run([...units(text)].map((unit) => String.fromCharCode(unit))), whole);
  const chunks: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const end = at + sizes[i % sizes.length];
    chunks.push(text.slice(at, end));
    at = end;
  }
  assertStrictEquals(run(chunks), whole, `in pieces of ${sizes.join(", ")}`);
  return whole;
}

// --- telling ---------------------------------------------------------------------------------------------------------

/** A value as text that is the same for equal values, bytes and bigints included. */
export function tell(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item instanceof Uint8Array) return `bytes ${item.toHex()}`;
    if (typeof item === "bigint") return `${item}n`;
    if (item instanceof Map) return { map: [...item] };
    if (item instanceof Error) return tellError(item);
    if (typeof item === "number" && (!Number.isFinite(item) || Object.is(item, -0))) {
      return `number ${Object.is(item, -0) ? "-0" : item}`;
    }
    if (item === undefined) return "undefined";
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    // The order of keys means nothing.
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => a < b ? -1 : 1));
  }) ?? "undefined";
}

/** What of an error must not depend on how the bytes were cut. */
function tellError(error: Error): string {
  const { code } = error as { code?: unknown };
  return `${error.name} ${String(code)}: ${error.message}`;
}

/** What `parse` gives, or its error, which must be one of `kinds`. */
export function attempt<T>(
  parse: () => T,
  ...kinds: (abstract new (...args: never[]) => Error)[]
): { value: T } | { error: Error } {
  try {
    return { value: parse() };
  } catch (error) {
    if (!kinds.some((kind) => error instanceof kind)) throw error;
    return { error: error as Error };
  }
}
