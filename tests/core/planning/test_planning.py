"""Plans: decided as a run decides, approved by a person, applied exactly or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cxrun.moments import parse_moment
from cxrun.planning.plan import as_yaml, content_digest, read_plan
from cxrun.planning.rehearsing import Rehearsal, rehearse
from cxrun.store.rehearsing import RehearsalStore
from cxrun.yamlfile import parse

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]

RULES = """\
ruleset: strict
filters:
  - where: {field: phone, not_like: "%7"}
  - calling_hours: {hours: "07:00-12:00"}
  - attempts: {windows: [{at_most: 1, within: 2h}, {at_most: 3, within: 7d}]}
  - suppression
treatments:
  - on: [no_answer, answering_machine, busy]
    do: [{next_in_chain: {attempts: 2}}, {retry_in: {interval: 1h, attempts: 4}}]
  - on: answer
    do: [{finish: }]
"""
FAST = {"ports": 100000, "calls_per_second": 1000}
PLAIN = """\
ruleset: plain
filters: [suppression]
treatments:
  - on: other
    do: [{retry_in: {interval: 1h, attempts: 5}}]
"""


def rehearsed(folder: ProjectFolder, limit: int, at: float | None = None) -> Rehearsal:
    project = folder.load()
    moment = folder.reached() if at is None else at
    with RehearsalStore(folder.store_file) as store:
        return rehearse(project, list(project.groups.values()), store, moment, limit, moment + 3600)


def plan(cxrun: Cxrun, folder: ProjectFolder, *more: object) -> Any:
    answer = cxrun("-C", folder.folder, "plan", "--output", folder.folder / "plan.yaml", *more)
    assert answer.code == 0, answer.err
    return folder.folder / "plan.yaml"


def apply(cxrun: Cxrun, folder: ProjectFolder, *more: object) -> Answer:
    return cxrun("-C", folder.folder, "apply", folder.folder / "plan.yaml", *more)


NOTED = """
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cxrun import hookimpl
from cxrun_plugins.dialers.simulated import Simulated, SimulatedLine


class Noted(SimulatedLine):
    def place(self, dial):
        with Path(__file__).parents[1].joinpath("order.txt").open("a") as stream:
            stream.write(f"{dial.record.record_id}\\n")
        super().place(dial)


@dataclass(frozen=True)
class NotedDialer(Simulated):
    name: ClassVar = "noted"

    def open(self, opening):
        return Noted(self, opening.seed)


@hookimpl
def register_dialers():
    return [NotedDialer]
"""


def order_of(folder: ProjectFolder) -> Path:
    """Where the order of the dials is written down."""
    return folder.folder / "order.txt"


def test_dry_run_and_run_decide_alike(project: MakeProject) -> None:
    """The dials and refusals of a plan are the first of a run from the same store at the same time."""
    numbers = iter(range(1000))
    seen = [0, 0]

    @settings(
        max_examples=12, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(
        size=st.integers(20, 80),
        devices=st.sampled_from([1, 2, 3]),
        before=st.sampled_from([None, 1, 2, 3.01, 25]),
        limit=st.sampled_from([7, 100]),
        lifo=st.booleans(),
        order=st.sampled_from([None, ["mobile", "home"]]),
        two=st.booleans(),
        seed=st.integers(0, 99),
    )
    def holds(
        size: int,
        devices: int,
        before: float | None,
        limit: int,
        lifo: bool,
        order: Any,
        two: bool,
        seed: int,
    ) -> None:
        folder = project(
            size,
            devices,
            rules={"strict": RULES},
            agents=2000,
            plugins={"noted": NOTED},
            dialer={"noted": {}},
            name=f"p{next(numbers)}",
            mode={"power": {}},
            **FAST,
        )
        mapped = folder.campaign["lists"]["people"]["map"]
        kinds = ("home", "mobile", "home")
        mapped["devices"] = [{"column": f"Phone {n + 1}", "type": kinds[n]} for n in range(devices)]
        profile = folder.campaign["dialing_profiles"]["standard"]
        if lifo:
            profile["lifo"] = True
        if order and devices > 1:
            profile["devices"] = order
        if two:
            folder.write_list("others", [[f"X{n}", f"+1312555{100 + n:04}"] for n in range(9)])
            folder.campaign["groups"]["all"]["lists"] = {"people": 10, "others": 30}
        folder.save()
        folder.import_lists()
        if before is not None:
            folder.run(seed=seed, until=folder.reached() + before * 3600)
        at = folder.reached()
        found = rehearsed(folder, limit)
        seq = folder.query("SELECT coalesce(max(seq), 0) FROM journal")[0][0]
        order_of(folder).unlink(missing_ok=True)
        folder.run(seed=seed, limit=limit)
        # what becomes due a second later is not due at the moment of the plan
        ((count,),) = folder.query("SELECT count(*) FROM attempts WHERE placed >= ?1 AND placed < ?1 + 1", at)
        dialed = [int(line) for line in order_of(folder).read_text().split()][:count] if count else []
        refused = folder.query(
            "SELECT record_id, event, due FROM journal WHERE seq > ? AND at >= ? AND at < ? + 1 "
            "AND event IN ('deferred', 'excluded', 'chained') ORDER BY seq",
            seq, at, at,
        )  # fmt: skip
        assert [dial.record.record_id for dial in found.dials] == dialed
        assert [(item.record_id, item.event, item.due) for item in found.refused] == refused
        seen[0] += len(dialed)
        seen[1] += len(refused)
        shutil.rmtree(folder.folder)

    holds()
    assert min(seen) > 50, "neither dials nor refusals were compared"


def test_first_dials_of_a_paced_run_are_the_first_of_the_plan(project: MakeProject) -> None:
    """With few agents a run makes the same dials, as many as it may before anybody answers."""
    folder = project(30, rules={"plain": PLAIN}, agents=4)
    folder.import_lists()
    found = [dial.record.record_id for dial in rehearsed(folder, 30).dials]
    folder.run(limit=4)
    dialed = [row[0] for row in folder.query("SELECT record_id FROM attempts ORDER BY placed, record_id")]
    assert sorted(dialed) == sorted(found[:4])


def test_plan_leaves_the_store_as_it_was(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(20, rules={"plain": PLAIN})
    folder.run(limit=5)
    before = folder.store_file.read_bytes(), folder.journal(), folder.query("SELECT count(*) FROM runs")
    plan(cxrun, folder)
    assert (
        folder.store_file.read_bytes(),
        folder.journal(),
        folder.query("SELECT count(*) FROM runs"),
    ) == before


def test_plan_tells_no_plugin(project: MakeProject, cxrun: Cxrun, tmp_path: Any) -> None:
    told = tmp_path / "told"
    observer = (
        f"from pathlib import Path\nfrom cxrun import hookimpl\n"
        f"@hookimpl\ndef run_started(event):\n    Path({str(told)!r}).touch()\n"
    )
    folder = project(3, rules={"plain": PLAIN}, plugins={"observer": observer})
    folder.import_lists()
    plan(cxrun, folder)
    assert not told.exists()
    apply(cxrun, folder, "--approve", "Ada")
    assert told.exists()


def test_those_dials_in_that_order_and_no_others(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(40, rules={"plain": PLAIN}, agents=3)
    folder.write_list("others", [[f"X{n}", f"+1312555{100 + n:04}"] for n in range(20)])
    folder.campaign["groups"]["all"]["lists"] = {"people": 10, "others": 30}
    folder.save()
    folder.import_lists()
    planned = [dial.record_id for dial in read_plan(plan(cxrun, folder, "--limit", 24)).dials]
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert answer.code == 0
    assert "24 of 24 planned dials made, approved by Ada" in answer.out
    assert len(planned) == len(set(planned)) == 24
    by_moment: dict[float, set[int]] = {}
    for record_id, placed in folder.query("SELECT record_id, placed FROM attempts"):
        by_moment.setdefault(placed, set()).add(record_id)
    left = list(planned)
    for moment in sorted(by_moment):
        assert by_moment[moment] == set(left[: len(by_moment[moment])])
        left = left[len(by_moment[moment]) :]
    assert not left
    assert any("plan_applied" in line for line in folder.journal())


def test_external_dialer_gets_the_plan_in_its_order(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(
        12,
        rules={"plain": PLAIN},
        plugins={"line": LINE},
        dialer={"telling": {}},
        mode={"power": {}},
        agents=30,
    )
    folder.import_lists()
    planned = [dial.record_id for dial in read_plan(plan(cxrun, folder, "--limit", 8)).dials]
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert answer.code == 0, answer.err
    told = [int(line) for line in (folder.folder / "dialed.txt").read_text().split()]
    assert told == planned
    assert apply(cxrun, folder, "--approve", "Ada").code == 3
    assert [int(line) for line in (folder.folder / "dialed.txt").read_text().split()] == planned


LINE = '''
"""A line of the real world that writes down whom it calls; nobody answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cxrun import AgentReady, CallResult, Dialer, Ended, Line, hookimpl


class Telling(Line):
    def __init__(self, at):
        self.came = [AgentReady(f"sales-{n}", at) for n in range(30)]

    def place(self, dial):
        with Path(__file__).parents[1].joinpath("dialed.txt").open("a") as stream:
            stream.write(f"{dial.record.record_id}\\n")
        self.came.append(Ended(dial.attempt_id, dial.at, CallResult.NO_ANSWER))

    def events(self, until):
        came, self.came = self.came, []
        return came

    def reconcile(self, dials):
        return set()


@dataclass(frozen=True)
class TellingDialer(Dialer):
    name: ClassVar = "telling"

    def open(self, opening):
        return Telling(opening.start)


@hookimpl
def register_dialers():
    return [TellingDialer]
'''


def planned_project(project: MakeProject, cxrun: Cxrun) -> ProjectFolder:
    folder = project(10, rules={"plain": PLAIN})
    folder.run(limit=2)
    plan(cxrun, folder, "--limit", 4)
    return folder


def test_nothing_is_applied_without_a_name(project: MakeProject, cxrun: Cxrun) -> None:
    folder = planned_project(project, cxrun)
    answer = apply(cxrun, folder)
    assert (answer.code, "nobody has approved the plan" in answer.err) == (3, True)
    file = folder.folder / "plan.yaml"
    file.write_text(file.read_text().replace("approved_by:", "approved_by: Ada Abara"))
    assert "approved by Ada Abara" in apply(cxrun, folder).out
    assert "approved by Ada Abara" in "".join(folder.journal())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("record: 4", "record: 9"),
        ('valid_until: "2026-03-02', 'valid_until: "2027-03-02'),
        ("attempts: 2", "attempts: 3"),
    ],
)
def test_edited_plan_is_refused(project: MakeProject, cxrun: Cxrun, old: str, new: str) -> None:
    folder = planned_project(project, cxrun)
    file = folder.folder / "plan.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert (answer.code, "was edited after it was made" in answer.err) == (3, True)
    assert folder.query("SELECT count(*) FROM attempts") == [(2,)]


def test_unknown_keys_of_a_plan_are_told_with_their_place(project: MakeProject, cxrun: Cxrun) -> None:
    folder = planned_project(project, cxrun)
    file = folder.folder / "plan.yaml"
    file.write_text(file.read_text().replace("approved_by:", "aproved_by: Ada"))
    answer = apply(cxrun, folder)
    assert answer.code == 3
    assert "plan.yaml:4:" in answer.err
    assert "aproved_by" in answer.err


def change_rules(folder: ProjectFolder, cxrun: Cxrun) -> None:
    folder.write("rulesets/plain.yaml", PLAIN.replace("1h", "2h"))


def change_weight(folder: ProjectFolder, cxrun: Cxrun) -> None:
    folder.campaign["groups"]["all"]["lists"] = {"people": 7}
    folder.save()


def suppress(folder: ProjectFolder, cxrun: Cxrun) -> None:
    assert cxrun("-C", folder.folder, "dnc", "add", "+14155550100").code == 0


def suppress_for_a_day(folder: ProjectFolder, cxrun: Cxrun) -> None:
    assert cxrun("-C", folder.folder, "dnc", "add", "+14155550100", "--until", "1d").code == 0


def dial_one(folder: ProjectFolder, cxrun: Cxrun) -> None:
    folder.run(limit=1)


def add_contact(folder: ProjectFolder, cxrun: Cxrun) -> None:
    with (folder.folder / "people.csv").open("a") as stream:
        stream.write("C99,+14155550177\n")
    folder.import_lists()


def ask_for_callback(folder: ProjectFolder, cxrun: Cxrun) -> None:
    assert cxrun("-C", folder.folder, "callback", "add", 5, "--as", "record", "--at", "2d").code == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_rules, "the rules or settings of group 'all' have changed (rules)"),
        (change_weight, "the rules or settings of group 'all' have changed (rules)"),
        (suppress, "suppression entries were added or taken off (suppressions)"),
        (suppress_for_a_day, "suppression entries were added or taken off (suppressions)"),
        (dial_one, "1 attempt was made since (attempts)"),
        (add_contact, "contact list 'people' has changed (lists)"),
        (ask_for_callback, "the journal has gone on: 1 callback_promised (journal)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_plan_whose_inputs_moved_is_refused_as_a_whole(
    project: MakeProject, cxrun: Cxrun, change: Callable[[ProjectFolder, Cxrun], None], told: str
) -> None:
    folder = planned_project(project, cxrun)
    change(folder, cxrun)
    before = folder.journal()
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert answer.code == 3
    assert "refused as a whole" in answer.err
    assert told in answer.err
    assert folder.journal() == before


def test_plan_is_applied_once(project: MakeProject, cxrun: Cxrun) -> None:
    folder = planned_project(project, cxrun)
    assert apply(cxrun, folder, "--approve", "Ada").code == 0
    again = apply(cxrun, folder, "--approve", "Ada")
    assert (again.code, "was applied already" in again.err) == (3, True)
    assert folder.query("SELECT count(*) FROM attempts") == [(6,)]


def test_leftovers_of_an_earlier_run_are_not_told_as_calls_of_the_plan(
    project: MakeProject, cxrun: Cxrun
) -> None:
    folder = project(100, agents=20, dialer={"simulated": {"outcomes": {"answer": 1}, "talk": {"mean": 900}}})
    folder.run(until=parse_moment("2026-03-02T13:02Z"))
    (in_progress,) = folder.query("SELECT count(*) FROM attempts WHERE ended IS NULL")[0]
    assert in_progress > 5
    plan(cxrun, folder, "--limit", 3)

    answer = apply(cxrun, folder, "--approve", "Ada Abara", "--json")

    said = json.loads(answer.out)
    assert (said["dialed"], said["results"]) == (3, {"answer": 3})
    assert said["leftovers"] == {"answer": in_progress}


def test_plan_of_another_store_is_refused(project: MakeProject, cxrun: Cxrun) -> None:
    folder = planned_project(project, cxrun)
    folder.store_file.unlink()
    folder.import_lists()
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert (answer.code, "the plan is for another store" in answer.err) == (3, True)


def test_plan_that_is_too_old_is_refused(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(
        3, rules={"plain": PLAIN}, plugins={"line": LINE}, dialer={"telling": {}}, mode={"power": {}}
    )
    folder.import_lists()
    plan(cxrun, folder, "--valid-for", "0s")
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert (answer.code, "it was valid until" in answer.err) == (3, True)


STUBBORN = """
from dataclasses import dataclass
from pathlib import Path

from cxrun import Exclude, Filter, PASS, hookimpl


@dataclass(frozen=True)
class Stubborn(Filter):
    name = "stubborn"

    def check(self, moment):
        refuses = Path(__file__).with_name("refuses").exists()
        return Exclude("not this one") if refuses and moment.record.record_id == 2 else PASS


@hookimpl
def register_filters():
    return [Stubborn]
"""


def test_what_the_rules_refuse_in_the_end_is_not_dialed_and_named(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(
        4,
        rules={"plain": PLAIN.replace("[suppression]", "[suppression, stubborn]")},
        plugins={"stubborn": STUBBORN},
    )
    folder.import_lists()
    plan(cxrun, folder)
    folder.write("plugins/refuses", "")
    answer = apply(cxrun, folder, "--approve", "Ada")
    assert answer.code == 1
    assert "was not dialed: not this one (rulesets/plain.yaml:2 stubborn)" in answer.out
    assert "3 of 4 planned dials made" in answer.out
    assert sorted(folder.query("SELECT record_id FROM attempts")) == [(1,), (3,), (4,)]


def test_each_dial_says_which_rules_were_asked_and_how_long_they_allow_it(project: MakeProject) -> None:
    folder = project(1, rules={"strict": RULES})
    folder.import_lists()
    found = rehearsed(folder, 1, parse_moment("2026-03-02T16:30Z"))
    (dial,) = found.dials
    assert [rule.name for rule in dial.asked] == ["where", "calling_hours", "attempts", "suppression"]
    # the phone must have stopped ringing by noon
    assert parse_moment("2026-03-02T16:59Z") < dial.valid_until < parse_moment("2026-03-02T17:00Z")


def test_plan_is_read_back_as_it_was_written(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3, rules={"plain": PLAIN})
    folder.write_list(
        "people", [["1e3", "+12125550100"], ['a: "b" # c', "+12125550101"], ["no", "+12125550102"]]
    )
    folder.import_lists()
    made = read_plan(plan(cxrun, folder))
    clients = [dial["client"] for dial in made.data["dials"]]
    assert clients == ["1e3", 'a: "b" # c', "no"]
    data: Mapping[str, Any] = parse(as_yaml(made.data), "again").data
    assert content_digest(data) == made.digest


def test_a_run_at_work_is_not_planned_beside(project: MakeProject, cxrun: Cxrun) -> None:
    folder = project(3, rules={"plain": PLAIN})
    folder.import_lists()
    with folder.store() as store:
        store.connection.execute("INSERT INTO lease VALUES (1, 1, 'elsewhere', 1, 9e15)")
    answer = cxrun("-C", folder.folder, "plan")
    assert (answer.code, "another run" in answer.err) == (3, True)
