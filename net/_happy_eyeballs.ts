// Floor 3: driver.
import { NetError } from "./errors.ts";

/** Puts the families in turn, beginning with the first address's (RFC 8305, 4); the order within a family stays. */
export function interleaveFamilies(addresses: readonly string[]): string[] {
  const six = addresses.filter((address) => address.includes(":"));
  const four = addresses.filter((address) => !address.includes(":"));
  const [first, second] = addresses[0]?.includes(":") ? [six, four] : [four, six];
  const result: string[] = [];
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (i < first.length) result.push(first[i]);
    if (i < second.length) result.push(second[i]);
  }
  return result;
}

/**
 * Tries the addresses one after the other, the next one as soon as the last has failed or after `delay` ms (RFC 8305, 5). The first that
 * succeeds wins: the others are aborted, and what they bring nevertheless is closed.
 *
 * @throws What `combine` makes of the errors, in the order of the addresses; or the signal's reason.
 */
export function raceAddresses<T extends { close(): void }>(
  addresses: readonly string[],
  attempt: (address: string, signal: AbortSignal) => Promise<T>,
  options: { delay: number; signal: AbortSignal; combine: (errors: unknown[]) => unknown },
): Promise<T> {
  const { delay, signal, combine } = options;
  return new Promise<T>((resolve, reject) => {
    const controller = new AbortController();
    const errors: unknown[] = new Array(addresses.length);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let next = 0;
    let running = 0;
    let open = true;

    const finish = (): void => {
      open = false;
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      // Mostly there was one alone, and nobody to be told.
      if (running === 0) return;
      controller.abort(new NetError("Cannot connect: not needed any more", { code: "ABORT_ERR" }));
    };
    const abort = (): void => {
      finish();
      reject(signal.reason);
    };
    const start = (): void => {
      clearTimeout(timer);
      if (next >= addresses.length) {
        if (running > 0) return;
        finish();
        reject(combine(errors));
        return;
      }
      const index = next++;
      running++;
      attempt(addresses[index], controller.signal).then((value) => {
        running--;
        if (!open) return value.close();
        finish();
        resolve(value);
      }, (error) => {
        running--;
        errors[index] = error;
        if (open) start();
      });
      // A timer that is asked for more than it can take fires at once.
      if (next < addresses.length && delay !== Infinity) timer = setTimeout(start, delay);
    };

    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    start();
  });
}
