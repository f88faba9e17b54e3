import { assertRejects } from "@std/assert";
import { NetError } from "../../net/errors.ts";

/** The code of the {@linkcode NetError} that a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, NetError)).code;
}
