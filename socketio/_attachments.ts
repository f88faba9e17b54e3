// Floor 1: codec.
import { PacketFault } from "./errors.ts";

/** How deep a value may nest where this codec has to walk through it. */
export const MAX_DEPTH = 512;

/** A value that goes on the wire as an attachment of its own. */
export type Binary = Uint8Array | ArrayBuffer | ArrayBufferView;

/** Whether a value goes on the wire as an attachment. */
function isBinary(value: unknown): value is Binary {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/** Whether a value is a `Blob` (or `File`), whose bytes must be read before it can be encoded. */
export function isBlob(value: unknown): value is Blob {
  return typeof Blob !== "undefined" && value instanceof Blob;
}

function tooDeep(): TypeError {
  return new TypeError(
    `Cannot encode a packet: a value is nested deeper than ${MAX_DEPTH} levels, or contains itself`,
  );
}

/** The name of a value's place, as `toJSON` gets it. */
type Place = string | number;

/** Whether JSON asks a value what to take in its place. */
function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === "function";
}

/** An object that JSON takes for the string, number or truth value in it. */
function isBoxed(value: object): boolean {
  return value instanceof String || value instanceof Number || value instanceof Boolean ||
    value instanceof BigInt;
}

/** What is in an object, as JSON sees it: functions are not, and so nobody asks a copy's `toJSON` once more. */
function contentOf(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, item]) => typeof item !== "function");
}

/** `asked` is set for what `toJSON` returned: JSON does not ask that again. */
function walkFor(
  value: unknown,
  found: (leaf: object) => boolean,
  depth: number,
  place: Place,
  asked: boolean,
): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth > MAX_DEPTH) throw tooDeep();
  // Lists first: they are the most, and never what is looked for.
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (walkFor(value[i], found, depth + 1, i, false)) return true;
    }
    return false;
  }
  if (found(value)) return true;
  if (isBinary(value) || isBlob(value)) return false;
  if (!asked && hasToJson(value)) {
    return walkFor(value.toJSON(`${place}`), found, depth + 1, place, true);
  }
  for (const key in value) {
    if (
      Object.hasOwn(value, key) &&
      walkFor((value as Record<string, unknown>)[key], found, depth + 1, key, false)
    ) return true;
  }
  return false;
}

/** Whether bytes are anywhere in the value. @throws {TypeError} if it nests too deep or contains itself. */
export function hasBinary(value: unknown): boolean {
  return walkFor(value, isBinary, 0, "", false);
}

/** Whether a `Blob` is anywhere in the value. @throws {TypeError} if it nests too deep or contains itself. */
export function hasBlob(value: unknown): boolean {
  return walkFor(value, isBlob, 0, "", false);
}

/** Views any kind of binary value as bytes, without a copy. */
export function toBytes(value: Binary): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * Takes the bytes out of a value: returns the value with a placeholder for each, and puts the bytes themselves into
 * `attachments`, in order.
 *
 * An object of the user's own that looks like a placeholder loses its `_placeholder` key: left as it is, the other
 * side would replace it with an attachment that it has nothing to do with, or end the connection.
 */
export function deconstruct(value: unknown, attachments: Uint8Array[]): unknown {
  return takeOut(value, attachments, 0, "", false);
}

function takeOut(
  value: unknown,
  attachments: Uint8Array[],
  depth: number,
  place: Place,
  asked: boolean,
): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (isBinary(value)) {
    attachments.push(toBytes(value));
    return { _placeholder: true, num: attachments.length - 1 };
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => takeOut(item, attachments, depth + 1, index, false));
  }
  if (!asked && hasToJson(value)) {
    return takeOut(value.toJSON(`${place}`), attachments, depth + 1, place, true);
  }
  if (isBoxed(value)) return value;
  const copy: Record<string, unknown> = {};
  const lookalike = (value as { _placeholder?: unknown })._placeholder === true;
  for (const [key, item] of contentOf(value)) {
    if (lookalike && key === "_placeholder") continue;
    setOwn(copy, key, takeOut(item, attachments, depth + 1, key, false));
  }
  return copy;
}

/** Sets a property of the object itself, whatever its name is: `__proto__` too. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else object[key] = value;
}

/**
 * Puts attachments back where their placeholders are, in the value itself. Each attachment has exactly one placeholder,
 * and each placeholder a valid number: anything else is a fault.
 */
export function reconstruct(
  value: unknown,
  attachments: readonly Uint8Array[],
): PacketFault | { value: unknown } {
  const used = new Uint8Array(attachments.length);
  let fault: PacketFault | undefined;

  function put(item: unknown, depth: number): unknown {
    if (fault !== undefined || typeof item !== "object" || item === null) return item;
    if (depth > MAX_DEPTH) {
      fault = new PacketFault(`nested deeper than ${MAX_DEPTH} levels`);
      return item;
    }
    if (Array.isArray(item)) {
      for (let i = 0; i < item.length; i++) item[i] = put(item[i], depth + 1);
      return item;
    }
    const object = item as Record<string, unknown>;
    if (object._placeholder === true && Object.hasOwn(object, "_placeholder")) {
      const num = Object.hasOwn(object, "num") ? object.num : undefined;
      if (
        typeof num !== "number" || !Number.isInteger(num) || num < 0 || num >= attachments.length ||
        used[num] === 1
      ) {
        fault = new PacketFault("a placeholder without a valid attachment number");
        return item;
      }
      used[num] = 1;
      return attachments[num];
    }
    for (const key of Object.keys(object)) object[key] = put(object[key], depth + 1);
    return object;
  }

  const whole = put(value, 0);
  if (fault !== undefined) return fault;
  if (used.includes(0)) return new PacketFault("an attachment without a placeholder");
  return { value: whole };
}

/** Reads every `Blob` in a value, and returns the value with bytes in their places; the rest is shared, not copied. */
export function readBlobs(value: unknown): Promise<unknown> {
  return readIn(value, 0, "", false);
}

async function readIn(
  value: unknown,
  depth: number,
  place: Place,
  asked: boolean,
): Promise<unknown> {
  if (typeof value !== "object" || value === null || isBinary(value)) return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (isBlob(value)) return new Uint8Array(await value.arrayBuffer());
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    for (const item of value) copy.push(await readIn(item, depth + 1, copy.length, false));
    return copy;
  }
  if (!asked && hasToJson(value)) {
    const json = value.toJSON(`${place}`);
    return walkFor(json, isBlob, depth + 1, place, true)
      ? await readIn(json, depth + 1, place, true)
      : value;
  }
  if (isBoxed(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, item] of contentOf(value)) {
    setOwn(copy, key, await readIn(item, depth + 1, key, false));
  }
  return copy;
}
