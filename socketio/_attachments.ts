// Floor 1: codec.
import { PacketFault } from "./errors.ts";

/** How deep a value may nest where this codec has to walk through it. */
export const MAX_DEPTH = 512;

/** A value that goes on the wire as an attachment of its own. */
export type Binary = Uint8Array | ArrayBuffer | ArrayBufferView;

/** Whether a value goes on the wire as an attachment. */
export function isBinary(value: unknown): value is Binary {
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

function walkFor(value: unknown, found: (leaf: object) => boolean, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth > MAX_DEPTH) throw tooDeep();
  // Lists first: they are the most, and never what is looked for.
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (walkFor(value[i], found, depth + 1)) return true;
    return false;
  }
  if (found(value)) return true;
  if (isBinary(value) || isBlob(value)) return false;
  const toJson = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === "function") {
    const json: unknown = toJson.call(value, "");
    return json === value ? false : walkFor(json, found, depth + 1);
  }
  for (const key in value) {
    if (
      Object.hasOwn(value, key) &&
      walkFor((value as Record<string, unknown>)[key], found, depth + 1)
    ) return true;
  }
  return false;
}

/** Whether bytes are anywhere in the value. @throws {TypeError} if it nests too deep or contains itself. */
export function hasBinary(value: unknown): boolean {
  return walkFor(value, isBinary, 0);
}

/** Whether a `Blob` is anywhere in the value. @throws {TypeError} if it nests too deep or contains itself. */
export function hasBlob(value: unknown): boolean {
  return walkFor(value, isBlob, 0);
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
export function deconstruct(value: unknown, attachments: Uint8Array[], depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (isBinary(value)) {
    attachments.push(toBytes(value));
    return { _placeholder: true, num: attachments.length - 1 };
  }
  if (Array.isArray(value)) return value.map((item) => deconstruct(item, attachments, depth + 1));
  const toJson = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === "function") {
    const json: unknown = toJson.call(value, "");
    return json === value ? json : deconstruct(json, attachments, depth + 1);
  }
  const copy: Record<string, unknown> = {};
  const lookalike = (value as { _placeholder?: unknown })._placeholder === true;
  for (const [key, item] of Object.entries(value)) {
    if (lookalike && key === "_placeholder") continue;
    setOwn(copy, key, deconstruct(item, attachments, depth + 1));
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
export async function readBlobs(value: unknown, depth = 0): Promise<unknown> {
  if (typeof value !== "object" || value === null || isBinary(value)) return value;
  if (depth > MAX_DEPTH) throw tooDeep();
  if (isBlob(value)) return new Uint8Array(await value.arrayBuffer());
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    for (const item of value) copy.push(await readBlobs(item, depth + 1));
    return copy;
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return value;
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    setOwn(copy, key, await readBlobs(item, depth + 1));
  }
  return copy;
}
