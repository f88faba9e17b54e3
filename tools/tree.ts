/** What the checks of the tree share: the modules and their order, the floors, the list of files. */

/** Each module with the modules that it may import. */
export const MODULES: Readonly<Record<string, readonly string[]>> = {
  buffer: [],
  net: ["buffer"],
  websocket: ["buffer", "net"],
  socket: ["buffer", "net", "websocket"],
  socketio: ["buffer", "net", "websocket"],
  trace: ["buffer", "net", "websocket"],
};

/** The first line of a source file, by floor. */
export const FLOORS: readonly string[] = [
  "// Floor 0: vocabulary.",
  "// Floor 1: codec.",
  "// Floor 2: protocol.",
  "// Floor 3: driver.",
];

/** The highest floor that knows neither Deno nor a clock. */
export const HIGHEST_PURE_FLOOR = 2;

/** The floor that the first line of `text` states, or `undefined`. */
export function floorOf(text: string): number | undefined {
  const floor = FLOORS.indexOf(text.split(/\r?\n/, 1)[0]);
  return floor < 0 ? undefined : floor;
}

/** The module that a path (relative, with `/`) belongs to, or `undefined`. */
export function moduleOf(path: string): string | undefined {
  const [folder, rest] = path.split("/", 2);
  return rest !== undefined && Object.hasOwn(MODULES, folder) ? folder : undefined;
}

/** Whether a path has a part that starts with an underscore: private to the folder that holds that part. */
export function isPrivate(path: string): boolean {
  return path.split("/").some((part) => part.startsWith("_"));
}

/** All files below `root`/`folder`, as sorted paths relative to `root` with `/`; none if it is not there. */
export async function listFiles(root: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  const pending = [folder];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    try {
      for await (const entry of Deno.readDir(`${root}/${path}`)) {
        const child = `${path}/${entry.name}`;
        if (entry.isDirectory) pending.push(child);
        else found.push(child);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found.sort();
}

/** The source files of all modules, `mod.ts` included. */
export async function listSources(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const module of Object.keys(MODULES)) {
    found.push(...(await listFiles(root, module)).filter((path) => path.endsWith(".ts")));
  }
  return found;
}

/** Runs a command of this same Deno. */
export async function runDeno(
  args: readonly string[],
  cwd: string,
): Promise<{ success: boolean; stdout: string; stderr: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** The folder of the repository that this file is part of. */
export function repositoryRoot(): string {
  const path = decodeURIComponent(new URL("..", import.meta.url).pathname).replace(/\/$/, "");
  return Deno.build.os === "windows" ? path.replace(/^\//, "") : path;
}

/** Prints the outcome of a check and ends the program with 1 if there are problems. */
export function report(check: string, checked: string, problems: readonly string[]): void {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error(`${check}: ${problems.length} problem${problems.length === 1 ? "" : "s"}`);
    Deno.exit(1);
  }
  console.log(`${check}: ${checked}, no problems`);
}
