// Floor 1: codec.
import { checkOptionNames } from "./option_names.ts";
import { ProxyUrl } from "./proxy_url.ts";

/**
 * Refuses options that a function for a proxy does not have: without a misspelt login or policy it would go on without. A proxy's URL may
 * stand for its login, and says where it is besides.
 *
 * @throws {TypeError} `ERR_INVALID_ARG_VALUE`.
 */
export function checkProxyOptions(
  what: string,
  options: object,
  known: Readonly<Record<string, true>>,
): void {
  if (!(options instanceof ProxyUrl)) checkOptionNames(what, options, known);
}
