import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { peerTest } from "../_support/peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function isDebian(): boolean {
  try {
    return /^ID=debian$/m.test(Deno.readTextFileSync("/etc/os-release"));
  } catch {
    return false;
  }
}

peerTest(
  "the Bluetooth tests pass on a kernel with Bluetooth",
  {
    needs: [
      "qemu-system-x86_64",
      // It downloads a kernel, and takes the whole machine for half a minute: not for every run of the tests.
      {
        name: "CI=true or SLUICE_BLUETOOTH_VM=1",
        found: (env) => env.CI === "true" || env.SLUICE_BLUETOOTH_VM === "1",
        optional: true,
      },
      { name: "Debian's packages", found: isDebian, optional: true },
      { name: "an x86-64 machine", found: () => Deno.build.arch === "x86_64", optional: true },
    ],
  },
  async () => {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "tools/bluetooth_vm.ts"],
      cwd: ROOT,
      stdin: "null",
    }).spawn().status;
    assertEquals(code, 0, "see the log of the virtual machine above");
  },
);
