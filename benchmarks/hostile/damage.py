"""How inputs are damaged: bytes of good files, values in good trees."""

import copy

from hypothesis import strategies as st

TOKENS = (
    *(
        b"\0",
        b"\n",
        b"\r",
        b"\t",
        b'"',
        b"'",
        b",",
        b";",
        b"|",
        b"\\",
        b"/",
        b"../",
        b"~",
        b"%s",
        b"{}",
        b"\xff",
        b"\xef\xbb\xbf",
    ),
    *(
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x94\x8a",
        b"-1",
        b"1e999",
        b"nan",
        b"NaN",
        b".inf",
        b"null",
    ),
    *(
        b"&a [*a]",
        b"<<: ",
        b"? ",
        b"!!python/object:os.system",
        b"- ",
        b": ",
        b"[",
        b"{",
        b"0x7fffffff",
        b"99999999999999999999",
    ),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x80\x00\x00\x00"),
)
EDITS = st.tuples(
    st.sampled_from(("flip", "put", "over", "drop", "cut", "again", "all")),
    st.integers(0, 2**20),
    st.integers(0, 64),
    st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=6)),
)
WORDS = (
    "",
    " ",
    "..",
    "../x",
    "/",
    "nan",
    "a b",
    "a\0b",
    "x" * 300,
    "語",
    "\ud800",
    "real",
    "dac",
    "train",
    "st_train",
    "1",
    "=1",
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=6),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(PLAIN, st.sampled_from(WORDS)), inner, max_size=3)
    ),
    max_leaves=4,
)


def damaged(*contents):
    """Return the strategy of one of *contents* (bytes) after up to six edits, or of bytes that never were good."""
    good = st.builds(_edited, st.sampled_from(contents), st.lists(EDITS, min_size=1, max_size=6))
    return st.one_of(good, good, good, good, st.binary(max_size=200))


def _edited(content, edits):
    for kind, place, length, token in edits:
        at = place % (len(content) + 1)
        if kind == "flip" and content:
            at %= len(content)
            content = content[:at] + bytes([content[at] ^ (1 << length % 8)]) + content[at + 1 :]
        elif kind == "put":
            content = content[:at] + token + content[at:]
        elif kind == "over":
            content = content[:at] + token + content[at + len(token) :]
        elif kind == "drop":
            content = content[:at] + content[at + length :]
        elif kind == "cut":
            content = content[:at]
        elif kind == "again":
            content = content[:at] + content[at : at + length] * 3 + content[at + length :]
        elif kind == "all" and length < 4:
            content = content.decode("utf-8", "replace").encode(
                ("utf-16", "utf-32", "utf-8-sig", "cp037")[length], "replace"
            )
    return content


def places(tree, above=()):
    """Yield the path of every value in *tree*."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def bent(tree, values=VALUES):
    """Return the strategy of *tree* with one to three of its values replaced, left out, renamed or added to."""
    where = list(places(tree))
    change = st.tuples(st.sampled_from(where), st.sampled_from(("set", "set", "set", "drop", "name", "add")), values)
    return st.builds(_bent, st.just(tree), st.lists(change, min_size=1, max_size=3))


def _bent(tree, changes):
    tree = copy.deepcopy(tree)
    for path, kind, value in changes:
        try:
            holder = tree
            for key in path[:-1]:
                holder = holder[key]
            if kind == "set":
                holder[path[-1]] = value
            elif kind == "drop":
                del holder[path[-1]]
            elif kind == "name":
                holder[value if isinstance(value, str) else str(value)] = holder.pop(path[-1])
            else:
                holder[path[-1]]["x" if value is None else value] = value
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took the place away
    return tree
