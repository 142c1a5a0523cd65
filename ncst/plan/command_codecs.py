"""What the settings of a codec that is a command line, or built into libsndfile, must be; no library is needed."""

import re
from collections.abc import Callable, Iterator
from typing import Any

Settings = dict[str, Any]

KINDS = {"soundfile", "command", "encode", "decode"}
COMMANDS = ("command", "encode", "decode")
SOUNDFILE = ("format", "subtype", "endian", "compression_level", "bitrate_mode")
PLACEHOLDERS = ("input", "output", "bitrate", "sample_rate", "root")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "sample_rate": (lambda value: _is_whole(value) and value > 0, "must be a whole number of Hz above 0"),
    "delay": (lambda value: _is_whole(value) and value >= 0, "must be a whole number of samples from 0 on"),
    "timeout": (lambda value: _is_number(value) and value > 0, "must be a number of seconds above 0"),
    "bitrate": (lambda value: _is_number(value) or isinstance(value, str), "must be a number or text"),
    "raw": (lambda value: isinstance(value, bool), "must be true or false"),
    "suffix": (
        lambda value: isinstance(value, str) and not re.search(r"[/\\\0]", value),
        "must be the ending of a file's name, such as .bin, without a slash",
    ),
    "install": (lambda value: isinstance(value, str), "must be text"),
}


def command_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the *settings* of an entry with ``module: command``.

    Yields
    ------
    tuple of str
        The key, empty where it is the settings as a whole, and what is wrong with it. Keys that no such codec has are
        passed over.
    """
    kinds = settings.keys() & KINDS
    if kinds not in ({"soundfile"}, {"command"}, {"encode", "decode"}):
        has = f"here are {sorted(kinds)}" if kinds else "here is none"
        yield "", f"either `soundfile`, or `command`, or `encode` and `decode` must stand there, and {has}"
    for key in [key for key in VALUES if key in settings]:
        fits, said = VALUES[key]
        if not fits(settings[key]):
            yield key, f"{settings[key]!r} {said}"
    if "soundfile" in kinds:
        yield from _soundfile_problems(settings)
    for key in [key for key in COMMANDS if key in kinds]:
        yield from ((key, said) for said in _argument_problems(settings[key], "bitrate" in settings))


def _soundfile_problems(settings: Settings) -> Iterator[tuple[str, str]]:
    options = settings["soundfile"]
    if not isinstance(options, dict) or not isinstance(options.get("format"), str):
        yield "soundfile", f"{options!r} must be arguments of soundfile.write, such as {{format: OGG, subtype: OPUS}}"
    elif unknown := sorted(map(str, options.keys() - {*SOUNDFILE})):
        yield "soundfile", f"{unknown} unknown; it may hold {list(SOUNDFILE)}"
    else:
        for key in [key for key in ("subtype", "endian") if not isinstance(options.get(key, ""), str)]:
            yield f"soundfile.{key}", f"{options[key]!r} must be text"
    if settings.get("raw") is True:
        yield "raw", "samples without a header are for commands: take it out beside `soundfile`"


def _argument_problems(arguments: Any, bitrate: bool) -> Iterator[str]:
    """Yield what is wrong with a command's *arguments*; *bitrate* says whether the entry has one."""
    parts = arguments if isinstance(arguments, list) else []
    if not parts or not all(isinstance(part, str) or _is_number(part) for part in parts):
        yield f'{arguments!r} must be a list of arguments, such as [tool, "{{input}}", "{{output}}"]'
        return
    found = {name for part in parts for name in re.findall(r"\{(\w+)\}", str(part))}
    for name in ("input", "output"):
        if name not in found:
            yield f"no argument has {{{name}}}, which stands for the file to {'read' if name == 'input' else 'write'}"
    for name in sorted(found - {*PLACEHOLDERS}):
        yield f"{{{name}}} stands for nothing; there are {', '.join(f'{{{known}}}' for known in PLACEHOLDERS)}"
    if "bitrate" in found and not bitrate:
        yield "{bitrate} stands there, and the settings have no `bitrate`: give one"
