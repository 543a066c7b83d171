# The image of cumulus-etl: the program, the C library that it is linked to and CA roots, no
# shell. One file for linux/amd64 and linux/arm64; BuildKit builds only the stages that it needs.
#
#   docker build -t cumulus-etl .
#       compiles the program in the image's own builder
#   docker build -t cumulus-etl --build-arg BINARY=prebuilt .
#       takes the program from dist/amd64/cumulus-etl or dist/arm64/cumulus-etl
#       (linked to a glibc no newer than Debian 13's)
#   … --build-arg REVISION="$(git rev-parse HEAD)"
#       notes the commit in the image's labels
#
# It runs as any user (`docker run --user "$(id -u):$(id -g)"`) and with `--read-only`.

ARG BINARY=compile
ARG DEBIAN=trixie
ARG RUST=1.95


FROM rust:${RUST}-${DEBIAN} AS compile
ARG TARGETARCH
WORKDIR /src
COPY . .
# A target folder per architecture, so that builds for two of them can share the cache.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/cache \
    export CARGO_TARGET_DIR="/cache/$TARGETARCH" \
    && cargo build --release --locked --bin cumulus-etl \
    && install -D "$CARGO_TARGET_DIR/release/cumulus-etl" /cumulus-etl


FROM scratch AS prebuilt
ARG TARGETARCH
COPY --chmod=755 dist/${TARGETARCH}/cumulus-etl /cumulus-etl


FROM ${BINARY} AS binary


# What the program needs of Debian, with its licences, and the packages' records in the place
# where image scanners look for them.
FROM debian:${DEBIAN}-slim AS rootfs
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive \
       apt-get install --yes --no-install-recommends ca-certificates libc6 libgcc-s1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /rootfs
RUN set -eu; \
    mkdir -p etc/ssl/certs home/cumulus tmp usr/lib usr/local/bin var/lib/dpkg/status.d; \
    chmod 1777 tmp; \
    # The loader's path in every program is below /lib or /lib64.
    for link in lib lib64; do if [ -L "/$link" ]; then cp -P "/$link" .; fi; done; \
    dpkg --listfiles libc6 libgcc-s1 \
    | grep -E '/(ld-linux[^/]*|lib(c|dl|gcc_s|m|pthread|resolv|rt))\.so\.[0-9]+$' \
    | xargs cp -P --parents -t .; \
    for package in ca-certificates libc6 libgcc-s1; do \
        cp -L --parents "/usr/share/doc/$package/copyright" .; \
        dpkg-query --status "$package" >"var/lib/dpkg/status.d/$package"; \
    done; \
    cp -L --parents /etc/debian_version /etc/os-release /etc/ssl/certs/ca-certificates.crt .; \
    echo 'hosts: files dns' >etc/nsswitch.conf; \
    printf '%s\n' 'root:x:0:0:root:/home/cumulus:/' \
        'cumulus:x:65532:65532:cumulus:/home/cumulus:/' >etc/passwd; \
    printf '%s\n' 'root:x:0:' 'cumulus:x:65532:' >etc/group; \
    # The older program's users call the study commands by this name.
    ln -s cumulus-etl usr/local/bin/cumulus-library


FROM scratch
COPY --from=rootfs /rootfs/ /
COPY LICENSE /usr/share/doc/cumulus-etl/copyright
COPY --from=binary /cumulus-etl /usr/local/bin/cumulus-etl

# A user without an entry in /etc/passwd gets this home, too: ~/.aws is looked for there.
ENV HOME=/home/cumulus \
    PATH=/usr/local/bin

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cumulus-etl" \
      org.opencontainers.image.description="FHIR bulk exports become de-identified tables" \
      org.opencontainers.image.source="https://github.com/smart-on-fhir/cumulus-etl" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

USER 65532:65532
# A run's health is its exit code.
HEALTHCHECK NONE
ENTRYPOINT ["cumulus-etl"]
