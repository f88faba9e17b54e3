import { assert } from "@std/assert";
import { loadV8 } from "../../net/_v8.ts";

Deno.test("node:v8 tells of the heap and of its spaces by the names that are looked for", () => {
  const { getHeapStatistics, getHeapSpaceStatistics } = loadV8();
  assert(getHeapStatistics().heap_size_limit > 16_777_216);
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space");
  assert(young !== undefined && young.space_size > 0);
});
