// Floor 1: codec.
// A certificate that is signed by its own key (RFC 5280), with ECDSA over P-256 and SHA-256 (RFC 5758).
import { formatIp, parseIp } from "../net/ip.ts";
import {
  derBitString,
  derInteger,
  derObjectId,
  derOctetString,
  derSequence,
  derSet,
  derText,
  derTime,
  derValue,
} from "./_der.ts";

const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const COMMON_NAME = "2.5.4.3";
const SUBJECT_ALT_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/** What a certificate says. */
export interface CertificateFields {
  /** The names and IP addresses that it is for; the first is its common name. */
  names: readonly string[];
  /** From when on it is valid. */
  notBefore: Date;
  /** Until when it is valid. */
  notAfter: Date;
  /** Its serial number: at most 20 bytes, and not negative. */
  serial: Uint8Array;
  /** The public key, as a SubjectPublicKeyInfo. */
  publicKey: Uint8Array;
}

function nameOf(commonName: string): Uint8Array {
  // A common name has at most 64 characters (RFC 5280, appendix A).
  const pair = derSequence(derObjectId(COMMON_NAME), derText(commonName.slice(0, 64)));
  return derSequence(derSet(pair));
}

/** A name of the certificate: a DNS name, or an address in bytes. */
function alternative(name: string): Uint8Array {
  const ip = parseIp(name);
  return ip === undefined
    ? derValue(0x82, new TextEncoder().encode(name))
    : derValue(0x87, ip.bytes);
}

function extension(id: string, value: Uint8Array): Uint8Array {
  return derSequence(derObjectId(id), derOctetString(value));
}

/** The part of the certificate that is signed. */
export function certificateToSign(fields: CertificateFields): Uint8Array {
  const { names, notBefore, notAfter, serial, publicKey } = fields;
  const ip = parseIp(names[0]);
  const name = nameOf(ip === undefined ? names[0] : formatIp(ip));
  const extensions = derSequence(
    extension(SUBJECT_ALT_NAME, derSequence(...names.map(alternative))),
    // No authority: it vouches for nobody but itself.
    extension(BASIC_CONSTRAINTS, derSequence()),
    extension(EXTENDED_KEY_USAGE, derSequence(derObjectId(SERVER_AUTH))),
  );
  return derSequence(
    derValue(0xa0, derInteger(Uint8Array.of(2))), // version 3
    derInteger(serial),
    derSequence(derObjectId(ECDSA_WITH_SHA256)),
    name,
    derSequence(derTime(notBefore), derTime(notAfter)),
    name,
    publicKey,
    derValue(0xa3, extensions),
  );
}

/** A signature as certificates hold it, from two numbers of 32 bytes, as WebCrypto gives them. */
export function derSignature(signature: Uint8Array): Uint8Array {
  return derSequence(
    derInteger(signature.subarray(0, 32)),
    derInteger(signature.subarray(32)),
  );
}

/** The whole certificate. */
export function signedCertificate(toSign: Uint8Array, signature: Uint8Array): Uint8Array {
  return derSequence(
    toSign,
    derSequence(derObjectId(ECDSA_WITH_SHA256)),
    derBitString(derSignature(signature)),
  );
}

/** Bytes in PEM form (RFC 7468). */
export function pem(label: string, bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  const lines = btoa(text).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
