# SPDX-License-Identifier: MIT
# One image for both daemons: `kibray-gateway` (the default) or `kibray-broker` as the command.
# Everything that runs is Debian's or ours. docs/deployment.md has how to use it.
ARG DEBIAN=docker.io/library/debian:bookworm-slim

FROM $DEBIAN AS web
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates nodejs npm
WORKDIR /src/web
COPY web/ ./
# Where a proxy has an authority of its own: build --secret id=ca,src=authority.pem
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci --no-audit --no-fund && npm run build

FROM $DEBIAN AS build
ENV DEBIAN_FRONTEND=noninteractive
# What is needed is told in one place, for developers as for images.
COPY tools/dev/packages.sh /tmp/
RUN bash -euc '. /tmp/packages.sh; apt-get update; apt-get install -y --no-install-recommends "${PACKAGES_BUILD[@]}"'
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY common common
COPY proto proto
COPY gateway gateway
COPY broker broker
ARG JOBS=2
RUN cmake --preset image && cmake --build --preset image -j "$JOBS" \
    && DESTDIR=/out cmake --install build-image --strip

FROM $DEBIAN
RUN --mount=type=bind,source=tools/dev/packages.sh,target=/tmp/packages.sh \
    DEBIAN_FRONTEND=noninteractive bash -euc '. /tmp/packages.sh; apt-get update; \
        apt-get install -y --no-install-recommends "${PACKAGES_DAEMONS[@]}"; \
        apt-get clean; rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*.log /var/log/apt'
RUN groupadd --gid 10001 kibray \
    && useradd --uid 10001 --gid kibray --no-create-home --home-dir /var/lib/kibray --shell /usr/sbin/nologin kibray \
    && install -d -o kibray -g kibray -m 0750 /var/lib/kibray /var/lib/kibray/media /var/lib/kibray/secrets /var/lib/kibray/tls
COPY --from=build /out/ /
COPY --from=web /src/web/dist/ /usr/share/kibray/web/
COPY --chmod=755 packaging/container/kibray-entrypoint packaging/container/kibray-health /usr/bin/
# Nothing that runs here may be missing a library.
RUN kibray-gateway --version && kibray-broker --version && ! ldd /usr/bin/kibray-inspect | grep 'not found'

ENV WEB_ROOT=/usr/share/kibray/web STORAGE_ROOT=/var/lib/kibray/media METRICS_ADDRESS=0.0.0.0 METRICS_PORT=9100
USER 10001:10001
WORKDIR /var/lib/kibray
EXPOSE 8001 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["kibray-health"]
ENTRYPOINT ["kibray-entrypoint"]
CMD ["kibray-gateway"]

ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Kibray Realtime" \
      org.opencontainers.image.description="Chat over WebSockets: kibray-gateway and kibray-broker" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
