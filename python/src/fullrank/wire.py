"""The messages of the contract, built when the package is imported from the descriptors that it ships.

So the same package runs with every protobuf from 3.21 on, where generated code would need the version that generated it.
``descriptors.binpb`` is made from ``proto/`` by ``python/update-descriptors``.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "fullrank.v1.IngestService"

# The version of the protocol that this client speaks, as in Begin.
PROTOCOL = 1


def descriptors() -> bytes:
    """The shipped FileDescriptorSet."""
    return resources.files("fullrank").joinpath("descriptors.binpb").read_bytes()


def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _pool()


def _message(name: str) -> Any:
    descriptor = _POOL.FindMessageTypeByName("fullrank.v1." + name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_POOL).GetPrototype(descriptor)


RegisterRunRequest = _message("RegisterRunRequest")
RegisterRunResponse = _message("RegisterRunResponse")
ReportRequest = _message("ReportRequest")
ReportResponse = _message("ReportResponse")
Begin = _message("Begin")
Guarantee = _message("Guarantee")


def number(enum: str, name: str) -> int:
    """The number of an enum's value, such as ``number("Phase", "PHASE_TWO")``."""
    value: int = _POOL.FindEnumTypeByName("fullrank.v1." + enum).values_by_name[name].number
    return value


def name(enum: str, value: int) -> str:
    """The name of an enum's value without the enum's prefix, such as ``CERTIFIED``; its number if it has none here."""
    descriptor = _POOL.FindEnumTypeByName("fullrank.v1." + enum)
    found = descriptor.values_by_number.get(value)
    if found is None:
        return str(value)
    prefix = str(descriptor.values_by_number[0].name)[: -len("UNSPECIFIED")]
    return str(found.name)[len(prefix) :]
