"""Write the golden file: ``python tests/golden/make_golden.py``, with all optional packages installed."""

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
    cases = {case.name: computed(case) for case in all_cases()}
    golden_file.write({"engines": {name: golden_file.installed(name) for name in golden_file.ENGINES}, "cases": cases})
    size = golden_file.PATH.stat().st_size / 1e3
    print(
        f"{catpool.__file__}: {len(cases)} cases, {size:.0f} kB, {time.perf_counter() - start:.0f} seconds",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
