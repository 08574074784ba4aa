"""A Terraform provider that has a schema and nothing else: terraform checks a configuration against it as against the provider
itself, and can do nothing with it but that.

It speaks version 6 of the plugin protocol on a socket that TF_REATTACH_PROVIDERS names, so nothing is downloaded or installed.
https://github.com/hashicorp/terraform/tree/main/docs/plugin-protocol"""

import json
import os
from concurrent import futures
from pathlib import Path

import grpc
from tf.gen import tfplugin_pb2 as messages
from tf.gen import tfplugin_pb2_grpc as service

BLOCK_NESTING = {"single": "SINGLE", "list": "LIST", "set": "SET", "map": "MAP"}


def attribute_message(attribute):
    message = messages.Schema.Attribute(
        name=attribute.name, computed=attribute.computed, optional=attribute.optional, required=attribute.required)
    if attribute.object is None:
        message.type = json.dumps(attribute.type).encode()
        return message
    # The protocol has no blocks inside of attributes: there they are attributes too.
    message.nested_type.nesting = messages.Schema.Object.NestingMode.Value(attribute.nesting.upper())
    message.nested_type.attributes.extend(attribute_message(each) for each in attribute.object.attributes)
    for nested in attribute.object.blocks:
        inner = messages.Schema.Attribute(name=nested.name, computed=attribute.computed, optional=attribute.optional)
        inner.nested_type.nesting = messages.Schema.Object.NestingMode.Value(nested.nesting.upper())
        inner.nested_type.attributes.extend(attribute_message(each) for each in nested.block.attributes)
        message.nested_type.attributes.append(inner)
    return message


def block_message(block):
    message = messages.Schema.Block()
    message.attributes.extend(attribute_message(attribute) for attribute in block.attributes)
    for nested in block.blocks:
        message.block_types.append(messages.Schema.NestedBlock(
            type_name=nested.name, block=block_message(nested.block),
            nesting=messages.Schema.NestedBlock.NestingMode.Value(BLOCK_NESTING[nested.nesting]),
            min_items=nested.at_least, max_items=nested.at_most))
    return message


def schema(block):
    return messages.Schema(version=0, block=block_message(block))


class SchemaProvider(service.ProviderServicer):
    """Answers what the schema is, and finds nothing wrong with a configuration beyond it."""

    def __init__(self, provider):
        self.answer = messages.GetProviderSchema.Response(
            provider=schema(provider.configuration),
            resource_schemas={name: schema(block) for name, block in provider.resources.items()},
            data_source_schemas={name: schema(block) for name, block in provider.data_sources.items()})

    def GetProviderSchema(self, request, context):
        return self.answer

    def ValidateProviderConfig(self, request, context):
        return messages.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):
        return messages.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request, context):
        return messages.ValidateDataResourceConfig.Response()

    def StopProvider(self, request, context):
        return messages.StopProvider.Response()


class Servers:
    """Providers on sockets in a folder, for as long as the `with` block lasts; `environment` leads terraform to them."""

    def __init__(self, folder, providers):
        """`providers` has a provider for each source, such as hashicorp/aws."""
        self.servers, entries = [], {}
        for source, provider in providers.items():
            socket = Path(folder, source.split("/")[-1] + ".sock")
            # A provider's schema is larger than what a message is by default.
            server = grpc.server(
                futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.max_send_message_length", 256 << 20)])
            service.add_ProviderServicer_to_server(SchemaProvider(provider), server)
            server.add_insecure_port(f"unix://{socket}")
            self.servers.append(server)
            entries[source] = {
                "Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True,
                "Addr": {"Network": "unix", "String": str(socket)}}
        self.environment = {"TF_REATTACH_PROVIDERS": json.dumps(entries)}

    def __enter__(self):
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.stop(grace=None).wait()
