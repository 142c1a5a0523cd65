"""How many lines of each room the tests ran, and the files of which they ran least: `make test` prints it last."""

from collections import defaultdict
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[2] / "ncst"
LOWEST = 8


def measured():
    """Yield (path below ncst/, lines, lines run) of every file that holds statements."""
    data = Coverage()
    data.load()
    for path in sorted(ROOT.rglob("*.py")):
        _, statements, _, missing, _ = data.analysis2(str(path))
        if statements:
            yield path.relative_to(ROOT), len(statements), len(statements) - len(missing)


def main():
    """Print the two lists."""
    files = list(measured())
    rooms = defaultdict(lambda: [0, 0])
    for path, lines, run in files:
        for room in (path.parts[0] if len(path.parts) > 1 else "(root)", "all"):
            rooms[room] = [rooms[room][0] + lines, rooms[room][1] + run]
    print("Coverage by room")
    for room, (lines, run) in sorted(rooms.items(), key=lambda item: (item[0] == "all", item[1][1] / item[1][0])):
        print(f"  {room:<12} {100 * run / lines:4.0f} %  of {lines:5,} lines")
    print("Lowest files")
    for path, lines, run in sorted(files, key=lambda file: file[2] / file[1])[:LOWEST]:
        print(f"  {path.as_posix():<40} {100 * run / lines:4.0f} %  of {lines:5,} lines")


if __name__ == "__main__":
    main()
