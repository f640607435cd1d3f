#!/bin/sh
# Makes the certificates of the HTTP tests: an authority, a server's and a client's certificate by it, and an authority that
# has signed nothing. They protect nothing and are good for a hundred years, so that no test ends when they do.
set -eu
cd "$(dirname "$0")"
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 36500 \
        -subj "/CN=Scrubjay test $1" -addext "keyUsage=critical,keyCertSign"
}
issue() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
    printf '%s\n' "$2" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile "$1.ext" -out "$1.pem"
    cat "$1.key" >>"$1.pem"
    rm -f "$1.key" "$1.csr" "$1.ext"
}
authority ca
authority other-ca
issue server 'subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth'
issue client 'extendedKeyUsage=clientAuth'
rm -f ca.key other-ca.key ca.srl
