"""A model archive for TorchServe (``.mar``) and the configuration that serves it."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from sightline._version import __version__
from sightline.deploy.names import server_host, server_word
from sightline.errors import ConfigError
from sightline.replaced_files import place_all
from sightline.whole_files import scratch_beside, write_whole

HANDLER = "sightline_handler"
STORE = "models"

_HANDLER = '''"""Pictures in, objects out. Needs the package sightline in TorchServe's Python."""

from sightline.build.toolchain.torchserve_handler import {serves}

_model = {serves}()


def handle(data, context):
    """Called by TorchServe: once without data, then with the requests of a batch."""
    return _model.handle(data, context)
'''

_CONFIGURATION = """# Written by `sightline deploy torchserve`. Start TorchServe in this folder:
#   torchserve --start --ncs --ts-config config.properties
inference_address=http://{host}:{port}
# Whoever reaches the management can have any program run here: it is for this computer only.
management_address=http://127.0.0.1:{management}
metrics_address=http://{host}:{metrics}
grpc_inference_port={grpc}
grpc_management_port={grpc_management}
model_store={store}
load_models={name}.mar
disable_token_authorization={open}
models={models}
"""


@dataclass(frozen=True, kw_only=True)
class TorchServeOptions:
    """How TorchServe runs a model.

    Args:
        name: of the model that clients call.
        version: of the model, as TorchServe shows it.
        batch, delay_ms: the most requests that are joined, and how long the first of them waits.
        workers: processes of the model.
        host, port: where it listens; the addresses of management and metrics, and those of gRPC, follow.
        token: clients need one, which TorchServe writes to ``key_file.json`` when it starts.
    """

    name: str
    version: str = "1.0"
    batch: int = 8
    delay_ms: int = 10
    workers: int = 1
    host: str = "127.0.0.1"
    port: int = 8080
    token: bool = True

    def __post_init__(self) -> None:
        server_word("--name", self.name)
        server_word("--model-version", self.version)
        server_host("--host", self.host)


def write_archive(
    folder: Path, model: bytes, card: str, serves: str, options: TorchServeOptions
) -> tuple[Path, Path]:
    """Write the archive and ``config.properties`` below a folder; returns their paths.

    Args:
        model: the ONNX file.
        card: the text of its card.
        serves: the class in ``build.toolchain.torchserve_handler`` that takes pictures.

    Raises:
        ConfigError: there is such an archive or configuration already.
        SinkError: the files cannot be written.
    """
    archive, configuration = folder / STORE / f"{options.name}.mar", folder / "config.properties"
    for path in (archive, configuration):
        if path.exists():
            raise ConfigError(f"{path} is there already: give another folder, or remove it")
    with scratch_beside(folder / STORE) as scratch:
        write_whole(scratch / "mar", _archive(model, card, serves, options))
        write_whole(scratch / "properties", _configuration(options).encode())
        place_all(((scratch / "properties", configuration), (scratch / "mar", archive)))
    return archive, configuration


def _archive(model: bytes, card: str, serves: str, options: TorchServeOptions) -> bytes:
    """A zip file with a manifest, as ``torch-model-archiver`` writes it."""
    manifest = {
        "runtime": "python",
        "model": {
            "modelName": options.name,
            "handler": f"{HANDLER}.py",
            "modelVersion": options.version,
        },
        "archiverVersion": f"sightline {__version__}",
    }
    members = {
        "MAR-INF/MANIFEST.json": json.dumps(manifest, indent=1).encode(),
        f"{HANDLER}.py": _HANDLER.format(serves=serves).encode(),
        "model.onnx": model,
        "model.yaml": card.encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _configuration(options: TorchServeOptions) -> str:
    how = {
        "defaultVersion": True,
        "marName": f"{options.name}.mar",
        "minWorkers": options.workers,
        "maxWorkers": options.workers,
        "batchSize": options.batch,
        "maxBatchDelay": options.delay_ms,
        "responseTimeout": 60,
    }
    return _CONFIGURATION.format(
        host=server_host("--host", options.host),
        port=options.port,
        management=options.port + 1,
        metrics=options.port + 2,
        grpc=options.port + 3,
        grpc_management=options.port + 4,
        store=STORE,
        name=options.name,
        open=str(not options.token).lower(),
        models=json.dumps({options.name: {options.version: how}}),
    )
