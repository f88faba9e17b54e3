/** The reference as web pages: the task that writes it works, and has every module. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { repositoryRoot } from "../../tools/tree.ts";
import { runPeer, tempFolder } from "../_support/peers.ts";

Deno.test("the reference has pages for all modules, with their examples", async () => {
  const root = repositoryRoot();
  const config = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  await using folder = await tempFolder();
  const [, ...words] = (config.tasks["doc:html"].command as string).split(" ");
  for (const path of Object.values<string>(config.exports)) {
    assert(words.includes(path.slice(2)), `${path} is not in the reference`);
  }
  const args = words.map((word) =>
    word.startsWith("--output=") ? `--output=${folder.path}/pages` : word
  );
  const { code, stderr } = await runPeer(Deno.execPath(), args, { cwd: root, timeout: 120_000 });
  assertEquals(code, 0, stderr);
  const page = await Deno.readTextFile(`${folder.path}/pages/websocket/~/connectWebSocket.html`);
  assertStringIncludes(page, "Opens a WebSocket to a server");
  assertStringIncludes(page, "Example");
  assert((await Deno.stat(`${folder.path}/pages/index.html`)).isFile);
});
