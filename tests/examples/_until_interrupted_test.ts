import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { spawnPeer, tempFolder } from "../_support/peers.ts";

const folder = new URL("../../examples/", import.meta.url);

const PROGRAM = `
import { untilInterrupted } from "${folder}_until_interrupted.ts";
const ended = untilInterrupted(async () => console.log("closing"));
console.log("ready");
await ended;
`;

Deno.test(
  "examples: Ctrl-C and SIGTERM, as systemd and containers send it, end a program with success",
  {
    // On Windows no process can send either to another one.
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using temporary = await tempFolder();
    await Deno.writeTextFile(`${temporary.path}/main.ts`, PROGRAM);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const args = ["run", "--quiet", "--no-prompt", "main.ts"];
      const options = { cwd: temporary.path, ready: /ready/ };
      await using program = await spawnPeer(Deno.execPath(), args, options);
      program.kill(signal);
      const { code } = await program.status;
      assertEquals([signal, code, program.stdout], [signal, 0, "ready\nclosing\n"]);
    }
  },
);

Deno.test("examples: all of them take both signals, and so none listens for one by itself", async () => {
  const alone: string[] = [];
  const search = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory) await search(`${path}${name}/`);
      else if (name.endsWith(".ts") && name !== "_until_interrupted.ts") {
        const text = await Deno.readTextFile(path + name);
        if (text.includes("addSignalListener")) alone.push(name);
      }
    }
  };
  await search(fileURLToPath(folder));
  assertEquals(alone, []);
});
