# syntax=docker/dockerfile:1
# The version of Node.js is the one that the tests run (package.json, devDependencies.node). A tag can move: a build that is
# to be repeated adds the digest, here or by --build-arg; `npm run release` prints the command, `-- --pinned` insists on it.
ARG NODE_IMAGE=node:26.9.0-slim

# The application layer: exactly what `npm run build:layer -- FOLDER` makes without a container engine, and what
# test/image runs. On the machine that builds, for any platform: the layer is JavaScript.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No install scripts: none is needed here, and none that a dependency may get one day shall run.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY config config
COPY docs/runbook.md docs/
COPY image image
COPY src src
RUN node image/application-layer.ts /layer

FROM ${NODE_IMAGE}
ARG NODE_IMAGE
ARG VERSION=0.2.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="token-refresher" \
      org.opencontainers.image.description="Keeps access tokens of any API fresh in AWS Secrets Manager or Kubernetes, for the pods that read them." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/${NODE_IMAGE}"
# Root owns the files: the program reads and never writes them. It runs on a read-only root file system and writes only
# to the journal's directory, a volume.
COPY --from=build /layer/app /app
WORKDIR /app
# /app/bin for `kubectl exec deploy/token-refresher -- token-refresher status`, as the documents write it; the rest is the
# base image's. The user has no entry in /etc/passwd: without HOME the AWS SDK fails while it looks for one. By itself glibc
# keeps memory of its own for each thread, and gives little of it back: one arena for all takes 9 MB less with 10,000 tokens,
# and no more CPU.
ENV PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent NODE_ENV=production MALLOC_ARENA_MAX=1 TOKEN_REFRESHER_CONFIG=/etc/token-refresher/config.yaml
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
# No shell and no init: the program listens for signals as process 1, and starts no other process.
# The small semi-space takes 7 MB off an idle process and about a third off a loaded one, for 2 % more CPU. The heap grows
# by 30 % of what is in use before it is collected, whatever that is, instead of doubling: 10,000 tokens take 167 MB
# instead of 249 MB, for 2 % more CPU at 30 refreshes a second (20 %: no less, for 9 % more). SIGUSR1 would open a debugger,
# which reads tokens out of memory. Old objects get 60 % of the container's memory: by itself V8 takes 262 MB in a container of
# 256 MiB, where the rest of the process needs about 75 MB, and the kernel kills it before V8 collects.
ENTRYPOINT ["node", "--max-semi-space-size=1", "--max-old-space-size-percentage=60", "--heap-growing-percent=30", "--disable-sigusr1", "/app/dist/main.js"]
CMD ["run"]
