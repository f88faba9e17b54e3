// Floor 1: codec.

/** What stands in front of a packet's content: type, count of attachments, namespace, and acknowledgement number. */
export function encodePacketHead(
  type: number,
  nsp: string | undefined,
  id: number | undefined,
  attachments = 0,
): string {
  let head = String(type);
  if (attachments > 0) head += attachments + "-";
  if (nsp !== "/" && nsp !== undefined) head += nsp + ",";
  return id === undefined ? head : head + id;
}
