import { lookup } from "node:dns/promises";

/** A name that there is nowhere (RFC 6761, section 6.4). */
export const MISSING_NAME = "no-such-host.invalid";

/** What node:dns says of it: `ENOTFOUND`, or, on a machine without a name server, `EAI_AGAIN`. */
export function missingNameCode(): Promise<string> {
  return lookup(MISSING_NAME).then(
    () => "found",
    ({ code }: { code: string }) => code,
  );
}
