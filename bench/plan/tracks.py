"""The two tracks: classifiers on test data, and recovered label distributions. Imports no torch.

A track says what its variants, their recipes and its data sets are, and which code its results depend on; a plan, keys
and states of jobs are made from that alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench import methods
from bench.config import LINEAR, Config, RecoveryRecipe, Variant, effective_protocol, with_epochs
from bench.datasets.catalog import Missing, Source, names_meant, present, resolve
from bench.datasets.readers import ldl
from bench.errors import UsageError
from bench.job.recipe import Recipe, recipe
from bench.metrics.trivial_baselines import TRIVIAL_BASELINES
from bench.plan.jobs import Job, Plan, data_part
from bench.plan.keys import backbone_part, code_parts, protocol_part, selection_part, stored_form
from bench.plan.variants import named_variants, variant_folder, variants_of
from bench.protocol import Protocol
from bench.records.record import JobName, TrackName

FAMILY = "label enhancement"


@dataclass(frozen=True)
class Track:
    """One track: what is compared, on which data sets, by which code."""

    name: TrackName
    variants: Callable[[Config], dict[str, Variant]]
    """Every variant by name, in table order."""
    recipe: Callable[[Variant], Recipe]
    """A variant's method with its options and grid; UsageError for an option that does not exist."""
    source: Callable[[str, Config, list[Path]], Source | Missing]
    """A data set by name or path; UsageError for an unknown one."""
    loop: Callable[[methods.MethodInfo], str]
    """The module that trains, whose code and imports are the key's part "loop"."""
    metrics: str
    """The module that evaluates."""
    method_info: Callable[[str], methods.MethodInfo] = methods.info
    """The method registered under a name."""

    def key(self, made: Recipe, protocol: Protocol, seed: int, data: str) -> dict[str, Any]:
        """Everything a record's result depends on, in named parts, as a record's file gives it back."""
        hyperparameters = {"method": made.info.name, "options": made.options, "grid": made.grid}
        if made.settings_grid:
            hyperparameters["training_grid"] = made.settings_grid
        if made.normalisation != "sum":
            hyperparameters["normalisation"] = made.normalisation
        if made.backbone != LINEAR:
            hyperparameters["classifier"] = backbone_part(made.backbone)
        selection = selection_part(protocol) if self.name == "classification" else {}
        return (
            self.code(made.info)
            | selection
            | stored_form(
                protocol=protocol_part(protocol),
                hyperparameters=hyperparameters,
                seed=seed,
                data=data,
            )
        )

    def code(self, info: methods.MethodInfo) -> dict[str, Any]:
        """The parts of a key that say which code computes a result of the method."""
        return code_parts(info, self.loop(info), self.metrics)


def _trainer(info: methods.MethodInfo) -> str:
    return "bench.job.fit_linear" if info.gradient else "bench.job.fit_direct"


CLASSIFICATION = Track(
    name="classification",
    variants=variants_of,
    recipe=recipe,
    source=resolve,
    loop=_trainer,
    metrics="bench.metrics.classification",
)


def recovery_variants(config: Config) -> dict[str, Variant]:
    """Every label-enhancement method in bench.toml's order, its further variants, then the trivial baselines; each with
    the recovery recipe of its method, over which it lays its own options."""
    infos = methods.infos()
    able = [name for name in methods.names() if infos[name].family == FAMILY]
    variants: dict[str, Variant] = {}
    for name in [*config.recovery.ranked, *config.variants, *able]:
        variant = config.variants.get(name, Variant(name=name, base=name))
        if variant.base in able:
            variants[name] = _with_recipe(variant, config.recovery.recipes.get(variant.base))
    return {**variants, **{name: Variant(name=name, base=name) for name in TRIVIAL_BASELINES}}


def _with_recipe(variant: Variant, published: RecoveryRecipe | None) -> Variant:
    """A variant on the recovery recipe of its method; this track has no grid."""
    if published is None:
        return replace(variant, grid={}, training_grid={})
    own = variant.minimum_steps is not None or "minimum_steps" in (*variant.options, *variant.training)
    minimum = variant.minimum_steps if own else published.minimum_steps
    return replace(
        variant,
        options={**published.options, **variant.options},
        grid={},
        training_grid={},
        minimum_steps=minimum,
        normalisation=variant.normalisation or published.normalisation,
    )


def recovery_method(base: str) -> methods.MethodInfo:
    """The registered method of that name, or the trivial baseline as if it were one."""
    if base in TRIVIAL_BASELINES:
        module = "bench.metrics.trivial_baselines"
        return methods.MethodInfo(base, "trivial baseline", "", {}, {}, True, module, None, "built-in")
    return methods.info(base)


def recovery_recipe(variant: Variant) -> Recipe:
    """A variant's method with its fixed options.

    Raises
    ------
    UsageError
        For an option that does not exist.
    """
    if variant.base in TRIVIAL_BASELINES:
        return Recipe(recovery_method(variant.base), {}, {}, [{}])
    return recipe(variant)


def recovery_source(spec: str, config: Config, folders: list[Path]) -> Source:
    """A set with label distributions, by name or path."""
    path = ldl.resolve(spec, folders)
    return Source(ldl.name_of(path), ldl.extractor(path), config.recovery.protocol, (path.resolve(),), ldl.__name__)


RECOVERY = Track(
    name="recovery",
    variants=recovery_variants,
    recipe=recovery_recipe,
    source=recovery_source,
    loop=lambda info: "bench.job.recovery",
    metrics="bench.metrics.distribution",
    method_info=recovery_method,
)
TRACKS = {track.name: track for track in (CLASSIFICATION, RECOVERY)}


def make_plan(
    config: Config,
    folders: list[Path],
    datasets: Iterable[str],
    variants: list[Variant],
    seeds: list[int],
    epochs: int | None = None,
) -> Plan:
    """The jobs of a run, by data set, variant and seed; "all" stands for every data set, registered or in the data
    folders, and "all[noise=10%]" for that transform of each.

    Raises
    ------
    UsageError
        For an unknown name, an option that a method does not have, or a named data set that is not there.
    """
    sources, missing = _sources(config, folders, list(datasets))
    return Plan(
        planned(CLASSIFICATION, config, sources, variants, seeds, epochs),
        missing,
        [source.full_name for source in sources],
        [variant.name for variant in variants],
    )


def make_recovery_plan(
    config: Config,
    folders: list[Path],
    datasets: list[str] | None,
    names: Iterable[str] | None,
    seeds: list[int],
    epochs: int | None,
) -> Plan:
    """The jobs of the recovery track; without names every set in the data folders.

    Raises
    ------
    UsageError
        For an unknown set, variant or option, or where there is no set at all.
    """
    able = recovery_variants(config)
    unable = [name for name in names or [] if name != "all" and name in methods.names() and name not in able]
    if unable:
        raise UsageError(f"{unable[0]} recovers no label distribution; those that do: {', '.join(able)}.")
    variants = named_variants(config, able, names)
    if datasets is None or datasets == ["all"]:
        found = ldl.find(folders)
        order = {name: place for place, name in enumerate(config.recovery.datasets)}
        datasets = [str(found[name]) for name in sorted(found, key=lambda name: order.get(name, len(order)))]
        if not datasets:
            raise UsageError(
                "no set with label distributions is in the data folders: "
                f"{', '.join(map(str, folders)) or 'none'}; one is an .npz file with X and D, or a .mat file with "
                "features and labelDistribution; name the folder with --data."
            )
    sources = [recovery_source(spec, config, folders) for spec in datasets]
    jobs = planned(RECOVERY, config, sources, variants, seeds, epochs)
    names_of_sets = list(dict.fromkeys(source.full_name for source in sources))
    return Plan(jobs, [], names_of_sets, [variant.name for variant in variants], track="recovery")


def planned(
    track: Track,
    config: Config,
    sources: Sequence[Source],
    variants: Sequence[Variant],
    seeds: Sequence[int],
    epochs: int | None,
) -> list[Job]:
    """The jobs by data set, variant and seed; ``epochs`` instead of the protocols' own."""
    recipes = [track.recipe(variant) for variant in variants]
    jobs = []
    for source in sources:
        data = data_part(source)
        for variant, made in zip(variants, recipes, strict=True):
            protocol = effective_protocol(
                with_epochs(config.protocols[source.protocol], epochs), variant, made.settings
            )
            key = track.key(made, protocol, 0, data)
            for seed in seeds:
                name = JobName(source.name, source.extractor, variant_folder(variant), seed)
                jobs.append(
                    Job(
                        name=name,
                        base=variant.base,
                        protocol=protocol,
                        points=tuple(made.points),
                        grid_names=made.grid_names,
                        gradient=made.info.gradient,
                        source=source,
                        key={**key, "seed": seed},
                        track=track.name,
                        normalisation=made.normalisation,
                        training=made.training,
                        backbone=made.backbone,
                    )
                )
    return jobs


def _sources(config: Config, folders: list[Path], specs: list[str]) -> tuple[list[Source], list[Missing]]:
    sources: dict[str, Source] = {}
    missing: dict[str, Missing] = {}
    for spec in specs:
        several = names_meant(spec, config, folders)
        for name in [spec] if several is None else several:
            found = present(name, config, folders) if several is None else resolve(name, config, folders)
            if isinstance(found, Source):
                known = sources.setdefault(found.full_name, found)
                if known.files != found.files:
                    raise UsageError(
                        f"two data sets would be recorded as {found.full_name}: {known.files[0]} and {found.files[0]}; "
                        "rename one of the files or run them into two results folders."
                    )
            else:
                missing[found.name] = found
    return list(sources.values()), list(missing.values())
