/** Small trees of files in a temporary folder, for the tests of the tools. */
import { dirname } from "node:path";
import { tempFolder } from "./peers.ts";

/** Writes `files` (text by path) into a new folder that is removed at dispose. */
export async function plant(
  files: Record<string, string>,
): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await tempFolder();
  for (const [path, text] of Object.entries(files)) {
    const file = `${folder.path}/${path}`;
    await Deno.mkdir(dirname(file), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
  return folder;
}
