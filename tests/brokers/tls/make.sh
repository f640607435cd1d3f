#!/bin/sh
# Makes the certificates of the TLS tests: an authority, a server's certificate by it, and an authority that has signed
# nothing. They protect nothing and are good for a hundred years, so that no test ends when they do.
set -eu
cd "$(dirname "$0")"
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" -days 36500 \
        -subj "/CN=Scrubjay test $1" -addext "keyUsage=critical,keyCertSign"
}
authority ca
authority other-ca
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj "/CN=localhost"
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile server.ext -out server.pem
cat server.key >>server.pem
rm -f server.key server.csr server.ext ca.key other-ca.key ca.srl
