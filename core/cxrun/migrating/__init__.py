"""Strategies of other systems as rulesets: what is recognised, carried over, and named as not carried over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cxrun.errors import UserError
from cxrun.migrating import genesys_cloud, ocs, vicidial
from cxrun.migrating.draft import OUTCOMES, Draft, Drafts, Entry, Outcome
from cxrun.migrating.tables import Table, read_tables
from cxrun.registry import Registry

__all__ = ["OUTCOMES", "SYSTEMS", "Draft", "Entry", "Migration", "Outcome", "migrate"]

SYSTEMS: Final = ("ocs", "vicidial", "genesys-cloud")
_FITS: Final[dict[str, Callable[[Table], bool]]] = {"ocs": ocs.fits, "vicidial": vicidial.fits}


class Migration(NamedTuple):
    """What a migration came to: the rulesets to write, and what became of each thing of the source."""

    system: str
    drafts: Sequence[Draft]
    report: Sequence[Entry]

    def entries(self, outcome: Outcome) -> list[Entry]:
        """What had this outcome, by place."""
        return sorted(entry for entry in self.report if entry.outcome == outcome)


def migrate(
    sources: Sequence[Path], registry: Registry, system: str | None = None, name: str | None = None
) -> Migration:
    """Turn files of one system into rulesets made of the registered elements; nothing is written.

    A folder stands for its Terraform files. `system` is one of `SYSTEMS`, recognised by default; `name` is that of
    the ruleset OCS treatments become. Raises UserError for a source that cannot be read or recognised, and Problems
    with all that is wrong in it.
    """
    files = [file for source in sources for file in (_terraform_of(source) if source.is_dir() else [source])]
    shown = ", ".join(source.name or str(source) for source in sources)
    drafts = Drafts(shown, registry)
    if system == "genesys-cloud" or (system is None and any(genesys_cloud.fits(file) for file in files)):
        system = "genesys-cloud"
    if system == "genesys-cloud":
        _refuse_name(name)
        genesys_cloud.migrate(files, drafts)
        return Migration(system, [draft for draft in drafts.drafts if not draft.empty], drafts.report)
    tables = [table for file in files for table in read_tables(file, vicidial.SQL_COLUMNS)]
    system = system or _recognised(tables, shown)
    known = [table for table in tables if _FITS[system](table)]
    if not known:
        raise UserError(f"{shown}: no table of {system} is in there; {_WANTED[system]}")
    for table in tables:
        if table not in known and table.name:
            drafts.left_out(table.mark, f"table {table.name}", f"no table of {system} that holds rules")
    if system == "ocs":
        ocs.migrate(known, drafts, name or sources[0].stem)
    else:
        _refuse_name(name)
        vicidial.migrate(known, drafts)
    return Migration(system, [draft for draft in drafts.drafts if not draft.empty], drafts.report)


_WANTED: Final = {
    "ocs": "one has columns for the call result and the record action, e.g. callResult and recActionCode",
    "vicidial": "one has e.g. campaign_id, status, attempt_delay, attempt_maximum and active",
}


def _terraform_of(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.name.endswith((".tf", ".tf.json")))
    if not files:
        raise UserError(f"{folder}: has no .tf or .tf.json files; name single files of other systems")
    return files


def _recognised(tables: Sequence[Table], shown: str) -> str:
    found = [system for system, fits in _FITS.items() if any(fits(table) for table in tables)]
    if len(found) == 1:
        return found[0]
    what = " and ".join(found) if found else "no system that is known"
    raise UserError(f"{shown}: looks like {what}; name one by --from, one of {', '.join(SYSTEMS)}")


def _refuse_name(name: str | None) -> None:
    if name is not None:
        raise UserError(
            "--name is for the one ruleset of OCS treatments; others are named as in their source"
        )
