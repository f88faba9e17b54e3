// Floor 3: driver.
import { parseHost } from "../net/host.ts";
import { certificateToSign, pem, signedCertificate } from "./_x509.ts";

/** Options of {@linkcode generateCertificate}. */
export interface GenerateCertificateOptions {
  /**
   * The names and IP addresses that it is for.
   *
   * @default {["localhost", "127.0.0.1", "::1"]}
   */
  names?: readonly string[];
  /**
   * For how long it is valid, in days.
   *
   * @default {30}
   */
  days?: number;
}

/** A certificate that {@linkcode generateCertificate} has made. */
export interface GeneratedCertificate {
  /** The certificate, in PEM form. Clients that shall trust it need it as an authority. */
  cert: string;
  /** Its private key, in PEM form. */
  key: string;
  /** Its SHA-256 fingerprint, `AB:CD:…`. */
  fingerprint256: string;
}

const DAY = 86_400_000;
/** A clock of a client may be behind so much. */
const SLACK = DAY;

/**
 * Makes a certificate for a server, signed by its own key: ECDSA over P-256. For tests and for looking into traffic of one's own; nobody trusts
 * it who was not told to.
 *
 * @throws {TypeError} For a name that is none, or no name at all.
 * @throws {RangeError} For days that are none.
 *
 * @example
 * ```ts
 * import { generateCertificate } from "@sluice/sockets/trace";
 * import { assertMatch } from "@std/assert";
 *
 * const { cert, key } = await generateCertificate({ names: ["localhost"] });
 * assertMatch(cert, /^-----BEGIN CERTIFICATE-----\n/);
 * assertMatch(key, /^-----BEGIN PRIVATE KEY-----\n/);
 * ```
 */
export async function generateCertificate(
  options: GenerateCertificateOptions = {},
): Promise<GeneratedCertificate> {
  const { days = 30 } = options;
  const names = (options.names ?? ["localhost", "127.0.0.1", "::1"])
    .map((name) => parseHost(name).hostname);
  if (names.length === 0) throw new TypeError("Cannot make a certificate for no name");
  if (!(days > 0 && days <= 36_500)) {
    throw new RangeError(`Cannot make a certificate for ${days} days`);
  }
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey));
  const privateKey = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const serial = crypto.getRandomValues(new Uint8Array(16));
  serial[0] = serial[0] & 0x7f | 0x40;
  const now = Date.now();
  const toSign = certificateToSign({
    names: [...new Set(names)],
    notBefore: new Date(now - SLACK),
    notAfter: new Date(now + days * DAY),
    serial,
    publicKey,
  });
  const how = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(how, keys.privateKey, new Uint8Array(toSign));
  const der = signedCertificate(toSign, new Uint8Array(signature));
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(der));
  const fingerprint256 = Array.from(
    new Uint8Array(digest),
    (byte) => byte.toString(16).toUpperCase().padStart(2, "0"),
  ).join(":");
  return { cert: pem("CERTIFICATE", der), key: pem("PRIVATE KEY", privateKey), fingerprint256 };
}
