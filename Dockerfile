# syntax=docker/dockerfile:1
# Targets: worker (the default), starter, and sim, the simulators of provider and vault.
# Each holds static binaries and the certificates of public authorities, and
# runs without root, without a shell and without writing to its file system; the
# starter has a folder for its state, /state.
#
# REVISION is the commit, as "git describe --always --dirty" names it: the label
# of the image, and the build id of a worker that is given a deployment's name and
# no build id. The same commit makes the same binaries: -trimpath leaves out where
# they were built, and -buildvcs=false that .git is not here.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .

FROM source AS product
ARG TARGETOS TARGETARCH REVISION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -trimpath \
        -ldflags "-s -w -X tokenkeeper/internal/config.revision=$REVISION" -o /out/ ./worker ./starter
# A named volume that is mounted on it takes over its owner.
RUN mkdir -p /state

FROM source AS simulators
ARG TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -trimpath \
        -ldflags "-s -w" -o /out/ ./internal/sim/cmd/...
RUN mkdir /certificates /vault

FROM scratch AS runtime
COPY --from=source /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532

FROM runtime AS sim
COPY --from=simulators /out/simprovider /out/simkeyvault /out/simseed /
COPY --from=simulators --chown=65532:65532 /certificates /certificates
COPY --from=simulators --chown=65532:65532 /vault /vault
ENTRYPOINT ["/simprovider"]

FROM runtime AS starter
ARG REVISION=
LABEL org.opencontainers.image.title="Token Keeper starter" \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.licenses=MIT
COPY --from=product /out/starter /
# Where "authorize" keeps a consent, sealed, that the vault does not take yet.
COPY --from=product --chown=65532:65532 /state /state
ENV XDG_STATE_HOME=/state
VOLUME /state
ENTRYPOINT ["/starter"]

FROM runtime AS worker
ARG REVISION=
LABEL org.opencontainers.image.title="Token Keeper worker" \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.licenses=MIT
COPY --from=product /out/worker /
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/worker", "-healthy"]
ENTRYPOINT ["/worker"]
