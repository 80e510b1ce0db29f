"""Which names in a client's code the protos have, as each language spells them.

The world is closed: a name is one of the protos, or one of the words that are listed for the
language. So a field that is misspelt is a name that nobody knows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor
from signaling.v1 import signaling_pb2 as pb

WORDS: Final = Path(__file__).with_name("client_words")
MESSAGES: Final[Mapping[str, Descriptor]] = pb.DESCRIPTOR.message_types_by_name
ENUMS: Final[Mapping[str, EnumDescriptor]] = pb.DESCRIPTOR.enum_types_by_name
SERVICE: Final = pb.DESCRIPTOR.services_by_name["SignalingService"]
STREAMS: Final = {"request": "ConnectRequest", "response": "ConnectResponse"}
NO_NAME: Final = re.compile(
    r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL
)


def camel(name: str) -> str:
    """`call_id` as `callId`."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def pascal(name: str) -> str:
    """`call_id` as `CallId`."""
    return camel("_" + name)


def swift(name: str) -> str:
    """`call_id` as `callID`."""
    return re.sub(r"Id(?![a-z])", "ID", camel(name))


def bare(value: str, enum: str) -> str:
    """A value of an enum without its prefix, in lower case."""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum).upper() + "_"
    return value.removeprefix(prefix).lower()


@dataclass(frozen=True)
class Language:
    """How a language spells what is in the protos.

    Attributes:
        name: of its page and its folder.
        fence: what its code blocks are called.
        prefix: what types begin with.
        field: a field, from its name in the protos.
        value: a value of an enum, from its name and its enum's.
        accessors: further members of a message that has this field, with `{}` for the field.
        cases: what says which member of a payload is set, and the payload's type.
        statics: members of every type.
        instance: further members of every message.
        blocks: type or field, and body, of what sets fields.
        assigned: a field in such a body.
    """

    name: str
    fence: str
    prefix: str
    field: Callable[[str], str]
    value: Callable[[str, str], str]
    accessors: tuple[str, ...]
    cases: tuple[str, ...]
    statics: frozenset[str]
    instance: frozenset[str]
    blocks: tuple[str, ...]
    assigned: str

    def members(self, message: Descriptor) -> set[str]:
        """What an instance of a message has."""
        fields = {self.field(field.name) for field in message.fields}
        more = {each.format(pascal(f.name)) for f in message.fields for each in self.accessors}
        return fields | more | set(self.cases) | self.instance

    def values(self, enum: EnumDescriptor) -> set[str]:
        """What an enum has."""
        return {self.value(value.name, enum.name) for value in enum.values}

    def payloads(self, message: str) -> set[str]:
        """The members of a payload, as its type has them."""
        names = [field.name for field in MESSAGES[message].oneofs_by_name["payload"].fields]
        return {name.upper() if self.name == "kotlin" else self.field(name) for name in names}

    def types(self) -> dict[str, set[str]]:
        """Types, with what they have themselves, not their instances."""
        types = {self.prefix + name: set(self.statics) for name in MESSAGES}
        types |= {self.prefix + name: self.values(enum) for name, enum in ENUMS.items()}
        both = self.payloads("ConnectRequest") | self.payloads("ConnectResponse")
        types |= dict.fromkeys(("PayloadCase", "PayloadOneofCase"), both)
        types |= {f"{name}_Payload": self.payloads(name) for name in STREAMS.values()}
        return types

    def instances(self) -> dict[str, Descriptor]:
        """What is called like a member of a payload, and what kind of message that is."""
        found = {variable: MESSAGES[name] for variable, name in STREAMS.items()}
        for name in STREAMS.values():
            for field in MESSAGES[name].fields:
                if field.message_type is not None:
                    found |= dict.fromkeys(
                        (self.field(field.name), camel(field.name)), field.message_type
                    )
        return found

    def builders(self) -> dict[str, Descriptor]:
        """What stands before a block that sets the fields of a message."""
        if self.name == "kotlin":
            return {name[0].lower() + name[1:]: message for name, message in MESSAGES.items()}
        return self.instances() | {self.prefix + name: each for name, each in MESSAGES.items()}

    def vocabulary(self) -> set[str]:
        """Every name that comes from the protos."""
        words = {word for message in MESSAGES.values() for word in self.members(message)}
        for name, members in self.types().items():
            words |= members | {name}
        words |= {name for name in self.builders() if name not in STREAMS}
        methods = {method.name for method in SERVICE.methods}
        words |= methods | {camel(name[0].lower() + name[1:]) for name in methods}
        return words | {self.prefix + SERVICE.name}

    def words(self) -> set[str]:
        """The other names that its code may use: its own, the language's, the libraries'."""
        return set((WORDS / f"{self.name}.txt").read_text().split())

    def mistakes(self, code: str) -> list[str]:
        """What in some code is not in the protos, nor among the words."""
        code = NO_NAME.sub("_", code)
        known = self.vocabulary() | self.words() | {"_"}
        unknown = [name for name in names(code) if name not in known]
        return unknown + list(self._not_members(code)) + list(self._not_set(code))

    def _not_members(self, code: str) -> Iterator[str]:
        instances, types = self.instances(), self.types()
        for owner, member in re.findall(r"\b(?=(\w+)(?:\?|!!?)?\.(\w+))", code):
            if owner in instances:
                if member not in self.members(instances[owner]) | self.statics:
                    yield f"{owner}.{member}"
            elif owner in types and member not in types[owner]:
                yield f"{owner}.{member}"

    def _not_set(self, code: str) -> Iterator[str]:
        builders, found = self.builders(), True
        while found:  # from the innermost block outwards
            found = False
            for block in self.blocks:
                for owner, body in re.findall(block, code):
                    found = True
                    if owner in builders:
                        known = self.members(builders[owner])
                        fields = re.findall(self.assigned, body)
                        yield from (f"{owner} {{ {each} }}" for each in fields if each not in known)
                code = re.sub(block, "_", code)


def names(code: str) -> list[str]:
    """Every name in some code, in order."""
    return re.findall(r"(?<![\w$])[A-Za-z_]\w*", code)


LANGUAGES: Final = (
    Language(
        name="swift",
        fence="swift",
        prefix="Signaling",
        field=swift,
        value=lambda value, enum: swift(bare(value, enum)),
        accessors=("has{}", "clear{}"),
        cases=("payload", "OneOf_Payload"),
        statics=frozenset({"with", "OneOf_Payload", "self"}),
        instance=frozenset(),
        blocks=(r"(\w+)\.with \{([^{}]*)\}", r"\.(\w+)\(\.with \{([^{}]*)\}"),
        assigned=r"\$0\.(\w+) = ",
    ),
    Language(
        name="kotlin",
        fence="kotlin",
        prefix="",
        field=camel,
        value=lambda value, _: value,
        accessors=("has{}", "clear{}"),
        cases=("payloadCase", "PayloadCase"),
        statics=frozenset({"getDefaultInstance"}),
        instance=frozenset(
            {"copy", "candidatesList", "callsList", "metadataMap", "iceServersList"}
        ),
        blocks=(r"\b(\w+) \{([^{}]*)\}",),
        assigned=r"(\w+)(?:\[[^\]]*\])? = ",
    ),
    Language(
        name="csharp",
        fence="csharp",
        prefix="",
        field=pascal,
        value=lambda value, enum: pascal(bare(value, enum)),
        accessors=("Has{}", "Clear{}"),
        cases=("PayloadCase", "PayloadOneofCase"),
        statics=frozenset({"PayloadOneofCase"}),
        instance=frozenset({"Clone"}),
        blocks=(r"new (\w+) \{([^{}]*)\}", r"(\w+) = \{([^{}]*)\}"),
        assigned=r"(\w+) = ",
    ),
    Language(
        name="dart",
        fence="dart",
        prefix="",
        field=camel,
        value=lambda value, _: value,
        accessors=("has{}", "clear{}", "ensure{}"),
        cases=("whichPayload",),
        statics=frozenset(),
        instance=frozenset({"deepCopy"}),
        blocks=(r"\b(\w+)\(\)((?:\s*\.\.[^();,]*)+)",),
        assigned=r"\.\.(\w+)",
    ),
)
