/**
 * A registry on loopback that serves this package, and the stand-ins of `@std`, as JSR would after a publication:
 * `JSR_URL` pointed to it makes `jsr:` imports come from here. For trying what a user of the published package sees.
 *
 *     deno run --allow-net=127.0.0.1 --allow-read tools/local_registry.ts [PORT]
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

interface Package {
  name: string;
  version: string;
  exports: Record<string, string>;
  files: Map<string, Uint8Array<ArrayBuffer>>;
}

interface Config {
  name: string;
  version: string;
  exports: Record<string, string>;
  imports?: Record<string, string>;
  publish?: { include?: string[] };
}

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Source as publication leaves it: names of the import map become the specifiers behind them. */
export function unfurl(source: string, imports: Record<string, string>): string {
  return source.replaceAll(
    /(\bfrom\s*|\bimport\s*\(?\s*)"([^"./][^"]*)"/g,
    (whole, before: string, specifier: string) => {
      const target = imports[specifier];
      return target === undefined ? whole : `${before}"${target}"`;
    },
  );
}

async function* filesBelow(path: string): AsyncGenerator<string> {
  const info = await Deno.stat(ROOT + path).catch(() => undefined);
  if (info === undefined) return;
  if (info.isFile) return void (yield path);
  for await (const { name } of Deno.readDir(ROOT + path)) yield* filesBelow(`${path}/${name}`);
}

/** The package whose deno.json lies in `folder`, with the files that a publication would have. */
async function loadPackage(folder: string): Promise<Package> {
  const config: Config = JSON.parse(await Deno.readTextFile(`${ROOT}${folder}deno.json`));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const roots = config.publish?.include ?? ["."];
  for (const root of roots) {
    for await (const path of filesBelow(root === "." ? folder.replace(/\/$/, "") : folder + root)) {
      const bytes = await Deno.readFile(ROOT + path);
      const name = "/" + path.slice(folder.length);
      const text = /\.ts$/.test(path) && !path.endsWith(".d.ts");
      files.set(
        name,
        text
          ? new TextEncoder().encode(unfurl(new TextDecoder().decode(bytes), config.imports ?? {}))
          : bytes,
      );
    }
  }
  return { name: config.name, version: config.version, exports: config.exports, files };
}

function answer(packages: Package[], path: string): BodyInit | undefined {
  const found = packages.find(({ name }) => path.startsWith(`/${name}/`));
  if (found === undefined) return undefined;
  const { name, version, exports, files } = found;
  const rest = path.slice(name.length + 2);
  if (rest === "meta.json") {
    const [scope, bare] = name.slice(1).split("/");
    return JSON.stringify({ scope, name: bare, latest: version, versions: { [version]: {} } });
  }
  if (rest === `${version}_meta.json`) {
    const manifest = Object.fromEntries([...files].map(([file, bytes]) => [file, {
      size: bytes.length,
      checksum: `sha256-${createHash("sha256").update(bytes).digest("hex")}`,
    }]));
    return JSON.stringify({ manifest, exports });
  }
  return rest.startsWith(`${version}/`) ? files.get(rest.slice(version.length)) : undefined;
}

/** Starts the registry. What was not found goes to `onmissing`. */
export async function serveRegistry(
  port = 0,
  onmissing: (path: string) => void = () => {},
): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const folders = ["", "tools/std/assert/", "tools/std/bytes/", "tools/std/streams/"];
  const packages = await Promise.all(folders.map(loadPackage));
  return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    const body = answer(packages, decodeURIComponent(pathname));
    if (body === undefined) onmissing(pathname);
    return body === undefined
      ? new Response("Not found\n", { status: 404 })
      : new Response(body, { headers: contentType(pathname) });
  });
}

function contentType(path: string): HeadersInit {
  const type = path.endsWith(".json") ? "application/json" : "text/typescript";
  return { "content-type": `${type}; charset=utf-8` };
}

if (import.meta.main) {
  const server = await serveRegistry(
    Number(Deno.args[0] ?? 0),
    (path) => console.log(`404 ${path}`),
  );
  console.log(`JSR_URL=http://127.0.0.1:${server.addr.port}/`);
}
