// Floor 1: codec.
import { RESERVED_EVENTS } from "./packet.ts";

/**
 * Checks what a program wants to emit. The other side of an event without a name ends the connection: all of them, where it goes to many.
 *
 * @throws {TypeError} if the name is reserved, or none.
 */
export function checkEventName(name: unknown): void {
  if (typeof name !== "string") {
    if (Number.isFinite(name)) return; // npm's take it, too
    throw new TypeError(`Cannot emit an event: its name is ${describe(name)}, and not a text`);
  }
  if (RESERVED_EVENTS.has(name)) {
    throw new TypeError(`Cannot emit "${name}": it is a reserved event name`);
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === "number") return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
