# syntax=docker/dockerfile:1
# docker build -t scrubjay . && docker run --rm -i scrubjay < app.log
# Each RUN line is a command that CI runs as well; `./dev test` checks that.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN ./dev build

FROM debian:bookworm-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/scrubjay /usr/local/bin/scrubjay
COPY detectors /usr/share/scrubjay/detectors
COPY pipelines /usr/share/scrubjay/pipelines
COPY LICENSE /usr/share/doc/scrubjay/LICENSE
WORKDIR /usr/share/scrubjay
# No home, no shell needed: a number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 9464
ENTRYPOINT ["/usr/local/bin/scrubjay"]
