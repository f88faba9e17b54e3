/**
 * `deno task lint:exports`: checks the public surface. Every public file of a module is re-exported in
 * full from its `mod.ts`, every module from the root `mod.ts`, a name means one thing in all modules,
 * `mod.ts` only re-exports (and starts, if the module is a command), and `"exports"` in deno.json has each module and no file that isn't there.
 */
import { isPrivate, listSources, MODULES, report, repositoryRoot, runDeno } from "./tree.ts";

/** The exported names of a file, each with the files that define it. */
type Names = Map<string, Set<string>>;

interface DocSymbol {
  name: string;
  declarations: {
    declarationKind: string;
    kind: string;
    location: { filename: string };
    /** Of a re-export: what it stands for. */
    def?: { target?: { filename: string } };
  }[];
}

/** The exported names of each file, read by `deno doc`. */
async function readNames(
  root: string,
  files: readonly string[],
): Promise<{ names: Map<string, Names>; problems: string[] }> {
  const names = new Map<string, Names>();
  if (files.length === 0) return { names, problems: [] };
  const config = ["--no-lock", "--config", `${root}/deno.json`];
  const { success, stdout, stderr } = await runDeno(
    ["doc", "--json", ...config, ...files.map((file) => `${root}/${file}`)],
    root,
  );
  if (!success) return { names, problems: [`Cannot read the exported names: ${stderr.trim()}`] };
  const nodes: Record<string, { symbols?: DocSymbol[] }> = JSON.parse(stdout).nodes;
  for (const [url, { symbols = [] }] of Object.entries(nodes)) {
    const own: Names = new Map();
    for (const { name, declarations } of symbols) {
      const places = declarations
        .filter((declaration) => declaration.declarationKind !== "private")
        .map(({ location, def }) => relative(root, (def?.target ?? location).filename));
      if (places.length > 0) own.set(name, new Set(places));
    }
    names.set(relative(root, url), own);
  }
  return { names, problems: [] };
}

function relative(root: string, url: string): string {
  const path = decodeURIComponent(url.replace(/^file:\/\//, ""));
  const at = path.indexOf(`${root}/`);
  return at < 0 ? path : path.slice(at + root.length + 1);
}

/** Code without comments; strings may hold no comment signs in a file that only re-exports. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

const REEXPORT = /\s*export\s+(?:type\s+)?(?:\*|\{[^{}]*\})\s+from\s+"([^"]+)"\s*;/y;

/** What a module that is a command, too, does when it is started: it calls one of the functions that it exports. */
const COMMAND =
  /^import \{ (\w+) \} from "([^"]+)";\s*if \(import\.meta\.main\) (?:await )?\1\(\);$/;

/** The specifiers that a file re-exports from, or what else it does. */
function readReexports(text: string): { from: string[]; rest: string } {
  const code = withoutComments(text);
  const from: string[] = [];
  REEXPORT.lastIndex = 0;
  let end = 0;
  for (let match = REEXPORT.exec(code); match !== null; match = REEXPORT.exec(code)) {
    from.push(match[1]);
    end = REEXPORT.lastIndex;
  }
  const rest = code.slice(end).trim();
  const command = COMMAND.exec(rest);
  return { from, rest: command !== null && from.includes(command[2]) ? "" : rest };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}

/** Checks that a `mod.ts` only re-exports; gives what it re-exports from. */
async function readIndex(root: string, path: string, problems: string[]): Promise<string[]> {
  const { from, rest } = readReexports(await Deno.readTextFile(`${root}/${path}`));
  if (rest !== "") {
    problems.push(`${path}: may only re-export, but has: ${rest.split("\n", 1)[0]}`);
  }
  return from;
}

/** Checks the `"exports"` of deno.json against the tree. */
async function checkConfig(
  root: string,
  modules: readonly string[],
  problems: string[],
): Promise<void> {
  const config = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const keys: Record<string, string> = typeof config.exports === "string"
    ? { ".": config.exports }
    : config.exports ?? {};
  if (keys["."] !== "./mod.ts") problems.push('deno.json: "exports" must map "." to "./mod.ts"');
  for (const module of modules) {
    if (keys[`./${module}`] !== `./${module}/mod.ts`) {
      problems.push(`deno.json: "exports" must map "./${module}" to "./${module}/mod.ts"`);
    }
  }
  for (const [key, path] of Object.entries(keys)) {
    if (!path.startsWith("./") || !(await exists(`${root}/${path}`))) {
      problems.push(`deno.json: "exports" maps "${key}" to "${path}", which is not there`);
    } else if (isPrivate(path.slice(2))) {
      problems.push(`deno.json: "exports" maps "${key}" to the private file "${path}"`);
    }
  }
}

/** All that is wrong with the public surface of the tree at `root` (an absolute path). */
export async function checkExports(root: string): Promise<string[]> {
  root = (await Deno.realPath(root)).replaceAll("\\", "/");
  const problems: string[] = [];
  const sources = await listSources(root);
  const inUse = Object.keys(MODULES).filter((module) =>
    sources.some((path) => path.startsWith(`${module}/`))
  );
  const modules = inUse.filter((module) => sources.includes(`${module}/mod.ts`));
  for (const module of inUse) {
    if (!modules.includes(module)) problems.push(`${module}/: has no mod.ts`);
  }
  const files = sources.filter((path) =>
    !isPrivate(path) && modules.some((module) => path.startsWith(`${module}/`))
  );
  const hasRoot = await exists(`${root}/mod.ts`);
  if (!hasRoot) problems.push("mod.ts: is not there");
  const { names, problems: unread } = await readNames(root, hasRoot ? ["mod.ts", ...files] : files);
  problems.push(...unread);

  const meanings = new Map<string, Set<string>>();
  for (const module of modules) {
    const index = `${module}/mod.ts`;
    for (const specifier of await readIndex(root, index, problems)) {
      if (!specifier.startsWith("./") || isPrivate(specifier.slice(2))) {
        problems.push(`${index}: may not re-export from "${specifier}"`);
      }
    }
    const exported = names.get(index) ?? new Map();
    for (const path of files) {
      if (!path.startsWith(`${module}/`) || path === index) continue;
      for (const [name, places] of names.get(path) ?? []) {
        if (!exported.has(name)) problems.push(`${path}: ${name} is not exported from ${index}`);
        const known = meanings.get(name) ?? new Set();
        for (const place of places) known.add(place);
        meanings.set(name, known);
      }
    }
  }
  for (const [name, places] of meanings) {
    if (places.size > 1) {
      problems.push(`${name}: one name for different things: ${[...places].sort().join(", ")}`);
    }
  }
  if (hasRoot) {
    const reexported = await readIndex(root, "mod.ts", problems);
    for (const module of modules) {
      if (!reexported.includes(`./${module}/mod.ts`)) {
        problems.push(`mod.ts: must re-export "./${module}/mod.ts"`);
      }
      for (const name of names.get(`${module}/mod.ts`)?.keys() ?? []) {
        if (!names.get("mod.ts")?.has(name)) {
          problems.push(`mod.ts: ${name} of ${module} does not reach it`);
        }
      }
    }
  }
  await checkConfig(root, modules, problems);
  return problems;
}

if (import.meta.main) {
  const root = Deno.args[0] ?? repositoryRoot();
  const files = await listSources(root);
  report("exports", `${files.length} files`, await checkExports(root));
}
