import { assertEquals } from "@std/assert";
import { checkMirror } from "../../tools/mirror.ts";
import { plant } from "../_support/plant.ts";

const SOUND = {
  "buffer/mod.ts": "",
  "buffer/a.ts": "",
  "buffer/_b.ts": "",
  "net/deep/c.ts": "",
  "tests/buffer/a_test.ts": "",
  "tests/buffer/_b_test.ts": "",
  "tests/net/deep/c_test.ts": "",
  "tests/interop/free_test.ts": "",
  "tests/net/notes.md": "",
};

Deno.test("mirror finds nothing where each source has its test", async () => {
  await using folder = await plant(SOUND);
  assertEquals(await checkMirror(folder.path), []);
});

Deno.test("mirror finds a source file without a test, private ones too", async () => {
  await using folder = await plant({ ...SOUND, "net/d.ts": "", "net/_e.ts": "" });
  assertEquals(await checkMirror(folder.path), [
    "net/_e.ts: has no test file tests/net/_e_test.ts",
    "net/d.ts: has no test file tests/net/d_test.ts",
  ]);
});

Deno.test("mirror finds a test file without a source", async () => {
  await using folder = await plant({ ...SOUND, "tests/socket/gone_test.ts": "" });
  assertEquals(await checkMirror(folder.path), [
    "tests/socket/gone_test.ts: has no source file socket/gone.ts",
  ]);
});
