# syntax=docker/dockerfile:1
# Builds an image that runs the daemon as an ordinary user and keeps its memory in /data.
#
#   docker build -t tipstaff .
#   docker run -v ./config.toml:/etc/tipstaff/config.toml:ro -v tipstaff:/data tipstaff
#
# The store is in the volume, whatever the config file says: the environment comes first.

FROM python:3.13-slim-trixie AS wheel
WORKDIR /src
COPY requirements-build.lock ./
RUN python -m pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE config.toml ./
COPY rules rules
COPY storage storage
COPY monitor monitor
RUN python -m hatchling build -t wheel -d /wheel

FROM python:3.13-slim-trixie AS environment
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/tipstaff \
 && python -m pip --python /opt/tipstaff/bin/python install --no-cache-dir --require-hashes -r requirements.lock
COPY --from=wheel /wheel /wheel
RUN python -m pip --python /opt/tipstaff/bin/python install --no-cache-dir --no-index --no-deps /wheel/*.whl

FROM python:3.13-slim-trixie
RUN groupadd --gid 10001 tipstaff \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tipstaff \
 && install -d -o tipstaff -g tipstaff -m 0700 /data
COPY --from=environment /opt/tipstaff /opt/tipstaff
ENV TIPSTAFF_STORE=/data/tipstaff.db PATH=/opt/tipstaff/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["tipstaff", "health", "--config", "/etc/tipstaff/config.toml"]
ENTRYPOINT ["tipstaff"]
CMD ["run", "--config", "/etc/tipstaff/config.toml"]
