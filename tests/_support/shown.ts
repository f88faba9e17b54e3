import { assertEquals } from "@std/assert";

/** Looks how `console.log` shows a value; how it breaks the lines depends on their lengths. */
export function assertShown(value: unknown, expected: string): void {
  const line = (text: string) => text.replaceAll(/\s+/g, " ");
  assertEquals(line(Deno.inspect(value)), line(expected));
}
