# One image for every service: `--target service --build-arg SERVICE=auth-service`. All of them share the layers up to
# `ARG SERVICE`. The gateway's (`--target gateway`) has the console too.
FROM python:3.13-slim AS service
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 10001 --create-home lightbox && install -d -o lightbox /data
WORKDIR /app
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock
COPY shared shared
RUN pip install --no-deps --no-build-isolation -e ./shared
ARG SERVICE
COPY ${SERVICE} ${SERVICE}
RUN pip install --no-deps --no-build-isolation -e ./${SERVICE}
USER lightbox
ENV SERVICE=${SERVICE} LIGHTBOX_HOST=0.0.0.0 LIGHTBOX_DATA_DIR=/data
VOLUME /data
CMD exec python -m lightbox_shared.serve "$SERVICE"

FROM python:3.13-slim AS console
WORKDIR /console
COPY console .
RUN python build.py

FROM service AS gateway
COPY --from=console /console/dist /app/console
ENV LIGHTBOX_CONSOLE_DIR=/app/console
