/** Lets promises that are settled have their effects, so many links of a chain far; timers and I/O stay where they are. */
export async function microtasks(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}
