from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxrun.errors import Problems, UserError
from cxrun.moments import parse_moment
from cxrun.simulating import trials
from cxrun.simulating.scene import Prices, Scene, Wish, left_out, staged
from cxrun.simulating.telling import written
from cxrun.simulating.trial import METRICS, Round, Trial
from cxrun.store.database import Store
from cxrun.strategies import Strategy

if TYPE_CHECKING:
    from tests.conftest import ProjectFolder, Receiver

    MakeProject = Callable[..., ProjectFolder]

CAPPED = """\
ruleset: capped
filters:
  - attempts: {at_most: 1, within: day, per: client}
"""
TELLS = """\
ruleset: tells
filters:
  - pre_dial: {{url: "{url}/may"}}
results:
  - delivery: {{answering_machine: drop, fax_detected: drop, silence: drop}}
treatments:
  - on: [answer, answering_machine, no_answer, busy, other]
    do: [{{webhook: {{url: "{url}/told"}}}}, {{finish: }}]
"""
LISTENER = """\
from pathlib import Path
from cxrun import hookimpl

HEARD = Path(__file__).parent / "heard"

@hookimpl
def run_started(event):
    HEARD.write_text("run_started")

@hookimpl
def attempt_settled(event):
    HEARD.write_text("attempt_settled")
"""
OUTSIDE = """\
from cxrun import Dialer, hookimpl

class Outside(Dialer):
    \"\"\"A dialer that must not be opened.

    Example::

        dialer: {outside: {}}
    \"\"\"

    name = "outside"

    def open(self, opening):
        raise AssertionError("somebody would have been called")

@hookimpl
def register_dialers():
    return (Outside,)
"""


def simulated(project: ProjectFolder, seeds: Sequence[int] = (0,), jobs: int = 1, **wish: Any) -> list[Trial]:
    with staged(project.load(), Wish(**wish)) as scene:
        return [played.trials[0] for played in rounds(project, scene, seeds, jobs)]


def rounds(project: ProjectFolder, scene: Scene, seeds: Sequence[int], jobs: int = 1) -> list[Round]:
    return list(trials(scene, [Strategy("now", project.folder)], seeds, jobs))


def digest(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_simulation_decides_as_a_run_does(project: MakeProject) -> None:
    made = project(200, 2)
    (trial,) = simulated(made, [7], until="12h")
    tally = made.run(seed=7, until=parse_moment("2026-03-02T13:00Z") + 12 * 3600)
    assert trial.figures["dials"] == tally.attempts > 200
    assert trial.figures["answered"] == tally.answered
    assert trial.figures["agent_hours"] == pytest.approx(tally.staffed_seconds / 3600)
    assert trial.dialed == {row[0] for row in made.query("SELECT DISTINCT record_id FROM attempts")}


def test_project_is_left_as_it_is(project: MakeProject) -> None:
    made = project(30, 2)
    made.run(limit=20)
    before = digest(made.folder)
    (trial,) = simulated(made)
    assert trial.figures["dials"]
    assert digest(made.folder) == before


def test_lists_are_imported_into_the_copy_only(project: MakeProject) -> None:
    made = project(10)
    made.write_list("people", [["C1", "2125550100"], ["C2", "no number"]])
    before = digest(made.folder)
    (trial,) = simulated(made)
    assert trial.figures["finished"] == 1
    assert digest(made.folder) == before


def test_history_counts_for_caps(project: MakeProject) -> None:
    made = project(40, more_rules={"capped": CAPPED})
    made.run(limit=15)
    (trial,) = simulated(made, until="1h")
    assert len(trial.dialed) == 25
    assert not set(trial.dialed) & {row[0] for row in made.query("SELECT record_id FROM attempts")}


def test_same_seeds_give_the_same_with_any_number_of_jobs(project: MakeProject) -> None:
    made = project(60, 2)
    one, two = simulated(made, [1, 2, 3], jobs=1), simulated(made, [1, 2, 3], jobs=2)
    assert one == two
    assert [trial.seed for trial in one] == [1, 2, 3]
    assert len({trial.figures["dials"] for trial in one}) > 1


def test_nothing_leaves_the_copy(project: MakeProject, receiver: Receiver) -> None:
    made = project(20, rules={"tells": TELLS.format(url=receiver.url)}, plugins={"listener": LISTENER})
    (trial,) = simulated(made)
    assert trial.figures["dials"] == 20
    assert trial.figures["finished"] == 20
    assert receiver.requests == []
    assert not (made.folder / "plugins" / "heard").exists()
    (told,) = left_out(made.load(), ["all"])
    assert told.endswith("tells.yaml:3:5 pre_dial")


def test_effects_that_wait_are_not_sent(project: MakeProject, receiver: Receiver) -> None:
    made = project(5, rules={"tells": TELLS.format(url=receiver.url).replace("pre_dial", "pre_dial", 1)})
    made.import_lists()
    with made.store() as store, store.transaction():
        reason = store.connection.execute("SELECT min(reason_id) FROM reasons").fetchone()[0]
        store.connection.execute(
            "INSERT INTO outbox VALUES (1, 1, 'tells/1.1', 'webhook', ?, '{}', 33, ?, 'waiting', 0, 0)",
            (f'{{"url": "{receiver.url}/late"}}', reason),
        )
    simulated(made)
    assert receiver.requests == []
    assert made.query("SELECT state FROM outbox") == [("waiting",)]


def test_external_dialer_gives_way_to_the_simulated_one(project: MakeProject) -> None:
    made = project(20, dialer={"outside": {}}, plugins={"outside": OUTSIDE})
    made.import_lists()
    with made.store() as store, store.transaction():
        store.connection.execute(
            "INSERT INTO runs (world, seed, groups, frozen, versions, started_at, reached) "
            "VALUES ('the real world', 0, '[]', '{}', '{}', 0, 0)"
        )
    (trial,) = simulated(made, at="2026-03-02T13:00Z")
    assert trial.figures["dials"]
    assert made.query("SELECT DISTINCT world FROM runs") == [("the real world",)]


def test_run_at_work_is_not_disturbed(project: MakeProject) -> None:
    made = project(10)
    made.import_lists()
    with Store(made.store_file) as store:
        store.take_lease()
        (trial,) = simulated(made)
        store.check_lease()
    assert trial.figures["dials"]


def test_hours_add_up_to_the_whole(project: MakeProject) -> None:
    made = project(150)
    (trial,) = simulated(made, prices=Prices(0.5, 0.25, 20), until="6h")
    for key in ("dials", "answered", "contacts", "right_party", "abandoned", "agent_hours", "cost"):
        assert sum(hour[key] for hour in trial.hours.values()) == pytest.approx(trial.figures[key]), key
    assert all(hour.startswith("2026-03-02 ") for hour in trial.hours)


def test_cost_is_calls_minutes_and_staffed_hours(project: MakeProject) -> None:
    made = project(50)
    costs = [
        simulated(made, prices=Prices(*prices))[0].figures["cost"]
        for prices in ((1, 0, 0), (0, 60, 0), (0, 0, 1), (1, 60, 1))
    ]
    (trial,) = simulated(made)
    assert costs[0] == trial.figures["dials"]
    assert costs[2] == trial.figures["agent_hours"]
    assert costs[3] == pytest.approx(sum(cost or 0 for cost in costs[:3]))
    assert trial.figures["cost"] == 0


def test_right_party_is_an_answer_or_what_is_said_to_be_one(project: MakeProject) -> None:
    dialer = {
        "simulated": {"outcomes": {"answer": 1}, "dispositions": {"SALE": 1, "NO": 1, "DO_NOT_CALL": 1}}
    }
    made = project(90, dialer=dialer)
    figures = {
        words: simulated(made, right_party=words.split(","))[0].figures
        for words in ("answer", "SALE", "SALE,NO", "do_not_call")
    }
    contacts = figures["SALE"]["contacts"]
    assert contacts is not None
    assert 0 < (figures["SALE"]["right_party"] or 0) < (figures["SALE,NO"]["right_party"] or 0) < contacts
    assert figures["answer"]["right_party"] == figures["SALE,NO"]["right_party"]
    assert figures["do_not_call"]["right_party"] == contacts - (figures["answer"]["right_party"] or 0)


def test_unknown_right_party_is_refused_with_the_near_word(project: MakeProject) -> None:
    made = project(3, dialer={"simulated": {"dispositions": {"SALE": 1}}})
    with pytest.raises(UserError, match=r"'SALES' is neither .* did you mean 'SALE'"):
        simulated(made, right_party=["SALES"])


def test_luck_scatters_around_nothing(project: MakeProject) -> None:
    by_hour = {str(hour): {"answer": 0.5 + hour / 20} for hour in range(8, 21)}
    by_field = {"segment": {"gold": {"answer": 3}, "new": {"answer": 0.3}}}
    world = {"by_hour": by_hour, "by_attempt": {"2": {"answer": 0.5}}, "by_field": by_field}
    made = project(300, 2, dialer={"simulated": world})
    made.add_field("segment", ["gold", "new", ""])
    found = simulated(made, range(12), until="8h", jobs=2)
    lucks = [trial.luck for trial in found if trial.luck is not None]
    assert len(lucks) == 12
    dials = sum(trial.figures["dials"] or 0 for trial in found)
    assert abs(sum(lucks)) < 3 * (dials * 0.25) ** 0.5
    assert max(map(abs, lucks)) > 1


def test_luck_scatters_around_nothing_where_those_are_called_again_who_are_hard_to_reach(
    project: MakeProject,
) -> None:
    rules = """\
ruleset: often
treatments:
  - on: [answer, wrong_party]
    do: [{finish: }]
  - on: [busy, no_answer, answering_machine, other]
    do: [{retry_in: {interval: 1h, attempts: 4}}]
"""
    made = project(400, rules={"often": rules}, dialer={"simulated": {"people_differ": 1.5}}, agents=40)
    found = simulated(made, range(8), until="8h", jobs=2)
    luck = sum(trial.luck or 0 for trial in found)
    dials, answered = (sum(trial.figures[key] or 0 for trial in found) for key in ("dials", "answered"))
    assert dials > 8 * 400 * 2
    assert abs(luck) < 3 * (dials * 0.2) ** 0.5
    # as many as would answer if all calls were like first ones are out of reach of chance
    assert answered < 0.30 * 0.9 * dials - 6 * (dials * 0.2) ** 0.5


def test_model_replaces_outcomes_and_keeps_the_other_parameters(project: MakeProject) -> None:
    made = project(
        40, dialer={"simulated": {"outcomes": {"busy": 1}, "by_hour": {"8": {"busy": 2}}, "announcement": 1}}
    )
    model = made.write("model.yaml", "simulated:\n  outcomes: {answer: 1}\n")
    assert simulated(made)[0].figures["answered"] == 0
    assert simulated(made, model=model)[0].figures["answered"] == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "outcomes: {answer: 1}\n",
            "model.yaml:1:1: a model is what stands under `dialer:`, so it begins with",
        ),
        ("simulated:\n  outcomes: {anwser: 1}\n", r"model.yaml:2:14: .*anwser"),
        ("simulated:\n  outcomes: {answer: 0}\n", "model.yaml:1:1: .*every weight is 0"),
    ],
)
def test_mistakes_in_a_model_are_shown_with_their_place(
    project: MakeProject, text: str, message: str
) -> None:
    made = project(3)
    model = made.write("model.yaml", text)
    with pytest.raises(Problems, match=message):
        simulated(made, model=model)


def test_beginning_before_what_has_happened_is_refused(project: MakeProject) -> None:
    made = project(10)
    made.run(limit=5)
    with pytest.raises(UserError, match="is before what has happened already"):
        simulated(made, at="2026-03-01T00:00Z")


@pytest.mark.parametrize(
    ("hours", "text"), [(9.994, "9.99"), (9.999, "10.00"), (10.0, "10.00"), (1234.5, "1,234.50")]
)
def test_hours_have_as_many_places_whatever_their_number(hours: float, text: str) -> None:
    (metric,) = (metric for metric in METRICS if metric.key == "agent_hours")
    assert written(metric, hours) == text
