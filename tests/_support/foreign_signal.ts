/**
 * A signal that is no `AbortSignal` of this realm, as a polyfill's is none; `aborted` says whether it has fired, `listeners` how many
 * listen to it.
 */
export function foreignSignal(
  aborted = false,
): { signal: AbortSignal; readonly listeners: number; abort(): void } {
  const heard = new Set<unknown>();
  class Target extends EventTarget {
    aborted = aborted;
    override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
      heard.add(args[1]);
      super.addEventListener(...args);
    }
    override removeEventListener(...args: Parameters<EventTarget["removeEventListener"]>): void {
      heard.delete(args[1]);
      super.removeEventListener(...args);
    }
  }
  const target = new Target();
  return {
    signal: target as unknown as AbortSignal,
    get listeners() {
      return heard.size;
    },
    abort() {
      target.aborted = true;
      target.dispatchEvent(new Event("abort"));
    },
  };
}
