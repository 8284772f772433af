"""A stand-in for terraform's AWS provider that knows its schema and nothing else: it refuses to plan or to apply.

terraform starts it as a plugin: `provider.py SCHEMA`, where SCHEMA is a JSON file that `schema.py` made.
https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import grpc
import tf.provider
import tf.runner
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

REFUSAL = "This is no AWS provider. It stands in for one in the tests of Chaotic Good, and can neither plan nor apply."

_NESTED = pb.Schema.NestedBlock


def block(known: dict[str, Any]) -> pb.Schema.Block:
    """Return the block as terraform's protocol has it."""
    said = pb.Schema.Block(version=0)
    for name, attribute in known["attributes"].items():
        flag = attribute["flag"]
        said.attributes.append(
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(attribute["type"]).encode(),
                required=flag == "required",
                optional=flag in ("optional", "both"),
                computed=flag in ("computed", "both"),
            )
        )
    for name, nested in known["blocks"].items():
        # The bindings' structs are lists of one for terraform, but for the timeouts, which it adds itself.
        single = nested["kind"] == "struct"
        nesting = _NESTED.SINGLE if name == "timeouts" else _NESTED.SET if nested["kind"] == "set" else _NESTED.LIST
        said.block_types.append(
            _NESTED(
                type_name=name,
                block=block(nested["block"]),
                nesting=nesting,
                min_items=int(nested["required"] and nesting != _NESTED.SINGLE),
                max_items=int(single and nesting == _NESTED.LIST),
            )
        )
    return said


class SchemaOnly(rpc.ProviderServicer):  # type: ignore[misc]
    """Answers what `terraform validate` asks, and lets tests with a mocked provider run."""

    def __init__(self, *_: Any) -> None:
        self._schema = json.loads(Path(sys.argv[1]).read_text())

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return pb.GetProviderSchema.Response(
            provider=pb.Schema(version=1, block=block(self._schema["provider"])),
            resource_schemas={kind: pb.Schema(block=block(b)) for kind, b in self._schema["resources"].items()},
            data_source_schemas={kind: pb.Schema(block=block(b)) for kind, b in self._schema["data"].items()},
        )

    def GetMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the schema says it all")

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        refusal = pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=REFUSAL)
        return pb.ConfigureProvider.Response(diagnostics=[refusal])

    def StopProvider(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.StopProvider.Response()


if __name__ == "__main__":
    tf.provider.ProviderServicer = SchemaOnly
    tf.runner.run_provider(object(), sys.argv)  # type: ignore[arg-type]
