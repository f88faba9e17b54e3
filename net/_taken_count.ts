// Floor 0: vocabulary.
import { NetError } from "./errors.ts";

/**
 * How many of `length` bytes a transport has taken, as it says.
 *
 * @throws {NetError} `EIO` when that can't be: who went on would write the same bytes for ever, or leave some out.
 */
export function takenCount(n: number, length: number): number {
  if (n > 0 ? n <= length : n === length) return n;
  throw new NetError(`Cannot write: the transport says that it took ${n} of ${length} bytes`, {
    code: "EIO",
    syscall: "write",
  });
}
