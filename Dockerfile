# One image, several entry points: `kubedag operator` is the default.
#
# Plain enough for every builder, the classic one included.  What changes seldom comes first, so
# that an edit of the source costs seconds.  Every package is checked against the hashes of a lock
# file; the `kubernetes` package stays out, because importing kopf beside it takes 55 MB more.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Two environments: the one that builds stays behind, the other is all that goes on.
RUN python -m venv /build && python -m venv --without-pip /app/.venv
COPY requirements-build.lock ./
RUN /build/bin/pip install --require-hashes -r requirements-build.lock
COPY requirements.lock ./
RUN /build/bin/pip --python /app/.venv/bin/python install \
      --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator/kubedag operator/kubedag
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /build/bin/pip --python /app/.venv/bin/python install --no-deps --no-index /dist/*.whl

FROM python:3.13-slim
LABEL org.opencontainers.image.title="kubedag" \
      org.opencontainers.image.description="Data pipelines on Kubernetes" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /app/.venv /app/.venv
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["kubedag"]
CMD ["operator"]
