// Floor 1: codec.

/** Returns the object that it is given, so that a class derived from it puts its private fields on that. */
const Given = function (object: object): object {
  return object;
} as unknown as new (object: object) => object;

/** A mark that nobody sees and nobody can forge. */
class Mark extends Given {
  #room = true;

  static has(object: object): boolean {
    return #room in object && object.#room;
  }
}

/**
 * Marks bytes in front of which there is room for a frame header that nobody else uses: the one that they came with.
 * If they are sent on as they are, the new header goes there, and they need not be copied.
 */
export function markHeadroom(bytes: Uint8Array): void {
  if (!Mark.has(bytes)) new Mark(bytes);
}

/** Whether bytes were marked. Views of them are not. */
export function hasHeadroom(bytes: Uint8Array): boolean {
  return Mark.has(bytes);
}
