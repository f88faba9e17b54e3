/**
 * Runs the Bluetooth tests in a virtual machine whose kernel has a real Bluetooth stack: a Debian
 * kernel under qemu (software emulation), with two virtual controllers (hci_vhci, btvirt) that reach
 * each other. Nothing is installed: Debian's packages are downloaded and unpacked into a cache folder,
 * and what the guest needs of them goes into an initramfs, together with Deno, the tests, and the
 * files that they import.
 *
 * ```sh
 * deno task bluetooth:vm                              # all Bluetooth and infrared tests
 * deno task bluetooth:vm tests/net/infrared_test.ts   # some
 * deno task bluetooth:vm --run 'hciconfig -a'         # any command instead
 * ```
 *
 * Needs Debian (apt-get, dpkg-deb) and qemu-system-x86_64. Exits with 0 when all tests passed.
 * The environment may name another cache folder (`SLUICE_VM_CACHE`) and another limit for the guest
 * in seconds (`SLUICE_VM_TIMEOUT`, default 900).
 */
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The modules that Bluetooth takes; btvirt's controllers need the last four of the kernel's crypto. */
const MODULES = ["rfcomm", "hci_vhci", "cmac", "ecb", "algif_hash", "algif_skcipher"];

/** What the guest runs beside Deno, and the package that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  busybox: "busybox-static",
  btvirt: "bluez-test-tools",
  btmon: "bluez",
  hciconfig: "bluez",
  sdptool: "bluez",
  rfcomm: "bluez",
  bluetoothd: "bluez",
  "dbus-daemon": "dbus-daemon",
};

/** The tests against BlueZ's own programs; they come last, because bluetoothd takes the adapters over. */
const PEER_TESTS = "tests/interop/bluetooth_bluez_test.ts";

/** The line that the guest ends with, before the exit code. */
const EXIT_MARK = "sluice-vm-exit:";

// --- commands of the host -------------------------------------------------------------------------

interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
}

async function output(program: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, ...options }).output();
  if (code !== 0) {
    const why = new TextDecoder().decode(stderr).trim();
    throw new Error(`Cannot run "${program} ${args.join(" ")}": exit code ${code}\n${why}`);
  }
  return new TextDecoder().decode(stdout);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function cacheFolder(): string {
  const given = Deno.env.get("SLUICE_VM_CACHE");
  if (given) return given;
  const base = Deno.env.get("XDG_CACHE_HOME") ||
    join(Deno.env.get("HOME") || (Deno.env.get("TMPDIR") ?? "/tmp"), ".cache");
  return join(base, "sluice", "bluetooth_vm");
}

// --- Debian's packages ----------------------------------------------------------------------------

/** What a package depends on, alternatives left out. */
async function dependencies(name: string): Promise<string[]> {
  const text = await output("apt-cache", ["depends", "--important", name]);
  return [...text.matchAll(/^ {2}Depends: (\S+)$/gm)].map((match) => match[1]);
}

/** The kernel's package, whatever its version, and the libraries of the programs. */
async function packageNames(): Promise<string[]> {
  const kernel = (await dependencies("linux-image-amd64")).find((name) =>
    /^linux-image-\d.*-amd64$/.test(name)
  );
  if (kernel === undefined) throw new Error("Cannot find the package of Debian's kernel");
  const names = new Set([kernel, ...Object.values(PROGRAMS)]);
  for (const name of new Set(Object.values(PROGRAMS))) {
    for (const dependency of await dependencies(name)) {
      if (/^lib(?!c6$)/.test(dependency)) names.add(dependency);
    }
  }
  return [...names];
}

/** Downloads what is not there yet; returns the paths of the packages' files. */
async function downloadPackages(folder: string): Promise<string[]> {
  await Deno.mkdir(folder, { recursive: true });
  const names = await packageNames();
  // 'http://…/x.deb' x_1.0_amd64.deb 1234 SHA256:…; asked from an empty folder, because it leaves out what is there.
  const empty = await Deno.makeTempDir({ dir: folder });
  const uris = await output("apt-get", ["download", "--print-uris", ...names], { cwd: empty });
  await Deno.remove(empty);
  const files = [...uris.matchAll(/^'[^']*' (\S+\.deb) (\d+) /gm)].map((match) => ({
    path: join(folder, match[1]),
    size: Number(match[2]),
  }));
  const missing: string[] = [];
  for (const { path, size } of files) {
    const found = await Deno.stat(path).then((info) => info.size === size, () => false);
    if (!found) missing.push(basename(path).split("_")[0]);
  }
  if (missing.length > 0) {
    console.log(`Downloading ${missing.join(", ")}`);
    await output("apt-get", ["download", "-q", ...missing], { cwd: folder });
  }
  if (files.length < names.length) throw new Error("Cannot find all of Debian's packages");
  return files.map(({ path }) => path);
}

/** Unpacks the parts that the guest may need; returns the folder, which is named after its contents. */
async function unpackPackages(debs: string[], cache: string): Promise<string> {
  const names = debs.map((deb) => basename(deb)).sort().join("\n");
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(names));
  const folder = join(cache, `root-${new Uint8Array(hash).toHex().slice(0, 12)}`);
  if (await exists(folder)) return folder;
  const fresh = await Deno.makeTempDir({ dir: cache, prefix: "unpack-" });
  for (const deb of debs) {
    const kernel = basename(deb).startsWith("linux-image-");
    const parts = kernel
      ? ["./boot/vmlinuz-*", ..."arch crypto drivers/bluetooth lib net".split(" ").map(inKernel)]
      : [
        "./bin/*",
        "./sbin/*",
        "./lib/*",
        "./usr/bin/*",
        "./usr/sbin/*",
        "./usr/lib/*",
        "./usr/libexec/*",
      ];
    const script = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner --wildcards ${
      parts.map((part) => `'${part}'`).join(" ")
    } 2>/dev/null || true`; // tar fails for patterns without a match
    await output("sh", ["-c", script, "sh", deb, fresh]);
  }
  await Deno.rename(fresh, folder);
  return folder;
}

function inKernel(folder: string): string {
  return `*/lib/modules/*/kernel/${folder}/*`;
}

// --- kernel modules -------------------------------------------------------------------------------

/** What a module's file says that it depends on: `depends=a,b` in its section `.modinfo`. */
export function moduleDependencies(file: Uint8Array): string[] {
  // As Latin-1, every byte is one character.
  const text = new TextDecoder("latin1").decode(file);
  const depends = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return depends.split(",").filter((name) => name !== "").map((name) => name.replaceAll("-", "_"));
}

/** `names` and all that they depend on, in an order that can be loaded; modules that are built in are left out. */
export function loadOrder(
  names: readonly string[],
  dependenciesOf: (name: string) => readonly string[] | undefined,
): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const depends = dependenciesOf(name);
    if (depends === undefined) return;
    depends.forEach(visit);
    order.push(name);
  };
  names.forEach(visit);
  return order;
}

async function* walk(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* walk(path);
    else yield path;
  }
}

/** The modules to load, in order: name and plain contents. */
async function readModules(root: string): Promise<{ name: string; contents: Uint8Array }[]> {
  const paths = new Map<string, string>();
  for (const modules of [join(root, "lib/modules"), join(root, "usr/lib/modules")]) {
    if (!await exists(modules)) continue;
    for await (const path of walk(modules)) {
      const match = /^(.*)\.ko(\.xz|\.zst)?$/.exec(basename(path));
      if (match !== null) paths.set(match[1].replaceAll("-", "_"), path);
    }
  }
  for (const needed of ["rfcomm", "hci_vhci"]) {
    if (!paths.has(needed)) throw new Error(`Cannot find the module ${needed} in Debian's kernel`);
  }
  const contents = new Map<string, Uint8Array>();
  const load = async (name: string): Promise<void> => {
    const path = paths.get(name);
    if (path === undefined || contents.has(name)) return;
    contents.set(name, await readModule(path));
    for (const dependency of moduleDependencies(contents.get(name)!)) await load(dependency);
  };
  for (const name of MODULES) await load(name);
  return loadOrder(
    MODULES,
    (name) => contents.has(name) ? moduleDependencies(contents.get(name)!) : undefined,
  )
    .map((name) => ({ name, contents: contents.get(name)! }));
}

async function readModule(path: string): Promise<Uint8Array> {
  const unpack = path.endsWith(".xz") ? "xz" : path.endsWith(".zst") ? "zstd" : undefined;
  if (unpack === undefined) return await Deno.readFile(path);
  return (await new Deno.Command(unpack, { args: ["-dc", path] }).output()).stdout;
}

// --- the guest's files ----------------------------------------------------------------------------

/** One entry of an initramfs: a file with its contents, a folder (`undefined`), or the target of a symbolic link. */
export interface ArchiveEntry {
  /** Absolute path in the guest. */
  path: string;
  contents?: Uint8Array | string;
  /** Permissions. @default {0o755 for folders, 0o644 for files} */
  mode?: number;
  /** Makes it a symbolic link to here. */
  link?: string;
}

/** An archive in cpio's "newc" format (kernel documentation, "initramfs buffer format"), as chunks. */
export function* cpioArchive(entries: Iterable<ArchiveEntry>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const made = new Set<string>();
  let inode = 1;
  const pad = (length: number) => new Uint8Array(-length & 3);
  function* entry(path: string, mode: number, contents: Uint8Array): Generator<Uint8Array> {
    const name = encoder.encode(`${path.replace(/^\//, "")}\0`);
    const fields = [inode++, mode, 0, 0, 1, 0, contents.length, 0, 0, 0, 0, name.length, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    yield encoder.encode(head);
    yield name;
    yield pad(head.length + name.length);
    yield contents;
    yield pad(contents.length);
  }
  function* folders(path: string): Generator<Uint8Array> {
    if (path === "/" || made.has(path)) return;
    made.add(path);
    yield* folders(dirname(path));
    yield* entry(path, 0o040755, new Uint8Array(0));
  }
  for (const { path, contents, mode, link } of entries) {
    if (made.has(path)) continue;
    if (link === undefined && contents === undefined) {
      yield* folders(path);
      continue;
    }
    yield* folders(dirname(path));
    made.add(path);
    const bytes = link ?? contents!;
    yield* entry(
      path,
      link === undefined ? 0o100000 | (mode ?? 0o644) : 0o120777,
      typeof bytes === "string" ? encoder.encode(bytes) : bytes,
    );
  }
  yield* entry("TRAILER!!!", 0, new Uint8Array(0));
}

/** The file of a program in the unpacked packages. */
async function findProgram(root: string, name: string): Promise<string> {
  for (const folder of ["bin", "sbin", "usr/bin", "usr/sbin", "usr/libexec/bluetooth"]) {
    const path = join(root, folder, name);
    if (await exists(path)) return path;
  }
  throw new Error(`Cannot find ${name} in Debian's packages`);
}

/** The shared libraries that programs need: those of the packages first, else the host's. */
async function libraries(root: string, programs: string[]): Promise<ArchiveEntry[]> {
  const folders = ["lib", "usr/lib"].map((folder) => join(root, folder, "x86_64-linux-gnu"));
  const found = new Map<string, string>();
  for (const program of programs) {
    const text = await output("ldd", [program], { env: { LD_LIBRARY_PATH: folders.join(":") } })
      .catch(() => ""); // a static program
    const missing = /^\s*(\S+) => not found/m.exec(text);
    if (missing !== null) throw new Error(`Cannot run ${program} in the guest: no ${missing[1]}`);
    for (const [, name, path] of text.matchAll(/^\s*(\S+) => (\/\S+) \(/gm)) found.set(name, path);
    const loader = /^\s*(\/\S*ld-linux\S*) \(/m.exec(text)?.[1];
    if (loader !== undefined) found.set(loader, loader);
  }
  const entries: ArchiveEntry[] = [];
  for (const [name, path] of found) {
    entries.push({
      path: isAbsolute(name) ? name : `/lib/x86_64-linux-gnu/${name}`,
      contents: await Deno.readFile(path),
      mode: 0o755,
    });
  }
  return entries;
}

interface DenoInfo {
  modules: { specifier: string; error?: string }[];
}

/** The project as far as the tests import it, with a configuration that asks nothing of JSR. */
async function projectFiles(tests: string[]): Promise<ArchiveEntry[]> {
  const paths = new Set<string>();
  for (const test of tests) {
    const info: DenoInfo = JSON.parse(
      await output(Deno.execPath(), ["info", "--json", test], { cwd: ROOT }),
    );
    for (const { specifier } of info.modules) {
      if (!specifier.startsWith("file:")) continue;
      const path = relative(ROOT, fileURLToPath(specifier));
      if (!path.startsWith("..")) paths.add(path);
    }
  }
  const entries: ArchiveEntry[] = [];
  for (const path of paths) {
    entries.push({ path: `/project/${path}`, contents: await Deno.readFile(join(ROOT, path)) });
  }
  return entries;
}

/** What deno.json says that the tests need, with the local stand-ins in place of JSR's packages. */
async function guestConfig(): Promise<string> {
  const config = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const imports: Record<string, string> = {};
  for (const [name, target] of Object.entries<string>(config.imports)) {
    if (!target.startsWith("jsr:")) imports[name] = target;
  }
  for (const link of config.links as string[]) {
    const { name } = JSON.parse(await Deno.readTextFile(join(ROOT, link, "deno.json")));
    imports[name] = `${link}/mod.ts`;
  }
  for (const [name, target] of Object.entries<string>(config.exports)) {
    imports[config.name + name.slice(1)] = target;
  }
  return JSON.stringify({ imports, test: config.test });
}

/** The npm registry that is set up here: Deno's cache is laid out by its name. */
async function npmRegistry(): Promise<string | undefined> {
  const given = Deno.env.get("NPM_CONFIG_REGISTRY") ?? Deno.env.get("npm_config_registry");
  if (given) return given;
  const config = await Deno.readTextFile(join(Deno.env.get("HOME") ?? "/root", ".npmrc"))
    .catch(() => "");
  return /^registry\s*=\s*(\S+)/m.exec(config)?.[1];
}

/** Fills a Deno cache of its own with the npm packages that the tests import. */
async function denoCache(
  cache: string,
  project: ArchiveEntry[],
  tests: string[],
): Promise<ArchiveEntry[]> {
  const folder = join(cache, "deno");
  const staging = await Deno.makeTempDir({ dir: cache, prefix: "project-" });
  try {
    for (const { path, contents } of project) {
      const file = join(staging, path.slice("/project/".length));
      await Deno.mkdir(dirname(file), { recursive: true });
      if (typeof contents === "string") await Deno.writeTextFile(file, contents);
      else await Deno.writeFile(file, contents!);
    }
    await output(Deno.execPath(), ["cache", "--quiet", "--no-check", "--no-lock", ...tests], {
      cwd: staging,
      env: { DENO_DIR: folder },
    });
  } finally {
    await Deno.remove(staging, { recursive: true });
  }
  const entries: ArchiveEntry[] = [];
  const npm = join(folder, "npm");
  if (!await exists(npm)) return entries;
  for await (const path of walk(npm)) {
    if (/\.(md|map)$|\.d\.[cm]?ts$/.test(path)) continue;
    const contents = await Deno.readFile(path);
    entries.push({ path: `/deno/${relative(folder, path)}`, contents });
  }
  return entries;
}

/** The first program of the guest. */
function initScript(modules: string[], command: string, env: Record<string, string>): string {
  const exports = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`);
  return `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
ln -s /proc/self/fd /dev/fd
mkdir -p /dev/shm /tmp /root
mount -t tmpfs tmp /tmp
ip link set lo up
${exports.join("\n")}
fail() { echo "Cannot start the guest: $1"; echo "${EXIT_MARK} 125"; poweroff -f; }
for module in ${modules.join(" ")}; do
  insmod /modules/$module.ko || fail "module $module"
done
btvirt -l2 >/tmp/btvirt.log 2>&1 &
tries=0
until [ -d /sys/class/bluetooth/hci1 ]; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { cat /tmp/btvirt.log; fail "no virtual controllers"; }
  sleep 0.05
done
for adapter in hci0 hci1; do
  hciconfig $adapter up piscan || fail "$adapter"
  address=$(hciconfig $adapter | sed -n 's/.*BD Address: \\([0-9A-F:]*\\).*/\\1/p')
  SLUICE_BLUETOOTH_ADAPTERS="$SLUICE_BLUETOOTH_ADAPTERS\${SLUICE_BLUETOOTH_ADAPTERS:+,}$address"
done
export SLUICE_BLUETOOTH_ADAPTERS
echo "Kernel $(uname -r), adapters $SLUICE_BLUETOOTH_ADAPTERS, up $(cut -d ' ' -f 1 /proc/uptime) s"
hciconfig hci0 name sluice-zero
hciconfig hci1 name sluice-one
cd /project
# Through a pipe, because on a terminal Deno writes lines anew.
{ ${command}; echo $? >/tmp/code; } 2>&1 | cat
echo "${EXIT_MARK} $(cat /tmp/code)"
poweroff -f
`;
}

async function guestEntries(
  root: string,
  cache: string,
  tests: string[],
  command: string,
): Promise<ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  const programs: string[] = [Deno.execPath()];
  for (const name of Object.keys(PROGRAMS)) {
    const file = await findProgram(root, name);
    programs.push(file);
    entries.push({ path: `/bin/${name}`, contents: await Deno.readFile(file), mode: 0o755 });
  }
  const deno = await Deno.readFile(Deno.execPath());
  entries.push({ path: "/bin/deno", contents: deno, mode: 0o755 });
  entries.push(...await libraries(root, programs));
  const modules = await readModules(root);
  for (const { name, contents } of modules) entries.push({ path: `/modules/${name}.ko`, contents });
  const project = [
    ...await projectFiles(tests),
    { path: "/project/deno.json", contents: await guestConfig() },
  ];
  entries.push(...project, ...await denoCache(cache, project, tests));
  const env: Record<string, string> = {
    PATH: "/bin",
    HOME: "/root",
    DENO_DIR: "/deno",
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
    CI: "true",
  };
  const registry = await npmRegistry();
  if (registry !== undefined) env.NPM_CONFIG_REGISTRY = registry;
  const init = initScript(modules.map(({ name }) => name), command, env);
  for (const path of ["/proc", "/sys", "/dev", "/tmp", "/root"]) entries.push({ path });
  entries.push({ path: "/init", contents: init, mode: 0o755 });
  entries.push({
    path: "/etc/passwd",
    contents: "root::0:0::/root:/bin/sh\nnobody::65534:65534::/:/bin/sh\n",
  });
  return entries;
}

async function writeArchive(path: string, entries: ArchiveEntry[]): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (const chunk of cpioArchive(entries)) {
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
  }
}

// --- the run --------------------------------------------------------------------------------------

/** Boots the guest, shows what it writes, and returns the exit code of its command. */
async function boot(kernel: string, initramfs: string, limit: number): Promise<number> {
  const child = new Deno.Command("qemu-system-x86_64", {
    args: [
      ..."-accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nodefaults -display none".split(" "),
      ..."-serial stdio -no-reboot -nic none".split(" "),
      ...["-kernel", kernel, "-initrd", initramfs],
      ...["-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, limit * 1000);
  let code: number | undefined;
  let line = "";
  try {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (line + text.replaceAll("\r", "")).split("\n");
      line = lines.pop()!;
      for (const one of lines) {
        if (one.startsWith(EXIT_MARK)) code = Number(one.slice(EXIT_MARK.length));
        else console.log(one);
      }
    }
    await child.status;
  } finally {
    clearTimeout(timer);
  }
  if (line !== "") console.log(line);
  if (late) throw new Error(`Cannot finish in the guest: timed out after ${limit} s`);
  if (code === undefined) throw new Error("Cannot finish in the guest: it ended without a result");
  return code;
}

async function findTests(): Promise<string[]> {
  const tests: string[] = [];
  for (const folder of ["tests/net", "tests/interop", "tests/examples"]) {
    for await (const { name } of Deno.readDir(join(ROOT, folder))) {
      // The codecs are the same on every kernel, and one test runs this program.
      if (/^(?!.*_(sys|hci|address|uuid|vm)_).*(bluetooth|infrared).*_test\.ts$/.test(name)) {
        tests.push(`${folder}/${name}`);
      }
    }
  }
  return [...tests.filter((test) => test !== PEER_TESTS).sort(), PEER_TESTS];
}

async function findKernel(root: string): Promise<string> {
  for await (const { name } of Deno.readDir(join(root, "boot"))) {
    if (name.startsWith("vmlinuz-")) return join(root, "boot", name);
  }
  throw new Error("Cannot find the kernel in Debian's package");
}

/** Removes what an earlier version of the packages has left in the cache. */
async function prune(folder: string, keep: string[], pattern: RegExp): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (pattern.test(name) && !keep.includes(join(folder, name))) {
      await Deno.remove(join(folder, name), { recursive: true });
    }
  }
}

async function main(args: string[]): Promise<number> {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const own = args[0] === "--run" ? args.slice(1).join(" ") : undefined;
  const tests = own === undefined && args.length > 0 ? args : await findTests();
  const runs = [
    tests.filter((test) => test !== PEER_TESTS),
    tests.filter((test) => test === PEER_TESTS),
  ]
    .filter((run) => run.length > 0)
    .map((run) => `deno test -A --no-check --cached-only --no-lock ${run.join(" ")}`);
  const command = own ?? runs.join(" && ");
  const cache = cacheFolder();
  const debs = await downloadPackages(join(cache, "debs"));
  const root = await unpackPackages(debs, cache);
  await prune(join(cache, "debs"), debs, /\.deb$/);
  await prune(cache, [root], /^root-/);
  console.log(`Packages are ready after ${seconds()}`);
  const initramfs = await Deno.makeTempFile({ dir: cache, prefix: "initramfs-" });
  try {
    await writeArchive(initramfs, await guestEntries(root, cache, tests, command));
    console.log(`The guest's files are ready after ${seconds()}`);
    const limit = Number(Deno.env.get("SLUICE_VM_TIMEOUT") ?? 900);
    const code = await boot(await findKernel(root), initramfs, limit);
    console.log(`The guest ended with exit code ${code}; whole run ${seconds()}`);
    return code;
  } finally {
    await Deno.remove(initramfs);
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
