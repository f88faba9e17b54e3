// Floor 1: codec.
import type { Room } from "./types.ts";

/**
 * Rooms as a list. What is neither a text nor a list is one room, too: programs that are not checked, and clients, name rooms by numbers.
 */
export function roomList(room: Room | readonly Room[]): readonly Room[] {
  return typeof room === "object" && room !== null ? room : [room];
}
