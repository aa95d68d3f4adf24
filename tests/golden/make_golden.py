"""Write the golden file: ``python tests/golden/make_golden.py``, with all optional packages installed."""

import sys
import time
from typing import Any

import golden_file
from cases import all_cases
from cases_results import Case, digest, sketch

import catpool


def computed(case: Case) -> dict[str, Any]:
    numbers = case.run()
    return {
        "sha256": digest(numbers) if case.exact else None,
        "values": {name: sketch(values) for name, values in numbers.items()},
    }


def main() -> None:
    start = time.perf_counter()
    cases = {case.name: computed(case) for case in all_cases()}
    golden_file.write({"environment": golden_file.environment(), "cases": cases})
    size = golden_file.PATH.stat().st_size / 1e3
    print(
        f"{catpool.__file__}: {len(cases)} cases, {size:.0f} kB, {time.perf_counter() - start:.0f} seconds",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
