/**
 * `deno task lint:layers`: checks the order of modules and floors (see ARCHITECTURE.md) from the real
 * import graph of Deno, type imports included, and type-checks floors 0 to 2 without Deno's types.
 */
import {
  floorOf,
  FLOORS,
  HIGHEST_PURE_FLOOR,
  isPrivate,
  listFiles,
  listSources,
  moduleOf,
  MODULES,
  report,
  repositoryRoot,
  runDeno,
} from "./tree.ts";

/** What floors 1 and 2 may import from outside: it needs nothing of Deno either. */
const PURE_PACKAGES = ["@std/bytes"];

/** Endings of script files other than the one that sources have. */
const OTHER_SCRIPT = /\.(js|mjs|cjs|jsx|tsx|mts|cts|d\.ts)$/;

/** One import, by value or by type. */
interface Edge {
  /** As it is written in the file. */
  specifier: string;
  /** The file (relative to the root, with `/`), or `undefined` when it is outside the tree. */
  file: string | undefined;
  /** Why it can't be resolved. */
  error: string | undefined;
}

interface Resolved {
  specifier?: string;
  error?: string;
}

interface GraphModule {
  specifier: string;
  error?: string;
  dependencies?: { specifier: string; code?: Resolved; type?: Resolved }[];
}

/** The imports of each source file, as Deno resolves them. */
async function readGraph(
  root: string,
  sources: readonly string[],
): Promise<{ graph: Map<string, Edge[]>; problems: string[] }> {
  const graph = new Map<string, Edge[]>();
  const problems: string[] = [];
  const base = fileUrl(root) + "/";
  const folder = await Deno.makeTempDir({ prefix: "sluice_layers_" });
  let modules: GraphModule[];
  try {
    const entry = `${folder}/entry.ts`;
    await Deno.writeTextFile(
      entry,
      sources.map((path) => `import ${JSON.stringify(base + path)};\n`).join(""),
    );
    const config = `${root}/deno.json`;
    const args = ["info", "--json", "--no-lock", "--config", config, fileUrl(entry)];
    const { success, stdout, stderr } = await runDeno(args, root);
    if (!success) return { graph, problems: [`Cannot read the import graph: ${stderr}`] };
    modules = JSON.parse(stdout).modules;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const known = new Set(sources);
  for (const module of modules) {
    if (!module.specifier.startsWith(base)) continue;
    const path = module.specifier.slice(base.length);
    if (!known.has(path)) continue;
    if (module.error !== undefined) problems.push(`${path}: ${module.error}`);
    const edges: Edge[] = [];
    for (const { specifier, code, type } of module.dependencies ?? []) {
      const targets = new Set([code?.specifier, type?.specifier].filter((to) => to !== undefined));
      const error = code?.error ?? type?.error;
      if (error !== undefined || targets.size === 0) {
        edges.push({ specifier, file: undefined, error: error ?? "not found" });
      }
      for (const target of targets) {
        const inside = target.startsWith(base) && /^(\.|file:|@sluice\/)/.test(specifier);
        edges.push({
          specifier,
          file: inside ? target.slice(base.length) : undefined,
          error: undefined,
        });
      }
    }
    graph.set(path, edges);
  }
  return { graph, problems };
}

/** An absolute path as Deno is given it: it takes the drive letter of Windows for the scheme of a URL. */
function fileUrl(path: string): string {
  const url = new URL("file:///");
  url.pathname = path;
  return url.href;
}

/** What is wrong with one import of a source file; `floors` gives the floor of each source but `mod.ts`. */
function judge(path: string, edge: Edge, floors: ReadonlyMap<string, number>): string | undefined {
  const module = moduleOf(path)!;
  const floor = floors.get(path);
  const { specifier, file } = edge;
  if (edge.error !== undefined) return `cannot import "${specifier}": ${edge.error}`;
  if (file === undefined) {
    if (floor === undefined) return `mod.ts may not import "${specifier}"`;
    if (floor > HIGHEST_PURE_FLOOR) return undefined;
    if (floor > 0 && PURE_PACKAGES.includes(specifier)) return undefined;
    return `floor ${floor} may not import "${specifier}"`;
  }
  const target = moduleOf(file);
  if (target === undefined) return `may not import "${file}", which is outside the modules`;
  if (!file.endsWith("/mod.ts") && !floors.has(file)) return `cannot import "${file}": not found`;
  if (target !== module && !MODULES[module].includes(target)) {
    return `module ${module} may not import module ${target} ("${file}")`;
  }
  if (floor === undefined) {
    return target === module ? undefined : `mod.ts may not import another module ("${file}")`;
  }
  if (file.endsWith("/mod.ts")) return `may not import "${file}": import the file that defines it`;
  const owner = ownerOfPrivate(file);
  if (owner !== undefined && !path.startsWith(owner.inside) && folderOf(path) !== owner.folder) {
    return `may not import "${file}", which is private to ${owner.folder}/`;
  }
  const below = floors.get(file);
  if (below !== undefined && below > floor) {
    return `floor ${floor} may not import "${file}" on floor ${below}`;
  }
  return undefined;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** The folder that a private file belongs to, and the path prefix of its private folder, if it is in one. */
function ownerOfPrivate(file: string): { folder: string; inside: string } | undefined {
  if (!isPrivate(file)) return undefined;
  const parts = file.split("/");
  const index = parts.findIndex((part) => part.startsWith("_"));
  return {
    folder: parts.slice(0, index).join("/"),
    inside: parts.slice(0, index + 1).join("/") + "/",
  };
}

/** The cycles of the graph, each as its files from the first in order to the first again. */
function findCycles(graph: ReadonlyMap<string, readonly Edge[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push([...trail.slice(start), path]);
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const { file } of graph.get(path) ?? []) if (file !== undefined) visit(file);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return cycles;
}

/** Type-checks files with the libraries of the language and the web only: no `Deno`, no Node. */
async function checkPure(root: string, files: readonly string[]): Promise<string[]> {
  if (files.length === 0) return [];
  const config = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const folder = await Deno.makeTempDir({ prefix: "sluice_layers_" });
  try {
    const links = (config.links ?? []).map((link: string) =>
      new URL(link, `${fileUrl(root)}/`).href
    );
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({
        compilerOptions: { ...config.compilerOptions, lib: ["esnext", "dom"] },
        imports: config.imports ?? {},
        links,
      }),
    );
    const args = ["check", "--no-lock", "--config", `${folder}/deno.json`];
    const { success, stderr } = await runDeno(
      [...args, ...files.map((file) => `${root}/${file}`)],
      folder,
    );
    const found = stderr.replaceAll(/^Check .*\n/gm, "").trim();
    return success ? [] : [`floors 0 to 2 need more than the web's types:\n${found}`];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** All that is wrong with the layers of the tree at `root` (an absolute path). */
export async function checkLayers(root: string): Promise<string[]> {
  root = (await Deno.realPath(root)).replaceAll("\\", "/");
  const problems: string[] = [];
  const sources = await listSources(root);
  const floors = new Map<string, number>();
  for (const path of sources) {
    if (path.endsWith("/mod.ts")) continue;
    const floor = floorOf(await Deno.readTextFile(`${root}/${path}`));
    if (floor === undefined) {
      problems.push(
        `${path}: the first line must be one of: ${FLOORS.map((line) => `"${line}"`).join(", ")}`,
      );
    }
    floors.set(path, floor ?? FLOORS.length - 1);
  }
  for (const module of Object.keys(MODULES)) {
    for (const path of await listFiles(root, module)) {
      if (OTHER_SCRIPT.test(path)) problems.push(`${path}: source files end in .ts`);
    }
  }
  const { graph, problems: unread } = await readGraph(root, sources);
  problems.push(...unread);
  for (const [path, edges] of graph) {
    for (const edge of edges) {
      const problem = judge(path, edge, floors);
      if (problem !== undefined) problems.push(`${path}: ${problem}`);
    }
  }
  for (const cycle of findCycles(graph)) problems.push(`cycle: ${cycle.join(" → ")}`);
  const pure = sources.filter((path) => (floors.get(path) ?? Infinity) <= HIGHEST_PURE_FLOOR);
  problems.push(...await checkPure(root, pure));
  return [...new Set(problems)];
}

if (import.meta.main) {
  const root = Deno.args[0] ?? repositoryRoot();
  const files = await listSources(root);
  report("layers", `${files.length} files`, await checkLayers(root));
}
