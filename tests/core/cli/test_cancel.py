from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Answer, ProjectFolder

    Cxrun = Callable[..., Answer]
    MakeProject = Callable[..., ProjectFolder]


def test_what_was_canceled_is_told_everywhere(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(4, 2)
    made.import_lists()
    assert cxrun("-C", made.folder, "cancel", "C2", "--why", "has paid").out == "2 records canceled\n"
    told = cxrun("-C", made.folder, "explain", "C2").out
    assert "canceled: has paid" in told
    assert "next: never; the record is final" in told
    status = cxrun("-C", made.folder, "status", "--why").out
    assert "canceled" in status.splitlines()[0]
    assert "closed   canceled: has paid" in status


def test_a_text_that_may_be_two_things_must_be_made_clear(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(3)
    made.write_list("others", [("1", "+12125550150")])
    made.campaign["groups"]["all"]["lists"].append("others")
    made.save()
    made.import_lists()
    answer = cxrun("-C", made.folder, "cancel", "1")
    assert answer.code == 3
    assert "'1' may be a record or a client; say which with --as" in answer.err
    assert cxrun("-C", made.folder, "cancel", "1", "--as", "client").code == 0
    assert made.query("SELECT record_id FROM closed") == [(4,)]


def test_nobody_is_canceled_if_one_of_them_is_unknown(cxrun: Cxrun, project: MakeProject) -> None:
    made = project(3)
    made.import_lists()
    answer = cxrun("-C", made.folder, "cancel", "C1", "C99")
    assert answer.code == 3
    assert "no record with the id, number or client id 'C99'" in answer.err
    assert made.query("SELECT * FROM closed") == []
