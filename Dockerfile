# Builds the daemon from this tree: docker build -t handclasp .
FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libssl-dev pkg-config
COPY . /src
WORKDIR /src
RUN make install PREFIX=/usr DESTDIR=/out

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libssl3 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out /
# Plugins from outside: put them into this directory, which is searched before /usr/lib/handclasp/plugins.
VOLUME /usr/local/lib/handclasp/plugins
EXPOSE 3478/udp 3478/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["handclasp", "serve"]
