# One image for all services; the command says which one: services/<gateway|routing|ack|webhook|console>/main.ts
# It adds 38 MB to the base image, 37 of them npm packages.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# npm asks for the manifest of every workspace, also of those that no service needs.
COPY libs/client/package.json libs/client/
COPY tools/cli/package.json tools/cli/
# Optional: the LevelDB store of clients, and pg on Cloudflare.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# The demo page, for gateways with DEMO=1, and the console: the image gets only what is built, 200 KB.
FROM node:24-bookworm-slim AS page
WORKDIR /app
COPY package.json package-lock.json ./
COPY libs/client/package.json libs/client/
COPY tools/cli/package.json tools/cli/
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY libs libs
COPY web web
COPY tools/build-page.ts tools/
COPY tsconfig.json ./
RUN node tools/build-page.ts

FROM node:24-bookworm-slim
ENV NODE_ENV=production
# Young objects in 16 MiB: V8 would take 64 when many clients log in at once, and give them back after minutes.
ENV NODE_OPTIONS=--max-semi-space-size=8
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY libs libs
COPY services services
COPY --from=page /app/web/demo/dist web/demo/dist
COPY --from=page /app/web/console/dist web/console/dist
# docker compose exec gateway node tools/token.ts alice
COPY tools tools
USER node
EXPOSE 8080
# Services end by themselves on SIGTERM. As process 1 they need an init that reaps: docker run --init, or `init: true`.
CMD ["node", "services/gateway/main.ts"]
