// Floor 3: driver.
import { formatEndpoint } from "./os_error.ts";

/** Whether what is at an address may be reached, as far as it is known without asking. */
export function mayReach(address: string, port: number): boolean {
  const host = formatEndpoint(address, port);
  try {
    return Deno.permissions.querySync({ name: "net", host }).state === "granted";
  } catch {
    return true; // not a form that it knows: connecting will tell
  }
}

/**
 * Asks for the permission to bind an address of this machine. Deno's node:net and node:dgram ask, too, but where nobody can catch the
 * refusal: it ends the program.
 *
 * @throws {Deno.errors.NotCapable}
 */
export function requireOwnAddress(address: string, port: number): void {
  const host = formatEndpoint(address, port);
  let state: Deno.PermissionState;
  try {
    ({ state } = Deno.permissions.requestSync({ name: "net", host }));
  } catch {
    return; // not a form that it knows: binding will tell
  }
  if (state !== "granted") {
    throw new Deno.errors.NotCapable(
      `Requires net access to "${host}", run again with the --allow-net flag`,
    );
  }
}
