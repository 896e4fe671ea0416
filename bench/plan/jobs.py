"""Jobs and plans. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.config import LINEAR, Backbone, Config, Normalisation, with_epochs
from bench.datasets.catalog import Missing, Source
from bench.datasets.transforming import TransformError, components_of
from bench.errors import UsageError
from bench.job.recipe import described
from bench.plan import digests
from bench.plan.keys import protocol_part
from bench.protocol import Protocol
from bench.records.probe_request import ProbeRequest, probe_request
from bench.records.record import JobName, TrackName
from bench.system import environment

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Job:
    """One (data set, variant, seed) with everything its worker needs; picklable."""

    name: JobName
    base: str
    protocol: Protocol
    points: tuple[dict[str, Any], ...]
    """The grid's points: full sets of options; one where there is no grid."""
    grid_names: tuple[str, ...]
    gradient: bool
    source: Source
    key: dict[str, Any] = field(compare=False)
    track: TrackName = "classification"
    normalisation: Normalisation = "sum"
    """Of the recovery track."""
    training: tuple[dict[str, Any], ...] = ()
    """Settings of each point in place of the protocol's; empty where none is searched."""

    @property
    def described_points(self) -> list[dict[str, Any]]:
        """Each point's options and settings of training, as the record names them."""
        return described(self.points, self.training)

    backbone: Backbone = LINEAR

    @property
    def probe_request(self) -> ProbeRequest:
        """The probe that says whether changed code still computes the job's numbers."""
        return probe_request(
            self.track,
            self.base,
            self.gradient,
            self.points,
            self.protocol,
            self.name.dataset,
            self.normalisation,
            self.training,
            self.backbone,
        )


@dataclass(frozen=True)
class Plan:
    jobs: list[Job]
    missing: list[Missing]
    datasets: list[str]
    variants: list[str]
    track: TrackName = "classification"


def data_part(source: Source) -> str:
    """The digest of a data set's arrays; data that cannot be read have none, and their jobs say why.

    Raises
    ------
    UsageError: when a file is missing.
    TransformError: for a transform that cannot be made of the data set.
    """
    try:
        return digests.data_digest(
            source.files, source.reader, lambda: source.load().digest(), *transforms_and_code(source)
        )
    except TransformError:
        raise
    except UsageError:
        if not all(path.is_file() for path in source.files):
            raise
        return UNREADABLE


def transforms_and_code(source: Source) -> tuple[str, ...]:
    """The transforms in a source's name, and a digest of their code and of the libraries that draw; () without any."""
    if not source.parts.transforms:
        return ()
    code = [digests.code_digest(component.module, component.path) for component, _ in components_of(source.parts)]
    libraries = [str(environment.version(library)) for library in ("numpy", "iterative-stratification")]
    return source.parts.suffix, " ".join([*code, *libraries])


def folder_protocols(config: Config, jobs: Iterable[Job], epochs: int | None) -> dict[str, dict[str, Any]]:
    """The protocols of the jobs as all variants share them, for the results folder's manifest."""
    names = sorted({job.source.protocol for job in jobs})
    return {name: protocol_part(with_epochs(config.protocols[name], epochs)) for name in names}
