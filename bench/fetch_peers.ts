/**
 * Fetches what Deno does not bring along into bench/node_modules, which git ignores: Bun, and the npm packages that
 * the servers for Node and Bun import.
 *
 *     deno run --allow-run=npm --allow-read bench/fetch_peers.ts
 */
import { fileURLToPath } from "node:url";

const PACKAGES = ["ws@8", "socket.io@4"];

/** The package that holds the binary of Bun for this machine. */
function bunPackage(): string | undefined {
  const os = ({ linux: "linux", darwin: "darwin", windows: "windows" } as Record<string, string>)[
    Deno.build.os
  ];
  const arch = Deno.build.arch === "x86_64" ? "x64" : "aarch64";
  return os === undefined ? undefined : `@oven/bun-${os}-${arch}`;
}

/** The binary of Bun that was fetched, or undefined. */
export function fetchedBun(): string | undefined {
  const name = bunPackage();
  if (name === undefined) return undefined;
  const file = Deno.build.os === "windows" ? "bun.exe" : "bun";
  const path = fileURLToPath(new URL(`node_modules/${name}/bin/${file}`, import.meta.url));
  try {
    Deno.statSync(path);
    return path;
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const bun = bunPackage();
  // The package `bun` fetches its binary by a script after the installation: the binary's own package needs none.
  const { success } = await new Deno.Command("npm", {
    args: ["install", "--prefix", fileURLToPath(new URL(".", import.meta.url))]
      .concat("--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund")
      .concat(PACKAGES, bun === undefined ? [] : `${bun}@1`),
  }).spawn().status;
  console.log(success ? `Bun: ${fetchedBun() ?? "there is none for this system"}` : "npm failed");
  Deno.exit(success ? 0 : 1);
}
