// Floor 3: driver.
import type { TlsVersion } from "../net/tls_options.ts";
import { isBounded } from "../net/wait.ts";
import { SocketFailure } from "./_failure.ts";
import { SocketBookOption } from "./constants.ts";
import type { SocketBookParameters } from "./socket_book_options.ts";

/** The parameters of a book that nobody has set. */
export const DEFAULT_PARAMETERS: Required<SocketBookParameters> = {
  nagle: true,
  uniqueAddress: true,
  keepAlive: false,
  connectTimeout: 20_000,
  handshakeTimeout: 10_000,
  readTimeout: 1000,
  writeTimeout: 0,
  closeTimeout: 5000,
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
};

/**
 * The parameters `before` with what is given changed: an object, or flags of `SocketBookOption`.
 *
 * @throws {TypeError} For a name or a kind of value that there is not.
 * @throws {RangeError} For a time below 0, or too long for a timer.
 */
export function changeParameters(
  before: Required<SocketBookParameters>,
  given: SocketBookParameters | number,
): Required<SocketBookParameters> {
  const parameters = typeof given === "number" ? ofFlags(given) : given;
  return checkParameters({ ...before, ...definedOf(parameters) });
}

function ofFlags(flags: number): SocketBookParameters {
  const { NAGLE_OFF, UNIQUE_ADDRESS } = SocketBookOption;
  if (!Number.isInteger(flags) || (flags & ~(NAGLE_OFF | UNIQUE_ADDRESS)) !== 0) {
    throw new TypeError(`There is no option ${flags}`);
  }
  return {
    nagle: (flags & NAGLE_OFF) === 0,
    ...((flags & UNIQUE_ADDRESS) === 0 ? {} : { uniqueAddress: true }),
  };
}

function definedOf(parameters: SocketBookParameters): SocketBookParameters {
  return Object.fromEntries(
    Object.entries(parameters).filter(([, value]) => value !== undefined),
  );
}

function checkParameters(
  parameters: Required<SocketBookParameters>,
): Required<SocketBookParameters> {
  if (parameters.uniqueAddress === false) {
    throw new SocketFailure("UNSUPPORTED", "Deno can't share a port without an unstable flag");
  }
  for (const [name, value] of Object.entries(parameters)) {
    if (!Object.hasOwn(DEFAULT_PARAMETERS, name)) {
      throw new TypeError(`There is no parameter "${name}"`);
    }
    const known = DEFAULT_PARAMETERS[name as keyof SocketBookParameters];
    if (typeof value !== typeof known) {
      throw new TypeError(`The parameter "${name}" is no ${typeof known}`);
    }
    if (typeof value === "number") isBounded(`set the parameter "${name}"`, { timeout: value });
  }
  const { minVersion, maxVersion } = parameters;
  const versions: TlsVersion[] = ["TLSv1.2", "TLSv1.3"];
  const oldest = versions.indexOf(minVersion);
  if (oldest < 0 || versions.indexOf(maxVersion) < oldest) {
    throw new TypeError(`There is no TLS from "${minVersion}" to "${maxVersion}"`);
  }
  return parameters;
}
