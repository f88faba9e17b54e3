import { assertEquals } from "@std/assert";
import {
  type ArchiveEntry,
  cpioArchive,
  loadOrder,
  moduleDependencies,
} from "../../tools/bluetooth_vm.ts";

const latin1 = new TextDecoder("latin1");

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** What is in a "newc" archive: path, mode (octal) and contents. */
function list(entries: ArchiveEntry[]): [string, string, string][] {
  const text = [...cpioArchive(entries)].map((chunk) => latin1.decode(chunk)).join("");
  const found: [string, string, string][] = [];
  for (let at = 0; at < text.length;) {
    const field = (index: number) =>
      parseInt(text.slice(at + 6 + index * 8, at + 14 + index * 8), 16);
    assertEquals(text.slice(at, at + 6), "070701");
    const name = text.slice(at + 110, at + 109 + field(11));
    const from = at + (110 + field(11) + 3 & ~3);
    found.push([name, field(1).toString(8), text.slice(from, from + field(6))]);
    at = from + (field(6) + 3 & ~3);
  }
  return found;
}

Deno.test("the initramfs holds files, their folders, and links, each once", () => {
  const entries = [
    { path: "/init", contents: "#!/bin/sh\n", mode: 0o755 },
    { path: "/lib/modules/a.ko", contents: bytes("\x7fELF\xff") },
    { path: "/lib/modules/b.ko", contents: "" },
    { path: "/init", contents: "twice" },
    { path: "/proc" },
    { path: "/bin/sh", link: "busybox" },
  ];
  assertEquals(list(entries), [
    ["init", "100755", "#!/bin/sh\n"],
    ["lib", "40755", ""],
    ["lib/modules", "40755", ""],
    ["lib/modules/a.ko", "100644", "\x7fELF\xff"],
    ["lib/modules/b.ko", "100644", ""],
    ["proc", "40755", ""],
    ["bin", "40755", ""],
    ["bin/sh", "120777", "busybox"],
    ["TRAILER!!!", "0", ""],
  ]);
});

Deno.test("a kernel module's file tells what it depends on", () => {
  const file = (depends: string) => bytes(`\x7fELF\0license=GPL\0depends=${depends}\0name=x\0\xff`);
  assertEquals(moduleDependencies(file("bluetooth,ecdh-generic")), ["bluetooth", "ecdh_generic"]);
  assertEquals(moduleDependencies(file("")), []);
  assertEquals(moduleDependencies(bytes("\x7fELF")), []);
});

Deno.test("kernel modules are loaded after what they depend on, once, built-in ones left out", () => {
  const depends: Record<string, string[]> = {
    rfcomm: ["bluetooth"],
    vhci: ["bluetooth"],
    bluetooth: ["ecdh", "builtin"],
    ecdh: ["ecc"],
    ecc: [],
  };
  assertEquals(loadOrder(["rfcomm", "vhci", "missing"], (name) => depends[name]), [
    "ecc",
    "ecdh",
    "bluetooth",
    "rfcomm",
    "vhci",
  ]);
});
