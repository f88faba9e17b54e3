/** A signal that is no `AbortSignal` of this realm, as a polyfill's is none; `aborted` says whether it has fired. */
export function foreignSignal(aborted = false): { signal: AbortSignal; abort(): void } {
  const target = Object.assign(new EventTarget(), { aborted });
  return {
    signal: target as unknown as AbortSignal,
    abort() {
      target.aborted = true;
      target.dispatchEvent(new Event("abort"));
    },
  };
}
