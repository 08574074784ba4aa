# Three stages: the program, Swagger UI for /docs, and a small image that has both.

FROM swift:6.3-bookworm AS builder
RUN apt-get update \
    && apt-get install -y --no-install-recommends libbz2-dev libcurl4-openssl-dev libdeflate-dev libfast-float-dev libisal-dev libsqlite3-dev libxxhash-dev libzstd-dev nettle-dev zlib1g-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Sources Sources
# Not compiled, but SwiftPM wants every target of the manifest to be there.
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product tripstore \
    && cp "$(swift build -c release --static-swift-stdlib --show-bin-path)/tripstore" /usr/local/bin/tripstore \
    && strip /usr/local/bin/tripstore

FROM debian:bookworm-slim AS swagger-ui
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /swagger-ui
COPY scripts/requirements.txt ./
RUN grep '^drf-spectacular-sidecar==' requirements.txt > /tmp/pinned.txt \
    && pip download --no-deps --require-hashes --dest /tmp/wheel --requirement /tmp/pinned.txt \
    && python3 -m zipfile -e /tmp/wheel/*.whl /tmp/wheel \
    && cd /tmp/wheel/*/static/*/swagger-ui-dist \
    && cp swagger-ui.css swagger-ui-bundle.js /swagger-ui/ \
    && rm /swagger-ui/requirements.txt

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl libbz2-1.0 libcurl4 libdeflate0 libisal2 libnettle8 libpq5 libsqlite3-0 libstdc++6 libxxhash0 libzstd1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
# The data directory belongs to the user before it becomes a volume, so that a new volume is writable.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tripstore \
    && install -d -o tripstore -g tripstore /data
COPY --from=builder /usr/local/bin/tripstore /usr/local/bin/tripstore
COPY --from=swagger-ui /swagger-ui /usr/share/tripstore/swagger-ui
ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/data SWAGGER_UI_DIR=/usr/share/tripstore/swagger-ui
USER tripstore
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD curl -fsS "http://127.0.0.1:${PORT}/health"
ENTRYPOINT ["tripstore"]
CMD ["serve"]
