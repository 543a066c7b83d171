# The image of cumulus-etl: the program, the C library that it is linked to and CA roots, no
# shell. One file for linux/amd64 and linux/arm64. It needs BuildKit, which builds only the stages
# that it needs: Compose brings it along (docker compose --profile etl build), `docker build` has it
# where the buildx plugin is installed, and fails else.
#
#   docker build -t cumulus-etl .
#       compiles the program in the image's own builder
#   docker build -t cumulus-etl --build-arg BINARY=prebuilt .
#       takes the program from dist/amd64/cumulus-etl or dist/arm64/cumulus-etl
#       (linked to a glibc no newer than Debian 13's)
#   … --platform linux/arm64
#       for another architecture than the builder's: cross-compiled, nothing is emulated
#   … --build-arg REVISION="$(git rev-parse HEAD)" --build-arg CREATED="$(date -u +%FT%TZ)"
#       notes the commit and the time in the image's labels
#
# It runs as any user (`docker run --user "$(id -u):$(id -g)"`) and with `--read-only`.

ARG BINARY=compile
ARG DEBIAN=trixie
ARG RUST=1.95


# All stages run on the builder's own architecture: what is for another one is cross-compiled or
# unpacked, never emulated.
FROM --platform=$BUILDPLATFORM rust:${RUST}-${DEBIAN} AS compile
ARG BUILDARCH
ARG TARGETARCH
COPY scripts/cross-env /usr/local/bin/
RUN set -eu; \
    cross-env "$TARGETARCH" >/cross-env; \
    . /cross-env; \
    if [ "$TARGETARCH" != "$BUILDARCH" ]; then \
        apt-get update; \
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $CROSS_PACKAGES; \
        rustup target add "$CARGO_BUILD_TARGET"; \
    fi
WORKDIR /src
COPY . .
# A target folder per architecture, so that builds for two of them can share the cache.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/cache \
    set -a && . /cross-env && CARGO_TARGET_DIR="/cache/$TARGETARCH" && set +a \
    && cargo build --release --locked --features ballista --bin cumulus-etl \
    && install -D "$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/release/cumulus-etl" /cumulus-etl


FROM scratch AS prebuilt
ARG TARGETARCH
COPY --chmod=755 dist/${TARGETARCH}/cumulus-etl /cumulus-etl


FROM ${BINARY} AS binary


# Packages of Debian that the program needs, with their licences, and the packages' records in the place
# where image scanners look for them.
FROM --platform=$BUILDPLATFORM debian:${DEBIAN}-slim AS rootfs
ARG TARGETARCH
WORKDIR /packages
RUN dpkg --add-architecture "$TARGETARCH" \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates \
    && apt-get -o APT::Sandbox::User=root download \
       ca-certificates "libc6:$TARGETARCH" "libgcc-s1:$TARGETARCH" \
       $(apt-cache depends "libgcc-s1:$TARGETARCH" | sed -n 's/.*Depends: \(gcc-[0-9]*-base.*\)/\1/p') \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /rootfs
RUN set -eu; \
    mkdir -p etc/ssl/certs home/cumulus tmp usr/lib usr/local/bin var/lib/dpkg/status.d; \
    chmod 1777 tmp; \
    # The loader's path in every program is below /lib or /lib64.
    ln -s usr/lib lib; \
    ln -s usr/lib64 lib64; \
    for package in /packages/*.deb; do \
        name=$(dpkg-deb --field "$package" Package); \
        dpkg-deb --field "$package" >"var/lib/dpkg/status.d/$name"; \
        dpkg-deb --extract "$package" /unpacked; \
    done; \
    cd /unpacked; \
    find usr/lib* \( -type f -o -type l \) \
        | grep -E '/(ld-linux[^/]*|lib(c|dl|gcc_s|m|pthread|resolv|rt))\.so\.[0-9]+$' \
        | xargs cp -P --parents -t /rootfs; \
    cp -rL --parents usr/share/doc/*/copyright /rootfs; \
    cd /rootfs; \
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
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="cumulus-etl" \
      org.opencontainers.image.description="FHIR bulk exports become de-identified tables" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

USER 65532:65532
# A run's health is its exit code.
HEALTHCHECK NONE
ENTRYPOINT ["cumulus-etl"]
