"""Write the golden file: ``python tests/golden/make_golden.py``, with all optional packages installed.

Followed by names of cases, only these are written anew.
"""

import sys
import time

import golden_file
from cases import all_cases
from cases_results import Case, sketch

import catpool


def computed(case: Case) -> dict[str, str]:
    return {name: sketch(values) for name, values in case.run().items()}


def main() -> None:
    start = time.perf_counter()
    named = sys.argv[1:]
    cases = golden_file.read()["cases"] if named else {}
    cases |= {case.name: computed(case) for case in all_cases() if case.name in named or not named}
    golden_file.write({"engines": {name: golden_file.installed(name) for name in golden_file.ENGINES}, "cases": cases})
    size = golden_file.PATH.stat().st_size / 1e3
    print(
        f"{catpool.__file__}: {len(cases)} cases, {size:.0f} kB, {time.perf_counter() - start:.0f} seconds",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
