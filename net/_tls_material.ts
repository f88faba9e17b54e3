// Floor 3: driver.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Pem, TlsIdentity } from "./tls_options.ts";

/** A certificate chain and key that fit together, as plain PEM text. */
export interface LoadedIdentity {
  readonly cert: string;
  readonly key: string;
}

/** P-256, P-384 and P-521, by OpenSSL's names. */
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];

function text(pem: Pem): string {
  if (typeof pem === "string") return pem;
  if (!ArrayBuffer.isView(pem)) {
    throw new TypeError(
      "Cannot use a certificate or key that is neither text nor bytes in PEM form",
    );
  }
  return new TextDecoder().decode(pem);
}

/** The key among what else a file holds: certificates, parameters, remarks. OpenSSL finds it there; Deno takes a key alone. */
function keyOf(pem: string): string {
  const block = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[^]*?-----END \1?PRIVATE KEY-----/.exec(pem);
  return block === null ? pem : block[0];
}

/**
 * Looks into a certificate and its key, because Deno finds out only when a client comes, and then says nothing useful.
 * An encrypted key is decrypted.
 *
 * @throws {TypeError} When one of them can't be read, or they don't belong together. The text holds no part of the key.
 */
export function loadIdentity(identity: Partial<TlsIdentity>): LoadedIdentity {
  const { cert, key, passphrase } = identity;
  if (cert === undefined || key === undefined) {
    throw new TypeError(`Cannot use TLS without a ${cert === undefined ? "certificate" : "key"}`);
  }
  const chain = text(cert);
  const leaf = loadCertificates(chain)[0];
  const block = keyOf(text(key));
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: block, passphrase });
  } catch (error) {
    const why = !/ENCRYPTED/.test(block)
      ? "it is no private key in PEM form, or of a kind that Deno does not know"
      : /unsupported/.test((error as Error).message)
      ? "it is encrypted in a way that Deno does not know (it knows AES), or the passphrase is wrong"
      : "the passphrase is wrong or missing";
    throw new TypeError(`Cannot use the private key: ${why}`);
  }
  if (!isUsable(privateKey)) {
    throw new TypeError(
      "Cannot use the private key: Deno's TLS knows RSA of 2048 to 8192 bits (not RSA-PSS), ECDSA with P-256, P-384 and P-521, and Ed25519",
    );
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new TypeError("Cannot use the private key: it does not belong to the certificate");
  }
  const plain = privateKey.export({ type: "pkcs8", format: "pem" });
  return { cert: chain, key: String(plain) };
}

/** Whether TLS can sign with a key. With any other one a server would listen, and no client come in. */
function isUsable({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === "rsa") return modulusLength >= 2048 && modulusLength <= 8192;
  if (asymmetricKeyType === "ec") return CURVES.includes(namedCurve);
  return asymmetricKeyType === "ed25519";
}

/** The certificates of a PEM text. @throws {TypeError} When there is none, or one is malformed. */
function loadCertificates(pem: string): X509Certificate[] {
  // What these hold would be passed over, and what such a form says of whom not to trust, too.
  if (/-----BEGIN (TRUSTED|X509) CERTIFICATE-----/.test(pem)) {
    throw new TypeError(
      'Cannot use the certificate: it is in a form of OpenSSL\'s; "openssl x509" makes it a plain one',
    );
  }
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (blocks === null) throw new TypeError("Cannot use the certificate: there is none in PEM form");
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new TypeError("Cannot use the certificate: it is malformed", { cause: error });
    }
  });
}

/** Authorities as PEM texts. @throws {TypeError} When one can't be read: ignored, it would leave the others in charge. */
export function loadAuthorities(ca: Pem | readonly Pem[]): string[] {
  const list: readonly Pem[] = typeof ca === "string" || ca instanceof Uint8Array ? [ca] : ca;
  return list.map((pem) => {
    const plain = text(pem);
    loadCertificates(plain);
    return plain;
  });
}
