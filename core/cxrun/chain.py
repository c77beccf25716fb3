"""The order in which the records of a chain are dialed.

A chain is gone through in passes. Within one the order is that of `chain_n`, or that of the kinds of device
where the group says so (`devices`); whatever still waits and was not yet passed by is dialed in this pass,
also if the order has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cxrun.history import passes
from cxrun.model import Record, RecordStatus

DeviceOrder = Mapping[int, int]
"""Device types and their place in the order; types that are missing are not dialed."""


def in_order(records: Iterable[Record], devices: DeviceOrder | None) -> list[Record]:
    """The records in dialing order, without those whose device is not to be dialed."""
    if devices is None:
        return sorted(records, key=lambda record: record.chain_n)
    return sorted(
        (record for record in records if record.contact_info_type in devices),
        key=lambda record: (devices[record.contact_info_type], record.chain_n),
    )


def waiting(record: Record, chain: Sequence[Record], devices: DeviceOrder | None) -> list[Record]:
    """The other records of the chain that wait for their turn, in this pass or a later one, in dialing order."""
    return in_order(
        (
            other
            for other in chain
            if other.record_status == RecordStatus.CHAIN_READY and other.record_id != record.record_id
        ),
        devices,
    )


def remaining(record: Record, chain: Sequence[Record], devices: DeviceOrder | None) -> list[Record]:
    """Those that wait for their turn in the pass the record is dialed in."""
    now = passes(record.treatments)
    return [
        other
        for other in waiting(record, chain, devices)
        if not other.treatments or not other.attempt or passes(other.treatments) < now
    ]
