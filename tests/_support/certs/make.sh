#!/bin/sh
# Makes the certificates of the TLS tests anew: sh tests/_support/certs/make.sh
# They are committed, so that the tests need no openssl; the keys guard nothing.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

authority() { # file, name
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"
  openssl req -x509 -new -key "$1.key" -sha256 -days 36500 -subj "/O=Sluice tests/CN=$2" -out "$1.pem" \
    -addext "basicConstraints=critical,CA:true" -addext "keyUsage=critical,keyCertSign,cRLSign"
}

leaf() { # file, name, authority, usage, subjectAltName, [start, end]
  [ -f "$1.key" ] || openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"
  openssl req -new -key "$1.key" -subj "/O=Sluice tests/CN=$2" -out "$work/csr"
  : > "$work/index"
  cat > "$work/cnf" <<CNF
[ca]
default_ca = one
[one]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = none
unique_subject = no
[any]
organizationName = optional
commonName = supplied
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = $4
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $5
CNF
  openssl ca -batch -notext -config "$work/cnf" -extensions leaf -cert "$3.pem" -keyfile "$3.key" -in "$work/csr" \
    -startdate "${6:-20240101000000Z}" -enddate "${7:-21240101000000Z}" -out "$1.pem" 2>/dev/null
}

authority ca "Sluice test CA"
authority other_ca "Another CA"
local="DNS:localhost,IP:127.0.0.1,IP:::1"
leaf server localhost ca serverAuth "$local"
leaf renewed localhost ca serverAuth "$local"
leaf a_example a.example.com ca serverAuth "DNS:a.example.com,DNS:alias.example.com"
leaf b_test b.test ca serverAuth "DNS:b.test,DNS:*.b.test"
leaf expired localhost ca serverAuth "$local" 20200101000000Z 20200201000000Z
leaf future localhost ca serverAuth "$local" 21000101000000Z 21240101000000Z
leaf client "Alice Client" ca clientAuth "email:alice@example.com"
leaf stranger "Mallory" other_ca clientAuth "email:mallory@example.com"
leaf foreign localhost other_ca serverAuth "$local"
openssl pkcs8 -topk8 -in server.key -passout pass:open-sesame -out server_locked.key
