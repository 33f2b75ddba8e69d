# The command h2a in a container: `docker build -t h2a .`, then `docker run --rm -v $PWD/lakes:/lakes h2a build ...`.
FROM python:3.11-slim

WORKDIR /opt/h2a
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY data data
COPY flows flows
COPY h2a_curation h2a_curation
COPY schemas schemas
COPY yt_dlp_plugins yt_dlp_plugins
# A build for CPU has to be asked for by its own index: give one with --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir -c constraints.txt ${TORCH_INDEX:+--extra-index-url $TORCH_INDEX} '.[vision]' \
    && h2a models fetch

RUN useradd --create-home h2a && mkdir /lakes && chown h2a /lakes
USER h2a
WORKDIR /lakes
ENTRYPOINT ["h2a"]
