# One image for every service of docker-compose.yml. docs/operations.md lists contents and size.
# No BuildKit is needed, and nothing here depends on amd64.

FROM debian:bookworm-slim AS base
# Java's package fails if a slim base has no folder for manuals.
RUN mkdir -p /usr/share/man/man1 \
    && apt-get update \
    && apt-get install --yes --no-install-recommends openjdk-17-jre-headless python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/apt /var/log/dpkg.log

# The launcher's toolchain: our hashed lock, the jars by their digests. Rebuilt only when a lock changes.
FROM base AS parts
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv ca-certificates
ENV HASHTIDE_PARTS=/opt/parts
WORKDIR /opt/hashtide
COPY requirements.lock ./
COPY contract/__init__.py contract/files.py contract/
COPY stack/__init__.py stack/
COPY stack/toolchain stack/toolchain
RUN python3 -c "from pathlib import Path; from stack.toolchain.bootstrap import LineReport, ensure_environment; ensure_environment(Path('/opt/parts'), LineReport())" \
    && /opt/parts/venv/bin/python -m stack.toolchain \
    && rm -rf /opt/parts/uv /opt/parts/aside
# The root file system is read-only: what is not compiled here is compiled at each start. Some packages contain templates
# that are not valid Python; the errors about them do not matter.
RUN /opt/parts/venv/bin/python -m compileall -q -j 0 /opt/parts/venv/lib > /dev/null || true

FROM base
RUN useradd --uid 10001 --user-group --home-dir /tmp --no-create-home --shell /usr/sbin/nologin hashtide \
    && install --directory --owner hashtide --group hashtide --mode 0700 \
        /var/lib/hashtide /var/lib/hashtide/data /var/lib/hashtide/secrets \
        /run/secrets /run/secrets/authority /run/secrets/kafka /run/secrets/postgres /run/secrets/airflow
COPY --from=parts /opt/parts /opt/parts
ENV HASHTIDE_PARTS=/opt/parts \
    HASHTIDE_HOME=/var/lib/hashtide \
    JAVA_HOME=/usr/lib/jvm/java-17 \
    LANG=C.UTF-8 \
    PATH=/opt/parts/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/hashtide \
    PYTHONUNBUFFERED=1
RUN ln -s "$(dirname "$(dirname "$(readlink -f /usr/bin/java)")")" /usr/lib/jvm/java-17 \
    && printf '#!/bin/sh\nexec python -P -m stack.cluster.cli "$@"\n' > /usr/local/bin/hashtide \
    && chmod 0755 /usr/local/bin/hashtide
WORKDIR /opt/hashtide
COPY . ./
RUN python -m compileall -q contract stack jobs plugins dags
USER hashtide
ENTRYPOINT ["python", "-P", "-m", "stack.cluster.serve"]
