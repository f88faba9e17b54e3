// Floor 1: codec.
import type { Room } from "./types.ts";

/**
 * Rooms as a list. A number is one room, too: programs that are not checked, and clients, name rooms by numbers.
 *
 * @throws {TypeError} for what is no room: who chose everybody for the want of one would be told too late.
 */
export function roomList(room: Room | readonly Room[]): readonly Room[] {
  if (typeof room === "object" && room !== null && Symbol.iterator in room) return room;
  if (typeof room === "string" || typeof room === "number") return [room];
  throw new TypeError(`Cannot choose the room "${String(room)}": it is neither a text nor a list`);
}
