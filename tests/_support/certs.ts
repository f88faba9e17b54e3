/** The certificates in certs/ (made by certs/make.sh), and how tests use them. */
import { fileURLToPath } from "node:url";
import type { TlsIdentity } from "../../net/tls_options.ts";

/** The names of the certificates that have a key beside them. */
export type CertName =
  | "server"
  | "renewed"
  | "a_example"
  | "b_test"
  | "expired"
  | "future"
  | "client"
  | "stranger"
  | "foreign";

/** The path of a file in certs/. */
export function certPath(file: string): string {
  return fileURLToPath(new URL(`./certs/${file}`, import.meta.url));
}

function read(file: string): string {
  return Deno.readTextFileSync(new URL(`./certs/${file}`, import.meta.url));
}

/** The authority of all certificates but `stranger` and `foreign`. */
export const CA: string = read("ca.pem");

/** The authority of `stranger` and `foreign`. */
export const OTHER_CA: string = read("other_ca.pem");

/** The key of `server`, encrypted with the passphrase `open-sesame`. */
export const LOCKED_KEY: string = read("server_locked.key");

/** A certificate and its key. */
export function identity(name: CertName): TlsIdentity & { cert: string; key: string } {
  return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
}
