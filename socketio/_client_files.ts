// Floor 3: driver.
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { reportCallbackError } from "./_callback.ts";
import type { HttpExchange, ResponseHeaders } from "./_exchange.ts";

/** The package that the browser's client comes from. It is loaded when the first browser asks for it. */
const PACKAGE = "npm:socket.io-client@^4.8.1/package.json";

const FILES: ReadonlySet<string> = new Set([
  "socket.io.js",
  "socket.io.min.js",
  "socket.io.esm.min.js",
  "socket.io.msgpack.min.js",
].flatMap((name) => [name, `${name}.map`]));

const compress = promisify(gzip);

interface ClientFile {
  readonly version: string;
  readonly plain: Uint8Array;
  readonly gzipped: Uint8Array;
}

const loaded: Map<string, Promise<ClientFile>> = new Map();

async function load(name: string): Promise<ClientFile> {
  // Not a literal: else the package would be fetched with this module, whether it is wanted or not.
  const about: { default: { version: string } } = await import(PACKAGE, { with: { type: "json" } });
  const path = new URL(`dist/${name}`, import.meta.resolve(PACKAGE));
  // On a terminal Deno would ask, and the whole process would stand still: that is nothing for others to cause.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
    throw new Deno.errors.NotCapable(`Requires read access to "${fileURLToPath(path)}"`);
  }
  const plain = await Deno.readFile(path);
  return { version: about.default.version, plain, gzipped: await compress(plain) };
}

/** The name of the client's file that a path asks for, if it does. */
export function clientFileName(path: string, base: string): string | undefined {
  if (!path.startsWith(base + "/")) return undefined;
  const name = path.slice(base.length + 1);
  return FILES.has(name) ? name : undefined;
}

/** Answers a request for a file of the browser's client. */
export async function serveClientFile(name: string, exchange: HttpExchange): Promise<void> {
  let file: ClientFile;
  try {
    let promise = loaded.get(name);
    if (promise === undefined) loaded.set(name, promise = load(name));
    file = await promise;
  } catch (error) {
    loaded.delete(name);
    reportCallbackError(
      new Error(
        `Cannot serve ${name}: it is read from npm's package socket.io-client, which needs --allow-read`,
        { cause: error },
      ),
    );
    return exchange.respond(404, {});
  }
  const { headers, method } = exchange.request;
  if (method !== "GET" && method !== "HEAD") return exchange.respond(405, { Allow: "GET, HEAD" });
  const accepted = headers["accept-encoding"];
  const zipped = typeof accepted === "string" &&
    /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted);
  // Other bytes, another tag: RFC 9110 §8.8.3.3.
  const etag = zipped ? `"${file.version}-gzip"` : `"${file.version}"`;
  // The CORS rules may have made it vary by the origin.
  const vary = exchange.response.getHeader("Vary");
  const response: ResponseHeaders = {
    "Cache-Control": "public, max-age=0",
    "ETag": etag,
    "Vary": vary === undefined ? "Accept-Encoding" : `${vary}, Accept-Encoding`,
  };
  if (namesTag(headers["if-none-match"], etag)) return exchange.respond(304, response);
  const kind = name.endsWith(".map") ? "json" : "javascript";
  response["Content-Type"] = `application/${kind}; charset=utf-8`;
  if (zipped) response["Content-Encoding"] = "gzip";
  // What is in front of it sends the head alone to who has asked for that, with the length of the whole.
  exchange.respond(200, response, zipped ? file.gzipped : file.plain);
}

/** Whether an `If-None-Match` names a tag, or any: RFC 9110 §13.1.2. Whether a tag is weak makes no difference there. */
function namesTag(field: string | string[] | undefined, etag: string): boolean {
  if (field === undefined) return false;
  const text = String(field).trim();
  if (text === "*") return true;
  // No tag of ours holds a comma, so that those that do may be cut apart.
  return text.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
