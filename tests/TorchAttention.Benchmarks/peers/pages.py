"""Where the tables go: results/<machine>.md, docs/performance.md between the marks of a part, and of each part one row into the README.

Without arguments it writes the README's rows anew from docs/performance.md.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
PERFORMANCE = REPOSITORY / "docs" / "performance.md"
README = REPOSITORY / "README.md"


def write(name, result, part):
    """Writes a table to results/<name>.md and into docs/performance.md, and the README's rows from what stands there then."""
    path = HERE.parent / "results" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    replaced = between(PERFORMANCE, part, result.split("\n", 1)[1].strip("\n") + "\n")
    path.write_text(result)
    PERFORMANCE.write_text(replaced)
    summarise()
    print(f"written to {path.relative_to(REPOSITORY)}, {PERFORMANCE.relative_to(REPOSITORY)} and {README.name}")


def summarise():
    """Writes the README's table: a row of each part, its figures as they stand in docs/performance.md."""
    README.write_text(between(README, "summary", summary()))


def summary():
    chapter = row("figures", "time")
    step = row("training", "a step of the chapter with everything on")
    pairs = row("engine", "Gaussian, d = 1, h = 1, n = m = 100,000", "this library, every pair, float32")
    fused = row("engine", "", "libtorch, fused attention, float32", after=pairs)
    search = row("regression", "d = 1, n = 2,000", "this library")
    peer = row("regression", "", "statsmodels", after=search)
    pytorch, torch, libtorch = version("figures", "PyTorch"), version("training", "PyTorch"), version("engine", "libtorch")
    return "\n".join([
        "| the same work, two cores | here | elsewhere | faster |",
        "|---|---|---|---|",
        f"| the chapter as a whole process, twelve picture files included | {chapter[1]} | {pytorch} and matplotlib: {chapter[2]} | {ratio(chapter[3])} |",
        f"| one training step of the chapter, with schedule, clipping, metrics, checkpoints | {step[1]} | {torch}: {step[2]} | {step[3]} |",
        f"| 10^10 pairs, every one (100,000 queries and keys, float32) | {pairs[2]} | {libtorch}, fused attention: {fused[2]} | {times(fused[4])} |",
        f"| a bandwidth by leave-one-out, 2,000 rows | {search[2]} | {version('regression', 'statsmodels')}: {peer[2]} | {times(peer[3])} |",
        "",
        "Every table, with its machine, date and the aims: [performance](docs/performance.md). Only ratios mean something on another machine.",
        "",
    ])


def row(part, *cells, after=None):
    """The cells of the first row of a part that begins with some; of those after another row where that is given."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text_of(part).splitlines() if line.startswith("|")]
    found = next((found for found in rows[rows.index(after) if after else 0:] if found[: len(cells)] == list(cells)), None)
    return found or sys.exit(f"{PERFORMANCE.name}: no row {' | '.join(cells)} between the marks of {part}")


def version(part, system):
    """A system with the version, to its second number, that was measured."""
    found = re.search(rf"{system} (\d+\.\d+)", text_of(part))
    return f"{system} {found[1]}" if found else sys.exit(f"{PERFORMANCE.name}: no version of {system} between the marks of {part}")


def text_of(part):
    return PERFORMANCE.read_text().split(f"<!-- {part}: begin -->\n")[1].split(f"<!-- {part}: end -->")[0]


def ratio(part):
    return f"{1 / float(part):.1f}x"


def times(to_the_first):
    return f"{float(to_the_first):,.3g}x" if float(to_the_first) < 1000 else f"{float(to_the_first):,.0f}x"


def between(path, part, content):
    """The file's text with other content between the marks of a part."""
    text = path.read_text()
    begin, end = f"<!-- {part}: begin -->\n", f"<!-- {part}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{path.name}: expected one {begin.strip()} and one {end}")
    before, rest = text.split(begin)
    return before + begin + content + end + rest.split(end)[1]


if __name__ == "__main__":
    summarise()
