import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  findProgram,
  freePort,
  peerTest,
  peerVerdict,
  runPeer,
  spawnPeer,
  tempFolder,
} from "../_support/peers.ts";

const deno = Deno.execPath();
const program = (code: string): string[] => ["eval", "--quiet", "--no-config", code];

Deno.test("findProgram finds a program by its path and not a missing one", () => {
  assertEquals(findProgram(deno), deno);
  assertEquals(findProgram("no-such-program-anywhere"), undefined);
  assertEquals(findProgram("no-such-program-anywhere", {}), undefined);
});

Deno.test("findProgram looks through the PATH that it is given", async () => {
  await using folder = await tempFolder();
  const file = `${folder.path}/tool${Deno.build.os === "windows" ? ".EXE" : ""}`;
  await Deno.writeTextFile(file, "", { mode: 0o755 });
  const found = findProgram("tool", { PATH: folder.path });
  assertEquals(found?.replaceAll("\\", "/"), file.replaceAll("\\", "/"));
  if (Deno.build.os !== "windows") {
    await Deno.chmod(file, 0o644);
    assertEquals(findProgram("tool", { PATH: folder.path }), undefined);
  }
});

Deno.test("findProgram takes Deno, which plays Node where there is none, for no Node", async () => {
  const args = ["eval", "--quiet", `console.log(Deno.env.get("PATH"))`];
  const env = { PATH: "/no/such/folder" };
  const { stdout } = await runPeer(deno, args, { env });
  assertEquals(findProgram("node", { PATH: stdout.trim() }), undefined);
});

Deno.test("a peer test runs when its programs are there", () => {
  assertEquals(peerVerdict([deno]), { run: true });
  assertEquals(peerVerdict([], {}), { run: true });
});

Deno.test("a peer test without its program is skipped with the reason", () => {
  assertEquals(peerVerdict(["no-such-program"], { PATH: "" }, "linux"), {
    run: false,
    fail: false,
    reason: "missing: no-such-program",
  });
});

Deno.test("a peer test without its program fails in CI on Linux, and only there", () => {
  const env = { PATH: "", CI: "true" };
  const reason = "missing: no-such-program";
  assertEquals(peerVerdict(["no-such-program"], env, "linux"), { run: false, fail: true, reason });
  assertEquals(peerVerdict(["no-such-program"], env, "darwin"), {
    run: false,
    fail: false,
    reason,
  });
  const optional = { name: "a radio", found: () => false, optional: true };
  assertEquals(peerVerdict([optional], env, "linux"), {
    run: false,
    fail: false,
    reason: "missing: a radio",
  });
});

Deno.test("a peer test can need an npm package that deno.json imports", () => {
  assertEquals(peerVerdict(["npm:fast-check"]), { run: true });
  assertEquals(peerVerdict(["npm:fast-check@^4.3.0"]), { run: true });
  assertEquals(peerVerdict(["npm:@no/such-package"], {}), {
    run: false,
    fail: false,
    reason: "missing: npm:@no/such-package",
  });
});

Deno.test("the runner shows the reason, and CI fails with it", async () => {
  await using folder = await tempFolder();
  const peers = new URL("../_support/peers.ts", import.meta.url).href;
  for (const [env, code] of [[{ CI: "" }, 0], [{ CI: "true" }, 1]] as const) {
    const file = `${folder.path}/${code}_test.ts`;
    await Deno.writeTextFile(
      file,
      `import { peerTest } from "${peers}";
       peerTest("talks to it", { needs: ["no-such-program"], env: ${
        JSON.stringify(env)
      } }, () => {});`,
    );
    const result = await runPeer(deno, ["test", "-A", "--no-config", "--no-lock", file], {
      env: { NO_COLOR: "1" },
    });
    const failing = code === 1 && Deno.build.os === "linux";
    assertEquals(result.code, failing ? 1 : 0, result.stdout + result.stderr);
    assertStringIncludes(result.stdout, "talks to it (missing: no-such-program)");
    assertMatch(result.stdout, failing ? /0 passed \| 1 failed/ : /0 failed \| 1 ignored/);
  }
});

Deno.test("spawnPeer waits for a line, captures both outputs and takes input", async () => {
  await using peer = await spawnPeer(
    deno,
    program(`console.error("warming"); console.log("ready");
      for await (const chunk of Deno.stdin.readable) await Deno.stdout.write(chunk);
      console.log("bye");`),
    { ready: /^ready$/m, stdin: true },
  );
  await peer.write("hello\n");
  await peer.waitFor(/hello/);
  await peer.closeStdin();
  assertEquals((await peer.status).code, 0);
  assertEquals(peer.stdout, "ready\nhello\nbye\n");
  assertEquals(peer.stderr, "warming\n");
});

Deno.test("spawnPeer waits until a port listens and leaves its first connection to the test", async () => {
  const port = freePort();
  await using peer = await spawnPeer(
    deno,
    program(`const listener = Deno.listen({ hostname: "127.0.0.1", port: ${port} });
      const conn = await listener.accept();
      await conn.write(new TextEncoder().encode("first"));
      conn.close();`),
    { ready: port },
  );
  if (Deno.build.os !== "linux") return; // there the probe has taken that connection
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(16);
  const n = await conn.read(buffer);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, n ?? 0)), "first");
  await peer.status;
});

peerTest("spawnPeer waits until somebody listens at a socket file, which is there before that", {
  needs: ["python3"],
}, async () => {
  if (Deno.build.os !== "linux") return; // elsewhere the file is all that can be seen
  await using folder = await tempFolder();
  const path = `${folder.path}/peer.sock`;
  const code = `import socket, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(${JSON.stringify(path)})
time.sleep(0.3)
listener.listen()
listener.accept()[0].sendall(b"first")`;
  await using peer = await spawnPeer("python3", ["-c", code], { ready: { path } });
  using conn = await Deno.connect({ transport: "unix", path });
  const buffer = new Uint8Array(16);
  const n = await conn.read(buffer);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, n ?? 0)), "first");
  await peer.status;
});

Deno.test("spawnPeer ends a program that ignores SIGTERM", async () => {
  if (Deno.build.os === "windows") return;
  let status;
  {
    await using peer = await spawnPeer(
      deno,
      program(`Deno.addSignalListener("SIGTERM", () => console.log("no"));
        console.log("ready"); setInterval(() => {}, 1000);`),
      { ready: /ready/ },
    );
    status = peer.status;
  }
  assertEquals((await status).signal, "SIGKILL");
});

Deno.test("spawnPeer tells what the program wrote when it ends before it is ready", async () => {
  const error = await assertRejects(
    () => spawnPeer(deno, program(`console.log("no config"); Deno.exit(3)`), { ready: /ready/ }),
    Error,
  );
  assertStringIncludes(error.message, "the program ended");
  assertStringIncludes(error.message, "no config");
});

Deno.test("spawnPeer gives up at its deadline", async () => {
  const error = await assertRejects(
    () => spawnPeer(deno, program(`setInterval(() => {}, 1000)`), { ready: /ready/, timeout: 300 }),
    Error,
  );
  assertStringIncludes(error.message, "timed out after 300 ms");
});

Deno.test("runPeer gives the exit code and the outputs, and feeds stdin", async () => {
  const result = await runPeer(
    deno,
    program(`console.log((await new Response(Deno.stdin.readable).text()).toUpperCase());
      console.error("done"); Deno.exit(7)`),
    { stdin: "abc" },
  );
  assertEquals(result, { code: 7, stdout: "ABC\n", stderr: "done\n" });
});

Deno.test("freePort gives a port that can be listened on", () => {
  const port = freePort();
  assert(port > 0 && port < 65536);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("freePort gives no port twice, and none that the system gives out by itself", () => {
  const ports = Array.from({ length: 300 }, () => freePort());
  assertEquals(new Set(ports).size, 300);
  assert(ports.every((port) => port >= 16_384 && port < 32_768), ports.join());
});
