# One image for every service: `--build-arg SERVICE=gateway`. All of them share the layers up to the last three lines.
FROM python:3.13-slim
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
