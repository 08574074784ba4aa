"""The schema of a Terraform provider, read from its language bindings, so that a configuration can be checked if no provider
registry is reachable.

Bindings for the Cloud Development Kit are generated from the schema that the provider itself prints, and PyPI has them. Inside
is an archive of JavaScript whose source maps hold the generated TypeScript, which says of each attribute and block what the
schema said: its type, whether it is computed, optional or required, and how blocks nest.

What the bindings do not say is left open: how many blocks of a kind there may be (except for those of which there is at most one),
which attributes exclude each other, and what the provider's own code makes of values."""

import base64
import contextlib
import json
import re
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

# The line above each attribute of a class: `// arn - computed: true, optional: false, required: false`.
ATTRIBUTE = re.compile(r"^ *// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)$", re.M)
# An entry of what a class or structure can be given.
ENTRY = re.compile(
    r'^ +(\w+): \{\n +value: .*\n +isBlock: (true|false),\n +type: "(\w+)",\n +storageClassType: "([\w.]+)",', re.M)
DECLARATION = re.compile(r"^export (?:class|function|interface|namespace) (\w+)(?:Output)?.*$", re.M)
SCALARS = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
GETTER = re.compile(r"get(String|Number|Boolean|List|NumberList|StringMap|NumberMap|BooleanMap|Any)Attribute\(|"
                    r"new \w+\.((?:String|Number|Boolean|Any)Map(?:List)?)\(")
COMPUTED = {
    "String": "string", "Number": "number", "Boolean": "bool", "Any": "dynamic", "List": ["list", "string"],
    "NumberList": ["list", "number"], "StringMap": ["map", "string"], "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"], "AnyMap": ["map", "dynamic"], "StringMapList": ["list", ["map", "string"]]}


@dataclass
class Attribute:
    name: str
    type: object
    computed: bool
    optional: bool
    required: bool
    # A nested structure in place of `type`.
    object: "Block" = None
    nesting: str = ""


@dataclass
class Nested:
    """A block inside another: how often, and what it is."""

    name: str
    block: "Block"
    # list, set or single
    nesting: str
    at_least: int
    # 0: any number
    at_most: int


@dataclass
class Block:
    attributes: list = field(default_factory=list)
    blocks: list = field(default_factory=list)


class Unreadable(Exception):
    """The bindings are not made as this module knows them."""


class Source:
    """The TypeScript of one resource: its classes and structures by name."""

    def __init__(self, text):
        self.sections = {}
        marks = list(DECLARATION.finditer(text))
        for mark, following in zip(marks, [*marks[1:], None], strict=True):
            section = text[mark.start():following.start() if following else len(text)]
            # An interface and a class of one name: only what has attributes matters.
            self.sections[mark.group(1)] = self.sections.get(mark.group(1), "") + section
        kind = re.search(r"^export class (\w+) extends \w+\.Terraform(Resource|DataSource|Provider|EphemeralResource)\b", text, re.M)
        if not kind:
            raise Unreadable("no class of a resource, data source or provider")
        self.main, self.kind = kind.group(1), kind.group(2)
        self.inputs = {}
        for name, section in self.sections.items():
            if name.endswith("ToHclTerraform"):
                structure = re.search(r"\(struct\?: ([\w.]+)", section).group(1).split(".")[-1]
                for suffix in ("OutputReference", "Property"):
                    structure = structure.removesuffix(suffix)
                self.inputs[structure] = section

    def block(self):
        return self.read(self.sections[self.main], self.sections[self.main], ())

    def structure(self, name, path):
        """The block of a structure, whose attributes are those of its OutputReference."""
        stem = name
        for suffix in ("List", "Map", "OutputReference", "Property"):
            stem = stem.removesuffix(suffix)
        if stem in path:
            # Filters of AWS WAF hold each other; nothing else does.
            raise Unreadable(f"{stem} holds itself")
        for candidate in (stem + "PropertyOutputReference", stem + "OutputReference"):
            if candidate in self.sections:
                return self.read(self.sections[candidate], self.inputs.get(stem, ""), (*path, stem))
        if stem in self.inputs:
            return self.unread(self.inputs[stem], (*path, stem))
        raise Unreadable(f"no class of the structure {name}")

    def read(self, section, inputs, path):
        entries = {name: (is_block == "true", kind, storage) for name, is_block, kind, storage in ENTRY.findall(inputs)}
        result = Block()
        marks = list(ATTRIBUTE.finditer(section))
        for mark, following in zip(marks, [*marks[1:], None], strict=True):
            name = mark.group(1)
            computed, optional, required = (word == "true" for word in mark.groups()[1:])
            body = section[mark.end():following.start() if following else len(section)]
            if name in entries and entries[name][0]:
                one = re.search(r"= new [\w.]+OutputReference\(", body) is not None
                result.blocks.append(self.nested(name, *entries[name][1:], one, required, path))
                continue
            attribute = Attribute(name, None, computed, optional, required)
            if name in entries:
                _, kind, storage = entries[name]
                self.type_input(attribute, kind, storage, path)
            else:
                self.type_output(attribute, body, path)
            result.attributes.append(attribute)
        return result

    def unread(self, inputs, path):
        """The block of a structure that nothing refers to, as in a provider's own settings; which of it is required is not said."""
        result = Block()
        for name, is_block, kind, storage in ENTRY.findall(inputs):
            if is_block == "true":
                result.blocks.append(self.nested(name, kind, storage, False, False, path))
            else:
                attribute = Attribute(name, None, False, True, False)
                self.type_input(attribute, kind, storage, path)
                result.attributes.append(attribute)
        return result

    def nested(self, name, kind, storage, one, required, path):
        block = self.structure(storage.split(".")[-1], path)
        if kind == "struct":
            # `timeouts`, which is a value and no list.
            return Nested(name, block, "single", 0, 0)
        return Nested(name, block, kind, int(required), 1 if one else 0)

    def type_input(self, attribute, kind, storage, path):
        if kind == "simple":
            attribute.type = SCALARS[storage]
            return
        element = re.fullmatch(r"(string|number|boolean|any)(List|Set|Map)?", storage)
        if element:
            attribute.type = [kind, SCALARS[element.group(1)]]
        else:
            attribute.object = self.structure(storage.split(".")[-1], path)
            attribute.nesting = "single" if kind == "struct" else kind

    def type_output(self, attribute, body, path):
        structure = re.search(r"= new ([\w.]+?)(List|Map|OutputReference)\(this, \"\w+\"(?:, (true|false))?", body)
        getter = GETTER.search(body)
        if structure and not structure.group(1).startswith("cdkt"):
            attribute.object = self.structure(structure.group(1).split(".")[-1], path)
            attribute.nesting = {"List": "list", "Map": "map", "OutputReference": "single"}[structure.group(2)]
            if structure.group(3) == "true":
                attribute.nesting = "set"
        elif getter:
            attribute.type = COMPUTED[getter.group(1) or getter.group(2)]
            if "Fn.tolist(" in body:
                attribute.type = ["set", attribute.type[1]]
        else:
            attribute.type = "dynamic"


@dataclass
class Provider:
    """The schemas of the requested resources and data sources."""

    version: str
    configuration: Block
    resources: dict
    data_sources: dict


def typescript(script):
    """The TypeScript that a script of the bindings was compiled from."""
    mark = b"//# sourceMappingURL=data:application/json;base64,"
    start = script.rindex(mark) + len(mark)
    return json.loads(base64.b64decode(script[start:].strip()))["sourcesContent"][0]


def read(files, prefix, resources, data_sources):
    """The schemas of a provider's resources and data sources, by their names, from the files of its bindings."""
    wanted = {name.encode() for name in resources} | {name.encode() for name in data_sources}
    found = Provider("", Block(), {}, {})
    for member in files:
        if not member.name.endswith(".js"):
            continue
        script = files.extractfile(member).read()
        names = re.findall(rb'\.tfResourceType = "(\w+)"', script)
        if len(names) != 1 or names[0] not in wanted | {prefix.encode()}:
            continue
        name = names[0].decode()
        source = Source(typescript(script))
        if source.kind == "Provider":
            found.configuration = source.block()
            found.version = re.search(r"providerVersion: '([\d.]+)'", typescript(script)).group(1)
        elif source.kind == "Resource" and name in resources:
            found.resources[name] = source.block()
        elif source.kind == "DataSource" and name in data_sources:
            found.data_sources[name] = source.block()
    return found


@contextlib.contextmanager
def archive_of(folder, package):
    """The archive in a package's wheel, which pip has put into a folder."""
    wheels = sorted(Path(folder).glob(f"{package}-*.whl"))
    if not wheels:
        raise Unreadable(f"there is no wheel of {package} in {folder}")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        names = [name for name in wheel.namelist() if "/_jsii/" in name and name.endswith(".tgz")]
        if len(names) != 1:
            raise Unreadable(f"{wheels[-1]} has no archive of its bindings")
        with wheel.open(names[0]) as archive, tarfile.open(fileobj=archive, mode="r|gz") as files:
            yield files
