import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
// So that the machine that runs the test has the example, and what it imports.
import "../../examples/bluetooth_chat.ts";
import { AF_BLUETOOTH, BTPROTO_RFCOMM } from "../../net/_bluetooth_sys.ts";
import { ADAPTERS, bluetoothTest, hasFamily } from "../_support/ffi_sockets.ts";
import { runPeer, spawnPeer } from "../_support/peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function args(...more: string[]): string[] {
  const options = ["--quiet", "--no-prompt", "--allow-ffi", "--cached-only", "--no-lock"];
  return ["run", ...options, "examples/bluetooth_chat.ts", ...more];
}

Deno.test({
  name: "Bluetooth chat says what the system lacks",
  ignore: hasFamily(AF_BLUETOOTH, BTPROTO_RFCOMM),
  fn: async () => {
    for (const how of [["00:1A:7D:DA:71:13"], ["--listen"], ["--scan"]]) {
      const { code, stderr } = await runPeer(Deno.execPath(), args(...how), { cwd: root });
      assertEquals(code, 1);
      assertStringIncludes(stderr, "EAFNOSUPPORT");
      assertEquals(stderr.trim().split("\n").length, 1);
    }
  },
});

Deno.test({
  name: "Bluetooth chat wants to be told what to do",
  // In the virtual machine every start of Deno takes seconds.
  ignore: ADAPTERS.length > 0,
  fn: async () => {
    const { code, stderr } = await runPeer(Deno.execPath(), args(), { cwd: root });
    assertEquals(code, 2);
    assert(stderr.startsWith("Tell a device's address, or --listen, or --scan.\n\n"), stderr);
  },
});

bluetoothTest("Bluetooth chat: two talk, and hang up", async (near, far) => {
  await using waiting = await spawnPeer(
    Deno.execPath(),
    args("--listen", `--adapter=${far}`),
    { cwd: root, stdin: true, ready: /Waiting for a call on channel \d+/ },
  );
  await using calling = await spawnPeer(
    Deno.execPath(),
    args(far, `--adapter=${near}`),
    { cwd: root, stdin: true, ready: /Connected with/, timeout: 60_000 },
  );
  await waiting.waitFor(new RegExp(`Connected with ${near}`));
  await calling.write("hello\n");
  await waiting.waitFor(/> hello\n/);
  await waiting.write("grüß dich\n");
  await calling.waitFor(/> grüß dich\n/);
  await calling.closeStdin();
  assertEquals((await calling.status).code, 0);
  await waiting.waitFor(/Hung up/);
  assertEquals((await waiting.status).code, 0);
  assertEquals(waiting.stderr + calling.stderr, "");
});
