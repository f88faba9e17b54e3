/**
 * `deno task lint:mirror`: checks that `tests/<module>/<path>_test.ts` is there for each source file
 * `<module>/<path>.ts` but `mod.ts`, and that each test file there has its source file.
 */
import { listFiles, listSources, MODULES, report, repositoryRoot } from "./tree.ts";

/** All that is missing on either side in the tree at `root`. */
export async function checkMirror(root: string): Promise<string[]> {
  const problems: string[] = [];
  const sources = await listSources(root);
  const tests: string[] = [];
  for (const module of Object.keys(MODULES)) {
    tests.push(
      ...(await listFiles(root, `tests/${module}`)).filter((path) => path.endsWith("_test.ts")),
    );
  }
  for (const source of sources) {
    if (source.endsWith("/mod.ts")) continue;
    const test = `tests/${source.slice(0, -".ts".length)}_test.ts`;
    if (!tests.includes(test)) problems.push(`${source}: has no test file ${test}`);
  }
  for (const test of tests) {
    const source = `${test.slice("tests/".length, -"_test.ts".length)}.ts`;
    if (!sources.includes(source)) problems.push(`${test}: has no source file ${source}`);
  }
  return problems;
}

if (import.meta.main) {
  const root = Deno.args[0] ?? repositoryRoot();
  const files = await listSources(root);
  report("mirror", `${files.length} files`, await checkMirror(root));
}
