"""Splitting a contact list into others that campaign.yaml declares with `split_from`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxrun.campaign import ContactList, Project
from cxrun.errors import UserError, near
from cxrun.store.database import Store
from cxrun.store.lists import StoredList, declare_list, stored_lists
from cxrun.store.runs import present
from cxrun.store.splitting import Size, by_field, by_size, move_parts

REST = "rest"
_NAMES = ("client_id", "first_name", "last_name", "company")


def split(
    project: Project,
    store: Store,
    source: ContactList,
    parts: Mapping[str, str],
    field: str | None = None,
    seed: int | None = None,
) -> dict[str, int]:
    """Move contacts of `source` into the lists that `parts` names; returns how many each got.

    A part is a number of contacts ("500"), a share ("20%"), or, with a field, the values it has ("NY,NJ"); "rest"
    takes what is left. All is one transaction. Raises UserError for parts that are not declared or not
    understood, and StoreBusy if a run is dialing.
    """
    _check_declared(project, source.name, parts)
    if REST in list(parts.values())[:-1]:
        raise UserError(f"'{REST}' must be the last part, and can be only one")
    known = stored_lists(store)
    if source.name not in known:
        raise UserError(
            f"contact list '{source.name}' is not imported yet; `cxrun import {source.name}` does it"
        )
    stored = known[source.name]
    if field is not None and field not in (*_NAMES, *stored.field_types):
        raise UserError(f"no field named '{field}'{near(field, [*_NAMES, *stored.field_types])}")
    sizes = {} if field is not None else {name: _size(text) for name, text in parts.items()}
    store.take_lease()
    try:
        targets = [_target(store, project.lists[name], stored) for name in parts]
        ids = {target.name: target.list_id for target in targets}
        with store.transaction():
            store.check_lease()
            if field is None:
                by_size(store, stored, {ids[name]: size for name, size in sizes.items()}, seed)
            else:
                by_field(store, stored, field, {ids[name]: _values(text) for name, text in parts.items()})
            return move_parts(store, stored, targets, present(store))
    finally:
        store.give_lease()


def _check_declared(project: Project, source: str, parts: Mapping[str, str]) -> None:
    missing = [name for name in parts if name not in project.lists]
    if missing:
        lines = "".join(f"\n  {name}: {{split_from: {source}}}" for name in missing)
        raise UserError(
            f"campaign.yaml does not declare {', '.join(missing)}; nothing was moved. Add to it\nlists:{lines}\n"
            "and name them in the lists of a group, so that they are dialed"
        )
    for name in parts:
        if project.lists[name].split_from != source:
            raise UserError(
                f"{project.lists[name].mark}: contact list '{name}' is not declared with `split_from: {source}`"
            )


def _target(store: Store, contact_list: ContactList, source: StoredList) -> StoredList:
    return declare_list(
        store, contact_list.name, contact_list.settings.file, source.field_types, split_from=source.list_id
    )


def _size(text: str) -> Size | None:
    if text == REST:
        return None
    number, percent = text.removesuffix("%"), text.endswith("%")
    try:
        if percent and 0 < float(number) <= 100:
            return Size(share=float(number) / 100)
        if not percent and int(number) > 0:
            return Size(number=int(number))
    except ValueError:
        pass
    raise UserError(
        f"'{text}' is no part of a list; write a number such as 500, a share such as 20%, or {REST}"
    )


def _values(text: str) -> Sequence[str] | None:
    return None if text == REST else [value.strip() for value in text.split(",")]
