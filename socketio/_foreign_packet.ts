// Floor 1: codec.
import { PacketFault } from "./errors.ts";
import { PacketType, RESERVED_EVENTS, type SocketIoPacket } from "./packet.ts";

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEvent(data: unknown[]): boolean {
  const name = data[0];
  return typeof name === "number" || (typeof name === "string" && !RESERVED_EVENTS.has(name));
}

/**
 * A packet of a parser of the program's choice, which may hand out anything: as those of the built-in decoder are, or a fault. What means
 * nothing for its type is left out; `null`, which formats without `undefined` have in its place, is nothing.
 */
export function checkForeignPacket(packet: unknown): SocketIoPacket | PacketFault {
  if (!isObject(packet)) return new PacketFault("the parser gave no packet");
  const { type, nsp } = packet;
  const id = packet.id ?? undefined;
  const data = packet.data ?? undefined;
  if (typeof nsp !== "string") return new PacketFault("a packet without a namespace");
  if (id !== undefined && !(Number.isSafeInteger(id) && (id as number) >= 0)) {
    return new PacketFault("an acknowledgement number that is none");
  }
  switch (type) {
    case PacketType.CONNECT:
      if (data !== undefined && !isObject(data)) {
        return new PacketFault("a connect packet without an object");
      }
      return { type, nsp, data };
    case PacketType.DISCONNECT:
      return { type, nsp };
    case PacketType.EVENT:
    case PacketType.BINARY_EVENT:
      if (!Array.isArray(data) || !isEvent(data)) {
        return new PacketFault("an event without a valid name");
      }
      return withId({ type: PacketType.EVENT, nsp, data }, id as number | undefined);
    case PacketType.ACK:
    case PacketType.BINARY_ACK:
      if (id === undefined) return new PacketFault("an acknowledgement without a number");
      if (!Array.isArray(data)) {
        return new PacketFault("an acknowledgement without a list of arguments");
      }
      return withId({ type: PacketType.ACK, nsp, data }, id as number);
    case PacketType.CONNECT_ERROR:
      if (typeof data !== "string" && !isObject(data)) {
        return new PacketFault("a connect error without content");
      }
      return { type, nsp, data };
    default:
      return new PacketFault("an unknown Socket.IO packet type");
  }
}

function withId(packet: SocketIoPacket, id: number | undefined): SocketIoPacket {
  if (id !== undefined) packet.id = id;
  return packet;
}
