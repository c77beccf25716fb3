"""Finds case files, gives each its rulesets, and plays them all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Final

from cxrun.campaign import CAMPAIGN_FILE, Group
from cxrun.cases.case import Case
from cxrun.cases.covering import Coverage
from cxrun.cases.format import SUFFIXES
from cxrun.cases.mending import mended
from cxrun.cases.playing import Played, play
from cxrun.cases.reading import own_fields, read_cases
from cxrun.errors import Mark, Problem, Problems, UserError, near
from cxrun.loading import load_project
from cxrun.pipeline import Devices, Pipeline
from cxrun.registry import Registry, load_registry
from cxrun.ruleset import Ruleset, bundled, read
from cxrun.yamlfile import Document, load

_PACKAGE: Final = "cxrun_rulesets"


@dataclass(frozen=True)
class CaseFile:
    """A case file, checked; `about` names the rulesets it is about, `pipeline` may have others beside them."""

    path: FilePath
    document: Document
    cases: list[Case]
    about: tuple[str, ...]
    pipeline: Pipeline

    def play(self, case: Case, *, mend: bool = False) -> Played:
        return play(case, self.pipeline, mend=mend)

    def told(self, played: Played) -> list[Problem]:
        """The failures of a case with their places."""
        return [
            Problem(self.document.mark(failure.path), played.case.name, failure.message)
            for failure in played.failures
        ]


@dataclass
class Outcomes:
    """What came of all cases."""

    played: list[tuple[CaseFile, Played, float]] = field(default_factory=list)
    mended: int = 0
    coverage: Coverage | None = None

    @property
    def failed(self) -> int:
        return sum(bool(played.failures) for _, played, _ in self.played)

    @property
    def about(self) -> list[str]:
        """The rulesets the cases are about."""
        return sorted({name for file, _, _ in self.played for name in file.about})


def find(targets: Sequence[str], folder: FilePath, *, packaged: bool = False) -> list[FilePath]:
    """The case files of rulesets, files and folders; without any, those of the project's rulesets.

    Raises UserError for a target that has none.
    """
    found: list[FilePath] = []
    own = _in_folder(folder / "rulesets")
    bundle = _in_folder(next(iter(bundled().values())).parent) if bundled() else []
    if packaged and not targets:
        return bundle
    if not targets:
        if not own:
            raise UserError(
                f"no cases in {folder / 'rulesets'}; write them beside a ruleset, as NAME.cases.yaml"
            )
        return own
    names = {_name(path): path for path in (*bundle, *(() if packaged else own))}
    for target in targets:
        path = FilePath(target)
        if path.is_dir():
            inside = _in_folder(path)
            if not inside:
                raise UserError(f"no cases in {path}; they are files named NAME.cases.yaml")
            found += inside
        elif path.name.endswith(SUFFIXES) and path.exists():
            found.append(path)
        elif path.exists():
            beside = [path.with_name(path.stem + suffix) for suffix in SUFFIXES]
            cases = [file for file in beside if file.exists()]
            if not cases:
                raise UserError(f"{path} has no cases; they go into {beside[0].name} beside it")
            found += cases
        elif target in names:
            found.append(names[target])
        else:
            raise UserError(f"no ruleset with cases and no file named '{target}'{near(target, names)}")
    return list(dict.fromkeys(found))


def _in_folder(folder: FilePath) -> list[FilePath]:
    return sorted(path for suffix in SUFFIXES for path in folder.rglob(f"*{suffix}"))


def _name(path: FilePath) -> str:
    return path.name.partition(".")[0]


class Loader:
    """Reads case files; every ruleset is read once."""

    def __init__(self, coverage: Coverage | None = None) -> None:
        self._registries: dict[FilePath | None, Registry] = {}
        self._groups: dict[FilePath, dict[str, Group]] = {}
        self._rulesets: dict[FilePath, tuple[Ruleset | None, list[Problem]]] = {}
        self._pipelines: dict[tuple[int, ...], Pipeline] = {}
        self._coverage = coverage

    def load(self, paths: Iterable[FilePath]) -> list[CaseFile]:
        """Read and check files. Raises Problems with everything that is wrong with any of them."""
        files: list[CaseFile] = []
        problems: list[Problem] = []
        for path in paths:
            try:
                file = self._file(path, problems)
            except Problems as error:
                problems += error.problems
                continue
            if file is not None:
                files.append(file)
        if problems:
            raise Problems(problems)
        return files

    def _compiled(self, rulesets: Sequence[Ruleset], devices: Devices | None = None) -> Pipeline:
        make = self._coverage.pipeline if self._coverage else Pipeline
        if devices is not None:
            return make(rulesets, devices)
        key = tuple(id(ruleset) for ruleset in rulesets)
        if key not in self._pipelines:
            self._pipelines[key] = make(rulesets)
        return self._pipelines[key]

    def _file(self, path: FilePath, problems: list[Problem]) -> CaseFile | None:
        shown = f"{_PACKAGE}/{path.name}" if path.parent.name == _PACKAGE else None
        document = load(path, shown)
        cases, found = read_cases(document)
        problems += found
        if not isinstance(document.data, dict) or (found and not cases):
            return None
        data = document.data
        if "group" in data:
            group = self._group(path, document, data["group"])
            ring_time = group.duration("ring_time")
            cases = [
                case if case.ring_time is not None else replace(case, ring_time=ring_time) for case in cases
            ]
            pipeline = self._compiled(group.rulesets, group.devices)
            return CaseFile(path, document, cases, tuple(r.name for r in group.rulesets), pipeline)
        name = data.get("ruleset", _name(path))
        beside = data.get("beside", ())
        places = [*((("beside", n), other) for n, other in enumerate(beside)), (("ruleset",), name)]
        rulesets = [self._ruleset(path, document, at, other, problems) for at, other in places]
        known = tuple(ruleset for ruleset in rulesets if ruleset is not None)
        for place, message in _unknown_fields(known, own_fields(data)):
            hint = "the records of the cases give their own fields as e.g. fields: {balance: 120}"
            problems.append(document.problem(("ruleset",), f"{place}: {message}; {hint}"))
        if len(known) < len(rulesets):
            return None
        return CaseFile(path, document, cases, (name,), self._compiled(known))

    def _ruleset(
        self,
        path: FilePath,
        document: Document,
        at: tuple[str | int, ...],
        name: str,
        problems: list[Problem],
    ) -> Ruleset | None:
        """The ruleset of a name: beside the cases, else one that comes with cxrun."""
        registry = self._registry(path)
        packaged = bundled()
        files = [path.with_name(f"{name}{suffix}") for suffix in (".yaml", ".yml")]
        files += [file for file in sorted(path.parent.glob("*.y*ml")) if not file.name.endswith(SUFFIXES)]
        files += [packaged[name]] if name in packaged else []
        names = set(packaged)
        for file in dict.fromkeys(files):
            if not file.exists():
                continue
            ruleset, found = self._read(file, registry)
            if ruleset is not None:
                names.add(ruleset.name)
            if ruleset is not None and ruleset.name == name:
                problems += found
                return None if found else ruleset
            if ruleset is None and file.stem == name:
                problems += found
                return None
        problems.append(document.problem(at, f"no ruleset named '{name}'{near(name, names)}"))
        return None

    def _read(self, file: FilePath, registry: Registry) -> tuple[Ruleset | None, list[Problem]]:
        key = file.resolve()
        if key not in self._rulesets:
            shown = f"{_PACKAGE}/{file.name}" if file.parent.name == _PACKAGE else None
            ruleset, found, _ = read(file, registry, shown)
            self._rulesets[key] = ruleset, found
        return self._rulesets[key]

    def _registry(self, path: FilePath) -> Registry:
        """The elements there are for the project a file belongs to."""
        project = _project(path)
        if project not in self._registries:
            self._registries[project] = load_registry(project)
        return self._registries[project]

    def _group(self, path: FilePath, document: Document, name: str) -> Group:
        project = _project(path)
        if project is None:
            raise Problems(
                [
                    document.problem(
                        ("group",), f"there is no {CAMPAIGN_FILE} above the file to find groups in"
                    )
                ]
            )
        if project not in self._groups:
            self._groups[project] = dict(load_project(project, self._registry(path)).groups)
        groups = self._groups[project]
        if name not in groups:
            raise Problems(
                [document.problem(("group",), f"no campaign group named '{name}'{near(name, groups)}")]
            )
        return groups[name]


def _unknown_fields(rulesets: Iterable[Ruleset], types: Mapping[str, str]) -> Iterator[tuple[Mark, str]]:
    """Fields the rules read that no record of the cases has, or has of another type, and where they stand."""
    for ruleset in rulesets:
        for condition, path in ruleset.conditions():
            for complaint in condition.complaints(types):
                yield ruleset.document.mark((*path, *complaint.path)), complaint.message
        for step in ruleset.steps():
            for name in step.element.own_fields():
                if name not in types:
                    yield step.mark, f"no record has a field of its own named '{name}'{near(name, types)}"


def check(path: FilePath) -> list[Problem]:
    """Every problem of a case file and of the rulesets it is about."""
    try:
        Loader().load([path])
    except Problems as error:
        return error.problems
    return []


def _project(path: FilePath) -> FilePath | None:
    """The project a file belongs to: the nearest folder above it with a campaign.yaml."""
    above = path.resolve().parents
    return next((folder for folder in above if (folder / CAMPAIGN_FILE).exists()), None)


def chosen(file: CaseFile, keyword: str) -> Iterator[Case]:
    """The cases whose name, or whose file's name, contains the keyword, in any case."""
    for case in file.cases:
        if keyword.lower() in f"{file.path.name} {case.name}".lower():
            yield case


def play_all(
    files: Sequence[CaseFile], keyword: str = "", coverage: Coverage | None = None, *, mend: bool = False
) -> Outcomes:
    """Play the chosen cases of all files; with `mend` the files are rewritten where a case fails."""
    outcomes = Outcomes(coverage=coverage)
    for file in files:
        to_mend: list[Played] = []
        for case in chosen(file, keyword):
            if coverage is not None:
                coverage.case = case.name
            began = time.perf_counter()
            played = file.play(case, mend=mend)
            outcomes.played.append((file, played, time.perf_counter() - began))
            if played.failures and not any(failure.broken for failure in played.failures):
                to_mend.append(played)
        if mend and to_mend:
            text = file.path.read_text(encoding="utf-8-sig")
            file.path.write_text(mended(text, to_mend), encoding="utf-8")
            outcomes.mended += len(to_mend)
    return outcomes
