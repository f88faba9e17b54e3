/**
 * `deno task lint:examples`: checks that the whole public surface is shown at work.
 *
 * A function or class has an `@example` of its own that `deno task test:doc` runs. What is not a function or class (interface,
 * type, constant) has one, or is named in a program, or stands in the signature (or is linked from the text) of something that is shown: a function's
 * example shows the options that it takes. Each entry point says what it is for, with an example that is run. A link in a text
 * leads to a public name, and a tag begins its line: within one it is shown as text. What needs the world outside (see {@linkcode OUTSIDE})
 * may have an example that is not run.
 */
import { report, repositoryRoot, runDeno } from "./tree.ts";

/** What can't be run on any machine, and why: its example is marked `ignore`. */
const OUTSIDE: Readonly<Record<string, string>> = {
  connectBluetooth: "takes a Bluetooth adapter and a device",
  connectInfrared: "takes a kernel with IrDA",
  discoverBluetooth: "takes a Bluetooth adapter",
  discoverBluetoothServices: "takes a Bluetooth adapter and a device",
  listenBluetooth: "takes a Bluetooth adapter",
  listenInfrared: "takes a kernel with IrDA",
  traceMain: "ends the program",
};

interface Declaration {
  kind: string;
  declarationKind: string;
  location: { filename: string; line: number };
  jsDoc?: { doc?: string; tags?: { kind: string; doc?: string }[] };
  def?: unknown;
}

interface Symbol {
  name: string;
  declarations: Declaration[];
}

/** What is known of one public name. */
interface Shown {
  name: string;
  /** Whether it is a function or a class. */
  active: boolean;
  place: string;
  /** The code of its examples that are run, and of those that are not. */
  run: string[];
  ignored: string[];
  /** The names that its signature has in it, and those that its text links to. */
  mentions: Set<string>;
  /** The names in its declaration: those of its members are among them. */
  members: Set<string>;
  /** What its texts, and those of its members, link to. */
  links: string[];
  /** The tags that stand within a line of these texts. */
  strayTags: string[];
}

const LINK = /\{@link\w* ([^}|\s]+)/g;
const NAME = /"name":"([^"]+)"/g;
const TEXT = /"doc":("(?:[^"\\]|\\.)*")/g;
const STRAY_TAG = /\S[^\n]*? (@(?:default|throws|returns|param|example|deprecated|see)\b)/g;
const BLOCK = /^[ \t]*```(ts|typescript|js|javascript)\b([^\n]*)\n([\s\S]*?)^[ \t]*```/gm;

/** The programs in a text, those that are run and those that are not. */
export function readBlocks(text: string): { run: string[]; ignored: string[] } {
  const run: string[] = [];
  const ignored: string[] = [];
  for (const [, , info, code] of text.matchAll(BLOCK)) {
    (/\bignore\b/.test(info) ? ignored : run).push(code);
  }
  return { run, ignored };
}

/** All identifiers in a text. */
function words(text: string): Set<string> {
  return new Set(text.match(/[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? []);
}

function summarize(root: string, { name, declarations }: Symbol): Shown | undefined {
  const own = declarations.filter(({ declarationKind }) => declarationKind !== "private");
  if (own.length === 0) return undefined;
  const run: string[] = [];
  const ignored: string[] = [];
  const mentions = new Set<string>();
  for (const { jsDoc, def } of own) {
    for (const { kind, doc } of jsDoc?.tags ?? []) {
      if (kind !== "example" || doc === undefined) continue;
      const blocks = readBlocks(`${doc}\n`);
      run.push(...blocks.run);
      ignored.push(...blocks.ignored);
    }
    const text = [jsDoc?.doc, ...(jsDoc?.tags ?? []).map(({ doc }) => doc)].join("\n");
    const links = text.match(/\{@link\w* [^}]*\}/g) ?? [];
    for (const word of words(JSON.stringify(def ?? null) + links.join())) mentions.add(word);
  }
  const { location } = own[0];
  const file = decodeURIComponent(location.filename.replace(/^file:\/\//, ""));
  const at = file.indexOf(`${root}/`);
  return {
    name,
    active: own.some(({ kind }) => kind === "function" || kind === "class"),
    place: `${at < 0 ? file : file.slice(at + root.length + 1)}:${location.line + 1}`,
    run,
    ignored,
    mentions,
    members: new Set(Array.from(JSON.stringify(own).matchAll(NAME), ([, member]) => member)),
    links: Array.from(JSON.stringify(own).matchAll(LINK), ([, target]) => target),
    strayTags: JSON.stringify(own).matchAll(TEXT)
      .flatMap(([, text]) => (JSON.parse(text) as string).matchAll(STRAY_TAG))
      .map(([, tag]) => tag).toArray(),
  };
}

/** The public names of the package at `root`, read by `deno doc`. */
async function readSurface(root: string): Promise<{ surface: Shown[]; problems: string[] }> {
  const args = ["doc", "--json", "--no-lock", "--config", `${root}/deno.json`, `${root}/mod.ts`];
  const { success, stdout, stderr } = await runDeno(args, root);
  if (!success) {
    return { surface: [], problems: [`Cannot read the doc comments: ${stderr.trim()}`] };
  }
  const nodes: Record<string, { symbols?: Symbol[] }> = JSON.parse(stdout).nodes;
  const surface: Shown[] = [];
  for (const { symbols = [] } of Object.values(nodes)) {
    for (const symbol of symbols) {
      const shown = summarize(root, symbol);
      if (shown !== undefined) surface.push(shown);
    }
  }
  return { surface, problems: [] };
}

/** What the entry points of the package at `root` lack: a text about the module, and an example in it that is run. */
async function checkEntryPoints(root: string): Promise<string[]> {
  const { exports } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const entries: string[] = typeof exports === "string" ? [exports] : Object.values(exports);
  const problems: string[] = [];
  for (const entry of entries) {
    const place = entry.replace(/^\.\//, "");
    const text = await Deno.readTextFile(`${root}/${place}`);
    const [, comment = ""] = /^(?:\/\/[^\n]*\n)*\/\*\*([\s\S]*?)\*\//.exec(text) ?? [];
    const doc = comment.replace(/^[ \t]*\* ?/gm, "");
    if (!/^@module\b/m.test(doc)) problems.push(`${place}: does not say what the module is for`);
    else if (readBlocks(doc).run.length === 0) {
      problems.push(`${place}: has no example that is run`);
    }
  }
  return problems;
}

/** The programs of README.md and docs/ that are run. */
async function readPages(root: string): Promise<string[]> {
  const pages = [`${root}/README.md`];
  try {
    for await (const { name } of Deno.readDir(`${root}/docs`)) {
      if (name.endsWith(".md")) pages.push(`${root}/docs/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const blocks: string[] = [];
  for (const page of pages) {
    const text = await Deno.readTextFile(page).catch(() => "");
    blocks.push(...readBlocks(text).run);
  }
  return blocks;
}

/** Whether a link to `target` leads anywhere: to a public name, to a member of it, or to a page. */
function leads(target: string, byName: ReadonlyMap<string, Shown>): boolean {
  if (/^https?:/.test(target)) return true;
  const [name, member] = target.split(".");
  const symbol = byName.get(name);
  if (symbol === undefined || member === undefined) return symbol !== undefined;
  // A member may come from what the symbol extends.
  return [name, ...symbol.mentions].some((owner) => byName.get(owner)?.members.has(member));
}

/** The names that are shown: those in programs, and those that the signatures of shown names have in them. */
function namesShown(surface: readonly Shown[], programs: readonly string[]): Set<string> {
  const byName = new Map(surface.map((symbol) => [symbol.name, symbol]));
  const shown = new Set<string>();
  const pending = [
    ...programs.flatMap((code) => [...words(code)]),
    ...surface.filter(({ run, ignored }) => run.length + ignored.length > 0).map(({ name }) =>
      name
    ),
  ];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const symbol = byName.get(name);
    if (symbol === undefined || shown.has(name)) continue;
    shown.add(name);
    pending.push(...symbol.mentions);
  }
  return shown;
}

/** All that lacks an example in the package at `root` (an absolute path), and how many names were looked at. */
export async function checkExamples(
  root: string,
  outside: Readonly<Record<string, string>> = OUTSIDE,
): Promise<{ problems: string[]; names: number }> {
  root = (await Deno.realPath(root)).replaceAll("\\", "/");
  const { surface, problems } = await readSurface(root);
  problems.push(...await checkEntryPoints(root));
  const programs = [...surface.flatMap(({ run }) => run), ...await readPages(root)];
  const shown = namesShown(surface, programs);
  const byName = new Map(surface.map((symbol) => [symbol.name, symbol]));
  for (const { name, active, place, run, ignored, links, strayTags } of surface) {
    for (const tag of strayTags) {
      problems.push(`${place}: ${name} has ${tag} within a line of its text`);
    }
    for (const target of links) {
      if (!leads(target, byName)) {
        problems.push(`${place}: ${name} links to ${target}, which is no public name`);
      }
    }
    const reason = outside[name];
    if (!active) {
      if (!shown.has(name)) {
        problems.push(`${place}: ${name} is in no example and in no signature that is shown`);
      }
    } else if (run.length > 0) {
      if (reason !== undefined) {
        problems.push(`${place}: ${name} has an example that is run: it needs no exception`);
      }
    } else if (ignored.length === 0) problems.push(`${place}: ${name} has no example`);
    else if (reason === undefined) problems.push(`${place}: ${name} has no example that is run`);
  }
  for (const name of Object.keys(outside)) {
    if (!surface.some((symbol) => symbol.name === name)) {
      problems.push(`tools/examples.ts: the exception ${name} is not there`);
    }
  }
  return { problems, names: surface.length };
}

if (import.meta.main) {
  const { problems, names } = await checkExamples(Deno.args[0] ?? repositoryRoot());
  report("examples", `${names} names`, problems);
}
