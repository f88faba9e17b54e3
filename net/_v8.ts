// Floor 3: driver.

/** node:v8, loaded when it is asked for: few programs get so far. */
export function loadV8(): typeof import("node:v8") {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: string): typeof import("node:v8") };
  };
  return process.getBuiltinModule("node:v8");
}
