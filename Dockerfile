# syntax=docker/dockerfile:1
# Kinemacolor on a CPU, with its page: docs/container.md. All that is installed stands in requirements.lock, with hashes.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/kinemacolor
COPY requirements.lock /src/
# torch's builds for CPUs alone are in its own index; PyPI's for Linux bring CUDA, gigabytes of it.
RUN /opt/kinemacolor/bin/pip install --require-hashes --only-binary=:all: \
    --extra-index-url https://download.pytorch.org/whl/cpu -r /src/requirements.lock
COPY . /src/
RUN /opt/kinemacolor/bin/pip install --no-deps --no-index --no-build-isolation /src

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Kinemacolor" \
      org.opencontainers.image.licenses="MIT AND Apache-2.0 AND CC-BY-SA-4.0"
COPY --from=build /opt/kinemacolor /opt/kinemacolor
# Anybody's number may run it (--user), so that results belong to whoever asked for them.
RUN useradd --create-home --uid 1000 kinemacolor && chmod 1777 /home/kinemacolor && mkdir -m 1777 /films
ENV HOME=/home/kinemacolor PATH=/opt/kinemacolor/bin:$PATH PYTHONUNBUFFERED=1
USER 1000
WORKDIR /films
EXPOSE 7860
ENTRYPOINT ["kinemacolor"]
CMD ["--help"]
