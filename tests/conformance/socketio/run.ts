/**
 * Runs the Socket.IO conformance cases against a server; what it has to do is told in `cases.ts`.
 *
 *     deno run --allow-net tests/conformance/socketio/run.ts http://127.0.0.1:3000 [--strict] [ID-PREFIX]
 *
 * Prints a line a case and the counts; ends with 1 if one failed. What the documents leave open counts with `--strict`
 * alone.
 */
import { CASES, play } from "./cases.ts";

if (import.meta.main) {
  const strict = Deno.args.includes("--strict");
  const [url, prefix = ""] = Deno.args.filter((argument) => argument !== "--strict");
  const counts = { ok: 0, open: 0, FAIL: 0 };
  for (const one of CASES.filter(({ id }) => id.startsWith(prefix))) {
    const wrong = await play(one, url);
    const verdict = wrong === undefined ? "ok" : one.strict && !strict ? "open" : "FAIL";
    counts[verdict]++;
    console.log(`${verdict.padEnd(4)} ${one.id} ${one.title}${wrong ? `: ${wrong}` : ""}`);
  }
  console.log(
    `${counts.ok} passed, ${counts.FAIL} failed, ${counts.open} left open by the documents`,
  );
  Deno.exit(counts.FAIL > 0 ? 1 : 0);
}
